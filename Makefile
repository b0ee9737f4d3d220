# Everything an engineer does with the project, from a fresh clone on. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --no-builtin-rules

ENVIRONMENT ?= dev
TARGET ?= aws
# One core each, and two that wait for AWS's or Terraform's delays.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))
ARGUMENTS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SCANNERS := $(VENV)/scanners
GENERATOR := $(VENV)/generator
MODELS := $(VENV)/models
TOOL := $(BIN)/bbws-access
INPUTS := $(wildcard requirements/*.in)
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	--universal --python-version 3.11

GOALS := help up down verify test lint format inputs package docs client coverage benchmark lock setup clean
.PHONY: $(GOALS)

# What goals take on the command line; PYTHON, the interpreter to begin with, goes with each. Whatever else stands there
# is a slip, which make would pass over: a misspelt ENVIRONMENT would have DEV taken down.
up.takes := ENVIRONMENT ARGUMENTS
down.takes := ENVIRONMENT ARGUMENTS
verify.takes := ARGUMENTS
test.takes := WORKERS ARGUMENTS
package.takes := TARGET ARGUMENTS
client.takes := FOLDER
coverage.takes := ARGUMENTS
benchmark.takes := ARGUMENTS
wanted := $(or $(MAKECMDGOALS),help)
unknown := $(filter-out $(GOALS) $(READY) $(SCANNERS)/.ready $(GENERATOR)/.ready,$(wanted))
ifneq ($(unknown),)
  environment := $(firstword $(foreach name,$(unknown),$(if $(wildcard terraform/environments/$(name).tfvars),$(name))))
  $(error There is no goal "$(firstword $(unknown))"; `make help` lists them.$(if $(environment), \
    An environment is named so: make $(firstword $(wanted)) ENVIRONMENT=$(environment))  Nothing was done)
endif
takes := $(sort PYTHON $(foreach goal,$(wanted),$($(goal).takes)))
given := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
ifneq ($(filter-out $(takes),$(given)),)
  $(error "make $(wanted)" does not take $(firstword $(filter-out $(takes),$(given))); it takes $(takes).  Nothing was done)
endif

help: ## List what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(READY) ## Start the local AWS and deploy everything to it (ENVIRONMENT=dev)
	@$(TOOL) up --environment $(ENVIRONMENT) $(ARGUMENTS)

down: $(READY) ## Stop the local AWS (ENVIRONMENT=dev); ARGUMENTS=--destroy asks, and keeps nothing
	@$(TOOL) down --environment $(ENVIRONMENT) $(ARGUMENTS)

verify: $(SCANNERS)/.ready ## Prove every module for DEV, SIT and PROD (ARGUMENTS=--fresh asks no cache)
	@$(TOOL) verify $(ARGUMENTS)

# Each worker loads all tests: compiled, they take a third of the time, whatever the environment says of writing bytecode.
test: lint $(SCANNERS)/.ready $(GENERATOR)/.ready ## Run every check and test (WORKERS=4)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup $(ARGUMENTS)

lint: $(READY) ## Check the style of Python and Terraform
	@$(BIN)/ruff check --quiet src tests benchmarks
	@$(BIN)/ruff format --check --quiet src tests benchmarks
	@terraform=$$(command -v terraform) || { echo "make: there is no terraform on the PATH; install 1.11 or newer" >&2; exit 1; }
	@TF_CLI_CONFIG_FILE=/dev/null "$$terraform" fmt -check -recursive terraform

format: $(READY) ## Rewrite Python and Terraform in the project's style
	@$(BIN)/ruff check --quiet --fix src tests benchmarks
	@$(BIN)/ruff format --quiet src tests benchmarks
	@TF_CLI_CONFIG_FILE=/dev/null terraform fmt -recursive terraform

inputs: $(READY) ## Write what stands before the modules' inputs, from their inputs/variables.tf
	@$(BIN)/python -m bbws_access.verify.inputs

package: $(READY) ## Make the functions' packages (TARGET=aws or local)
	@$(TOOL) package --target $(TARGET) $(ARGUMENTS)

docs: $(READY) ## Write the API's reference as one page, .build/docs/index.html
	@$(BIN)/python -m bbws_access.reference_page .build/docs/index.html

client: $(GENERATOR)/.ready ## Generate a typed Python client of the API, .build/client
	@PATH="$(CURDIR)/$(GENERATOR)/bin:$$PATH" openapi-python-client generate --path contract/openapi.json --config contract/client.yaml \
	  --custom-template-path contract/client \
	  --output-path $(or $(FOLDER),.build/client) --overwrite --fail-on-warning

coverage: $(READY) ## Measure how much of the functions' code their own tests run; under 90 % fails
	@$(BIN)/coverage run -m pytest --quiet tests/unit/{access,authorizer,invitation,kernel,permission,role,service,team,test_isolation.py} $(ARGUMENTS)
	$(BIN)/coverage report

benchmark: $(READY) ## Measure the authorizer, the services, the packages, `up` and `verify`
	@$(BIN)/python -m benchmarks $(ARGUMENTS)

lock: $(READY) ## Pin the newest allowed version of every dependency, with hashes
	@for name in authorizer service uv; do $(LOCK) --upgrade requirements/$$name.in --output-file requirements/$$name.txt; done
	$(LOCK) --upgrade requirements/{authorizer,service,tool,dev}.in --output-file requirements/dev.txt
	for name in verify client; do $(LOCK) --upgrade requirements/$$name.in --output-file requirements/$$name.txt; done
	$(LOCK) --upgrade --no-deps requirements/models.in --output-file requirements/models.txt
	npm install --package-lock-only --ignore-scripts --silent

setup: $(READY) ## Make the Python environment that everything runs in

# An environment knows where it lies, and an interpreter by its path: in a folder that was renamed or copied, and after
# an upgrade of the system, it fails in ways that nobody understands. So it is asked, and made anew where it is no good.
OWN := import os, sys, bbws_access; own = os.path.realpath(bbws_access.__file__).startswith(os.getcwd() + os.sep); \
  sys.exit(not own)
ifneq ($(wildcard $(READY)),)
  STALE := $(shell $(BIN)/python -I -c '$(OWN)' >/dev/null 2>&1 || echo stale)
endif
ifneq ($(STALE),)
.PHONY: $(READY)
endif

# The interpreter is the newest of those that the project supports.
$(READY): requirements/dev.txt requirements/models.txt requirements/uv.txt pyproject.toml $(INPUTS)
	@python=""
	for candidate in "$${PYTHON:-}" python3.12 python3.13 python3.11 python3; do
	  if [ -n "$$candidate" ] && "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi
	done
	if [ -z "$$python" ]; then echo "make: Python 3.11 or newer is needed, and none is on the PATH" >&2; exit 1; fi
	if [ "$(STALE)" ]; then echo "make: $(VENV) is of another folder or interpreter; making it anew" >&2; fi
	if [ "$(STALE)" ] || ! [ -x $(BIN)/python ] || ! $(BIN)/python -c '' 2>/dev/null; then
	  "$$python" -m venv --clear $(VENV) || { echo "make: $$python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	fi
	$(BIN)/python -m pip --quiet --no-input install --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/uv.txt
	# The local AWS writes no bytecode itself; without it, each of its starts would take three times as long.
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --no-deps -r requirements/dev.txt
	rm -rf $(MODELS)
	$(BIN)/uv pip install --quiet --target $(MODELS) --require-hashes --no-deps -r requirements/models.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	touch $@

# Checkov and Parliament need other versions than the tool does, so they get an environment within it.
$(SCANNERS)/.ready: requirements/verify.txt $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SCANNERS)
	$(BIN)/uv pip install --quiet --python $(SCANNERS)/bin/python --require-hashes --no-deps -r $<
	touch $@

# The generator wants other versions than the tool does as well, and brings what its clients need.
$(GENERATOR)/.ready: requirements/client.txt $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(GENERATOR)
	$(BIN)/uv pip install --quiet --python $(GENERATOR)/bin/python --require-hashes --no-deps -r $<
	touch $@

clean: ## Remove what was built; the local AWS and the Python environment stay
	@rm -rf .build node_modules .pytest_cache .ruff_cache .hypothesis

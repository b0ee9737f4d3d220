"""Files of values: every misspelling is an error with its place, and what is right passes."""

from pathlib import Path

import pytest

from bbws_access.cli.environments import load_environment
from bbws_access.cli.errors import UsageError
from bbws_access.cli.project import Project
from bbws_access.cli.tfvars import Schema, read_argument, read_expression, read_values

ROOT = Path(__file__).parents[3]

VARIABLES = """
variable "name" {
  description = "A name."
  type        = string
  nullable    = false
}

variable "count_of_things" {
  type    = number
  default = 1
}

variable "enabled" {
  type    = bool
  default = false
}

variable "origins" {
  type    = list(string)
  default = []
}

variable "lock" {
  description = "A lock."
  type = object({
    mode = string
    days = optional(number, 1)
    until = optional(object({
      year = number
    }))
  })
  default = null
}

variable "tables" {
  type    = map(object({ ttl = optional(string), indexes = optional(map(object({ key = string })), {}) }))
  default = {}
}

variable "pair" {
  type    = tuple([string, number])
  default = ["a", 1]
}

variable "anything" {
  default = null
}
"""


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    (tmp_path / "variables.tf").write_text(VARIABLES)
    return Schema.read(tmp_path)


def problems(schema: Schema, tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "x.tfvars"
    path.write_text(text)
    return [str(problem).replace(f"{path}:", "") for problem in schema.check(path, read_values(path))]


def test_right_values_have_no_problem(schema: Schema, tmp_path: Path) -> None:
    text = """
    # a remark
    name            = "some \\"quoted\\" name"
    count_of_things = -3
    enabled         = true
    origins         = ["https://a.example", "*"]
    lock = {
      mode  = "GOVERNANCE"
      until = { year = 2030 }
    }
    tables = {
      audit     = { ttl = "ttl", indexes = { by-user = { key = "A" } } }
      "roles-2" = {}
    }
    pair     = ["x", 2]
    anything = { whatever = [1, null] }
    """
    assert problems(schema, tmp_path, text) == []
    values = read_values(tmp_path / "x.tfvars")
    assert values["name"].plain == 'some "quoted" name'
    assert values["count_of_things"].plain == -3
    assert values["tables"].plain == {"audit": {"ttl": "ttl", "indexes": {"by-user": {"key": "A"}}}, "roles-2": {}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('nmae = "x"', "1: there is no variable 'nmae'; did you mean 'name'?"),
        ('\n\nzzz = "x"', "3: there is no variable 'zzz'."),
        ("name = null", "1: name may not be null"),
        ("name = true", "1: name must be a string, and is the bool true"),
        ("name = 12", "1: name must be a string, and is the number 12"),
        ('enabled = "true"', '1: enabled must be a bool, and is the string "true"'),
        ("count_of_things = false", "1: count_of_things must be a number, and is the bool false"),
        ('origins = "*"', '1: origins must be a list, and is the string "*"'),
        ('origins = ["a",\n  5]', "2: origins[1] must be a string, and is the number 5"),
        ('lock = {\n  mode = "A"\n  dyas = 1\n}', "3: lock has no key 'dyas'; did you mean 'days'?"),
        ("lock = { days = 1 }", "1: lock lacks the key 'mode'"),
        ('lock = "GOVERNANCE"', '1: lock must be an object, and is the string "GOVERNANCE"'),
        (
            'lock = { mode = "A", until = { yaer = 1, year = 2 } }',
            "1: lock.until has no key 'yaer'; did you mean 'year'?",
        ),
        (
            'tables = {\n audit = {\n  indexes = {\n   by-user = { kye = "A", key = "B" }\n  }\n }\n}',
            "4: tables['audit'].indexes['by-user'] has no key 'kye'; did you mean 'key'?",
        ),
        ('pair = ["x"]', "1: pair must be a list of 2 values"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(schema: Schema, tmp_path: Path, text: str, problem: str) -> None:
    assert problems(schema, tmp_path, text) == [problem]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "x.tfvars:1: this is not valid Terraform language"),
        ('name = "a"\n}\n', "x.tfvars:2: this is not valid Terraform language"),
        ('name = "a"\nname = "b"', "x.tfvars:2: name is given twice, first on line 1"),
        ('lock = {\n mode = "a"\n mode = "b"\n}', "x.tfvars:3: 'mode' is given twice, first on line 2"),
        ('name = "${var.other}"', "x.tfvars:1: a file of values may not refer to other values"),
        ('name = upper("x")', "x.tfvars:1: a file of values holds plain values"),
        ('variable "x" {}', "x.tfvars:1: a file of values holds `name = value` lines"),
    ],
)
def test_a_file_that_is_no_file_of_values_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.tfvars"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_values(path)
    assert message in caught.value.message


def test_heredocs_and_escapes_are_read_as_terraform_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "x.tfvars"
    path.write_text('a = <<-E\n    one\n      two\n  E\nb = "tab\\there $${kept} \\u00e9"\n')
    values = read_values(path)
    assert values["a"].plain == "one\n  two\n"
    assert values["b"].plain == "tab\there ${kept} é"


def test_json_files_are_checked_too(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "x.tfvars.json"
    path.write_text('{"name": "a", "lock": {"mode": "A", "dyas": 2}}')
    assert "did you mean 'days'" in str(schema.check(path, read_values(path))[0])
    path.write_text("{")
    with pytest.raises(UsageError, match="not valid JSON"):
        read_values(path)


def test_required_variables_are_those_without_a_default(schema: Schema) -> None:
    assert [variable.name for variable in schema.missing([])] == ["name"]
    assert schema.missing(["name"]) == []


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("name=a=b", "name", "a=b"),
        ("name=012345678901", "name", "012345678901"),
        ("count_of_things=3", "count_of_things", 3),
        ("enabled=true", "enabled", True),
        ('origins=["a", "b"]', "origins", ["a", "b"]),
        ('lock={ mode = "A" }', "lock", {"mode": "A"}),
        ("lock=null", "lock", None),
    ],
)
def test_arguments_are_read_by_their_variables_type(schema: Schema, text: str, name: str, value: object) -> None:
    assert read_argument(schema, text) == (name, value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name", "not of the form"),
        ("nmae=x", "did you mean 'name'"),
        ("enabled=yes", 'enabled must be a bool, and is the string "yes"'),
        ("count_of_things=many", "must be a number"),
        ('lock={ mode = "A", dyas = 1 }', "did you mean 'days'"),
        ("name=null", "may not be null"),
    ],
)
def test_a_wrong_argument_is_named(schema: Schema, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_argument(schema, text)
    assert message in caught.value.message


def test_expressions_stand_alone() -> None:
    assert read_expression("here", "[1, 2.5, -3]").plain == [1, 2.5, -3]


# --- The project's own environments ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dev", "sit", "prod"])
def test_every_environment_of_the_project_is_right(name: str) -> None:
    environment = load_environment(Project(ROOT), name, arguments=["account_id=111122223333"])
    assert environment.values["env_name"] == name
    assert environment.state_bucket == f"bbws-access-{name}-s3-terraform-state"
    assert environment.artifacts_bucket == f"bbws-access-{name}-s3-artifacts"
    assert environment.backend["region"] == environment.region


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with the same variables and an environment to spoil."""
    (tmp_path / "terraform" / "environments").mkdir(parents=True)
    (tmp_path / "contract").mkdir()
    (tmp_path / "terraform" / "stack").symlink_to(ROOT / "terraform" / "stack")
    text = (ROOT / "terraform" / "environments" / "dev.tfvars").read_text()
    (tmp_path / "terraform" / "environments" / "dev.tfvars").write_text(text)
    return Project(tmp_path)


def spoil(project: Project, old: str, new: str) -> Path:
    path = project.tfvars("dev")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def details(project: Project, **options: object) -> str:
    with pytest.raises(UsageError) as caught:
        load_environment(project, "dev", **{"arguments": ["account_id=111122223333"], **options})
    return caught.value.details or caught.value.message


def test_a_misspelt_key_of_an_object_lock_is_an_error(project: Project) -> None:
    spoil(project, "days = 1", "dayz = 1")
    found = details(project)
    assert "terraform/environments/dev.tfvars:" in found
    assert "audit_object_lock has no key 'dayz'; did you mean 'days'?" in found
    assert "audit_object_lock lacks the key 'days'" in found


def test_all_problems_are_listed_at_once(project: Project) -> None:
    path = spoil(project, "log_level ", "log_levle ")
    path.write_text(path.read_text() + "\npitr_enabled_ = 1\n")
    found = details(project)
    assert "'log_levle'; did you mean 'log_level'?" in found
    assert "'pitr_enabled_'; did you mean 'pitr_enabled'?" in found


def test_a_required_value_that_nobody_gives_is_asked_for(project: Project) -> None:
    found = details(project, arguments=[])
    assert "account_id has no value" in found
    assert "--var account_id=" in found


def test_a_file_of_another_environment_is_refused(project: Project) -> None:
    spoil(project, '"dev"', '"sit"')
    assert "env_name is 'sit', and the file's name says 'dev'" in details(project)


def test_what_the_tool_works_out_cannot_be_given(project: Project) -> None:
    found = details(project, arguments=["account_id=111122223333", "artifacts_bucket=mine"])
    assert "artifacts_bucket is worked out by the tool" in found


def test_an_unknown_environment_names_the_known_ones(project: Project) -> None:
    with pytest.raises(UsageError, match="'live'") as caught:
        load_environment(project, "live")
    assert "dev" in caught.value.hint


def test_arguments_win_over_files_and_files_over_variables_of_the_process(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = tmp_path / "extra.tfvars"
    extra.write_text('account_id = "222222222222"\nbucket_suffix = "-9"\n')
    monkeypatch.setenv("TF_VAR_account_id", "333333333333")
    monkeypatch.setenv("TF_VAR_project_name", "other")
    found = load_environment(project, "dev", arguments=["bucket_suffix=-7"], files=[extra])
    assert found.account_id == "222222222222"
    assert found.values["bucket_suffix"] == "-7"
    assert found.state_bucket == "other-dev-s3-terraform-state-7"
    files = found.write_values(tmp_path / "out", {"role": {"s3_key": "k", "source_code_hash": "h"}})
    assert files[:2] == [project.tfvars("dev"), extra]
    assert '"artifacts_bucket": "other-dev-s3-artifacts-7"' in files[-1].read_text()

"""The monitoring module's filters find the lines that the functions really write."""

from __future__ import annotations

import io
import json
import uuid
from typing import NamedTuple

import pytest

from bbws_access.authorizer.apis import load_apis
from bbws_access.authorizer.handler import Authorizer, Unauthorized
from bbws_access.authorizer.tokens import KeySet, Verifier
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws.shims.log_patterns import compile_pattern, select
from bbws_access.role.handler import service as role_service
from tests.support.services import Instance
from tests.support.tables import REGION
from tests.support.terraform import Workspace, write_example
from tests.unit.authorizer.tokens_support import CLIENT, ISSUER, claims, key_set, token
from tests.unit.kernel.loopback import Loopback, http

# One plan for all.
pytestmark = pytest.mark.xdist_group("log-metrics")

KEY = f"arn:aws:kms:{REGION}:000000000000:key/11111111-1111-1111-1111-111111111111"
CONFIGURATION = f"""
module "cloudwatch" {{
  source            = "../../modules/cloudwatch"
  env_name          = "test"
  region            = "{REGION}"
  account_id        = "000000000000"
  check_account     = false
  log_kms_key_arn   = "{KEY}"
  topic_kms_key_arn = "{KEY}"
  functions = {{
    authorizer = {{ function_name = "authorizer" }}
    role       = {{ function_name = "role" }}
  }}
}}
"""


class Filter(NamedTuple):
    pattern: str
    dimensions: dict[str, str]


@pytest.fixture(scope="module")
def filters(workspace: Workspace) -> dict[str, dict[str, Filter]]:
    """The planned filters, by service and metric."""
    folder = workspace.initialised(write_example(workspace, CONFIGURATION, "log-metrics"))
    workspace.terraform(folder, "plan", "-input=false", "-lock=false", "-out=metrics.tfplan")
    plan = json.loads(workspace.terraform(folder, "show", "-json", "metrics.tfplan"))
    found: dict[str, dict[str, Filter]] = {"authorizer": {}, "role": {}}
    (module,) = plan["planned_values"]["root_module"]["child_modules"]
    for resource in module["resources"]:
        if resource["type"] == "aws_cloudwatch_log_metric_filter":
            service, _, _ = resource["index"].partition("-")
            (metric,) = resource["values"]["metric_transformation"]
            found[service][metric["name"]] = Filter(resource["values"]["pattern"], metric["dimensions"] or {})
    return found


class Lines(io.StringIO):
    def count(self, filters: dict[str, Filter]) -> dict[str, list[dict[str, str]]]:
        """For each metric that counts anything, the dimensions of each line that it counts."""
        counted: dict[str, list[dict[str, str]]] = {}
        for name, (pattern, dimensions) in filters.items():
            matches = compile_pattern(pattern)
            for line in filter(matches, self.getvalue().splitlines()):
                values = {key: select(json.loads(line), selector) for key, selector in dimensions.items()}
                counted.setdefault(name, []).append(values)
        return counted


@pytest.fixture
def authorize(local_aws, seeded_tables, database):
    """Asks an authorizer of its own; returns the lines that it wrote."""

    def ask(authorization: str, path: str) -> Lines:
        lines = Lines()
        log = Logger("authorizer", "test", stream=lines)
        tables = {name: seeded_tables[name] for name in ("permissions", "teams")}
        with Loopback(lambda number, head, body: http(200, key_set("one"))) as keys:
            authorizer = Authorizer(
                Settings(region=REGION, endpoint=local_aws.endpoint, tables=tables),
                database,
                Verifier(issuers={ISSUER: KeySet(f"{keys.url}/jwks.json", log)}, client_ids=(CLIENT,)),
                log,
                load_apis({"abcdefghij": "access"}),
            )
            arn = f"arn:aws:execute-api:{REGION}:000000000000:abcdefghij/v1/GET{path}"
            try:
                authorizer.authorize({"authorizationToken": authorization, "methodArn": arn})
            except Unauthorized:
                lines.write("[ERROR] Unauthorized\n")  # what the runtime adds
        return lines

    return ask


def bearer(user: str) -> str:
    return f"Bearer {token(claims(sub=user, **{'custom:organisation_id': None, 'organisations': None}))}"


def test_allowed_calls_count_nothing(filters, authorize, world):
    org = world.organisation()
    lines = authorize(bearer(world.member(org)), f"/organisations/{org}/roles")
    assert json.loads(lines.getvalue())["decision"] == "ALLOW"
    assert lines.count(filters["authorizer"]) == {}


def test_refused_tokens(filters, authorize):
    lines = authorize("Bearer not.a.token", "/platform/roles")
    assert lines.count(filters["authorizer"]) == {"TokenFailures": [{}]}


def test_denials_by_reason(filters, authorize, world):
    org = world.organisation()
    lines = authorize(bearer(str(uuid.uuid4())), f"/organisations/{org}/roles")
    assert lines.count(filters["authorizer"]) == {"AuthorizationDenied": [{"Reason": "UNKNOWN_USER"}]}


def test_organisation_mismatches(filters, authorize, world):
    lines = authorize(bearer(world.member(world.organisation())), f"/organisations/{new_id('organisation')}/roles")
    assert lines.count(filters["authorizer"]) == {
        "AuthorizationDenied": [{"Reason": "NOT_IN_ORGANISATION"}],
        "OrganisationMismatches": [{}],
    }


def test_what_a_service_denies_by_itself(filters, start_instance, world):
    lines = Lines()
    instance = start_instance(role_service, "permissions", "teams", log=lines)
    instance.call("GET", f"/organisations/{world.organisation()}/roles", world.member(world.organisation())).expect(403)
    assert lines.count(filters["role"]) == {
        "AuthorizationDenied": [{"Reason": "NOT_IN_ORGANISATION"}],
        "OrganisationMismatches": [{}],
    }


def test_faults_that_a_service_answers(filters, local_aws, world):
    lines = Lines()
    tables = {"permissions": "no-such-table", "teams": "no-such-table"}
    settings = Settings(region=REGION, environment="test", service="role", tables=tables)
    instance = Instance(role_service, settings, local_aws.endpoint, lines)
    answer = instance.call("GET", f"/organisations/{world.organisation()}/roles", world.user())
    instance.database.close()
    assert answer.status >= 500
    assert lines.count(filters["role"]) == {"HandledErrors": [{"Service": "role"}]}


def test_messages_that_a_service_gives_back(filters, local_aws):
    lines = Lines()
    settings = Settings(region=REGION, environment="test", service="role")
    instance = Instance(role_service, settings, local_aws.endpoint, lines)
    record = {"messageId": "1", "eventSourceARN": f"arn:aws:sqs:{REGION}:000000000000:queue-of-nobody", "body": "{}"}
    answer = instance.invoke({"Records": [record]})
    instance.close()
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert lines.count(filters["role"]) == {"HandledErrors": [{"Service": "role"}]}

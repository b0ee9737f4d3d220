"""The authorizer with real tables: answers, context, log lines, round trips, faults."""

import gc
import io
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import bbws_access.authorizer.handler as module
from bbws_access.access.grants import Access, Grant, Membership
from bbws_access.authorizer.apis import load_apis, read_api
from bbws_access.authorizer.handler import Authorizer, AuthorizerFault, MethodArn, Unauthorized, context_of
from bbws_access.authorizer.tokens import Identity, KeySet, Verifier
from bbws_access.kernel.contract import ContractError
from bbws_access.kernel.dynamodb import Credentials, Database
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key as item_key
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings, SettingsError
from tests.support.tables import REGION
from tests.unit.authorizer.iam_evaluator import is_allowed
from tests.unit.authorizer.tokens_support import CLIENT, ISSUER, ME, POOL, claims, key_set, token
from tests.unit.kernel.loopback import Loopback, error, http

PREFIX = "arn:aws:execute-api:eu-west-1:000000000000:abcdefghij/v1/"
SITES_PREFIX = "arn:aws:execute-api:eu-west-1:000000000000:sites12345/live/"
SITES = json.loads((Path(__file__).parents[2] / "support" / "apis" / "sites.json").read_text())
APIS = load_apis({"abcdefghij": "access"}) | {"sites12345": read_api("sites", SITES)}


class Scene:
    """An authorizer, an organisation and a user of its own."""

    def __init__(self, endpoint: str, tables: dict[str, str], keys_url: str) -> None:
        self.database = Database(REGION, endpoint)
        self.tables = tables
        self.lines = io.StringIO()
        settings = Settings(region=REGION, endpoint=endpoint, tables={n: tables[n] for n in ("permissions", "teams")})
        log = Logger("authorizer", "test", stream=self.lines)
        verifier = Verifier(issuers={ISSUER: KeySet(f"{keys_url}/jwks.json", log)}, client_ids=(CLIENT,))
        self.authorizer = Authorizer(settings, self.database, verifier, log, APIS)
        self.user = str(uuid.uuid4())
        self.org = new_id("organisation")

    def role(self, *permissions: str, org: str | None = None, **changes: object) -> str:
        role_id = new_id("role")
        org = org or self.org
        item = {
            "roleId": role_id,
            "organisationId": org,
            "name": "READER",
            "scope": "ORGANISATION",
            "permissions": list(permissions),
            "permissionSets": [],
            "active": True,
        }
        self.database.put(
            self.tables["permissions"], {**item_key("OrganisationRole", orgId=org, roleId=role_id), **item, **changes}
        )
        return role_id

    def assign(self, role_id: str, org: str | None = None, scope: str = "ORGANISATION", **changes: object) -> None:
        org = org or self.org
        keys = item_key("UserRoleAssignment", userId=self.user, orgId=org, roleId=role_id, teamId="-")
        item = {"userId": self.user, "organisationId": org, "roleId": role_id, "scope": scope, "active": True}
        self.database.put(self.tables["permissions"], {**keys, **item, **changes})

    def event(self, path: str = "", method: str = "GET", **changes: object) -> dict:
        good = {"sub": self.user, "custom:organisation_id": self.org, "organisations": self.org}
        path = path or f"/organisations/{self.org}/roles"
        return {
            "type": "TOKEN",
            "authorizationToken": f"Bearer {token(claims(**{**good, **changes}))}",
            "methodArn": f"{PREFIX}{method}{path}",
        }

    def log_lines(self) -> list[dict]:
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]


@pytest.fixture
def scene(local_aws, tables) -> Iterator[Scene]:
    with Loopback(lambda number, head, body: http(200, key_set("one"))) as server:
        scene = Scene(local_aws.endpoint, tables, server.url)
        yield scene
        scene.database.close()


def test_a_reader_may_read_and_the_line_says_so(scene):
    role_id = scene.role("role:read")
    scene.assign(role_id)
    answer = scene.authorizer.authorize(scene.event(), "request-1")
    assert answer["principalId"] == scene.user
    assert answer["context"] == {
        "userId": scene.user,
        "email": "me@example.org",
        "orgId": scene.org,
        "teamIds": "",
        "permissions": "role:read",
        "roleIds": role_id,
        "policyDetail": "exact",
    }
    assert is_allowed(answer["policyDocument"], f"{PREFIX}GET/organisations/{scene.org}/roles/role-x")
    assert not is_allowed(answer["policyDocument"], f"{PREFIX}POST/organisations/{scene.org}/roles")
    assert not is_allowed(answer["policyDocument"], f"{PREFIX}GET/organisations/{new_id('organisation')}/roles")
    (line,) = scene.log_lines()
    assert {
        name: line[name] for name in ("message", "decision", "reason", "operation", "organisationId", "principal")
    } == {
        "message": "Access decision",
        "decision": "ALLOW",
        "reason": "PERMISSION",
        "operation": "listRoles",
        "organisationId": scene.org,
        "principal": scene.user,
    }
    assert line["requestId"] == "request-1"
    assert line["roundTrips"] == 1
    assert line["policyDetail"] == "exact"
    assert line["latencyMs"] > 0


def test_a_service_learns_that_the_policy_is_wider_than_the_teams_of_its_caller(scene):
    table, team_role = scene.tables["teams"], new_id("team-role")
    role = {"teamRoleId": team_role, "capabilities": ["CAN_VIEW_SITES", "CAN_EDIT_SITES"], "active": True}
    scene.database.put(table, {**item_key("TeamRoleDefinition", orgId=scene.org, teamRoleId=team_role), **role})
    for _ in range(90):
        ids = {"organisationId": scene.org, "teamId": new_id("team"), "userId": scene.user}
        place = item_key("TeamMember", orgId=scene.org, teamId=ids["teamId"], userId=scene.user)
        scene.database.put(table, {**place, **ids, "teamRoleId": team_role, "active": True})
    event = {**scene.event(), "methodArn": f"{SITES_PREFIX}GET/organisations/{scene.org}/sites"}
    answer = scene.authorizer.authorize(event)
    foreign = f"{SITES_PREFIX}PUT/organisations/{scene.org}/teams/{new_id('team')}/sites/site-1"
    assert is_allowed(answer["policyDocument"], foreign)
    assert answer["context"]["policyDetail"] == "organisation"


def test_a_service_learns_that_not_all_was_read(scene, monkeypatch):
    """Beyond the bound an organisation is open as a whole, and everybody who can judge again is told."""
    monkeypatch.setattr(module, "MOST_DEFINITIONS", 3)
    mine = scene.role("role:read")
    scene.assign(mine)
    full, few, left = (new_id("organisation") for _ in range(3))
    for org, roles in ((full, 3), (few, 2), (left, 3)):
        for _ in range(roles):
            ended = {"active": False} if org == left else {}
            scene.assign(scene.role("team:read", org=org), org=org, **ended)
    answer = scene.authorizer.authorize(scene.event())
    document = answer["policyDocument"]
    for org, detail in ((scene.org, "roles"), (few, "teams")):
        assert is_allowed(document, f"{PREFIX}GET/organisations/{org}/{detail}")
        assert not is_allowed(document, f"{PREFIX}POST/organisations/{org}/{detail}")
    assert is_allowed(document, f"{PREFIX}POST/organisations/{full}/roles")
    assert not is_allowed(document, f"{PREFIX}GET/organisations/{left}/teams")
    context = answer["context"]
    assert (context["policyDetail"], context["orgId"]) == ("organisation", scene.org)
    assert (context["permissions"], context["roleIds"]) == ("role:read", mine)
    # What the log says of a request there is what the gateway does, and that the rules were not asked.
    scene.authorizer.authorize(scene.event(f"/organisations/{full}/roles", "POST"))
    scene.authorizer.authorize(scene.event(f"/organisations/{left}/teams"))
    said = [(line["decision"], line["reason"]) for line in scene.log_lines()]
    assert said == [("ALLOW", "PERMISSION"), ("ALLOW", "NOT_READ"), ("DENY", "NOT_IN_ORGANISATION")]


def test_the_log_says_no_where_not_even_whole_organisations_fit(scene, monkeypatch):
    monkeypatch.setattr(module, "MOST_DEFINITIONS", 0)
    scene.assign(scene.role("role:read"))
    others = sorted(new_id("organisation") for _ in range(100))
    for org in others:
        scene.assign("role-anything", org=org)
    answer = scene.authorizer.authorize(scene.event(f"/organisations/{others[-1]}/roles"))
    assert answer["context"]["policyDetail"] == "truncated"
    assert not is_allowed(answer["policyDocument"], f"{PREFIX}GET/organisations/{others[-1]}/roles")
    assert is_allowed(answer["policyDocument"], f"{PREFIX}GET/organisations/{others[0]}/roles")
    [line] = scene.log_lines()
    assert (line["decision"], line["reason"]) == ("DENY", "NOT_READ")


def test_the_garbage_collector_rests_during_a_decision_and_no_longer(monkeypatch):
    seen = []

    class Failing:
        _log = Logger("authorizer", "test", stream=io.StringIO())

        def authorize(self, event: dict, request_id: str) -> dict:
            seen.append(gc.isenabled())
            if event:
                return event
            raise RuntimeError("no tables")

    monkeypatch.setattr(module, "_authorizer", Failing())
    assert module.handler({"a": 1}, None) == {"a": 1}
    assert gc.isenabled()
    with pytest.raises(AuthorizerFault):
        module.handler({}, None)
    assert gc.isenabled()
    assert seen == [False, False]


def test_the_answer_does_not_depend_on_the_path(scene):
    scene.assign(scene.role("role:read"))
    paths = [f"/organisations/{scene.org}/roles", "/platform/roles", f"/organisations/{new_id('organisation')}/roles"]
    answers = [scene.authorizer.authorize(scene.event(path)) for path in paths]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(
    ("path", "method", "reason"),
    [
        ("/organisations/{org}/roles", "POST", "NO_PERMISSION"),
        ("/organisations/org-other/roles", "GET", "NOT_IN_ORGANISATION"),
        ("/no/such/route", "GET", "UNKNOWN_ROUTE"),
    ],
)
def test_refusals_have_their_reason(scene, path, method, reason):
    scene.assign(scene.role("role:read"))
    event = scene.event(path.format(org=scene.org), method)
    answer = scene.authorizer.authorize(event)
    assert not is_allowed(answer["policyDocument"], event["methodArn"])
    (line,) = scene.log_lines()
    assert (line["decision"], line["reason"]) == ("DENY", reason)


def test_somebody_without_any_record_is_denied_everything(scene):
    answer = scene.authorizer.authorize(scene.event("/platform/roles"))
    assert answer["policyDocument"]["Statement"] == [
        {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": [f"{PREFIX}*"]}
    ]
    assert answer["context"]["orgId"] == ""
    assert scene.log_lines()[0]["reason"] == "UNKNOWN_USER"


@pytest.mark.parametrize(
    "changes", [{"active": False}, {"expiresAt": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}]
)
def test_somebody_whose_assignments_ended_is_denied_everything(scene, changes):
    scene.assign(scene.role("role:read"), **changes)
    answer = scene.authorizer.authorize(scene.event("/platform/roles"))
    assert [statement["Effect"] for statement in answer["policyDocument"]["Statement"]] == ["Deny"]
    assert scene.log_lines()[0]["reason"] == "USER_INACTIVE"


def test_the_claim_of_an_organisation_gives_nothing(scene):
    other = new_id("organisation")
    scene.role("*", org=other)
    scene.assign(scene.role("role:read"))
    event = scene.event(f"/organisations/{other}/roles", **{"custom:organisation_id": other, "organisations": other})
    answer = scene.authorizer.authorize(event)
    assert not is_allowed(answer["policyDocument"], event["methodArn"])
    assert answer["context"]["orgId"] == ""
    # The own organisation was not hinted: found all the same, at the price of a second round trip.
    assert is_allowed(answer["policyDocument"], f"{PREFIX}GET/organisations/{scene.org}/roles")
    assert scene.log_lines()[0]["roundTrips"] == 2


def test_permission_sets_platform_roles_and_team_capabilities_count(scene):
    set_id, team, team_role = new_id("permission-set"), new_id("team"), new_id("team-role")
    permissions, teams = scene.tables["permissions"], scene.tables["teams"]
    scene.database.put(
        permissions,
        {
            **item_key("PermissionSet", orgId=scene.org, setId=set_id),
            "setId": set_id,
            "permissions": ["permission:read"],
            "active": True,
        },
    )
    scene.assign(scene.role(permissionSets=[set_id]))
    keys = item_key("PlatformRoleAssignment", userId=scene.user, roleId="role-security-officer")
    item = {"userId": scene.user, "roleId": "role-security-officer", "scope": "PLATFORM", "active": True}
    scene.database.put(permissions, {**keys, **item})
    given = item_key("PlatformRolesGiven", userId=scene.user)
    scene.database.put(permissions, {**given, "roleIds": {"role-security-officer"}})
    scene.database.put(
        teams,
        {
            **item_key("TeamRoleDefinition", orgId=scene.org, teamRoleId=team_role),
            "teamRoleId": team_role,
            "capabilities": ["CAN_VIEW_MEMBERS"],
            "active": True,
        },
    )
    scene.database.put(
        teams,
        {
            **item_key("TeamMember", userId=scene.user, orgId=scene.org, teamId=team),
            "userId": scene.user,
            "organisationId": scene.org,
            "teamId": team,
            "teamRoleId": team_role,
            "active": True,
        },
    )
    answer = scene.authorizer.authorize(scene.event())
    assert is_allowed(answer["policyDocument"], f"{PREFIX}GET/organisations/{scene.org}/permission-sets")
    assert answer["context"]["permissions"] == "audit:export,audit:read,permission:read"
    assert answer["context"]["teamIds"] == team
    assert "role-security-officer" in answer["context"]["roleIds"]
    assert scene.log_lines()[0]["roundTrips"] == 1


def test_a_refused_token_is_exactly_unauthorized_and_logged_without_it(scene):
    event = scene.event(exp=1)
    with pytest.raises(Unauthorized, match=r"\AUnauthorized\Z") as caught:
        scene.authorizer.authorize(event)
    assert caught.value.__cause__ is None
    (line,) = scene.log_lines()
    assert (line["message"], line["decision"], line["reason"]) == ("Authentication failed", "DENY", "EXPIRED")
    assert event["authorizationToken"].split(".")[1] not in scene.lines.getvalue()


@pytest.mark.parametrize(
    "arn", [None, "", "arn:aws:execute-api:eu-west-1:1:x", "arn:aws:execute-api:eu-west-1:1:*/v1/GET/a"]
)
def test_an_event_that_no_gateway_sends_is_a_fault(scene, arn):
    with pytest.raises(AuthorizerFault):
        scene.authorizer.authorize({**scene.event(), "methodArn": arn})


def test_the_parts_of_a_method_arn():
    assert MethodArn.parse(f"{PREFIX}GET/a/b") == (PREFIX, "abcdefghij", "GET", "/a/b")
    assert MethodArn.parse(f"{PREFIX}GET/").path == "/"


def test_another_api_has_its_own_routes(scene):
    scene.assign(scene.role("site:read", "role:read"))
    arn = f"{SITES_PREFIX}GET/organisations/{scene.org}/sites"
    policy = scene.authorizer.authorize({**scene.event(), "methodArn": arn})["policyDocument"]
    assert is_allowed(policy, arn)
    assert is_allowed(policy, f"{arn}/site-1")
    assert not is_allowed(policy, f"{SITES_PREFIX}POST/organisations/{scene.org}/sites")
    assert not is_allowed(policy, f"{SITES_PREFIX}GET/organisations/{new_id('organisation')}/sites")
    assert not is_allowed(policy, f"{SITES_PREFIX}GET/organisations/{scene.org}/roles")
    assert not is_allowed(policy, arn.replace("sites12345", "abcdefghij"))
    (line,) = scene.log_lines()
    assert (line["decision"], line["api"], line["operation"]) == ("ALLOW", "sites", "listSites")


@pytest.mark.parametrize("arn", [PREFIX.replace("abcdefghij", "unknown123"), PREFIX.replace("abcdefghij", "abcdefghi")])
def test_an_api_that_nobody_named_is_a_fault(scene, arn):
    scene.assign(scene.role("role:read"))
    with pytest.raises(AuthorizerFault, match="knows no API"):
        scene.authorizer.authorize({**scene.event(), "methodArn": f"{arn}GET/organisations/{scene.org}/roles"})


# Faults: an exception other than Unauthorized, so that API Gateway answers 500 and keeps nothing.


@pytest.fixture
def environment(monkeypatch) -> Iterator[pytest.MonkeyPatch]:
    values = {
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "ENVIRONMENT": "test",
        "SERVICE_NAME": "authorizer",
        "PERMISSIONS_TABLE": "permissions",
        "TEAMS_TABLE": "teams",
        "USER_POOL_ID": POOL,
        "CLIENT_IDS": f"other,{CLIENT}",
        "APIS": "abcdefghij=access",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "_authorizer", None)
    yield monkeypatch


def _event() -> dict:
    return {"authorizationToken": f"Bearer {token()}", "methodArn": f"{PREFIX}GET/platform/roles"}


def _serve(dynamodb: bytes | None, keys: bytes | None):
    return Loopback(lambda number, head, body: keys if head.startswith("GET") else dynamodb)


def test_the_handler_from_the_environment(environment, capsys):
    with _serve(http(200, {"Items": [], "Count": 0}), http(200, key_set("one"))) as server:
        environment.setenv("AWS_ENDPOINT_URL", server.url)
        answer = module.handler(_event(), None)
        assert answer["policyDocument"]["Statement"][0]["Effect"] == "Deny"
        assert server.requests[0][0].startswith(f"GET /{POOL}/.well-known/jwks.json ")
        tables = [json.loads(body)["TableName"] for _, body in server.requests[1:]]
        assert sorted(tables) == ["permissions"] * 5 + ["teams"] * 2
    assert json.loads(capsys.readouterr().out)["reason"] == "UNKNOWN_USER"


def test_a_pool_that_writes_into_id_tokens_alone(environment):
    """Their holder is let in, or refused by what is held, and whoever comes with an access token is not."""
    other = dict(claims(token_use="id", aud=CLIENT, email_verified=True))
    del other["client_id"]
    with _serve(http(200, {"Items": [], "Count": 0}), http(200, key_set("one"))) as server:
        environment.setenv("AWS_ENDPOINT_URL", server.url)
        environment.setenv("TOKEN_USE", "id")
        answer = module.handler({**_event(), "authorizationToken": f"Bearer {token(other)}"}, None)
        assert (answer["principalId"], answer["context"]["email"]) == (ME, "me@example.org")
        with pytest.raises(Unauthorized):
            module.handler(_event(), None)
        environment.setattr(module, "_authorizer", None)
        environment.delenv("TOKEN_USE")
        assert module.handler(_event(), None)["principalId"] == ME
        with pytest.raises(Unauthorized):
            module.handler({**_event(), "authorizationToken": f"Bearer {token(other)}"}, None)


@pytest.mark.parametrize(
    ("dynamodb", "keys"),
    [
        (error("AccessDeniedException"), http(200, key_set("one"))),
        (http(200, b"not json"), http(200, key_set("one"))),
        (http(200, {"Items": [{"organisationId": {"S": "x"}}]}), None),
        (http(200, {}), http(500, {})),
    ],
    ids=["denied", "nonsense", "no-keys", "keys-500"],
)
def test_a_fault_is_neither_yes_nor_no(environment, capsys, dynamodb, keys):
    with _serve(dynamodb, keys) as server:
        environment.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(AuthorizerFault) as caught:
            module.handler(_event(), None)
    assert "Unauthorized" not in str(caught.value)
    assert caught.value.__cause__ is None
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["message"] == "Authorizer fault"
    assert lines[-1]["level"] == "ERROR"


def test_the_handler_refuses_with_unauthorized(environment):
    with _serve(None, http(200, key_set("one"))) as server:
        environment.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(Unauthorized, match=r"\AUnauthorized\Z"):
            module.handler({**_event(), "authorizationToken": "Bearer a.b.c"}, None)


def test_what_a_function_starts_with_is_no_work_for_the_garbage_collector(environment):
    """Full collections while policies are compiled took as long as the compiler."""
    environment.setenv("AWS_LAMBDA_FUNCTION_NAME", "authorizer")
    script = "import gc\nimport bbws_access.authorizer.handler\nprint(gc.get_freeze_count(), len(gc.get_objects()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    frozen, watched = map(int, done.stdout.split())
    assert frozen > 10_000 > 10 * watched


@pytest.mark.parametrize(
    "name", ["USER_POOL_ID", "CLIENT_IDS", "APIS", "PERMISSIONS_TABLE", "TEAMS_TABLE", "AWS_REGION"]
)
def test_a_missing_setting_is_named(environment, name):
    environment.delenv(name)
    environment.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(SettingsError, match=name):
        Authorizer.from_environment()


@pytest.mark.parametrize("text", ["abcdefghij", "abcdefghij=", "=access", "a=access,a=access"])
def test_a_list_of_apis_that_makes_no_sense_is_refused(environment, text):
    environment.setenv("APIS", text)
    with pytest.raises(SettingsError, match="APIS"):
        Authorizer.from_environment()


def test_an_api_without_its_document_keeps_the_function_from_starting(environment):
    environment.setenv("APIS", "abcdefghij=access,sites12345=sites")
    with pytest.raises(ContractError, match=r"apis/sites\.json"):
        Authorizer.from_environment()


def test_on_aws_the_addresses_are_those_of_the_region(environment):
    environment.delenv("AWS_ENDPOINT_URL", raising=False)
    environment.setenv("AWS_REGION", "af-south-1")
    verifier = Authorizer.from_environment()._verifier
    assert {issuer: (keys._pool.authority, keys._path) for issuer, keys in verifier._issuers.items()} == {
        f"https://{host}/{POOL}": (host, f"/{POOL}/.well-known/jwks.json")
        for host in ("cognito-idp.af-south-1.amazonaws.com", "issuer-cognito-idp.af-south-1.amazonaws.com")
    }


def test_the_issuers_can_be_given(environment):
    """A replica of a pool names the pool's first region."""
    given = f"https://issuer-cognito-idp.eu-central-1.amazonaws.com/{POOL}"
    environment.setenv("ISSUERS", f"{given}, https://cognito-idp.eu-central-1.amazonaws.com/{POOL}")
    verifier = Authorizer.from_environment()._verifier
    assert list(verifier._issuers) == [given, f"https://cognito-idp.eu-central-1.amazonaws.com/{POOL}"]


@pytest.mark.parametrize(
    "text", ["http://host/pool", "https://host", "https://host/pool/", "https://u@host/pool", "pool"]
)
def test_an_issuer_that_cannot_be_one_is_refused(environment, text):
    environment.setenv("ISSUERS", text)
    with pytest.raises(SettingsError, match="ISSUERS"):
        Authorizer.from_environment()


# Context.


def test_lists_that_are_too_long_say_how_much_is_missing():
    teams = [new_id("team") for _ in range(100)]
    access = Access("u", (), tuple(Membership("org-1", team, frozenset()) for team in teams))
    context = context_of(Identity("u", "e" * 500, "org-1", ()), access)
    assert all(isinstance(value, str) and len(value) <= 2048 for value in context.values())
    *kept, rest = context["teamIds"].split(",")
    assert kept == sorted(teams)[: len(kept)]
    assert rest == f"+{len(teams) - len(kept)}"
    assert len(context["email"]) == 320


def test_the_context_tells_of_the_default_organisation_only():
    def grant(scope, org, team, permission, role):
        return Grant(frozenset({permission}), scope, org, team, role, "R", {}, {})

    access = Access(
        "u",
        (
            grant("ORGANISATION", "org-1", None, "role:read", "role-1"),
            grant("TEAM", "org-1", "team-1", "site:read", "role-2"),
            grant("ORGANISATION", "org-2", None, "team:*", "role-3"),
        ),
        (Membership("org-2", "team-9", frozenset()),),
    )
    context = context_of(Identity("u", "", "org-1", ()), access)
    assert (context["permissions"], context["roleIds"], context["teamIds"]) == ("role:read", "role-1,role-2", "team-1")
    assert context_of(Identity("u", "", "org-9", ()), access)["orgId"] == ""


def test_credentials_come_from_the_environment(environment):
    assert Authorizer.from_environment()._database._credentials() == Credentials("test", "test", None)

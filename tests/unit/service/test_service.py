"""What every service does with a request before, around and after its operation."""

import base64
import io
import json

import pytest

from bbws_access.access.grants import Reason
from bbws_access.kernel.contract import Contract, ContractError
from bbws_access.kernel.dynamodb import Database, Get
from bbws_access.kernel.errors import Conflict, NotFound, Unavailable
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings
from bbws_access.service.requests import Request, Response
from bbws_access.service.runtime import Service
from bbws_access.service.validation import LARGEST_BODY
from tests.support.services import check_refusal
from tests.support.tables import REGION
from tests.unit.kernel.loopback import Loopback, error

ME = "11111111-1111-4111-8111-111111111111"
_ORG = {"name": "orgId", "in": "path", "required": True, "schema": {"type": "string"}}
_USER = {
    "name": "userId",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9a-f-]{36}$"},
}
_TOKEN = {
    "name": "token",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "password", "pattern": "^[^/]+$", "maxLength": 10},
}
DOCUMENT = {
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 2, "maxLength": 10},
                    "when": {"type": "string", "format": "date-time", "nullable": True},
                    "tags": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}},
                },
            },
            "Tag": {"type": "string", "pattern": "^[a-z]+$"},
        },
        "parameters": {
            "size": {"name": "size", "in": "query", "schema": {"type": "integer", "default": 5, "maximum": 9}}
        },
    },
    "paths": {
        "/open": {"get": {"operationId": "open", "x-bbws-service": "thing", "x-bbws-access": "public"}},
        "/mine": {
            "get": {
                "operationId": "mine",
                "x-bbws-service": "thing",
                "x-bbws-access": "signed-in",
                "parameters": [
                    {"$ref": "#/components/parameters/size"},
                    {"name": "on", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "kind", "in": "query", "schema": {"type": "string", "enum": ["A", "B"]}},
                    {"name": "many", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                ],
            }
        },
        "/organisations/{orgId}/things": {
            "parameters": [_ORG],
            "post": {
                "operationId": "make",
                "x-bbws-service": "thing",
                "x-bbws-access": [{"permission": "role:create"}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                },
            },
        },
        "/organisations/{orgId}/users/{userId}": {
            "parameters": [_ORG, _USER],
            "get": {"operationId": "see", "x-bbws-service": "thing", "x-bbws-access": [{"self": "userId"}]},
        },
        "/by/{token}": {
            "parameters": [_TOKEN],
            "get": {"operationId": "by", "x-bbws-service": "thing", "x-bbws-access": "public"},
        },
        "/elsewhere": {"get": {"operationId": "other", "x-bbws-service": "other", "x-bbws-access": "public"}},
    },
}


class Harness:
    """A service over the little contract, whose operations the test sets."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.lines = io.StringIO()
        self.service = Service(
            "thing",
            contract=Contract(DOCUMENT),
            settings=settings,
            database=database,
            log=Logger("thing", "test", stream=self.lines),
        )
        self.seen: list[Request] = []
        self.result: object = {"ok": True}
        for operation in ("open", "mine", "see", "by"):
            self.service.operation(operation)(self._run)
        self.prefetch: list = []
        self.service.operation("make", prefetch=lambda request: self.prefetch)(self._run)
        self.handler = self.service.handler

    def _run(self, request: Request) -> object:
        self.seen.append(request)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def call(self, method: str, resource: str, *, user: str | None = ME, body: object = None, **event: object) -> dict:
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        context = {"requestId": "request-1", "identity": {"sourceIp": "192.0.2.1"}}
        if user:
            context["authorizer"] = {"userId": user, "email": "me@example.org", "orgId": "org-1"}
        answer = self.handler(
            {"httpMethod": method, "resource": resource, "requestContext": context, "body": body, **event}, None
        )
        answer["json"] = json.loads(answer["body"]) if answer["body"] else None
        return answer

    def make(self, org: str, body: object = None, **event: object) -> dict:
        path = {"pathParameters": {"orgId": org}}
        content = {"name": "thing"} if body is None else body
        return self.call("POST", "/organisations/{orgId}/things", body=content, **path, **event)

    def log_lines(self) -> list[dict]:
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]


@pytest.fixture
def harness(database, tables, org) -> Harness:
    names = {name: tables[name] for name in ("permissions", "teams")}
    return Harness(
        database, Settings(region=REGION, tables=names, allowed_origins=("https://a.example", "https://b.example"))
    )


@pytest.fixture
def org(database, tables) -> str:
    """An organisation in which ME may create roles."""
    org_id, role_id = new_id("organisation"), new_id("role")
    database.put(
        tables["permissions"],
        {
            **key("OrganisationRole", orgId=org_id, roleId=role_id),
            "roleId": role_id,
            "name": "MAKER",
            "scope": "ORGANISATION",
            "permissions": ["role:create"],
            "active": True,
        },
    )
    database.put(
        tables["permissions"],
        {
            **key("UserRoleAssignment", userId=ME, orgId=org_id, roleId=role_id, teamId="-"),
            "organisationId": org_id,
            "roleId": role_id,
            "scope": "ORGANISATION",
            "active": True,
        },
    )
    return org_id


def _error(answer: dict) -> tuple[int, str]:
    assert set(answer["json"]) == {"error"}
    assert set(answer["json"]["error"]) == {"code", "message", "details", "requestId"}
    assert answer["json"]["error"]["requestId"] == "request-1"
    return answer["statusCode"], answer["json"]["error"]["code"]


def _fields(answer: dict) -> list[str]:
    return sorted(violation["field"] for violation in answer["json"]["error"]["details"])


def test_a_plain_answer_and_its_log_line(harness):
    answer = harness.call("GET", "/mine", headers={"User-Agent": "agent/1"})
    assert (answer["statusCode"], answer["json"]) == (200, {"ok": True})
    assert answer["headers"]["Cache-Control"] == "no-store"
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"
    (request,) = harness.seen
    assert request.caller == (ME, "me@example.org", "org-1")
    assert (request.request_id, request.source_ip, request.user_agent) == ("request-1", "192.0.2.1", "agent/1")
    assert request.now.tzinfo is not None
    (line,) = harness.log_lines()
    assert (line["operation"], line["status"], line["requestId"]) == ("mine", 200, "request-1")
    assert "principal" not in line  # the gateway's line has it


def test_the_line_of_what_failed_says_who_asked(harness, org):
    assert _error(harness.make(new_id("organisation"))) == (403, "FORBIDDEN")
    line = harness.log_lines()[-1]
    assert (line["message"], line["status"], line["errorCode"], line["principal"]) == ("Request", 403, "FORBIDDEN", ME)


def test_answers_with_status_headers_and_no_body(harness):
    harness.result = Response(201, {"ids": {"b", "a"}}, {"Location": "/x"})
    answer = harness.call("GET", "/open", user=None)
    assert (answer["statusCode"], answer["json"]) == (201, {"ids": ["a", "b"]})
    assert answer["headers"]["Location"] == "/x"
    harness.result = Response(204)
    assert harness.call("GET", "/open", user=None)["body"] == ""


@pytest.mark.parametrize(
    ("method", "resource"), [("PUT", "/mine"), ("GET", "/elsewhere"), ("GET", None), (None, "/mine")]
)
def test_routes_that_are_not_ours(harness, method, resource):
    assert _error(harness.call(method, resource)) == (404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize("authorizer", [None, {}, {"userId": ""}, {"userId": None}, {"userId": "a/b"}, {"userId": "*"}])
def test_without_a_caller_nothing_but_public_routes(harness, authorizer):
    context = {"requestId": "request-1", "authorizer": authorizer}
    event = {"httpMethod": "GET", "resource": "/mine", "requestContext": context}
    assert harness.handler(event, None)["statusCode"] == 401
    assert harness.handler({**event, "resource": "/open"}, None)["statusCode"] == 200
    assert len(harness.seen) == 1


def test_an_event_without_anything(harness):
    assert harness.handler({}, None)["statusCode"] == 404


# Query.


def test_query_values_are_typed_and_defaulted(harness):
    harness.call("GET", "/mine", queryStringParameters={"on": "true", "kind": "B", "many": "a,b"})
    assert harness.seen[-1].query == {"size": 5, "on": True, "kind": "B", "many": ["a", "b"]}
    harness.call("GET", "/mine", multiValueQueryStringParameters={"size": ["9"], "many": ["a", "b"]})
    assert harness.seen[-1].query == {"size": 9, "many": ["a", "b"]}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"size": ["10"]}, ["query.size"]),
        ({"size": ["five"]}, ["query.size"]),
        ({"size": ["5.0"]}, ["query.size"]),
        ({"size": ["\u0665"]}, ["query.size"]),
        ({"size": ["9" * 5000]}, ["query.size"]),
        ({"size": ["1", "2"]}, ["query.size"]),
        ({"on": ["TRUE"]}, ["query.on"]),
        ({"kind": ["C"]}, ["query.kind"]),
        ({"page": ["1"]}, ["query.page"]),
        ({"page": ["1"], "size": ["x"]}, ["query.page", "query.size"]),
    ],
)
def test_query_values_that_are_wrong(harness, query, fields):
    answer = harness.call("GET", "/mine", multiValueQueryStringParameters=query)
    assert _error(answer) == (400, "VALIDATION_ERROR")
    assert _fields(answer) == fields
    assert harness.seen == []


# Path.


@pytest.mark.parametrize(
    "org_id", ["*", "a*", "a?", "a/b", "a%2Fb", "${x}", "a b", "A", "", "a" * 65, "-a", "a--b", "ä", "a\n", None, "a#b"]
)
def test_ids_that_no_id_can_be(harness, org_id):
    answer = harness.make(org_id)
    assert _error(answer) == (400, "VALIDATION_ERROR")
    assert _fields(answer) == ["path.orgId"]


def test_a_pattern_of_the_contract_may_be_wider_but_never_dangerous(harness):
    for user, status in ((ME, 403), ("x", 400), ("*" * 36, 400)):
        path = {"orgId": "org-1", "userId": user}
        answer = harness.call("GET", "/organisations/{orgId}/users/{userId}", pathParameters=path)
        assert answer["statusCode"] == status


# Body.


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["body.name"]),
        ({"name": "x"}, ["body.name"]),
        ({"name": "thing", "more": 1}, ["body.more"]),
        ({"name": "thing", "tags": ["ok", "NO", 5]}, ["body.tags.1", "body.tags.2"]),
        ({"name": "thing", "when": "yesterday"}, ["body.when"]),
        ([], ["body"]),
        ("{", ["body"]),
        ("", ["body"]),
        ("   ", ["body"]),
        ('{"name": NaN}', ["body"]),
        ('{"name": "a"} x', ["body"]),
        ("[" * 50000, ["body"]),
        # The parser takes this depth, the validator does not.
        ('{"name": "thing", "tags": ' + "[" * 300 + "]" * 300 + "}", ["body"]),
        ('"\ud800"', ["body"]),
        ('{"name": "a\\uD800"}', ["body"]),
    ],
)
def test_bodies_that_are_wrong(harness, org, body, fields):
    answer = harness.make(org, body)
    assert _error(answer) == (400, "VALIDATION_ERROR")
    assert _fields(answer) == fields
    assert harness.seen == []


def _details(answer: dict) -> list[tuple]:
    assert _error(answer)[0] in (400, 413)
    check_refusal(answer["json"]["error"])
    return [(one["field"], one["rule"], one.get("value", "-")) for one in answer["json"]["error"]["details"]]


@pytest.mark.parametrize(
    ("body", "details", "says"),
    [
        ({"name": "thing", "tags": ["OK"]}, ("body.tags.0", "pattern", "OK"), "must be text like ^[a-z]+$"),
        ({"nmae": "thing"}, ("body.nmae", "additionalProperties", "-"), "did you mean name?"),
        ({"NAME": "thing"}, ("body.NAME", "additionalProperties", "-"), "did you mean name?"),
        ({"colour": "red"}, ("body.colour", "additionalProperties", "-"), "there are name, when, tags"),
        ({}, ("body.name", "required", "-"), "is required"),
        ({"name": ""}, ("body.name", "minLength", ""), "must have at least 2 characters"),
        ({"name": 5}, ("body.name", "type", 5), "must be text, and is a whole number"),
        ({"name": None}, ("body.name", "type", None), "must be text, and is null"),
        ({"name": "thing", "when": False}, ("body.when", "type", False), "text or null, and is true or false"),
        ({"name": ["thing"]}, ("body.name", "type", "-"), "must be text, and is a list"),
        ({"name": 10**30}, ("body.name", "type", "-"), "must be text, and is a whole number"),
        ('{"name": 1e999}', ("body", "json", "-"), "must be one JSON document"),
        ({"name": "a long name"}, ("body.name", "maxLength", "a long name"), "at most 10 characters, and has 11"),
        ({"name": "thing", "when": "today"}, ("body.when", "format", "today"), "such as 2030-01-31T12:00:00Z"),
        ([], ("body", "type", "-"), "must be a JSON object, and is a list"),
        ("{", ("body", "json", "-"), "line 1, column 2"),
        ('{"name": "thing"', ("body", "json", "-"), "line 1, column 17: Expecting ',' delimiter"),
        ("", ("body", "required", "-"), "is required: a JSON object with name"),
    ],
)
def test_a_refusal_names_field_rule_and_value(harness, org, body, details, says):
    answer = harness.make(org, body)
    assert details in _details(answer)
    assert says in " ".join(one["message"] for one in answer["json"]["error"]["details"])


def test_a_field_has_no_pattern_broken_where_it_breaks_a_plainer_rule(harness, org):
    plain = [("body.tags.0", "type", 5), ("body.tags.1", "pattern", "B")]
    assert _details(harness.make(org, {"name": "thing", "tags": [5, "B"]})) == plain


def test_many_wrong_items_are_named_up_to_a_limit(harness, org):
    assert len(_details(harness.make(org, {"name": "thing", "tags": ["A"] * 500}))) == 50
    assert len(_details(harness.make(org, {"name": "thing", **{f"f{n}": n for n in range(500)}}))) == 50


@pytest.mark.parametrize(
    ("named", "said"),
    [("text/plain", True), ("application/x-www-form-urlencoded", True), ("application/json; charset=utf-8", False)],
)
def test_a_body_that_is_no_json_is_told_its_content_type(harness, org, named, said):
    found = _details(harness.make(org, "name=thing", headers={"content-type": named}))
    assert found[0] == ("body", "json", "-")
    assert found[1:] == ([("header.Content-Type", "mediaType", named)] if said else [])


def test_json_is_taken_whatever_it_is_called(harness, org):
    assert harness.make(org, {"name": "thing"}, headers={"Content-Type": "text/plain"})["statusCode"] == 200


SECRETS = {
    "an access token": f"eyJraWQiOiJ4In0.{'eyJzdWIiOiJ5In0' * 4}.{'c2lnbmF0dXJl' * 8}",
    "the token of an invitation": f"org-1.inv-1.{'Ab3_' * 10}xyz",
    "a secret key of AWS": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a header": f"Bearer {'x' * 60}",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_what_may_be_a_secret_is_not_repeated(harness, org, secret):
    bodies = ({"name": secret}, {"name": "thing", "tags": [secret]}, {"name": "thing", "password": secret})
    answers = [harness.make(org, body) for body in bodies]
    answers.append(harness.call("GET", "/mine", queryStringParameters={"kind": secret, "password": secret}))
    answers.append(harness.make(secret))
    for answer in answers:
        assert all(value == "-" for _, _, value in _details(answer))
        assert secret[-30:] not in answer["body"] + harness.lines.getvalue()


def test_what_is_a_secret_by_the_contract_is_not_repeated(harness):
    for token in ("a b", "short*", "a" * 20):
        answer = harness.call("GET", "/by/{token}", user=None, pathParameters={"token": token})
        assert [one[2] for one in _details(answer)] == ["-"]


def test_a_value_is_shortened_and_never_logged(harness, org):
    long = "a name of many words, which goes on and on"
    assert _details(harness.make(org, {"name": long})) == [("body.name", "maxLength", f"{long[:20]}…")]
    assert _details(harness.make(org, {"name": ME})) == [("body.name", "maxLength", ME)]
    assert long[:20] not in harness.lines.getvalue()
    assert ME not in harness.lines.getvalue().replace(f'"principal":"{ME}"', "")


def test_good_bodies(harness, org):
    for body in ({"name": "thing", "when": None, "tags": ["a"]}, {"name": "thing", "when": "2026-01-01T00:00:00Z"}):
        assert harness.make(org, body)["statusCode"] == 200
        assert harness.seen[-1].body == body
    encoded = base64.b64encode(b'{"name": "thing"}').decode()
    assert harness.make(org, encoded, isBase64Encoded=True)["statusCode"] == 200
    assert harness.make(org, "%%%", isBase64Encoded=True)["statusCode"] == 400


def test_a_body_that_is_too_large(harness, org):
    for body in ('{"name": "' + "x" * LARGEST_BODY + '"}', "x" * LARGEST_BODY * 4, "é" * (LARGEST_BODY // 2 + 1)):
        assert _error(harness.make(org, body)) == (413, "PAYLOAD_TOO_LARGE")


# The second lock.


def test_the_tables_decide_whatever_the_gateway_let_through(harness, org, database):
    before = database.round_trips
    assert harness.make(org)["statusCode"] == 200
    assert database.round_trips == before + 1
    assert harness.seen[-1].access.permissions_in(org) == {"role:create"}
    answer = harness.make(new_id("organisation"))
    assert _error(answer) == (403, "FORBIDDEN")
    assert "belong" in answer["json"]["error"]["message"]
    denied = next(line for line in harness.log_lines() if line["message"] == "Access denied")
    assert (denied["decision"], denied["reason"], denied["principal"]) == ("DENY", Reason.NOT_IN_ORGANISATION, ME)
    stranger = "99999999-1111-4111-8111-111111111111"
    assert _error(harness.make(org, user=stranger)) == (403, "FORBIDDEN")
    assert [line["reason"] for line in harness.log_lines() if "decision" in line][-1] == Reason.UNKNOWN_USER


def test_who_may_not_call_learns_that_before_anything_about_the_body(harness):
    assert _error(harness.make(new_id("organisation"), "{")) == (403, "FORBIDDEN")


def test_self_needs_the_organisation_too(harness, org):
    route = "/organisations/{orgId}/users/{userId}"
    other = "99999999-1111-4111-8111-111111111111"
    for path, status in (
        ({"orgId": org, "userId": ME}, 200),
        ({"orgId": org, "userId": other}, 403),
        ({"orgId": new_id("organisation"), "userId": ME}, 403),
    ):
        assert harness.call("GET", route, pathParameters=path)["statusCode"] == status


def test_prefetched_reads_travel_with_the_access_check(harness, org, database, tables):
    database.put(tables["permissions"], {"PK": f"THING#{org}", "SK": "1", "n": 1})
    harness.prefetch[:] = [Get(tables["permissions"], {"PK": f"THING#{org}", "SK": "1"})]
    before = database.round_trips
    assert harness.make(org)["statusCode"] == 200
    assert database.round_trips == before + 1
    assert harness.seen[-1].prefetched[0]["n"] == 1
    assert _error(harness.make(org, {})) == (400, "VALIDATION_ERROR")
    assert harness.make(new_id("organisation"))["statusCode"] == 403


# Errors.


def test_errors_that_an_operation_raises(harness):
    harness.result = NotFound("No such role", code="ROLE_NOT_FOUND", details={"roleId": "r"})
    answer = harness.call("GET", "/mine")
    assert _error(answer) == (404, "ROLE_NOT_FOUND")
    assert answer["json"]["error"]["details"] == {"roleId": "r"}
    harness.result = Conflict("taken", code="NAME_TAKEN")
    assert _error(harness.call("GET", "/mine")) == (409, "NAME_TAKEN")
    harness.result = Unavailable("later", retry_after=7)
    answer = harness.call("GET", "/mine")
    assert _error(answer) == (503, "SERVICE_UNAVAILABLE")
    assert answer["headers"]["Retry-After"] == "7"


def test_an_unexpected_error_tells_the_caller_nothing(harness):
    harness.result = RuntimeError("the password is swordfish")
    answer = harness.call("GET", "/mine")
    assert _error(answer) == (500, "INTERNAL_ERROR")
    assert "swordfish" not in answer["body"]
    line = next(line for line in harness.log_lines() if line["level"] == "ERROR")
    assert line["errorType"] == "RuntimeError"
    assert any("test_service" in frame for frame in line["stack"])


def test_an_answer_that_cannot_be_written_is_an_error_of_ours(harness):
    harness.result = {"object": object()}
    assert _error(harness.call("GET", "/mine")) == (500, "INTERNAL_ERROR")


@pytest.mark.parametrize("fault", [error("ThrottlingException"), None], ids=["throttled", "gone"])
def test_a_busy_database(tables, fault):
    with Loopback(lambda number, head, body: fault) as server:
        settings = Settings(region=REGION, tables={"permissions": "p", "teams": "t"})
        harness = Harness(Database(REGION, server.url, deadline=0.2), settings)
        answer = harness.make("org-1")
    assert _error(answer) == (503, "SERVICE_UNAVAILABLE")
    assert answer["headers"]["Retry-After"] == "1"


# CORS.


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://a.example", "https://a.example"), ("https://evil.example", None), (None, None)]
)
def test_only_a_named_origin_is_echoed(harness, origin, allowed):
    answer = harness.call("GET", "/mine", headers={"Origin": origin} if origin else None)
    assert answer["headers"].get("Access-Control-Allow-Origin") == allowed
    assert answer["headers"]["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in answer["headers"]


def test_any_origin_where_that_is_configured(database):
    harness = Harness(database, Settings(region=REGION, allowed_origins=("*",)))
    answer = harness.call("GET", "/mine", headers={"origin": "https://any.example"})
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"


def test_errors_carry_the_headers_too(harness):
    answer = harness.call("GET", "/mine", user=None, headers={"origin": "https://b.example"})
    assert answer["statusCode"] == 401
    assert answer["headers"]["Access-Control-Allow-Origin"] == "https://b.example"


# Registration.


def test_operations_must_be_exactly_those_of_the_contract():
    service = Service("thing", contract=Contract(DOCUMENT))
    service.operation("open")(lambda request: {})
    service.operation("extra")(lambda request: {})
    with pytest.raises(
        ContractError, match=r"without a function \['by', 'make', 'mine', 'see'\], not in the contract \['extra'\]"
    ):
        _ = service.handler
    with pytest.raises(ContractError, match="registered twice"):
        service.operation("open")(lambda request: {})


def test_a_function_prepares_itself_when_it_starts(monkeypatch):
    for name, value in {
        "AWS_LAMBDA_FUNCTION_NAME": "bbws-access-dev-lambda-thing",
        "AWS_REGION": REGION,
        "ENVIRONMENT": "dev",
        "SERVICE_NAME": "thing",
    }.items():
        monkeypatch.setenv(name, value)
    service = Service("thing", contract=Contract(DOCUMENT))
    for operation in ("open", "mine", "see", "by", "make"):
        service.operation(operation)(lambda request: {})
    assert service.handler
    assert service._settings.environment == "dev"
    assert set(service._validators) == {"open", "mine", "see", "by", "make"}

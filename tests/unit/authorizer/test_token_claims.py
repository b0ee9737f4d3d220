"""The trigger that writes into access tokens: claims, hint, and signing in without the tables."""

import io
import json
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

import bbws_access.authorizer.token_claims as module
from bbws_access.authorizer.token_claims import TokenClaims
from bbws_access.kernel.dynamodb import Credentials, Database
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings
from tests.support.tables import REGION
from tests.unit.kernel.loopback import Loopback, http


def _event(user: str, **attributes: str) -> dict:
    return {
        "version": "2",
        "triggerSource": "TokenGeneration_Authentication",
        "userName": user,
        "request": {
            "userAttributes": {"sub": user, "email": "me@example.org", "email_verified": "true", **attributes},
            "groupConfiguration": {},
            "scopes": ["aws.cognito.signin.user.admin"],
        },
        "response": {"claimsAndScopeOverrideDetails": None},
    }


def _claims(event: dict) -> dict:
    details = event["response"]["claimsAndScopeOverrideDetails"]
    assert list(details) == ["accessTokenGeneration"]
    return details["accessTokenGeneration"]["claimsToAddOrOverride"]


@pytest.fixture
def trigger(database: Database, tables: dict[str, str]) -> TokenClaims:
    # Given more time than in production: this is about what is written, on a machine that is busy with tests.
    settings = Settings(region=REGION, tables={name: tables[name] for name in ("permissions", "teams")})
    return TokenClaims(settings, database, Logger("token-claims", "test", stream=io.StringIO()), deadline=5.0)


def _assign(database: Database, tables: dict[str, str], user: str, org: str, **changes: object) -> None:
    item = {"userId": user, "organisationId": org, "roleId": "role-1", "scope": "ORGANISATION", "active": True}
    keys = key("UserRoleAssignment", userId=user, orgId=org, roleId="role-1", teamId="-")
    database.put(tables["permissions"], {**keys, **item, **changes})


def _join(database: Database, tables: dict[str, str], user: str, org: str, *, active: bool = True) -> None:
    item = {"userId": user, "organisationId": org, "teamId": "team-1", "active": active}
    database.put(tables["teams"], {**key("TeamMember", userId=user, orgId=org, teamId="team-1"), **item})


def test_attributes_are_copied_and_organisations_hinted(trigger, database, tables):
    user = str(uuid.uuid4())
    orgs = [new_id("organisation") for _ in range(5)]
    _assign(database, tables, user, orgs[0])
    _assign(database, tables, user, orgs[1], active=False)
    _assign(database, tables, user, orgs[2], expiresAt=(datetime.now(UTC) - timedelta(days=1)).isoformat())
    _assign(database, tables, user, "PLATFORM")
    _join(database, tables, user, orgs[3])
    _join(database, tables, user, orgs[4], active=False)
    claims = _claims(trigger.add(_event(user, **{"custom:organisation_id": orgs[0]})))
    assert claims["custom:organisation_id"] == orgs[0]
    assert claims["email"] == "me@example.org"
    assert sorted(claims["organisations"].split(",")) == sorted([orgs[0], orgs[3]])
    assert set(claims) == {"custom:organisation_id", "email", "organisations"}


@pytest.mark.parametrize("verified", ["false", "False", "TRUE ", "", "yes", None])
def test_an_address_that_is_not_verified_is_no_identity(trigger, verified):
    event = _event(str(uuid.uuid4()), **{"custom:organisation_id": "org-1"})
    attributes = event["request"]["userAttributes"]
    if verified is None:
        del attributes["email_verified"]  # as for somebody whose identity provider says nothing of it
    else:
        attributes["email_verified"] = verified
    assert _claims(trigger.add(event)) == {"custom:organisation_id": "org-1"}


def test_at_most_ten_organisations(trigger, database, tables):
    user = str(uuid.uuid4())
    for _ in range(12):
        _assign(database, tables, user, new_id("organisation"))
    assert len(_claims(trigger.add(_event(user)))["organisations"].split(",")) == 10


def test_somebody_new(trigger):
    assert _claims(trigger.add(_event(str(uuid.uuid4())))) == {"email": "me@example.org"}


@pytest.mark.parametrize("sub", ["*", "", "a#b", None])
def test_a_strange_sub_reads_nothing(trigger, sub):
    event = _event("x")
    event["request"]["userAttributes"]["sub"] = sub
    assert "organisations" not in _claims(trigger.add(event))


@pytest.mark.parametrize("answer", ["hang-up", "500", "slow", "denied", "nonsense"])
def test_signing_in_works_without_the_tables(answer):
    signed_in = threading.Event()
    waited_for = []

    def respond(number: int, head: str, body: bytes) -> bytes | None:
        if answer == "slow":
            waited_for.append(not signed_in.wait(30))
        denied = http(400, {"__type": "x#AccessDeniedException", "message": "no"})
        return {
            "hang-up": None,
            "500": http(500, {}),
            "slow": http(200, {"Items": []}),
            "denied": denied,
            "nonsense": http(200, b"[]"),
        }[answer]

    lines = io.StringIO()
    with Loopback(respond) as server:
        database = Database(REGION, server.url, lambda: Credentials("k", "s"))
        settings = Settings(region=REGION, tables={"permissions": "p", "teams": "t"})
        event = TokenClaims(settings, database, Logger("token-claims", "test", stream=lines)).add(
            _event(str(uuid.uuid4()), **{"custom:organisation_id": "org-1"})
        )
        signed_in.set()
    assert not any(waited_for)
    assert _claims(event) == {"custom:organisation_id": "org-1", "email": "me@example.org"}
    assert json.loads(lines.getvalue())["level"] == "WARN"


def test_the_handler_from_the_environment(monkeypatch):
    with Loopback(lambda number, head, body: http(200, {"Items": [], "Count": 0})) as server:
        for name, value in {
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "ENVIRONMENT": "test",
            "SERVICE_NAME": "token-claims",
            "PERMISSIONS_TABLE": "permissions",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(module, "_token_claims", None)
        event = module.handler(_event(str(uuid.uuid4())), None)
        assert _claims(event) == {"email": "me@example.org"}
        assert len(server.requests) == 1  # it may not read the teams table here


def test_a_pool_without_access_tokens_of_its_own_hints_in_id_tokens(trigger, database, tables):
    """With version 1 only id tokens can be written into, and they have the person's attributes already."""
    user, org = str(uuid.uuid4()), new_id("organisation")
    event = _event(user, **{"custom:organisation_id": org})
    event |= {"version": "1", "response": {"claimsOverrideDetails": None}}
    assert trigger.add(json.loads(json.dumps(event)))["response"] == {"claimsOverrideDetails": None}
    _assign(database, tables, user, org)
    assert trigger.add(event)["response"] == {
        "claimsOverrideDetails": {"claimsToAddOrOverride": {"organisations": org}}
    }

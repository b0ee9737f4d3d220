"""Whatever a client sends, the answer is one that the contract knows, and never a fault of ours."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bbws_access.invitation.handler import service as invitation_service
from bbws_access.kernel.contract import Operation, load_contract
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws import LocalAws
from tests.support.invitations import Post, new_address, new_email
from tests.support.services import Instance, World
from tests.support.teams import Organisation

OPERATIONS = load_contract().operations
TABLES = {"permission": ("permissions", "teams"), "role": ("permissions", "teams"), "team": ("permissions", "teams")}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
# Ids and names that are there, so that not every request ends at the first check.
known: dict[str, list[str]] = {}


def values(schema: dict, name: str = "") -> st.SearchStrategy:
    """Values that fit a schema, those of the test's own records among them."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema["type"]
    if kind == "object":
        required = schema.get("required", ())
        fields = {field: values(one, field) for field, one in schema["properties"].items()}
        return st.fixed_dictionaries(
            {field: one for field, one in fields.items() if field in required},
            optional={field: one for field, one in fields.items() if field not in required},
        )
    if kind == "array":
        most = min(schema["maxItems"], 4)
        items = values(schema["items"], name)
        return st.lists(items, min_size=schema.get("minItems", 0), max_size=most, unique=schema["uniqueItems"])
    if kind == "integer":
        return st.integers(schema.get("minimum"), schema.get("maximum"))
    if kind == "boolean":
        return st.booleans()
    made = st.from_regex(schema["pattern"], fullmatch=True) if "pattern" in schema else st.text()
    made = made.filter(lambda text: len(text) <= schema.get("maxLength", len(text)))
    # Mostly what is there: most of what is made up ends at the first check.
    return st.integers(0, 9).flatmap(lambda n: st.sampled_from(known[name]) if n and known.get(name) else made)


@cache
def bodies(operation: Operation) -> st.SearchStrategy:
    """Bodies that fit, those with one field that does not, and those that fit nothing."""
    if operation.body_schema is None:
        return st.none()
    fitting = values(operation.body_schema)
    fields = st.sampled_from([*operation.body_schema["properties"], "other"])
    spoilt = st.tuples(fitting, fields, anything).map(lambda parts: {**parts[0], parts[1]: parts[2]})
    return st.integers(0, 9).flatmap(lambda n: fitting if n < 7 else (spoilt if n < 9 else anything))


@cache
def requests(operation: Operation) -> st.SearchStrategy:
    """Path parameters, query and body of one operation."""
    path = {one.name: values(one.schema, one.name) for one in operation.parameters if one.location == "path"}
    query = {
        one.name: values(one.schema, one.name).map(lambda value: str(value).lower() if value is not None else "")
        | st.text(max_size=10)
        for one in operation.parameters
        if one.location == "query"
    }
    return st.fixed_dictionaries(
        {
            "path": st.fixed_dictionaries(path),
            "query": st.fixed_dictionaries({}, optional=query),
            "body": bodies(operation),
        }
    )


@pytest.fixture
def instances(
    start_instance: Callable[..., Instance], local_aws: LocalAws, invitation_settings: Settings
) -> Iterator[dict[str, Instance]]:
    started = {
        name: start_instance(importlib.import_module(f"bbws_access.{name}.handler").service, *tables)
        for name, tables in TABLES.items()
    }
    invitation = Instance(invitation_service, invitation_settings, local_aws.endpoint)
    yield {**started, "invitation": invitation}
    invitation.close()


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_every_answer_is_in_the_contract(
    operation_id: str, instances: dict[str, Instance], world: World, seeded_tables: dict[str, str], post: Post
) -> None:
    operation = OPERATIONS[operation_id]
    org = world.organisation()
    root, admin = world.platform(), world.member(org)
    user = world.member(org, "SITE_EDITOR", team_id="team-1")
    roles = instances["role"].call("GET", f"/organisations/{org}/roles", root).expect(200)["items"]
    content = {"name": "Known", "permissions": ["site:read"]}
    made = instances["permission"].call("POST", f"/organisations/{org}/permission-sets", root, content).expect(201)
    teams = Organisation(instances["team"], world, seeded_tables, org)
    team, other = teams.team("Known"), teams.team("Other", divisionId="division-1")
    lead = teams.member(team, "TEAM_LEAD")
    invited = {"email": new_email(), "roleId": roles[0]["roleId"], "teamId": team}
    invitation = instances["invitation"].call("POST", f"/organisations/{org}/invitations", root, invited).expect(201)
    post.deliver(instances["invitation"])
    [letter] = post.letters(invited["email"])
    role_ids, set_ids = [role["roleId"] for role in roles], [made["setId"], "set-viewer"]
    known.update(
        orgId=[org],
        userId=[user, admin, lead],
        roleId=[*role_ids, "role-platform-admin"],
        setId=set_ids,
        permissionSets=set_ids,
        teamId=[team, other, "team-1"],
        toTeamId=[team, other],
        teamRoleId=list(teams.roles.values()),
        divisionId=["division-1"],
        invitationId=[invitation["invitationId"]],
        token=[letter.token],
        email=[invited["email"], "other@example.org"],
        userEmail=["somebody@example.org"],
        name=["Known", "ORG_ADMIN"],
        permissions=["site:read", "site:*", "*", "team:member:*"],
        permissionId=["perm-site-read"],
        path=["/health", f"/v1/organisations/{org}/roles", f"/organisations/{org}/users/{user}/roles"],
        expiresAt=["2999-01-01T00:00:00Z", "2999-01-01T00:00:00.5+02:00"],
    )
    seen: dict[int, int] = {}

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(sent=requests(operation), caller=st.sampled_from([root, root, admin, user, lead, None]))
    def check(sent: dict, caller: str | None) -> None:
        path = operation.path
        for name, value in sent["path"].items():
            path = path.replace(f"{{{name}}}", value)
        raw = None if sent["body"] is None else json.dumps(sent["body"])
        service, source = instances[operation.service], new_address()
        answer = service.call(operation.method, path, caller, query=sent["query"], raw=raw, source=source)
        seen[answer.status] = seen.get(answer.status, 0) + 1
        assert answer.status < 500, answer.body

    check()
    # Not only refusals: the operation itself was reached.
    assert any(status < 300 or status in (404, 409) for status in seen), seen

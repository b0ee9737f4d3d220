"""Calls of a service's handler as API Gateway makes them, each answer checked against the contract."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from threading import Barrier
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from jsonschema_rs import Draft202012Validator

from bbws_access.access import identity
from bbws_access.access.departures import Departures, departures_read, record_departure
from bbws_access.kernel.contract import json_schema, load_contract, load_events, resolve
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key, partition
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.records import Change, Stale, commit, put_over
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws import LocalAws
from bbws_access.reference_data import seed_reference_data
from bbws_access.role import rules, store
from bbws_access.role.engineers import assign_role
from bbws_access.role.organisations import create_organisation
from bbws_access.service.runtime import Service
from bbws_access.team import memberships
from tests.support.tables import REGION, patient_aws, patient_database, query_all

ENGINEER = "platform-engineer"
EVENT_BUS = "bbws-access-test-bus"


class Answer(NamedTuple):
    """status, body (parsed where it is JSON, None for an empty one), headers, and waits for the database."""

    status: int
    body: dict | str | None
    headers: dict[str, str]
    round_trips: int

    @property
    def code(self) -> str:
        return self.body["error"]["code"]

    @property
    def details(self) -> object:
        return self.body["error"]["details"]

    def expect(self, status: int, code: str | None = None) -> dict | str | None:
        """The body, after checking status and error code."""
        assert self.status == status, self.body
        if code is not None:
            assert self.code == code, self.body
        return self.body


class Instance:
    """One instance of a function: its own connections, one request at a time."""

    def __init__(
        self,
        service: Service,
        settings: Settings,
        endpoint: str,
        log: object = None,
        database: Database | None = None,
    ) -> None:
        self.database = database or patient_database(endpoint)
        # The registered operations are the module's; connections and settings belong to an instance.
        instance = copy.copy(service)
        instance._settings = settings
        instance._database = self.database
        instance._aws = self.aws = patient_aws(endpoint)
        instance._log = Logger(service.name, settings.environment, stream=log or _Nowhere())
        self._handle = instance.handler

    def deliver(self, kind: str, **detail: object) -> None:
        """Bring an event as EventBridge does; raises what the function raises."""
        source = load_events()["events"][kind]["source"]
        self.invoke({"id": str(uuid.uuid4()), "source": source, "detail-type": kind, "detail": detail})

    def invoke(self, event: dict) -> dict | None:
        """Hand the function an event that is no request, as Lambda does; raises what the function raises."""
        return self._handle(event, None)

    def close(self) -> None:
        """Close the kept connections."""
        self.database.close()
        self.aws.close()

    def call(
        self,
        method: str,
        path: str,
        user: str | None = None,
        body: object = None,
        query: dict[str, str] | None = None,
        *,
        raw: str | None = None,
        email: str = "",
        source: str = "192.0.2.1",
    ) -> Answer:
        """Send a request as `user`. `raw` is a body that need not be JSON; the path may carry a query.

        email: what the user's token says      source: the address that the request comes from
        """
        parts = urlsplit(path)
        wanted = {**{name: values[-1] for name, values in parse_qs(parts.query).items()}, **(query or {})}
        operation, parameters = load_contract().match(method, parts.path.removeprefix("/v1"))
        event = {
            "httpMethod": method,
            "resource": operation.path,
            "path": parts.path,
            "pathParameters": parameters or None,
            "queryStringParameters": wanted or None,
            "multiValueQueryStringParameters": {name: [value] for name, value in wanted.items()} or None,
            "headers": {"User-Agent": "test"},
            "body": raw if raw is not None else (json.dumps(body) if body is not None else None),
            "isBase64Encoded": False,
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "identity": {"sourceIp": source},
                **({"authorizer": {"userId": user, "email": email, "orgId": ""}} if user else {}),
            },
        }
        before = self.database.round_trips
        response = self._handle(event, None)
        media_type = response["headers"]["Content-Type"].partition(";")[0]
        content: dict | str | None = response["body"]
        if media_type == "application/json":
            content = json.loads(response["body"]) if response["body"] else None
        check_answer(operation.operation_id, response["statusCode"], content, media_type)
        return Answer(response["statusCode"], content, response["headers"], self.database.round_trips - before)


def check_answer(operation_id: str, status: int, body: object, media_type: str = "application/json") -> None:
    """Fail unless the contract knows the status and media type for the operation, and its schema the body."""
    schema = _validator(operation_id, status, media_type)
    if schema is None:
        assert body is None, f"{operation_id} answers {status} with a body"
        return
    if status >= 400:
        listed = error_codes(operation_id, status)
        assert body["error"]["code"] in listed, (
            f"{operation_id} answers {status} {body['error']['code']}, and contract/openapi.json lists {listed} there: "
            "add the code to the response's description and, with an example of its own, to its examples"
        )
        if body["error"]["code"] in ("VALIDATION_ERROR", "INVALID_CURSOR", "PAYLOAD_TOO_LARGE"):
            check_refusal(body["error"])
    errors = [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in schema.iter_errors(body)]
    assert not errors, f"{operation_id} {status}: {errors}"


def check_refusal(error: dict) -> None:
    """Fail unless an error names each field that is wrong, the rule that it breaks, and what that asks for."""
    assert error["details"], error
    for one in error["details"]:
        assert one.keys() <= {"field", "rule", "message", "value"}, one
        assert one["field"] and one["rule"] and one["message"], one
        assert "the value" not in one["message"], f"{one}: the library's words, which say no way out"
        assert len(str(one.get("value", ""))) <= 40, one


@cache
def error_codes(operation_id: str, status: int) -> tuple[str, ...]:
    """The codes that the contract lists for a status of an operation."""
    document = load_contract().document
    for item in document["paths"].values():
        for operation in item.values():
            if operation["operationId"] == operation_id:
                content = resolve(document, operation["responses"][str(status)])["content"]["application/json"]
                examples = content.get("examples", {"": {"value": content.get("example")}})
                return tuple(resolve(document, one)["value"]["error"]["code"] for one in examples.values())
    raise AssertionError(operation_id)


@cache
def _validator(operation_id: str, status: int, media_type: str) -> Draft202012Validator | None:
    document = load_contract().document
    [raw] = [
        operation
        for item in document["paths"].values()
        for operation in item.values()
        if operation["operationId"] == operation_id
    ]
    assert str(status) in raw["responses"], f"{operation_id} answers {status}, which the contract does not know"
    response = json_schema(document, raw["responses"][str(status)])
    if "content" not in response:
        return None
    return Draft202012Validator(response["content"][media_type]["schema"], validate_formats=True)


class _Nowhere:
    def write(self, text: str) -> None:
        """Drop a log line."""

    def flush(self) -> None:
        """Nothing is kept back."""


class World:
    """Organisations and users of one test."""

    def __init__(self, database: Database, tables: dict[str, str]) -> None:
        self.database = database
        self.table = tables["permissions"]
        self.teams_table = tables["teams"]

    def organisation(self) -> str:
        """A new organisation with the default roles; its id."""
        return create_organisation(self.database, self.table, "Acme", Change.outside_a_request(ENGINEER))[
            "organisationId"
        ]

    def user(self) -> str:
        """A user id that nothing knows yet."""
        return str(uuid.uuid4())

    def assign(
        self,
        user: str,
        role: str,
        org_id: str | None = None,
        *,
        team_id: str | None = None,
        expires_at: str | None = None,
        now: datetime | None = None,
        email: str | None = None,
    ) -> dict:
        """Give a user a role, by the role's id or name, without asking who may.

        now: as if it had been then      email: the user's proven address
        """
        change = Change.outside_a_request(ENGINEER)
        if now is not None:
            change = change._replace(now=now)
        if team_id is None and expires_at is None:
            return assign_role(self.database, self.table, user, role, change, org_id, email)["assignment"]
        asked = store.roles(self.table, org_id, {"active": True, "order": "oldest"})
        [page] = self.database.parallel([asked])
        [found] = [one for one in self.database.rest_of(asked, page) if role in (one["roleId"], one["name"])]
        rules.check_team(found, team_id)
        [stored] = self.database.parallel([store.assignment(self.table, org_id, user, found["roleId"], team_id)])
        ends = rules.check_expiry(expires_at, change.now)
        [left] = self.database.parallel([departures_read(self.table, user)])
        count = Departures(user, left).count(org_id)
        record = rules.new_assignment(found, user, team_id, ends, stored, change, departures=count)
        record |= {} if email is None else identity.proven(email)
        return store.assign(self.database, self.table, record, found, stored, change)

    def member(self, org_id: str, role: str = "ORG_ADMIN", **more: object) -> str:
        """A new user who has a role in an organisation."""
        user = self.user()
        self.assign(user, role, org_id, **more)
        return user

    def somebody(self) -> str:
        """A new user who holds something somewhere, and may call what everybody may who is signed in."""
        return self.member(self.organisation(), "ORG_MANAGER")

    def platform(self, role: str = "PLATFORM_ADMIN") -> str:
        """A new user who has a platform role."""
        user = self.user()
        self.assign(user, role)
        return user

    def leave(self, user: str, org_id: str | None = None, *, tidy: bool = True) -> Departures:
        """Somebody leaves, as the services do it when they are told; `tidy`: nothing is left to end then."""
        change = Change.outside_a_request("system")
        departures = record_departure(self.database, self.table, user, org_id, str(uuid.uuid4()), change)
        if tidy:
            self.tidy(departures, org_id)
        return departures

    def tidy(self, departures: Departures, org_id: str | None = None) -> None:
        """End what somebody had who left, as the services do it after the departure is recorded."""
        change = Change.outside_a_request("system")
        held = store.all_assignments_of_user(self.table, departures.user_id, org_id)
        store.end_found(self.database, self.table, held, change, departures.ended)
        memberships.end_all_of_user(self.database, self.teams_table, departures, org_id, change)

    def take_from_teams(self, user: str, org_id: str) -> None:
        """End a user's memberships in an organisation, one after another, as somebody who manages its members does."""
        found = query_all(self.database, self.teams_table, partition("TeamMember", userId=user), sort_prefix="ORG#")
        for one in found:
            if one["active"] and one["organisationId"] == org_id:
                change = Change.outside_a_request("somebody")
                commit(self.database, memberships.end(self.teams_table, [one], change, keep_leads=False))

    def take_roles(self, user: str, org_id: str) -> None:
        """End a user's roles in an organisation, as somebody who may assign roles does it."""
        change = Change.outside_a_request("somebody")
        store.end_found(self.database, self.table, store.all_assignments_of_user(self.table, user, org_id), change)

    def touch_role(self, org_id: str, role_id: str, **changes: object) -> None:
        """Somebody else stores the next version of a role."""
        read = store.role(self.table, org_id, role_id)
        stored, uses = self.database.parallel([read, store.USES.read(self.table, org_id, role_id)])
        record = {**stored, **changes, "version": stored["version"] + 1}
        change = Change.outside_a_request("somebody")
        steps = [
            (put_over(self.table, record, stored), Stale()),
            *store.USES.renewed(self.table, record, change, uses, unused=False),
        ]
        commit(self.database, steps)

    def team(self, org_id: str, team_id: str | None = None, *, active: bool = True) -> str:
        """A team of an organisation; its id."""
        team_id = team_id or new_id("team")
        item = {"organisationId": org_id, "teamId": team_id, "name": "Team", "active": active, "version": 1}
        self.database.put(self.teams_table, {**key("Team", orgId=org_id, teamId=team_id), **item})
        return team_id

    def put(self, item: dict) -> None:
        """Store a record as it is, for states that the services do not make themselves."""
        self.database.put(self.table, item)


def at_once(tasks: list[Callable[[], object]]) -> list[object]:
    """The results of tasks that start at the same moment, each in a thread of its own."""
    barrier = Barrier(len(tasks))

    def run(task: Callable[[], object]) -> object:
        barrier.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def moment(text: str) -> datetime:
    """A time of an answer."""
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture(scope="session")
def seeded_tables(local_aws: LocalAws, tables: dict[str, str]) -> dict[str, str]:
    """The tables, with the reference data in them."""
    database = patient_database(local_aws.endpoint)
    seed_reference_data(database, tables["permissions"], ENGINEER)
    database.close()
    boto3.client("events").create_event_bus(Name=EVENT_BUS)
    return tables


@pytest.fixture
def start_instance(local_aws: LocalAws, seeded_tables: dict[str, str]) -> Iterator[Callable[..., Instance]]:
    """Starts instances of a service's function, with the tables that it may use and no other."""
    instances: list[Instance] = []

    def start(service: Service, *names: str, log: object = None, **more: object) -> Instance:
        tables = {name: seeded_tables[name] for name in names}
        settings = Settings(
            region=REGION, environment="test", service=service.name, tables=tables, event_bus=EVENT_BUS, **more
        )
        instances.append(Instance(service, settings, local_aws.endpoint, log))
        return instances[-1]

    yield start
    for instance in instances:
        instance.close()


@pytest.fixture
def world(database: Database, seeded_tables: dict[str, str]) -> World:
    """Makes organisations and users of the test's own."""
    return World(database, seeded_tables)

"""The largest holdings that the API lets anybody have, decided by the authorizer in a process of its own, as on AWS.

    python -m benchmarks.largest [--runs 3] [--json]

Nobody has more than 100 roles and 100 teams in one organisation, nor accepts invitations of more than 150
organisations. What a decision reads of roles, sets and team roles is limited too, so holdings that stay just below
that limit are among these. The process starts as a function does, from its environment, and is asked twice: the first
decision of a new function, and the next one. The tables are played by the parent, with TLS, projections and pages of a
megabyte.

A function has a processor's share that grows with its memory, one whole processor at 1,769 MB, so its CPU takes
longer. Goal: that is at most a tenth of the function's timeout. Beside it the time with the waits for the database,
each as long as the bill reckons.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import rsa

from bbws_access.access.joining import MOST_ACCEPTED
from bbws_access.cost.bill import milliseconds, read_measured
from bbws_access.cost.facts import MEASURED
from bbws_access.cost.usage import read_usage
from bbws_access.kernel.contract import load_contract, load_permissions, load_roles
from bbws_access.kernel.dynamodb import encode_item
from bbws_access.kernel.keys import key as item_key
from bbws_access.role.rules import MOST_ASSIGNMENTS
from bbws_access.team.rules import MOST_MEMBERSHIPS
from benchmarks.authorizer import CLIENT, POOL, REGION, _certificate, _padless, _serve, _token

ROOT = Path(__file__).resolve().parents[1]
USER = "11111111-1111-4111-8111-111111111111"
ONLY_BY_NAME = True
ORGANISATIONS = MOST_ACCEPTED
TIMES_TO_SPARE = 10
PAGE = 1024 * 1024
MOST_TRIES = 20
STAMP = "2026-11-30T12:00:00.000Z"


class Holding(NamedTuple):
    """What is held in each organisation.

    roles: the first in the organisation, the others in teams      teams: that are led
    sets: that each role carries, each its own      large: nearly all permissions in each role and set
    own: whether each team has a team role of its own
    """

    roles: int = 0
    teams: int = 0
    sets: int = 0
    large: bool = False
    own: bool = False
    organisations: int = ORGANISATIONS


HOLDINGS = {
    "manager": Holding(1),
    "leader": Holding(teams=MOST_MEMBERSHIPS),
    "roles": Holding(MOST_ASSIGNMENTS),
    "all of it": Holding(MOST_ASSIGNMENTS, MOST_MEMBERSHIPS, own=True),
    "with sets": Holding(MOST_ASSIGNMENTS, MOST_MEMBERSHIPS, sets=5, own=True),
    # Roles are read of all organisations first, and say which sets are too many.
    "large": Holding(2, sets=1, large=True),
    "large teams": Holding(2, MOST_MEMBERSHIPS, large=True),
    # One organisation with all that its limits let one person have.
    "one": Holding(MOST_ASSIGNMENTS, MOST_MEMBERSHIPS, sets=5, own=True, organisations=1),
}
_FUNCTION = """
import json, sys, time
began = time.process_time()
from bbws_access.authorizer.handler import handler
times = [(time.process_time() - began) * 1000]
event = json.loads(sys.argv[1])
for _ in range(2):
    began = time.process_time()
    answer = handler(event, None)
    times.append((time.process_time() - began) * 1000)
print(json.dumps({"times": times, "allows": answer["policyDocument"]["Statement"][0]["Effect"]}))
"""

Item = dict[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 where a decision takes more than its part of the timeout."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.largest", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    service = json.loads((ROOT / "contract" / "services.json").read_text(encoding="utf-8"))["services"]["authorizer"]
    wait = read_usage("organisations-100", list(load_contract().operations)).values["wait"]
    goal = service["timeoutSeconds"] * 1000 / TIMES_TO_SPARE
    figures = {}
    for name, holding in HOLDINGS.items():
        runs = [_decided(holding) for _ in range(options.runs)]
        figures[name] = {
            "records": holding.organisations * (holding.roles + holding.teams),
            "waits": [one["waits"] for one in runs[0]],
            "cpu_ms": [round(statistics.median(run[n]["cpu"] for run in runs), 1) for n in (0, 1)],
        }
        memory = service["memoryMegabytes"]
        for kind, each in (("at_memory_ms", 0), ("with_waits_ms", wait)):
            figures[name][kind] = [
                round(milliseconds(cpu, each * waits, memory))
                for cpu, waits in zip(figures[name]["cpu_ms"], figures[name]["waits"], strict=True)
            ]
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        print(f"{ORGANISATIONS} organisations, {service['memoryMegabytes']} MB; the first decision and the next one")
        print(f"{'holding':<12}{'records':>9}{'waits':>9}{'CPU ms':>16}{'at memory':>14}{'with waits':>14}")
        for name, one in figures.items():
            kinds = [("waits", 9), ("cpu_ms", 16), ("at_memory_ms", 14), ("with_waits_ms", 14)]
            shown = "".join(f"{'{:g} {:g}'.format(*one[kind]):>{width}}" for kind, width in kinds)
            print(f"{name:<12}{one['records']:>9}{shown}")
    missed = [name for name, one in figures.items() if max(one["at_memory_ms"]) > goal]
    print(f"Goal, {goal:g} ms: {'MISSED by ' + ', '.join(missed) if missed else 'met'}", file=sys.stderr)
    return int(bool(missed))


def _decided(holding: Holding) -> list[dict[str, float]]:
    """CPU in milliseconds and waits of the first decision of a new function, and of the next."""
    organisations = [f"org-{n:026d}" for n in range(holding.organisations)]
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    tables, answers = Tables(organisations, holding), {"jwks": _key_set(key)}
    with tempfile.TemporaryDirectory() as folder:
        certificate = _certificate(Path(folder))
        fork = multiprocessing.get_context("fork")
        ready = fork.Pipe()
        arguments = (certificate, answers, ready[1], lambda _, request: tables.answer(request))
        server = fork.Process(target=_serve, args=arguments, daemon=True)
        server.start()
        try:
            endpoint = f"https://127.0.0.1:{ready[0].recv()}"
            asked = endpoint, certificate, _token(key, USER, organisations[0]), organisations[0]
            for _ in range(MOST_TRIES):  # until the tables know their answers, which take them longer than DynamoDB
                if found := _ask(*asked):
                    return _ask(*asked) or found
            raise RuntimeError("The authorizer gave no decision; what it says is above")
        finally:
            server.terminate()
            server.join()


def _ask(endpoint: str, certificate: Path, token: str, org_id: str) -> list[dict[str, float]] | None:
    """None where the tables did not answer in time."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        "AWS_LAMBDA_FUNCTION_NAME": "authorizer",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CA_BUNDLE": str(certificate),
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "ENVIRONMENT": "benchmark",
        "SERVICE_NAME": "authorizer",
        "PERMISSIONS_TABLE": "permissions",
        "TEAMS_TABLE": "teams",
        "USER_POOL_ID": POOL,
        "CLIENT_IDS": CLIENT,
        "APIS": "abcdefghij=access",
    }
    arn = f"arn:aws:execute-api:{REGION}:000000000000:abcdefghij/v1/GET/organisations/{org_id}/roles"
    event = {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": arn}
    command = [sys.executable, "-c", _FUNCTION, json.dumps(event)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if done.returncode:
        print(done.stdout[-2000:], file=sys.stderr)
        return None
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
    decisions = [line for line in lines if line["message"] == "Access decision"]
    assert last["allows"] == "Allow" and len(decisions) == 2, done.stdout
    return [{"cpu": cpu, "waits": line["roundTrips"]} for cpu, line in zip(last["times"][1:], decisions, strict=True)]


class Tables:
    """What DynamoDB answers: pages of a megabyte of whole items, of which it shows what is asked for."""

    def __init__(self, organisations: list[str], holding: Holding) -> None:
        roles, teams = holding.roles, holding.teams
        self._sizes = read_measured(MEASURED, list(load_contract().operations))["itemBytes"]
        self._items: dict[str, Item] = {}
        self._partitions: dict[str, list[Item]] = {}
        self._pages: dict[str, bytes] = {}
        defaults = load_roles()
        manager = next(one for one in defaults["defaultOrganisationRoles"] if one["name"] == "ORG_MANAGER")
        lead = defaults["defaultTeamRoles"][0]
        # Different ones, so that nothing is reckoned once for all.
        every = sorted(one["name"] for one in load_permissions())
        for o, org_id in enumerate(organisations):
            for n in range(max(roles, 1)):
                role_id, team_id = f"role-{o * 1000 + n:026d}", f"team-{o * 1000 + n:026d}"
                scope = "TEAM" if n else "ORGANISATION"
                place = {"orgId": org_id, "roleId": role_id}
                sets = [f"set-{(o * 100 + n) * 100 + k:026d}" for k in range(holding.sets)]
                permissions = manager["permissions"]
                if holding.large:
                    left = {o % len(every), (o // len(every) + n) % len(every)}
                    permissions = [one for k, one in enumerate(every) if k not in left]
                self._add("OrganisationRole", place, roleId=role_id, scope=scope, name=manager["name"],
                          displayName=manager["displayName"], permissions=permissions,
                          permissionSets=sets)  # fmt: skip
                for set_id in sets:
                    self._add("PermissionSet", {"orgId": org_id, "setId": set_id}, setId=set_id,
                              permissions=permissions[:50])  # fmt: skip
                if n < roles:
                    place |= {"userId": USER, "teamId": team_id if n else "-"}
                    given = {"teamId": team_id} if n else {}
                    self._add("UserRoleAssignment", place, userId=USER, organisationId=org_id, roleId=role_id,
                              scope=scope, assignedAt=STAMP, assignedBy=USER, departures=0, **given)  # fmt: skip
            for n in range(teams):
                team_role = f"trole-{o * 1000 + n * holding.own:026d}"
                if holding.own or not n:
                    self._add("TeamRoleDefinition", {"orgId": org_id, "teamRoleId": team_role}, teamRoleId=team_role,
                              name=lead["name"], capabilities=lead["capabilities"])  # fmt: skip
                team_id = f"team-{o * 1000 + n:026d}"
                self._add("TeamMember", {"userId": USER, "orgId": org_id, "teamId": team_id}, userId=USER,
                          organisationId=org_id, teamId=team_id, teamRoleId=team_role, departures=0)  # fmt: skip

    def _add(self, entity: str, place: dict[str, str], **values: Any) -> None:
        made = {"dateCreated": STAMP, "createdBy": USER, "dateLastUpdated": STAMP, "lastUpdatedBy": USER}
        item = {**item_key(entity, **place), **values, **made, "active": True, "version": 1, "entityType": entity}
        # As large as what the services write, with the keys of its indexes, names and addresses.
        item["rest"] = "x" * max(0, self._sizes[entity] - len(json.dumps(item)))
        self._items[item["PK"] + "\n" + item["SK"]] = item
        self._partitions.setdefault(item["PK"], []).append(item)

    def answer(self, request: dict[str, Any]) -> bytes:
        known = json.dumps(request, sort_keys=True)
        if known not in self._pages:
            # As compact as DynamoDB writes it.
            self._pages[known] = json.dumps(self._answer(request), separators=(",", ":")).encode()
        return self._pages[known]

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "Key" in request:
            found = self._items.get(_name(request["Key"]))
            return {"Item": _shown(found, request)} if found else {}
        if "RequestItems" in request:
            found_in = {
                table: [_shown(one, part) for wanted in part["Keys"] if (one := self._items.get(_name(wanted)))]
                for table, part in request["RequestItems"].items()
            }
            return {"Responses": found_in, "UnprocessedKeys": {}}
        place = request["ExpressionAttributeValues"][":pk"]["S"]
        items = self._partitions.get(place, [])
        start = 0
        if "ExclusiveStartKey" in request:
            start = items.index(self._items[_name(request["ExclusiveStartKey"])]) + 1
        size, end = 0, start
        while end < len(items) and size < PAGE and end - start < request.get("Limit", len(items)):
            size += len(json.dumps(items[end]))
            end += 1
        shown = [_shown(one, request) for one in items[start:end]]
        page: dict[str, Any] = {"Items": shown, "Count": len(shown)}
        if end < len(items):
            page["LastEvaluatedKey"] = encode_item({name: items[end - 1][name] for name in ("PK", "SK")})
        return page


def _name(place: dict[str, dict[str, str]]) -> str:
    return place["PK"]["S"] + "\n" + place["SK"]["S"]


def _shown(item: Item, request: dict[str, Any]) -> dict[str, Any]:
    names = request.get("ExpressionAttributeNames", {})
    asked = request.get("ProjectionExpression")
    if asked is None:
        return encode_item(item)
    wanted = {names.get(one.strip(), one.strip()) for one in asked.split(",")}
    return encode_item({name: value for name, value in item.items() if name in wanted})


def _key_set(key: rsa.RSAPrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    entry = {"kid": "one", "kty": "RSA", "alg": "RS256", "use": "sig"}
    return json.dumps({"keys": [entry | {"n": _padless(numbers.n), "e": _padless(numbers.e)}]}).encode()


if __name__ == "__main__":
    sys.exit(main())

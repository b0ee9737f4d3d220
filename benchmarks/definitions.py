"""What the reads behind a decision cost where an organisation has defined five hundred roles, as it is and as it was.

    python -m benchmarks.definitions [--against REVISION] [--runs 3] [--json]

One person's access as the authorizer reads it and as a service does for its second check, over TLS from a local AWS of
the benchmark's own: CPU of the process that reads, requests, waits, and read units by DynamoDB's rules. `first` is a
function that knows nobody yet, `then` the same one later. Goals against a revision: where there are 500 roles, `then`
takes at most 1/15 of its units and 1/10 of its CPU; with a default role, `first` takes no more of anything counted.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
READS = 40
UNITS_GOAL, CPU_GOAL = 15, 10
# Roles, sets and team roles of the organisation, and which of the roles the person holds; a set comes with the last.
HOLDERS = {
    "default role, organisation as it begins": (5, 0, 4, 0),
    "default role, 500 roles": (500, 500, 100, 0),
    "one of 500 roles": (500, 500, 100, 250),
    "one of 500 roles, with a set": (500, 500, 100, 499),
}
_COLUMNS = {
    "dateCreated": "2026-01-01T00:00:00.000Z",
    "dateLastUpdated": "2026-01-01T00:00:00.000Z",
    "createdBy": "11111111-1111-4111-8111-111111111111",
    "lastUpdatedBy": "11111111-1111-4111-8111-111111111111",
    "requestId": "11111111-1111-4111-8111-111111111111",
    "version": 1,
    "active": True,
    "displayName": "As long as it is in an organisation",
    "description": "What people write about a role, a set or a team role: a line",
}


def main(arguments: list[str] | None = None) -> int:
    """Measure in turns, and say what missed a goal by the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.definitions", description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="REVISION", help="a commit to compare with")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    from tests.support.tables import REGION, create_tables, patient_database

    from bbws_access.local_aws import LocalAws

    environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        trees = {"now": ROOT}
        if options.against:
            trees[options.against] = _checked_out(options.against, Path(folder))
        aws = LocalAws(Path(folder) / "aws", REGION)
        aws.start()
        os.environ.update(aws.environment())
        try:
            tables = create_tables()
            people = _people(patient_database(aws.endpoint), tables)
            asked = {"endpoint": aws.endpoint, "tables": {name: tables[name] for name in ("permissions", "teams")}}
            asked["people"] = people
            runs: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
            for _ in range(options.runs):
                for name, tree in trees.items():
                    runs[name].append(_child(tree, asked))
        finally:
            os.environ.clear()
            os.environ.update(environment)
            aws.stop()
    figures = {name: _medians(found) for name, found in runs.items()}
    missed = _missed(figures["now"], figures[options.against]) if options.against else []
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        print(_table(figures, options.against))
        print(f"Goals: {'; '.join(missed) or 'met'}")
    return int(bool(missed))


def _people(database: Any, tables: dict[str, str]) -> dict[str, list[str]]:
    """A user and their organisation, for each kind of holder."""
    from bbws_access.kernel.contract import load_roles
    from bbws_access.kernel.dynamodb import Put
    from bbws_access.kernel.ids import new_id
    from bbws_access.kernel.keys import key

    defaults = load_roles()
    people = {}
    for number, (holder, (roles, sets, team_roles, held)) in enumerate(HOLDERS.items()):
        org, user = new_id("organisation"), f"00000000-0000-4000-8000-{number:012d}"
        items: list[tuple[str, dict]] = []
        # In the order in which they were made, as ids are from one millisecond to the next.
        set_ids = sorted(new_id("permission-set") for _ in range(sets))
        for one in set_ids:
            words = {"setId": one, "organisationId": org, "name": "A set", "permissions": ["site:read", "site:update"]}
            items.append(("permissions", {**key("PermissionSet", orgId=org, setId=one), **words}))
        role_ids = sorted(new_id("role") for _ in range(roles))
        for n, one in enumerate(role_ids):
            default = defaults["defaultOrganisationRoles"][n if n < 5 else 1]
            words = {"roleId": one, "organisationId": org, "name": default["name"] if n < 5 else f"ROLE_{n}"}
            words |= {"scope": default["scope"], "permissions": default["permissions"], "priority": 500}
            words["permissionSets"] = [set_ids[-1]] if n == 499 else []
            items.append(("permissions", {**key("OrganisationRole", orgId=org, roleId=one), **words}))
        team_role_ids = sorted(new_id("team-role") for _ in range(team_roles))
        for one in team_role_ids:
            words = {"teamRoleId": one, "organisationId": org, "name": "A", "capabilities": ["CAN_VIEW_MEMBERS"]}
            items.append(("teams", {**key("TeamRoleDefinition", orgId=org, teamRoleId=one), **words}))
        given = {"userId": user, "organisationId": org, "roleId": role_ids[held], "scope": "ORGANISATION"}
        given |= {"roleName": "A", "assignedBy": user, "assignedAt": _COLUMNS["dateCreated"]}
        place = key("UserRoleAssignment", userId=user, orgId=org, roleId=role_ids[held], teamId="-")
        items.append(("permissions", {**place, **given}))
        for n in range(2):
            team = new_id("team")
            given = {"userId": user, "organisationId": org, "teamId": team, "teamRoleId": team_role_ids[n]}
            items.append(("teams", {**key("TeamMember", userId=user, orgId=org, teamId=team), **given}))
        for start in range(0, len(items), 100):
            puts = [Put(tables[table], {**_COLUMNS, **item}) for table, item in items[start : start + 100]]
            database.transact(puts)
        people[holder] = [user, org]
    return people


def _checked_out(revision: str, folder: Path) -> Path:
    archive = subprocess.run(
        ["git", "archive", "--format=tar", revision, "src", "contract"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def _child(tree: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """The figures of a tree's code, from a process that has no other."""
    environment = os.environ | {"PYTHONPATH": f"{tree / 'src'}{os.pathsep}{ROOT}"}
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", str(tree)]
    ran = subprocess.run(command, env=environment, input=json.dumps(asked), capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def _measure(tree: str, asked: dict[str, Any]) -> dict[str, Any]:
    """By holder and reader, `first` and `then`: milliseconds, waits, requests, units."""
    from tests.support.units import units_of

    import bbws_access
    from bbws_access.access.reader import read_access, read_access_in
    from bbws_access.kernel.dynamodb import Database
    from bbws_access.kernel.settings import Settings

    assert Path(bbws_access.__file__).is_relative_to(tree), bbws_access.__file__
    sent: list = []

    class Recording(Database):
        def _run(self, calls: list, deadline: float | None = None) -> list:
            sent.extend(calls)
            return super()._run(calls, deadline)

    database = Recording("eu-west-1", asked["endpoint"], deadline=60.0, attempt_timeout=30.0)
    settings = Settings(region="eu-west-1", tables=asked["tables"])
    figures: dict[str, Any] = {}
    for holder, (user, org) in asked["people"].items():
        readers = {
            "decision": lambda user=user, org=org: read_access(database, settings, user, [org]),
            "second check": lambda user=user, org=org: read_access_in(database, settings, user, org)[0],
        }
        for name, read in readers.items():
            _forget()
            rounds: list[list[float]] = []
            for n in range(READS):
                sent.clear()
                trips, began = database.round_trips, time.process_time()
                access = read()
                cpu = (time.process_time() - began) * 1000
                counts = [database.round_trips - trips, len(sent), 0]
                if n in (0, READS - 1):
                    counts[2] = units_of(database, list(sent))
                rounds.append([cpu, *counts])
            assert access.grants and access.memberships, holder
            then = [statistics.median(one[0] for one in rounds[READS // 2 :]), *rounds[-1][1:]]
            figures[f"{holder}: {name}"] = {"first": rounds[0], "then": then}
    return figures


def _forget() -> None:
    """Be a function that starts, in a revision that remembers anything."""
    import contextlib

    with contextlib.suppress(ImportError):
        from bbws_access.access.reader import REMEMBERED

        REMEMBERED.clear()


def _medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: {
            when: [statistics.median(run[name][when][n] for run in runs) for n in range(4)]
            for when in ("first", "then")
        }
        for name in runs[0]
    }


def _missed(now: dict[str, Any], before: dict[str, Any]) -> list[str]:
    missed = []
    for name, found in now.items():
        was = before[name]["then"]
        if "500" in name and (found["then"][3] * UNITS_GOAL > was[3] or found["then"][0] * CPU_GOAL > was[0]):
            missed.append(
                f"{name}: 1/{was[3] / found['then'][3]:.1f} of units, 1/{was[0] / found['then'][0]:.1f} of CPU"
            )
        if "default" in name and any(one > most for one, most in zip(found["first"][1:], was[1:], strict=True)):
            missed.append(f"{name}, at first: more than before")
    return missed


def _table(figures: dict[str, Any], against: str | None) -> str:
    lines = [f"{'':58s} {'CPU ms':>8s} {'waits':>6s} {'requests':>9s} {'units':>7s}"]
    for name, found in figures["now"].items():
        rows = [("first", found["first"]), ("then", found["then"])]
        if against:
            rows.append(("before", figures[against][name]["then"]))
        lines += [
            f"{name if n == 0 else '':50s} {when:>7s} {row[0]:8.2f} {row[1]:6.0f} {row[2]:9.0f} {row[3]:7.1f}"
            for n, (when, row) in enumerate(rows)
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(_measure(sys.argv[2], json.load(sys.stdin))))
    else:
        sys.exit(main())

"""What each operation costs, how soon a service answers after a start, and whether long lists cost more further on.

    python -m benchmarks.services [OPERATION ...]

On a local AWS of its own. CPU is that of the process that runs the handler, so neither the emulator nor other work of
the machine counts; seconds until a first answer are the machine's, and mean something only when it is idle.
Goals: a read waits for the database once, a write once more for one transaction; first answer within 2 s;
the first, the middle and the last page of a list of 10,000 within 1.5 times each other's CPU, and as many requests; the
last one may cost less, where less is left to read.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from tests.support.tables import REGION

from bbws_access.kernel.contract import Operation, load_contract
from bbws_access.kernel.paging import decode_cursor, encode_cursor
from bbws_access.local_aws import LocalAws
from bbws_access.packaging.build import FUNCTIONS, package
from bbws_access.service.links import cursor_scope
from benchmarks._scenarios import SCENARIOS, SERVICES, Asked, Cost, Crowd, Place

ROOT = Path(__file__).resolve().parents[1]
TIMES = 15
STARTS = 5
FIRST_ANSWER_GOAL = 2.0  # seconds
CROWD = 10_000
PAGE = 100
PAGES_GOAL = 1.5

# Requests that change nothing although they are no GET.
READS = {"previewRole", "checkAccess"}


class Limit(NamedTuple):
    """How often an operation may wait for the database, to read and to write, and why that is not the goal."""

    reads: int
    writes: int
    why: str


_HELD = "the address says whose account it is, and that what the person has already"
_BY_TOKEN = "the use of the token is counted, while the invitation is read"
BEYOND_THE_GOAL = {
    "listUserTeams": Limit(2, 0, "the memberships tell which teams' names are needed"),
    "assignRole": Limit(2, 1, "of whoever has nothing there yet, in how many other organisations they are"),
    "previewRole": Limit(2, 0, "the assignments tell whose other roles count; one more for each 37 roles that may"),
    "createInvitation": Limit(2, 1, _HELD),
    "createInvitations": Limit(2, 1, _HELD),
    "resendInvitation": Limit(2, 1, _HELD),
    "readInvitation": Limit(1, 1, _BY_TOKEN),
    "declineInvitation": Limit(1, 2, _BY_TOKEN),
    "acceptInvitation": Limit(2, 2, f"{_BY_TOKEN}; that tells what is offered, by whom, and whose account it is for"),
}


class LongList(NamedTuple):
    """Which of the crowd's items a list shows in the order of which attribute, and how many are a page."""

    items: Callable[[Crowd], list[dict]]
    order: str
    page: int = PAGE
    newest_first: bool = False


LISTS = {
    "listTeamMembers": LongList(lambda crowd: crowd.in_team(crowd.members), "GSI1SK"),
    "listRoleUsers": LongList(lambda crowd: crowd.assignments, "GSI1SK"),
    "reviewAccess": LongList(lambda crowd: crowd.reviewed(), "after"),
    "listTeams": LongList(lambda crowd: crowd.teams, "SK", newest_first=True),
    "listInvitations": LongList(lambda crowd: crowd.invitations, "SK", newest_first=True),
    "listUserRoles": LongList(lambda crowd: crowd.of_user(crowd.assignments), "SK", 10),
    "listUserTeams": LongList(lambda crowd: crowd.of_user(crowd.members), "SK", 10),
}


def main(arguments: list[str]) -> int:
    """Exit status 1 when a goal is missed."""
    operations = load_contract().operations
    missing = sorted(operations.keys() - SCENARIOS.keys())
    if missing:
        print(
            f"The contract has operations without a scenario: {', '.join(missing)}. "
            "Say in benchmarks/_scenarios.py what they are asked.",
            file=sys.stderr,
        )
        return 1
    unknown = sorted(set(arguments) - operations.keys())
    if unknown:
        print(f"The contract has no operation {', '.join(unknown)}.", file=sys.stderr)
        return 2
    print(f"Load of the machine {os.getloadavg()[0]:.1f}", flush=True)
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(Path(folder) / "aws", REGION)
        aws.start()
        os.environ.update(aws.environment())
        try:
            place = Place(aws.endpoint)
            missed = operations_cost(place, arguments or list(operations))
            if not arguments:
                missed += starts_cost(place, Path(folder))
                missed += lists_cost(Crowd(place, CROWD), place)
        finally:
            os.environ.clear()
            os.environ.update(environment)
            aws.stop()
    needed = len(BEYOND_THE_GOAL.keys() & set(arguments or operations))
    print(f"Goals: {f'{missed} MISSED' if missed else 'met'}; {needed} operations have goals of their own, marked *")
    return int(missed > 0)


# Operations


def operations_cost(place: Place, names: list[str]) -> int:
    """Print what each operation costs; how many miss their goal."""
    print(f"Operations: medians of {TIMES} requests")
    print(f"  {'':26}{'CPU':>8}  {'waits for the database':>22}  {'requests':>8}  {'other':>5}")
    print(f"  {'operation':26}{'ms':>8}  {'to read':>11}{'to write':>11}  {'to it':>8}  {'AWS':>5}")
    missed, total = 0, []
    for name in names:
        operation = load_contract().operations[name]
        place.settle()
        cost = median([measured(place, operation) for _ in range(TIMES + 2)][2:])
        total.append(cost.cpu)
        limit = BEYOND_THE_GOAL.get(name) or goal_of(operation)
        verdict = ""
        if cost.reads > limit.reads or cost.writes > limit.writes:
            missed += 1
            verdict = f"  MISSED: at most {limit.reads} to read, {limit.writes} to write"
        elif limit.why:
            verdict = "  *"
        counts = f"{cost.reads:>11}{cost.writes:>11}  {cost.requests:>8}  {cost.others:>5}"
        print(f"  {name:26}{cost.cpu:>8.2f}  {counts}{verdict}", flush=True)
    print(f"  own CPU: median {statistics.median(total):.2f} ms, most {max(total):.2f} ms")
    for name in names:
        if name in BEYOND_THE_GOAL:
            limit = BEYOND_THE_GOAL[name]
            print(f"  * {name}, at most {limit.reads} to read and {limit.writes} to write: {limit.why}")
    return missed


def goal_of(operation: Operation) -> Limit:
    return Limit(1, 0 if operation.method == "GET" or operation.operation_id in READS else 1, "")


def measured(place: Place, operation: Operation, asked: Asked | None = None) -> Cost:
    """What one request cost, which must have succeeded."""
    answer = place.request(operation, asked or SCENARIOS[operation.operation_id](place))
    if answer.status >= 300:
        sys.exit(f"{operation.operation_id} answered {answer.status}, so its cost means nothing: {answer.body}")
    return place.instances[operation.service].cost


def median(costs: list[Cost]) -> Cost:
    """The median CPU, and the most of everything that is counted."""
    counts = (max(one[n] for one in costs) for n in range(1, len(Cost._fields)))
    return Cost(statistics.median(one.cpu for one in costs), *counts)


# Starts


# What Lambda does: imports the module, then calls its handler. Only what the package holds can be imported.
_START = """
import sys, time
sys.path.insert(0, sys.argv[1])
import importlib, json
began = time.process_time()
handler = importlib.import_module(sys.argv[2]).handler
imported = time.process_time()
answer = handler(json.load(sys.stdin), None)
print(json.dumps([imported - began, time.process_time() - imported, time.monotonic(), answer["statusCode"]]))
"""
FIRST = {
    "permission": "listPermissionSets",
    "role": "listRoles",
    "team": "listTeams",
    "invitation": "listInvitations",
}


def starts_cost(place: Place, folder: Path) -> int:
    """Print what the start of each service's packaged function costs; how many miss their goal."""
    print(f"Start of the packaged functions: medians of {STARTS} fresh processes")
    print(f"  {'service':26}{'import, CPU ms':>15}{'first request, CPU ms':>23}{'first answer, s':>17}")
    missed = 0
    for built in package("local", list(SERVICES), root=ROOT, build=folder / "build"):
        service, code = built.function, folder / built.function
        with zipfile.ZipFile(built.path) as archive:
            archive.extractall(code)
        measured(place, load_contract().operations[FIRST[service]])
        event = json.dumps(place.instances[service].event)
        runs = [start(code, service, place, event) for _ in range(STARTS)]
        imported, first, seconds = (statistics.median(one[n] for one in runs) for n in range(3))
        verdict = "" if seconds < FIRST_ANSWER_GOAL else f"  MISSED: {FIRST_ANSWER_GOAL:.0f} s"
        missed += bool(verdict)
        print(f"  {service:26}{imported * 1000:>15.0f}{first * 1000:>23.1f}{seconds:>17.2f}{verdict}", flush=True)
    return missed


def start(code: Path, service: str, place: Place, event: str) -> tuple[float, float, float]:
    """CPU seconds of the import and of the first request, and seconds from nothing to the first answer."""
    names = {f"{name.upper()}_TABLE": place.tables[name] for name in SERVICES[service][1]}
    told = {"ENVIRONMENT": "test", "SERVICE_NAME": service, "AWS_LAMBDA_FUNCTION_NAME": f"benchmark-{service}"}
    command = [sys.executable, "-I", "-S", "-B", "-c", _START, str(code), FUNCTIONS[service]]
    began = time.monotonic()
    ran = subprocess.run(
        command, input=event, check=True, capture_output=True, text=True, env={**os.environ, **names, **told}
    )
    imported, first, answered, status = json.loads(ran.stdout.splitlines()[-1])
    if status != 200:
        sys.exit(f"The packaged {service} answered {status}: {ran.stdout}")
    return imported, first, answered - began


# Long lists


def lists_cost(crowd: Crowd, place: Place) -> int:
    """Print what the first, the middle and the last page of each list cost; how many miss their goal."""
    print(f"Lists: medians of {TIMES} requests for a page")
    print(f"  {'':26}{'items':>8}{'a page':>8}{'first page':>20}{'middle page':>20}{'last page':>20}{'ratio':>8}")
    missed = 0
    for name, long in LISTS.items():
        operation = load_contract().operations[name]
        count, cursors = cursors_of(crowd, place, operation, long)
        pages = [page(crowd, long, cursor) for cursor in cursors]
        # In turns: what else the machine does falls on all of them.
        runs = [[measured(place, operation, asked) for asked in pages] for _ in range(TIMES)]
        costs = [median(list(of_page)) for of_page in zip(*runs, strict=True)]
        ratio = max(one.cpu for one in costs) / min(one.cpu for one in costs[:2])
        verdict = ""
        if ratio > PAGES_GOAL or max(one.requests for one in costs) > min(one.requests for one in costs[:2]):
            missed += 1
            verdict = f"  MISSED: at most {PAGES_GOAL}, and as many requests"
        shown = "".join(f"{one.cpu:>9.2f} ms {one.requests:>3} req" for one in costs)
        print(f"  {name:26}{count:>8,}{long.page:>8}{shown}{ratio:>8.2f}{verdict}", flush=True)
    return missed


def page(crowd: Crowd, long: LongList, cursor: str | None) -> Asked:
    query = {"pageSize": str(long.page), **({} if cursor is None else {"startAt": cursor})}
    return Asked(crowd.ids, None, query, user=crowd.admin)


def cursors_of(
    crowd: Crowd, place: Place, operation: Operation, long: LongList
) -> tuple[int, tuple[str | None, str, str]]:
    """How many items a list has, and the cursors of its first, its middle and its last page, as the service makes them.

    They are made from the items, since turning hundreds of pages takes the local AWS many minutes.
    """
    first = place.request(operation, page(crowd, long, None)).expect(200)
    names = {parameter.name for parameter in operation.parameters if parameter.location == "path"}
    defaults = {one.name: one.schema["default"] for one in operation.parameters if "default" in one.schema}
    path = {name: crowd.ids[name] for name in names}
    scope = cursor_scope(SimpleNamespace(operation=operation, path=path, query=defaults))
    key = decode_cursor(scope, first["startAt"])
    items = sorted(long.items(crowd), key=lambda one: one[long.order], reverse=long.newest_first)

    def after(position: int) -> str:
        return encode_cursor(scope, {name: items[position - 1][name] for name in key})

    middle, last = after(len(items) // 2), after(len(items) - long.page)
    end = place.request(operation, page(crowd, long, last)).expect(200)
    if after(long.page) != first["startAt"] or end["moreAvailable"] or end["count"] != long.page:
        sys.exit(f"{operation.operation_id} does not list the crowd in the order of {long.order}")
    return len(items), (None, middle, last)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

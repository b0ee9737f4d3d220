"""CPU of compiling the policy of somebody who holds very much, as it is and as it was, in turns.

    python -m benchmarks.holdings [--against REVISION] [--runs 3] [--json]

A new shape is compiled for the first time by a warm function, a known one again. Without a revision to compare with,
only the present figures are shown. Goal: no holding takes more than 300 ms; that of a revision is shown as a ratio.
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
GOAL_MS = 300.0
PREFIX = "arn:aws:execute-api:eu-west-1:111122223333:abcdefghij/v1/"
USER = "11111111-1111-4111-8111-111111111111"
# Organisations and teams in each: a leader of all of them, or (no teams) a manager of the organisations.
HOLDINGS = {
    "leader of 20 teams": (1, 20),
    "leader of 20 x 100 teams": (20, 100),
    "leader of 200 x 100 teams": (200, 100),
    "manager of 40 organisations": (40, 0),
    "manager of 200 organisations": (200, 0),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, and say what missed the goal by the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.holdings", description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="REVISION", help="a commit to compare with")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        trees = {"now": ROOT}
        if options.against:
            trees[options.against] = _checked_out(options.against, Path(folder))
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
        for _ in range(options.runs):
            for name, tree in trees.items():
                runs[name].append(_child(tree))
    figures = {
        name: {holding: [statistics.median(run[holding][k] for run in found) for k in (0, 1)] for holding in found[0]}
        for name, found in runs.items()
    }
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        print(_table(figures, options.against))
    return int(any(max(figure) > GOAL_MS for figure in figures["now"].values()))


def _table(figures: dict[str, dict[str, list[float]]], against: str | None) -> str:
    lines = [f"{'CPU in ms':30s} {'new shape':>12s} {'known':>10s}"]
    for holding, now in figures["now"].items():
        line = f"{holding:30s} {now[0]:12.2f} {now[1]:10.2f}"
        if against:
            before = figures[against][holding]
            line += (
                f"   before {before[0]:10.2f} {before[1]:10.2f}   1/{before[0] / now[0]:.0f} 1/{before[1] / now[1]:.0f}"
            )
        lines.append(line)
    return "\n".join(lines)


def _checked_out(revision: str, folder: Path) -> Path:
    archive = subprocess.run(
        ["git", "archive", "--format=tar", revision, "src", "contract"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def _child(tree: Path) -> dict[str, Any]:
    """The figures of a tree's code, from a process that has no other."""
    environment = os.environ | {"PYTHONPATH": str(tree / "src")}
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", str(tree)]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def _measure(tree: str) -> dict[str, list[float]]:
    """Milliseconds of a new shape and of a known one, by holding."""
    import bbws_access
    from bbws_access.access.grants import Access, Grant, Membership
    from bbws_access.authorizer.policy import RouteMap
    from bbws_access.kernel.contract import load_contract, load_roles

    assert Path(bbws_access.__file__).is_relative_to(tree), bbws_access.__file__
    roles = load_roles()
    manager = frozenset(
        next(role["permissions"] for role in roles["defaultOrganisationRoles"] if role["name"] == "ORG_MANAGER")
    )
    leader = frozenset(roles["defaultTeamRoles"][0]["capabilities"])
    routes = RouteMap(load_contract().operations.values())
    figures = {}
    # A warm function has seen other people.
    routes.compile(Access(USER, (), (Membership("org-a", "team-a", leader),)), PREFIX)
    for holding, (orgs, teams) in HOLDINGS.items():
        ids = [f"org-{n:026d}" for n in range(orgs)]
        grants = () if teams else tuple(Grant(manager, "ORGANISATION", org, None, "r", "R", {}, {}) for org in ids)
        members = tuple(
            Membership(org, f"team-{k * 1000 + n:026d}", leader) for k, org in enumerate(ids) for n in range(teams)
        )
        access = Access(USER, grants, members)
        times = []
        for _ in range(4):
            began = time.process_time()
            routes.compile(access, PREFIX)
            times.append((time.process_time() - began) * 1000)
        figures[holding] = [times[0], min(times[1:])]
    return figures


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(_measure(sys.argv[2])))
    else:
        sys.exit(main())

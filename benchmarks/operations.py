"""What each operation costs, as it is and as it was, in turns: own CPU and requests to the database.

    python -m benchmarks.operations --against REVISION [--runs 3] [--json]

Each revision runs its own services and scenarios on a local AWS of its own. Goals: the median operation takes at most 5
requests, and the median of what an operation's CPU is of what it was is at most 0.7.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ONLY_BY_NAME = True
TIMES = 9
REQUESTS_GOAL, CPU_GOAL = 5, 0.7


def main(arguments: list[str] | None = None) -> int:
    """Measure in turns, and say what missed a goal by the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operations", description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="REVISION", required=True, help="a commit to compare with")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        trees = {"now": ROOT, options.against: _checked_out(options.against, Path(folder))}
        runs: dict[str, list[dict[str, list[float]]]] = {name: [] for name in trees}
        for _ in range(options.runs):
            for name, tree in trees.items():
                runs[name].append(_child(tree))
    figures = {name: _medians(found) for name, found in runs.items()}
    now, before = figures["now"], figures[options.against]
    common = [name for name in now if name in before]
    ratio = statistics.median(now[name][0] / before[name][0] for name in common)
    requests = [statistics.median(found[name][1] for name in common) for found in (now, before)]
    met = requests[0] <= REQUESTS_GOAL and ratio <= CPU_GOAL
    if options.json:
        print(json.dumps({**figures, "cpu": ratio, "requests": requests}, indent=2))
    else:
        print(f"{'':26}{'CPU ms':>9}{'before':>9}{'ratio':>8}{'requests':>11}{'before':>9}")
        for name in common:
            one, was = now[name], before[name]
            print(f"{name:26}{one[0]:>9.2f}{was[0]:>9.2f}{one[0] / was[0]:>8.2f}{one[1]:>11.0f}{was[1]:>9.0f}")
        print(f"Medians: CPU {ratio:.2f} of what it was, requests {requests[0]:.0f} instead of {requests[1]:.0f}")
        print(f"Goals ({CPU_GOAL}, {REQUESTS_GOAL}): {'met' if met else 'MISSED'}")
    return int(not met)


def _medians(runs: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    return {name: [statistics.median(run[name][n] for run in runs) for n in (0, 1)] for name in runs[0]}


def _checked_out(revision: str, folder: Path) -> Path:
    wanted = ["src", "contract", "tests", "benchmarks", "pyproject.toml"]
    archive = subprocess.run(
        ["git", "archive", "--format=tar", revision, *wanted], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def _child(tree: Path) -> dict[str, list[float]]:
    """The figures of a tree's code, from a process that has no other."""
    environment = os.environ | {"PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}", "PYTHONSAFEPATH": "1"}
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", str(tree)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tree)
    return json.loads(ran.stdout.splitlines()[-1])


def _measure(tree: str) -> dict[str, list[float]]:
    """Median milliseconds and most requests, by operation."""
    from tests.support.tables import REGION

    import bbws_access
    from bbws_access.kernel.contract import load_contract
    from bbws_access.local_aws import LocalAws
    from benchmarks._scenarios import Place
    from benchmarks.services import measured

    assert Path(bbws_access.__file__).is_relative_to(tree), bbws_access.__file__
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(Path(folder) / "aws", REGION)
        aws.start()
        os.environ.update(aws.environment())
        try:
            place = Place(aws.endpoint)
            for name, operation in load_contract().operations.items():
                place.settle()
                costs = [measured(place, operation) for _ in range(TIMES + 2)][2:]
                figures[name] = [statistics.median(one.cpu for one in costs), max(one.requests for one in costs)]
        finally:
            aws.stop()
    return figures


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(_measure(sys.argv[2])))
    else:
        sys.exit(main())

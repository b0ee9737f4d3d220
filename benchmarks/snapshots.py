"""What saving the local AWS costs where it holds 300,000 items: everything, one item, nothing; as it is and as it was.

    python -m benchmarks.snapshots [--against REVISION] [--runs 3]

CPU of a save, how long the longest stall of another thread was meanwhile, and what was written.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.holdings import _checked_out

if TYPE_CHECKING:
    from bbws_access.local_aws.snapshot import Snapshots

ROOT = Path(__file__).resolve().parents[1]
ONLY_BY_NAME = True
ITEMS = 300_000


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.snapshots", description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="REVISION", help="a commit to compare with")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        trees = {"now": ROOT}
        if options.against:
            trees[options.against] = _checked_out(options.against, Path(folder))
        runs: dict[str, list[dict[str, list[float]]]] = {name: [] for name in trees}
        for _ in range(options.runs):
            for name, tree in trees.items():
                command = [sys.executable, "-m", "benchmarks.snapshots", "--measure"]
                environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree / "src"), str(ROOT)])}
                told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
                runs[name].append(json.loads(told.stdout))
    print(f"{'':24s} {'CPU, ms':>10s} {'stall, ms':>10s} {'written, KB':>12s}")
    for name, found in runs.items():
        for what in found[0]:
            figures = [statistics.median(run[what][at] for run in found) for at in range(3)]
            print(f"{name:12s} {what:11s} {figures[0]:10.1f} {figures[1]:10.1f} {figures[2]:12.1f}")
    return 0


def _measure(folder: Path) -> dict[str, list[float]]:
    from bbws_access.local_aws.server import server_environment

    os.environ.update(server_environment(folder, 1, "eu-west-1"))
    from collections import defaultdict

    from ministack.services import dynamodb, sqs

    from bbws_access.local_aws.snapshot import Snapshots

    snapshots = Snapshots(folder / "state")
    table = {"TableName": "table", "TableArn": "arn", "items": defaultdict(dict)}
    dynamodb._tables._data["account", "region", "table"] = table
    for number in range(ITEMS):
        partition, sort = f"partition-{number % 5000}", str(number)
        item = {"PK": {"S": partition}, "SK": {"S": sort}, "data": {"M": {"n": {"N": sort}, "text": {"S": "x" * 20}}}}
        dynamodb._set_item(table, partition, sort, item)
    figures = {"everything": _saved(snapshots, folder)}
    dynamodb._set_item(table, "partition-1", "1", {"PK": {"S": "partition-1"}, "SK": {"S": "1"}})
    sqs._queues["queue"] = {}
    figures["one item"] = _saved(snapshots, folder)
    figures["nothing"] = _saved(snapshots, folder)
    return figures


def _saved(snapshots: Snapshots, folder: Path) -> list[float]:
    gaps, stopped = [0.0], threading.Event()

    def watch() -> None:
        last = time.perf_counter()
        while not stopped.is_set():
            time.sleep(0.0005)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    before = {file: file.stat().st_mtime_ns for file in (folder / "state").rglob("*") if file.is_file()}
    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.process_time()
    snapshots.save()
    cpu = time.process_time() - began
    stopped.set()
    watcher.join()
    written = sum(
        file.stat().st_size
        for file in (folder / "state").rglob("*")
        if file.is_file() and before.get(file) != file.stat().st_mtime_ns
    )
    return [cpu * 1000, max(gaps) * 1000, written / 1000]


if __name__ == "__main__":
    if sys.argv[1:] == ["--measure"]:
        with tempfile.TemporaryDirectory() as scratch:
            print(json.dumps(_measure(Path(scratch))))
    else:
        sys.exit(main())

"""Time and CPU of `bbws-access up`: from nothing, with nothing changed, from a snapshot; as it is and as it was.

    python -m benchmarks.up [--against REVISION] [--runs 1]

Goals: three minutes from nothing, and a fifth of that, in time and in CPU, from a snapshot. CPU is that of the tool,
Terraform and the local AWS, until the tool has ended. An apply is nearly all waiting, so its time says more than its
CPU; both are measured in turns with the revision's, where one is given.

It works in copies of the project, so a local AWS that is up, and snapshots that are kept, stay untouched.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.holdings import _checked_out

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("src", "contract", "terraform", "requirements", "pyproject.toml")
GOAL_SECONDS = 180.0
GOAL_RATIO = 1 / 5

Figures = dict[str, tuple[float, float]]
"""What was done => seconds, and seconds of CPU."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, and say what missed a goal by the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.up", description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="REVISION", help="a commit to compare with")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args(arguments)
    runs: dict[str, list[Figures]] = {}
    with tempfile.TemporaryDirectory() as folder:
        trees = {"now": Path(folder) / "now"}
        for part in PARTS:
            if (ROOT / part).is_dir():
                leave = shutil.ignore_patterns(".terraform", "__pycache__")
                shutil.copytree(ROOT / part, trees["now"] / part, ignore=leave)
            else:
                shutil.copy(ROOT / part, trees["now"] / part)
        if options.against:
            (Path(folder) / "before").mkdir()
            trees[options.against] = _checked_out(options.against, Path(folder) / "before", PARTS)
        for tree in trees.values():
            # The local AWS writes no bytecode itself.
            subprocess.run([sys.executable, "-m", "compileall", "-q", str(tree / "src")], check=True)
        for number in range(options.runs):
            for name, tree in trees.items():
                runs.setdefault(name, []).append(_measure(tree, Path(folder) / f"{tree.name}-{number}", name == "now"))
    medians = {
        name: {
            what: (statistics.median(run[what][0] for run in found), statistics.median(run[what][1] for run in found))
            for what in found[0]
        }
        for name, found in runs.items()
    }
    print(f"bbws-access up, dev, median of {options.runs} {'seconds':>12s} {'of CPU':>8s}")
    for name, figures in medians.items():
        for what, (seconds, cpu) in figures.items():
            print(f"  {name:10.10s} {what:20s} {seconds:12.1f} {cpu:8.1f}")
    now = medians["now"]
    if options.against:
        print(f"  apply: {now['apply'][0] / medians[options.against]['apply'][0]:.2f} of before")
    ratios = [now["from a snapshot"][at] / now["from nothing"][at] for at in (0, 1)]
    print(
        f"  from a snapshot: {ratios[0]:.2f} of the time from nothing, {ratios[1]:.2f} of the CPU (goal {GOAL_RATIO})"
    )
    return int(now["from nothing"][0] > GOAL_SECONDS or max(ratios) > GOAL_RATIO)


def _measure(tree: Path, folder: Path, keeps: bool) -> Figures:
    """The figures of one tree, in new folders; the packages and the provider are there from the first run on."""
    tool = _Tool(tree, folder)
    tool.run("package", "--target", "local", where=False)
    shutil.rmtree(tree / ".build" / "snapshots", ignore_errors=True)
    try:
        figures = {"from nothing": tool.run("up"), "apply": (tool.apply_seconds(), 0.0), "unchanged": tool.run("up")}
    finally:
        tool.run("down")
    if keeps:
        fresh = _Tool(tree, folder.with_name(f"{folder.name}-again"))
        try:
            figures["from a snapshot"] = fresh.run("up", "--from-snapshot")
        finally:
            fresh.run("down")
    return figures


class _Tool:
    """The command line of one tree on one folder."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self._tree, self._folder = tree, folder

    def run(self, *arguments: str, where: bool = True) -> tuple[float, float]:
        """Seconds, and seconds of CPU, of a command."""
        command = [sys.executable, "-m", "bbws_access.commands", *arguments]
        command += ["--folder", str(self._folder)] if where else []
        environment = os.environ | {"PYTHONPATH": str(self._tree / "src")}
        before, began = self._local_aws(), time.perf_counter()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, cwd=self._tree, env=environment, stdout=subprocess.DEVNULL)
        took, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        children = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        # Where another one runs than before, all that it used was for this command.
        after = self._local_aws()
        here = sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())
        return took, children + here

    def _local_aws(self) -> dict[int, float]:
        """The local AWS's process, and the CPU that it has used."""
        try:
            pid = json.loads((self._folder / "process.json").read_text())["pid"]
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            return {}
        return {pid: (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")}

    def apply_seconds(self) -> float:
        """How long the last apply took, by its log."""
        log = max((self._tree / ".build" / "logs").glob("*-apply.jsonl"), key=lambda path: path.stat().st_mtime)
        stamps = [json.loads(line)["@timestamp"] for line in log.read_text().splitlines() if line.startswith("{")]
        first, last = (datetime.datetime.fromisoformat(stamps[at].replace("Z", "+00:00")) for at in (0, -1))
        return (last - first).total_seconds()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Interrupts and kills `up`, `apply` and `destroy` at random moments; each time the same command must make it whole.

    python -m benchmarks.interruptions [--times 20] [--environment dev] [--environment prod] [--seed 1]

Ctrl-C, SIGTERM and SIGKILL, of the tool and of the Terraform that it started. After every other one, further commands
must say in a sentence how it is. Then the same command runs again without an interruption, then (after a destroy, `up`)
`drift` must find nothing and `status` everything. It works in folders of its own, so a local AWS that is up stays
untouched; a round takes one to ten minutes. Exit status 1 says that a round ended otherwise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bbws_access.cli.processes import process_start

ROOT = Path(__file__).resolve().parents[1]
ONLY_BY_NAME = True
"""`python -m benchmarks` leaves it out: it takes an hour and measures nothing."""
TOOL = (sys.executable, "-m", "bbws_access.commands")
SIGNALS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL}
VICTIMS = ("tool", "terraform")
COMMANDS = ("up", "apply", "destroy")
# What an apply changes: the API's document, and with it its deployment; functions; log groups.
CHANGES = ("--var", 'cors_allowed_origins=["https://portal.example"]', "--var", "log_level=ERROR")
CHANGES_ALSO = ("--var", "service_log_retention_days=60", "--var", "api_throttle_burst_limit=77")
PATIENCE = 1200.0
DONE = "nothing: it was done"
USUAL = {"dev": {"up": 80.0, "apply": 25.0, "destroy": 20.0}, "prod": {"up": 220.0, "apply": 30.0, "destroy": 110.0}}
"""Seconds that a command takes, more or less; a round in which it was done before it was hit does not count."""


@dataclass
class Place:
    """An environment's local AWS in a folder that goes."""

    environment: str
    folder: Path
    kept: Path | None = None
    """A copy of the folder as it was when everything was deployed and stopped."""

    def command(self, name: str, changes: tuple[str, ...] = CHANGES) -> list[str]:
        where = ["--folder", str(self.folder)]
        match name:
            case "apply" | "destroy" if not (name == "destroy" and self.environment == "prod"):
                return [*TOOL, name, self.environment, "--yes", *where, *(changes if name == "apply" else ())]
            case "status":
                return [*TOOL, name, "--environment", self.environment, *where, "--json"]
            case "drift":
                return [*TOOL, name, self.environment, *where, "--json", *changes]
            case "destroy":
                # PROD is protected; only a local AWS can be taken down whole.
                return [*TOOL, "down", "--destroy", "--yes", "--environment", self.environment, *where]
        return [*TOOL, name, "--environment", self.environment, *where]

    def run(self, name: str, changes: tuple[str, ...] = CHANGES, *, allowed: tuple[int, ...] = (0,)) -> str:
        """Run a command to its end. Raises Broken where it fails."""
        command = self.command(name, changes)
        done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False)
        if done.returncode not in allowed:
            raise Broken(f"{' '.join(command[2:])} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def whole(self, changes: tuple[str, ...]) -> None:
        """Raises Broken unless `drift` finds nothing and `status` everything."""
        found = json.loads(self.run("drift", changes, allowed=(0, 4)))
        if found:
            raise Broken("drift finds:\n" + "\n".join(json.dumps(item)[:300] for item in found))
        status = json.loads(self.run("status"))
        missing = sorted(name for name, value in status.items() if not value and name != "values")
        if missing:
            raise Broken(f"status does not know {', '.join(missing)}")

    def speaks(self) -> None:
        """Raises Broken where a command does not know what to say of what was left half done."""
        where = ["--environment", self.environment, "--folder", str(self.folder)]
        for command in (["status"], ["status", "--json"], ["env"], ["token", "admin@demo.example"], ["user", "list"]):
            done = subprocess.run(
                [*TOOL, *command, *where], cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False
            )
            if done.returncode not in (0, 1, 3) or "has a fault" in done.stderr:
                raise Broken(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")

    def keep(self) -> None:
        """Deploy, stop and copy, so that later rounds begin there."""
        self.kept = self.folder.with_name(f"{self.folder.name}.kept")
        if not self.kept.is_dir():
            self.run("up")
            self.run("down")
            shutil.copytree(self.folder, self.kept, symlinks=True)

    def reset(self, *, deployed: bool) -> None:
        """Nothing at all, or everything deployed and running."""
        subprocess.run(self.command("down"), cwd=ROOT, env=_environment(), capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        if deployed and self.kept:
            shutil.copytree(self.kept, self.folder, symlinks=True)
            self.run("up")


class Broken(Exception):
    """A promise that did not hold."""


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}


@dataclass(frozen=True)
class Round:
    """What is interrupted, when, and how."""

    place: Place
    command: str
    victim: str
    signal: str
    part: float
    """Which part of its usual time the command had."""

    def __str__(self) -> str:
        return f"{self.place.environment}: {self.command}, {self.signal} of the {self.victim} after {self.part:.0%}"

    def play(self) -> str:
        """Interrupt, repeat, look; what happened. Raises Broken."""
        place = self.place
        place.reset(deployed=self.command != "up")
        changes = random.choice((CHANGES, CHANGES_ALSO))
        ended = self._interrupt(changes)
        if random.getrandbits(1):
            # Not each time: these commands put right what they can, which the command itself must do as well.
            place.speaks()
        if self.command == "destroy" and not place.folder.is_dir():
            place.run("up")
        elif self.command == "destroy":
            place.run("destroy")
            place.run("up")
        else:
            place.run(self.command, changes)
        place.whole(changes if self.command == "apply" else ())
        return ended

    def _interrupt(self, changes: tuple[str, ...]) -> str:
        wait = self.part * USUAL[self.place.environment][self.command]
        process = subprocess.Popen(
            self.place.command(self.command, changes),
            cwd=ROOT,
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A shell in the background would have it ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        number, hit = SIGNALS[self.signal], DONE
        if process.poll() is None:
            victim = process.pid if self.victim == "tool" else _terraform(process, deadline + PATIENCE)
            if victim:
                doing = _doing(process.pid)
                os.kill(victim, number)
                hit = doing
        ended = process.wait(timeout=PATIENCE)
        return f"{hit}; it ended with {ended}"


def _terraform(process: subprocess.Popen[bytes], deadline: float) -> int:
    """The Terraform that the tool runs, as soon as it runs one; 0 where the tool ends before."""
    while process.poll() is None and time.monotonic() < deadline:
        for child in _children(process.pid):
            command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0") if process_start(child) else [b""]
            if Path(os.fsdecode(command[0])).name == "terraform":
                return child
        time.sleep(0.02)
    return 0


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def _doing(parent: int) -> str:
    """Which command of Terraform was under way."""
    for child in _children(parent):
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if Path(os.fsdecode(command[0])).name == "terraform":
            return f"during terraform {os.fsdecode(command[1])}"
    return "outside Terraform"


def main(arguments: list[str]) -> int:
    """Play the rounds, and say how each ended."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interruptions", description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20, help="interruptions; one that came too late is none")
    parser.add_argument("--environment", action="append", choices=tuple(USUAL), help="dev and prod unless given")
    parser.add_argument("--command", action="append", choices=COMMANDS, help="all unless given")
    parser.add_argument("--seed", type=int, default=None, help="of an earlier run, to repeat it")
    parser.add_argument("--first", type=int, default=1, help="number of the first round, to go on with an earlier run")
    parser.add_argument("--folder", type=Path, help="where the deployments to begin with stay for further runs")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    environments = options.environment or ["dev", "prod"]
    commands = options.command or list(COMMANDS)
    failures = late = played = 0
    with tempfile.TemporaryDirectory(prefix="interruptions-") as parent:
        places = [Place(name, Path(parent) / name) for name in environments]
        if options.folder:
            options.folder.mkdir(parents=True, exist_ok=True)
            places = [Place(name, options.folder.resolve() / name) for name in environments]
        try:
            for place in places:
                place.keep()
            kinds = list(itertools.product(places, commands, VICTIMS, SIGNALS))
            chance.shuffle(kinds)
            for number in range(options.first - 1, options.first - 1 + 2 * options.times):
                place, command, victim, name = kinds[number % len(kinds)]
                one = Round(place, command, victim, name, chance.uniform(0.02, 0.98))
                began = time.monotonic()
                try:
                    ended = one.play()
                except (Broken, subprocess.TimeoutExpired) as error:
                    failures += 1
                    ended = f"NOT WHOLE: {error}"
                played += 1
                late += DONE in ended
                print(f"{number + 1:3d} {one}: {ended} ({time.monotonic() - began:.0f} s)", flush=True)
                if played - late == options.times:
                    break
        finally:
            for place in places:
                subprocess.run(place.command("down"), cwd=ROOT, env=_environment(), capture_output=True, check=False)
    print(f"{played - late} interrupted, {late} were done before, {failures} not whole afterwards")
    return int(failures > 0 or played - late < options.times)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

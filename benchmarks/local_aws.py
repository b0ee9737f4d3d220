"""What many requests do to the local AWS: memory, CPU, waits, throughput, idling; as it is and as it was, in turns.

    python -m benchmarks.local_aws --folder FOLDER [--against REVISION] [--requests 20000] [--runs 3] [--json]

FOLDER is one that `bbws-access up --folder FOLDER` deployed and `down` stopped; it is copied for each run, so that both
builds serve the same state and the same functions. Requests are the API's: of ten, seven read and three write.
CPU is that of the local AWS's own process and, apart, of the functions that it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import json
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from bbws_access.cli.srp import Client as SrpClient

ROOT = Path(__file__).resolve().parents[1]
ONLY_BY_NAME = True
MEMORY_GOAL = 1.3
THROUGHPUT_GOAL = 3.0
_MANY = 8
# So many requests are sent to one build before it is another one's turn.
_SLICE = 200
_TICKS = os.sysconf("SC_CLK_TCK")
_REST_SECONDS = 20.0
_TRIES = 20


class Cpu(NamedTuple):
    """Seconds of CPU, of the local AWS's process and of the functions that it runs."""

    own: float
    functions: float


def main(arguments: list[str] | None = None) -> int:
    """Measure, and say what missed the goal by the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_aws", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="a deployed local AWS that is down")
    parser.add_argument("--against", metavar="REVISION", help="a commit to compare with")
    parser.add_argument("--requests", type=int, default=20_000, help="how many requests a run sends over all")
    parser.add_argument("--burst", type=int, default=1_000, help="how many of them measure each throughput")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        trees = {"now": ROOT}
        if options.against:
            trees[options.against] = _checked_out(options.against, Path(scratch) / "tree")
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
        for number in range(options.runs):
            for name, figures in _run(Path(scratch), options.folder, trees, options.requests, options.burst).items():
                runs[name].append(figures)
                print(f"{name}, run {number + 1}: {json.dumps(figures)}", file=sys.stderr)
    figures = {
        name: {key: statistics.median(run[key] for run in found) for key in found[0]} for name, found in runs.items()
    }
    print(json.dumps(figures, indent=2) if options.json else _table(figures, options.against))
    return int(_misses(figures, options.against))


def _misses(figures: dict[str, dict[str, float]], against: str | None) -> bool:
    now = figures["now"]
    missed = now["memory, times that after start"] > MEMORY_GOAL
    if against:
        many = f"requests a second, {_MANY} connections"
        missed |= now[many] < THROUGHPUT_GOAL * figures[against][many]
    return missed


def _table(figures: dict[str, dict[str, float]], against: str | None) -> str:
    lines = [f"{'':44s} {'now':>10s}" + (f" {'before':>10s} {'ratio':>8s}" if against else "")]
    for key, value in figures["now"].items():
        line = f"{key:44s} {value:10.2f}"
        if against:
            before = figures[against][key]
            line += f" {before:10.2f} {value / before if before else float('nan'):8.2f}"
        lines.append(line)
    return "\n".join(lines)


def _checked_out(revision: str, folder: Path) -> Path:
    archive = subprocess.run(
        ["git", "archive", "--format=tar", revision, "src", "contract"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@contextlib.contextmanager
def _serving(folder: Path, tree: Path) -> Iterator[int]:
    """A tree's local AWS over a folder; its process id."""
    port = int((folder / "port").read_text())
    command = [sys.executable, "-m", "bbws_access.local_aws", "--folder", str(folder), "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(tree / "src")}
    with (folder / "emulator.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not _answers(folder, port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "emulator.log").read_text()[-2000:])
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def _run(
    scratch: Path, deployed: Path, trees: dict[str, Path], requests: int, burst: int
) -> dict[str, dict[str, float]]:
    """One run of all trees at the same time: they are asked in turns, a slice each, so that what else the machine does
    falls on all of them."""
    with contextlib.ExitStack() as stack:
        served = {}
        for name, tree in trees.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=scratch))) / "folder"
            shutil.copytree(deployed, folder, ignore=shutil.ignore_patterns("*.log", "process.json", "lock"))
            (folder / "port").write_text(str(_free_port()))
            pid = stack.enter_context(_serving(folder, tree))
            served[name] = _Served(pid, _Client(folder, int((folder / "port").read_text())))
        for one in served.values():
            one.client.open_wide()
            one.client.sign_in()
            # Functions are started, and everything that is only loaded once is loaded.
            one.client.send(_MANY * 20, _MANY)
        time.sleep(3)
        for one in served.values():
            one.figures["memory after start, MB"] = _memory(one.pid)
        _in_turns(served, "first", burst, 1)
        _in_turns(served, "many", burst, _MANY)
        _in_turns(served, "rest", max(requests - 3 * burst, 0), _MANY)
        _in_turns(served, "last", burst, 1)
        time.sleep(_REST_SECONDS)
        before = {name: _cpu(one.pid).own for name, one in served.items()}
        time.sleep(_REST_SECONDS)
        for name, one in served.items():
            one.figures["CPU while idle, ms a second"] = (_cpu(one.pid).own - before[name]) / _REST_SECONDS * 1000
            one.figures["memory at the end, MB"] = _memory(one.pid)
        return {name: one.told() for name, one in served.items()}


class _Phase(NamedTuple):
    """What one build did in a phase: its CPU, how long it took, how long each request took."""

    cpu: Cpu
    seconds: float
    times: list[float]


class _Served:
    """One build that serves, and what was found about it."""

    def __init__(self, pid: int, client: _Client):
        self.pid, self.client = pid, client
        self.phases: dict[str, _Phase] = {}
        self.figures: dict[str, float] = {}

    def told(self) -> dict[str, float]:
        """The figures of a run."""
        first, many, last = (self.phases[name] for name in ("first", "many", "last"))
        figures = self.figures
        for phase, how in ((first, "1 connection"), (many, f"{_MANY} connections")):
            count = len(phase.times)
            figures[f"requests a second, {how}"] = count / phase.seconds
            figures[f"own CPU, {how}, ms"] = phase.cpu.own / count * 1000
            figures[f"functions' CPU, {how}, ms"] = phase.cpu.functions / count * 1000
        figures["memory, times that after start"] = figures["memory at the end, MB"] / figures["memory after start, MB"]
        for phase, when in ((first, "at first"), (last, "at the end")):
            figures[f"median {when}, ms"], figures[f"p99 {when}, ms"] = _median(phase.times), _p99(phase.times)
        figures["p99, times that at first"] = figures["p99 at the end, ms"] / figures["p99 at first, ms"]
        return figures


def _in_turns(served: dict[str, _Served], phase: str, requests: int, connections: int) -> None:
    for one in served.values():
        one.phases[phase] = _Phase(Cpu(0.0, 0.0), 0.0, [])
    for begun in range(0, requests, _SLICE):
        for one in served.values():
            known = one.phases[phase]
            # Not measured: a proof without a password costs as much as many requests, and a person gives it once.
            one.client.sign_in()
            before, began = _cpu(one.pid), time.perf_counter()
            times = one.client.send(min(_SLICE, requests - begun), connections)
            seconds, after = time.perf_counter() - began, _cpu(one.pid)
            cpu = Cpu(known.cpu.own + after.own - before.own, known.cpu.functions + after.functions - before.functions)
            one.phases[phase] = _Phase(cpu, known.seconds + seconds, known.times + times)


def _median(times: list[float]) -> float:
    return statistics.median(times) * 1000


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)] * 1000


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _cpu(pid: int) -> Cpu:
    return Cpu(_cpu_of(pid), sum(_cpu_of(child) for child in _children(pid)))


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end while it is looked at.
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                found += [int(child), *_children(int(child))]
    return found


def _memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _answers(folder: Path, port: int) -> bool:
    try:
        context = ssl.create_default_context(cafile=str(folder / "tls" / "ca-bundle.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=context)
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False


class _Client:
    """Whoever uses the API: the demo's administrator."""

    def __init__(self, folder: Path, port: int):
        outputs = json.loads((folder / "applied.json").read_text())["outputs"]
        demo = json.loads((folder / "demo.json").read_text())
        self._bundle, self._port = folder / "tls" / "ca-bundle.pem", port
        self._context = ssl.create_default_context(cafile=str(self._bundle))
        self._api, self._stage, self._region = outputs["rest_api_id"], outputs["stage_name"], outputs["region"]
        self._pool, self._client_id = outputs["user_pool_id"], outputs["client_id"]
        self._email, self._user, self._password = demo["email"], demo["user_id"], f"Aa1!{uuid.uuid4().hex}"
        self._aws("cognito-idp").admin_set_user_password(
            UserPoolId=self._pool, Username=self._email, Password=self._password, Permanent=True
        )
        self._path = f"/_aws/execute-api/{self._api}/{self._stage}/organisations/org-demo"

    def _aws(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self._region,
            endpoint_url=f"https://127.0.0.1:{self._port}",
            verify=str(self._bundle),
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _signed_in(self) -> str:
        """The access token of the demo's administrator, by SRP."""
        cognito, srp = self._aws("cognito-idp"), SrpClient(self._pool)
        asked = cognito.initiate_auth(
            ClientId=self._client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": self._email, "SRP_A": srp.public},
        )
        given = asked["ChallengeParameters"]
        user = given["USER_ID_FOR_SRP"]
        proof = srp.prove(user, self._password, given["SALT"], given["SRP_B"], given["SECRET_BLOCK"])
        answer = cognito.respond_to_auth_challenge(
            ClientId=self._client_id,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses={
                "USERNAME": user,
                "PASSWORD_CLAIM_SECRET_BLOCK": given["SECRET_BLOCK"],
                "PASSWORD_CLAIM_SIGNATURE": proof.signature,
                "TIMESTAMP": proof.timestamp,
            },
        )
        return answer["AuthenticationResult"]["AccessToken"]

    def sign_in(self) -> None:
        """A token lasts less long than a run."""
        self._token = self._signed_in()

    def open_wide(self) -> None:
        """Let the stage take more than DEV's hundred requests a second."""
        change = [
            {"op": "replace", "path": f"/*/*/throttling/{name}", "value": "100000"}
            for name in ("rateLimit", "burstLimit")
        ]
        self._aws("apigateway").update_stage(restApiId=self._api, stageName=self._stage, patchOperations=change)

    def send(self, requests: int, connections: int) -> list[float]:
        """How long each of so many requests took, in seconds."""
        with ThreadPoolExecutor(connections) as pool:
            found = list(pool.map(self._send, [requests // connections] * connections))
        return [one for times in found for one in times]

    def _send(self, requests: int) -> list[float]:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=60, context=self._context)
        team = self._ask(connection, "POST", "/teams", _new_team)
        role: dict[str, Any] = {}
        times = []
        for number in range(requests):
            steps: list[tuple[str, str, Any]] = [
                ("GET", "/roles", None),
                ("POST", "/roles", _new_role),
                ("GET", f"/users/{self._user}/permissions", None),
                ("GET", "/teams", None),
                ("GET", f"/teams/{team['teamId']}", None),
                ("PUT", f"/teams/{team['teamId']}", _new_team),
                ("GET", f"/teams/{team['teamId']}/members", None),
                ("GET", f"/users/{self._user}/roles", None),
                ("DELETE", f"/roles/{role.get('roleId')}", None),
                ("GET", "/team-roles", None),
            ]
            step = steps[number % len(steps)]
            began = time.perf_counter()
            answer = self._ask(connection, *step)
            times.append(time.perf_counter() - began)
            if step[:2] == ("POST", "/roles"):
                role = answer
            elif step[0] == "DELETE":
                role = {}
        if role:
            self._ask(connection, "DELETE", f"/roles/{role['roleId']}", None)
        self._ask(connection, "DELETE", f"/teams/{team['teamId']}", None)
        connection.close()
        return times

    def _ask(self, connection: http.client.HTTPSConnection, method: str, path: str, body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        for _ in range(_TRIES):
            # Another try makes another thing: the one before may have been made all the same.
            said = body() if callable(body) else body
            connection.request(method, self._path + path, json.dumps(said) if said is not None else None, headers)
            answer = connection.getresponse()
            content = answer.read()
            # Writers of one organisation at the same moment are told to try again, and so is whoever waits too long on
            # a machine that others use; their waiting counts.
            if answer.status < http.client.INTERNAL_SERVER_ERROR:
                break
        if answer.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:500]!r}")
        return json.loads(content or b"{}")


def _new_team() -> dict[str, Any]:
    return {"name": f"Load {uuid.uuid4().hex[:12]}"}


def _new_role() -> dict[str, Any]:
    name = f"LOAD_{uuid.uuid4().hex[:12].upper()}"
    return {"name": name, "displayName": name, "permissions": ["site:read"]}


if __name__ == "__main__":
    sys.exit(main())

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
import ssl
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
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
_TICKS = os.sysconf("SC_CLK_TCK")
_REST_SECONDS = 20.0
# The step of a client's ten that deletes what an earlier one made.
_ROLE_GOES = 9
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
            for name, tree in trees.items():
                copy = Path(scratch) / f"{name}-{number}"
                shutil.copytree(options.folder, copy, ignore=shutil.ignore_patterns("*.log", "process.json", "lock"))
                runs[name].append(_run(copy, tree, options.requests, options.burst))
                print(f"{name}, run {number + 1}: {json.dumps(runs[name][-1])}", file=sys.stderr)
                shutil.rmtree(copy)
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


def _run(folder: Path, tree: Path, requests: int, burst: int) -> dict[str, float]:
    with _serving(folder, tree) as pid:
        client = _Client(folder, int((folder / "port").read_text()))
        client.open_wide()
        figures: dict[str, float] = {}
        # Functions are started, and everything that is only loaded once is loaded.
        client.send(_MANY * 20, _MANY)
        time.sleep(3)
        begun = _memory(pid)
        first = client.send(burst, 1)
        one = _measured(pid, lambda: client.send(burst, 1))
        many = _measured(pid, lambda: client.send(burst, _MANY))
        rest = requests - 3 * burst
        client.send(max(rest, 0), _MANY)
        last = client.send(burst, 1)
        time.sleep(3)
        figures["requests a second, 1 connection"] = burst / one[1]
        figures[f"requests a second, {_MANY} connections"] = burst / many[1]
        figures["own CPU of a request, ms"] = one[0].own / burst * 1000
        figures[f"own CPU of a request at {_MANY}, ms"] = many[0].own / burst * 1000
        figures["functions' CPU of a request, ms"] = one[0].functions / burst * 1000
        figures[f"functions' CPU of a request at {_MANY}, ms"] = many[0].functions / burst * 1000
        figures["memory after start, MB"] = begun
        figures["memory at the end, MB"] = _memory(pid)
        figures["memory, times that after start"] = _memory(pid) / begun
        figures["median at first, ms"], figures["p99 at first, ms"] = _median(first), _p99(first)
        figures["median at the end, ms"], figures["p99 at the end, ms"] = _median(last), _p99(last)
        figures["p99, times that at first"] = _p99(last) / _p99(first)
        time.sleep(_REST_SECONDS / 2)
        before = _cpu(pid)
        time.sleep(_REST_SECONDS)
        figures["CPU while idle, ms a second"] = (_cpu(pid).own - before.own) / _REST_SECONDS * 1000
    return figures


def _median(times: list[float]) -> float:
    return statistics.median(times) * 1000


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)] * 1000


def _measured(pid: int, work: Callable[[], Any]) -> tuple[Cpu, float]:
    before, began = _cpu(pid), time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    after = _cpu(pid)
    return Cpu(after.own - before.own, after.functions - before.functions), seconds


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

    def open_wide(self) -> None:
        """Let the stage take more than DEV's hundred requests a second."""
        change = [
            {"op": "replace", "path": f"/*/*/throttling/{name}", "value": "100000"}
            for name in ("rateLimit", "burstLimit")
        ]
        self._aws("apigateway").update_stage(restApiId=self._api, stageName=self._stage, patchOperations=change)

    def send(self, requests: int, connections: int) -> list[float]:
        """How long each of so many requests took, in seconds."""
        # A token lasts less long than a run.
        self._token = self._signed_in()
        with ThreadPoolExecutor(connections) as pool:
            found = list(pool.map(self._send, [requests // connections] * connections))
        return [one for times in found for one in times]

    def _send(self, requests: int) -> list[float]:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=60, context=self._context)
        team = self._ask(connection, "POST", "/teams", {"name": f"Load {uuid.uuid4().hex[:12]}"})
        role: dict[str, Any] = {}
        times = []
        for number in range(requests):
            name = f"LOAD_{uuid.uuid4().hex[:12].upper()}"
            steps: list[tuple[str, str, Any]] = [
                ("GET", "/roles", None),
                ("POST", "/roles", {"name": name, "displayName": name, "permissions": ["site:read"]}),
                ("GET", f"/users/{self._user}/permissions", None),
                ("GET", "/teams", None),
                ("GET", f"/teams/{team['teamId']}", None),
                ("PUT", f"/teams/{team['teamId']}", {"name": f"Load {uuid.uuid4().hex[:12]}"}),
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
        if role and requests % len(steps) < _ROLE_GOES:
            self._ask(connection, "DELETE", f"/roles/{role['roleId']}", None)
        self._ask(connection, "DELETE", f"/teams/{team['teamId']}", None)
        connection.close()
        return times

    def _ask(self, connection: http.client.HTTPSConnection, method: str, path: str, body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        for _ in range(_TRIES):
            connection.request(method, self._path + path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            content = answer.read()
            # Writers of one organisation at the same moment are told to try again; their waiting counts.
            if answer.status != http.client.SERVICE_UNAVAILABLE:
                break
        if answer.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:500]!r}")
        return json.loads(content or b"{}")


if __name__ == "__main__":
    sys.exit(main())

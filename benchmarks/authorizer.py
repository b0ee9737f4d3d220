"""CPU of one uncached decision of a warm authorizer, and of importing each function.

    python -m benchmarks.authorizer [--json]

A decision is measured whole, in this process: token, signature, reads over kept TLS connections, rules, policy, log
line. The tables are played by a second process that answers with items as DynamoDB stores them, so that only the
authorizer's own CPU counts. Goals: under 1 ms per decision, under 150 ms per import.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from bbws_access.access.reader import read_access
from bbws_access.authorizer.apis import load_apis
from bbws_access.authorizer.handler import Authorizer, context_of
from bbws_access.authorizer.tokens import KeySet, Verifier
from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.dynamodb import Credentials, Database, encode_item
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings
from bbws_access.packaging import FUNCTIONS

DECISION_GOAL_MS = 1.0
IMPORT_GOAL_MS = 150.0
REGION = "eu-west-1"
POOL = f"{REGION}_Benchmark"
CLIENT = "benchmarkclient"
ISSUER = f"https://cognito-idp.{REGION}.amazonaws.com/{POOL}"
USERS = 40


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="CPU of the authorizer")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--decisions", type=int, default=2000)
    options = parser.parse_args(arguments)
    figures = {**_decision_figures(options.decisions), "import_ms": _import_figures()}
    figures["goals_met"] = figures["decision_us"] < DECISION_GOAL_MS * 1000 and all(
        figure < IMPORT_GOAL_MS for figure in figures["import_ms"].values()
    )
    print(json.dumps(figures, indent=2) if options.json else _table(figures))
    return 0 if figures["goals_met"] else 1


def _decision_figures(decisions: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        certificate = _certificate(Path(folder))
        os.environ["AWS_CA_BUNDLE"] = str(certificate)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        org_id = new_id("organisation")
        users = [str(uuid.uuid4()) for _ in range(USERS)]
        answers = _answers(org_id, users, key)
        fork = multiprocessing.get_context("fork")
        ready = fork.Pipe()
        server = fork.Process(target=_serve, args=(certificate, answers, ready[1]), daemon=True)
        server.start()
        try:
            endpoint = f"https://127.0.0.1:{ready[0].recv()}"
            return _measure(endpoint, key, org_id, users, decisions)
        finally:
            server.terminate()
            server.join()


def _measure(endpoint: str, key: rsa.RSAPrivateKey, org_id: str, users: list[str], decisions: int) -> dict[str, object]:
    settings = Settings(
        region=REGION, endpoint=endpoint, service="authorizer", tables={"permissions": "permissions", "teams": "teams"}
    )
    database = Database(REGION, endpoint, lambda: Credentials("AKIDEXAMPLE", "secret", "session" * 40))
    log = Logger("authorizer", "benchmark", stream=io.StringIO())
    keys = KeySet(f"{endpoint}/jwks.json", log)
    verifier = Verifier(issuers={ISSUER: keys}, client_ids=(CLIENT,))
    authorizer = Authorizer(settings, database, verifier, log, load_apis({"abcdefghij": "access"}))
    routes = authorizer.apis["abcdefghij"].routes
    tokens = [_token(key, user, org_id) for user in users]
    arn = f"arn:aws:execute-api:{REGION}:000000000000:abcdefghij/v1/GET/organisations/{org_id}/roles"
    events = [{"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": arn} for token in tokens]
    prefix = arn.partition("GET")[0]
    accesses = [read_access(database, settings, user, [org_id]) for user in users]
    identities = [verifier.verify(event["authorizationToken"]) for event in events]
    assert all(authorizer.authorize(event)["policyDocument"]["Statement"][0]["Effect"] == "Allow" for event in events)
    trips, requests = database.round_trips, database.requests
    authorizer.authorize(events[0])
    depth, requests = database.round_trips - trips, database.requests - requests

    message, _, signature = tokens[0].rpartition(".")
    raw = _unpadded(signature)
    public = key.public_key()
    rsa_us = _cpu(lambda n: public.verify(raw, message.encode(), padding.PKCS1v15(), hashes.SHA256()), decisions)

    def reads(n: int) -> object:
        return read_access(database, settings, users[n % USERS], [org_id])

    decision_us = _cpu(lambda n: authorizer.authorize(events[n % USERS]), decisions)
    return {
        "decision_us": decision_us,
        "verify_us": _cpu(lambda n: verifier.verify(events[n % USERS]["authorizationToken"]), decisions),
        "reads_and_rules_us": _cpu(reads, decisions),
        "compile_us": _cpu(lambda n: routes.compile(accesses[n % USERS], prefix, org_id), decisions),
        "context_us": _cpu(lambda n: context_of(identities[n % USERS], accesses[n % USERS]), decisions),
        "rsa_verify_alone_us": rsa_us,
        "times_rsa": round(decision_us / rsa_us, 1),
        "round_trips_in_depth": depth,
        "requests": requests,
        "policy_bytes": routes.compile(accesses[0], prefix, org_id).size,
    }


def _cpu(call: Callable[[int], object], times: int, batches: int = 20) -> float:
    """Median over batches of this process's CPU per call, in microseconds."""
    size = max(1, times // batches)
    for n in range(size):
        call(n)
    results = []
    for _ in range(batches):
        started = time.process_time()
        for n in range(size):
            call(n)
        results.append((time.process_time() - started) / size * 1e6)
    return round(statistics.median(results), 1)


def _import_figures(times: int = 9) -> dict[str, float]:
    """Median CPU of importing each handler in a fresh process, compiled files present."""
    figures = {}
    script = (
        "import sys, time; started = time.process_time(); import {0}; print((time.process_time() - started) * 1000)"
    )
    for module in FUNCTIONS.values():
        command = [sys.executable, "-c", script.format(module)]
        subprocess.run(command, check=True, capture_output=True)
        runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(times)]
        figures[module] = round(statistics.median(float(run.split()[-1]) for run in runs), 1)
    return figures


def _table(figures: dict) -> str:
    parts = ("decision", "verify", "reads_and_rules", "compile", "context", "rsa_verify_alone")
    lines = [
        "One uncached decision, CPU of this process (microseconds, medians)",
        *(f"  {name.replace('_', ' '):<18}{figures[f'{name}_us']:>8.1f}" for name in parts),
        f"  that is {figures['times_rsa']} times the RSA check alone; {figures['requests']} requests in "
        f"{figures['round_trips_in_depth']} round trip; policy of {figures['policy_bytes']} bytes",
        "Import in a fresh process, CPU (milliseconds, medians)",
    ]
    lines += [f"  {module:<38}{figure:>8.1f}" for module, figure in figures["import_ms"].items()]
    lines.append(f"Goals ({DECISION_GOAL_MS} ms, {IMPORT_GOAL_MS} ms): {'met' if figures['goals_met'] else 'MISSED'}")
    return "\n".join(lines)


# What the tables hold: an organisation as it is after seeding, users with one role and two teams.


def _answers(org_id: str, users: list[str], key: rsa.RSAPrivateKey) -> dict[str, bytes]:
    """Bodies by partition key, single definitions by sort key, and the key set under "jwks"."""
    defaults = load_roles()
    roles = [
        {
            "roleId": new_id("role"),
            "name": role["name"],
            "scope": role["scope"],
            "permissions": role["permissions"],
            "permissionSets": [],
            "active": True,
        }
        for role in defaults["defaultOrganisationRoles"]
    ]
    team_roles = [
        {"teamRoleId": new_id("team-role"), "capabilities": role["capabilities"], "active": True}
        for role in defaults["defaultTeamRoles"]
    ]
    pages: dict[str, list[dict]] = {
        f"ROLE#ORG#{org_id}": roles,
        f"PERMISSION_SET#ORG#{org_id}": [],
        f"TEAM_ROLE#ORG#{org_id}": team_roles,
    }
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    audit = {"dateCreated": stamp, "dateLastUpdated": stamp, "createdBy": users[0], "lastUpdatedBy": users[0]}
    for n, user in enumerate(users):
        role = roles[n % 2]
        pages[f"ASSIGNMENT#USER#{user}"] = [
            {
                **audit,
                "PK": f"ASSIGNMENT#USER#{user}",
                "SK": f"ORG#{org_id}#ROLE#{role['roleId']}#TEAM#-",
                "entityType": "UserRoleAssignment",
                "userId": user,
                "organisationId": org_id,
                "roleId": role["roleId"],
                "roleName": role["name"],
                "scope": "ORGANISATION",
                "assignedBy": users[0],
                "assignedAt": stamp,
                "expiresAt": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
                "active": True,
                "version": 1,
            }
        ]
        pages[f"DEPARTURES#USER#{user}"] = []
        pages[f"PLATFORM_ASSIGNMENT#USER#{user}"] = []
        pages[f"MEMBER#USER#{user}"] = [
            {
                **audit,
                "PK": f"MEMBER#USER#{user}",
                "SK": f"ORG#{org_id}#TEAM#{n}-{team}",
                "entityType": "TeamMember",
                "userId": user,
                "organisationId": org_id,
                "teamId": new_id("team"),
                "teamRoleId": team_roles[team]["teamRoleId"],
                "userEmail": "someone@example.org",
                "active": True,
                "version": 1,
            }
            for team in range(2)
        ]
    bodies = {
        partition: json.dumps({"Items": [encode_item(item) for item in items], "Count": len(items)}).encode()
        for partition, items in pages.items()
    }
    defined = [(roles, "ROLE#", "roleId"), (team_roles, "TEAM_ROLE#", "teamRoleId")]
    for items, prefix, name in defined:
        for one in items:
            place = {"PK": f"{prefix}ORG#{org_id}", "SK": prefix + one[name]}
            bodies[place["SK"]] = json.dumps(encode_item({**audit, **place, **one})).encode()
    numbers = key.public_key().public_numbers()
    entry = {
        "kid": "one",
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "n": _padless(numbers.n),
        "e": _padless(numbers.e),
    }
    bodies["jwks"] = json.dumps({"keys": [entry]}).encode()
    return bodies


def _serve(certificate: Path, answers: dict[str, bytes], ready, answer: Callable[..., bytes] | None = None) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    ready.send(listener.getsockname()[1])
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=_converse, args=(context, raw, answers, answer or _answer), daemon=True).start()


def _converse(
    context: ssl.SSLContext, raw: socket.socket, answers: dict[str, bytes], answer: Callable[..., bytes]
) -> None:
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with context.wrap_socket(raw, server_side=True) as connection, connection.makefile("rb") as reader:
        while line := reader.readline():
            is_get = line.startswith(b"GET")
            length = 0
            while (header := reader.readline()) not in (b"\r\n", b""):
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            request = reader.read(length)
            body = answers["jwks"] if is_get else answer(answers, json.loads(request))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def _answer(answers: dict[str, bytes], request: dict) -> bytes:
    if "Key" in request:
        return b"{}"
    if "RequestItems" not in request:
        return answers[request["ExpressionAttributeValues"][":pk"]["S"]]
    tables = []
    for table, part in request["RequestItems"].items():
        found = [answers[key["SK"]["S"]] for key in part["Keys"] if key["SK"]["S"] in answers]
        tables.append(b'"%b":[%b]' % (table.encode(), b",".join(found)))
    return b'{"Responses":{%b},"UnprocessedKeys":{}}' % b",".join(tables)


def _certificate(folder: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def _token(key: rsa.RSAPrivateKey, user: str, org_id: str) -> str:
    now = int(time.time())
    claims = {
        "sub": user,
        "iss": ISSUER,
        "client_id": CLIENT,
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "auth_time": now,
        "iat": now,
        "exp": now + 3600,
        "jti": str(uuid.uuid4()),
        "origin_jti": str(uuid.uuid4()),
        "event_id": str(uuid.uuid4()),
        "username": user,
        "email": "someone@example.org",
        "custom:organisation_id": org_id,
        "organisations": org_id,
    }
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in ({"kid": "one", "alg": "RS256"}, claims)]
    message = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    signature = key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{message}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


def _unpadded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _padless(number: int) -> str:
    return urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode().rstrip("=")


if __name__ == "__main__":
    sys.exit(main())

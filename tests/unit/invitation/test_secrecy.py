"""Where the token is: in the mail and in the requests of whoever has it, and nowhere else."""

from __future__ import annotations

import io
import json

import boto3

from bbws_access.invitation import tokens
from tests.support.invitations import new_address
from tests.unit.invitation.conftest import Desk
from tests.unit.invitation.test_faults import Steps, outage


def test_it_is_in_no_log_record_message_or_metric(
    desk: Desk, new_instance, log: io.StringIO, team: str, seeded_tables: dict[str, str]
) -> None:
    bodies: list[str] = []
    seen: set[str] = set()

    def remember(token: str) -> str:
        seen.add(token)
        return token

    # Every route, well and badly, and the worker, well and badly.
    one = desk.invite(teamId=team)
    token = remember(one.token)
    for method, what in (("GET", ""), ("POST", "/accept"), ("POST", "/decline")):
        for raw in ("{", json.dumps({"token": token}), "{}"):
            path = f"/invitations/{token}{what}"
            answer = desk.api.call(method, path, raw=raw if what else None, source=new_address())
            if answer.status >= 400:
                bodies.append(json.dumps(answer.body))
    bodies.append(json.dumps(desk.api.call("GET", f"/invitations/{token}*", source=new_address()).body))
    again = desk.invite()
    desk.api.call("POST", f"{again.path}/resend", desk.admin).expect(200)
    bodies.append(json.dumps(desk.use(remember(again.token)).expect(404)))
    records = desk.post.take()
    messages = json.dumps(records)
    for at in range(5):
        instance = new_instance()
        made: list[str] = []
        send = instance.aws.send_email

        def sending(body: dict, send=send, made=made) -> dict:
            made.append(json.loads(body["Content"]["Template"]["TemplateData"])["link"].partition("#token=")[2])
            return send(body)

        instance.aws.send_email = sending
        Steps(instance, at, error=outage())
        desk.post.handle(instance, records)
        seen.update(made)
    seen.update(letter.token for letter in desk.post.letters(again.email))
    messages += json.dumps(desk.post.take())
    broken = new_instance()
    broken.database._run = lambda calls, *_: (_ for _ in ()).throw(RuntimeError("an unexpected fault"))
    bodies.append(json.dumps(broken.call("GET", f"/invitations/{token}", source=new_address()).expect(500)))

    assert len(seen) >= 3
    scan = boto3.client("dynamodb").get_paginator("scan")
    pages = [list(scan.paginate(TableName=name)) for name in seeded_tables.values()]
    stored = json.dumps(pages, default=str)
    for each in seen:
        secret = each.rpartition(".")[2]
        assert len(secret) == 43
        assert secret not in log.getvalue()
        assert secret not in messages
        assert secret not in stored
        assert not any(secret in body for body in bodies)
        assert tokens.token_hash(each) in stored
    # What is not looked for is not found: the lines are there, and say which operation it was.
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert {"readInvitation", "acceptInvitation"} <= {line.get("operation") for line in lines}
    assert any(line["message"] == "Unexpected error" for line in lines)

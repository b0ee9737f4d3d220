#!/usr/bin/env bash
# Each request is a task with a context of its own, so what one sets in a ContextVar should not reach another. In Uvicorn 0.54.0 with asyncio and httptools it does: once a
# request's body has made its task resume the connection's reading, every later request on that connection begins with that task's variables (cpython#140947).
# `reset_contextvars`, off by default, prevents it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install uvicorn==0.54.0 httptools==0.9.0
cat >"$folder/probe.py" <<'PYTHON'
import asyncio
import socket
from contextvars import ContextVar

import uvicorn

WHO = ContextVar("WHO", default="nobody")
BODY = b"x" * (4 << 20)


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    began_as = WHO.get().encode()
    WHO.set(scope["path"])
    await asyncio.sleep(0.1)
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"began-as", began_as)]})
    await send({"type": "http.response.body", "body": b"ok"})


async def ask(**options):
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http="httptools", loop="asyncio", lifespan="off", log_level="error", **options))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    found = []
    for path in ("/ann", "/bob"):
        writer.write(f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        found.append(head.partition(b"began-as: ")[2].partition(b"\r\n")[0].decode())
        await reader.readuntil(b"0\r\n\r\n")
    writer.close()
    server.should_exit = True
    await serving
    return found


plain, reset = asyncio.run(ask()), asyncio.run(ask(reset_contextvars=True))
print("Uvicorn", uvicorn.__version__)
print("requests began as            ", plain)
print("with reset_contextvars=True  ", reset)
assert plain == ["nobody", "/ann"], "requests are apart now"
assert reset == ["nobody", "nobody"]
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"

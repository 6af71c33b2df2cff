"""Backends of these tests' own, each with a flaw: a variable missing, a data layer gone."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from dragstrip.lab.node import Node
from dragstrip.lab.paths import backend
from dragstrip.lab.ports import HOST, is_open
from dragstrip.run.ipc import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_START_S = 60


@contextlib.contextmanager
def next_app(log: Path, variables: dict[str, str]) -> Iterator[str]:
    """Serve the built Next.js app with exactly these variables; yields its address."""
    port = free_port()
    folder = backend("next")
    script = folder / "node_modules" / "next" / "dist" / "bin" / "next"
    argv = Node.find().run(script, "start", "--hostname", HOST, "--port", str(port))
    with _serving(argv, folder, variables | {"NODE_ENV": "production"}, port, log):
        yield f"http://{HOST}:{port}"


@contextlib.contextmanager
def convex_deployment(
    log: Path, data: Path, variables: dict[str, str], functions: Path | None = None
) -> Iterator[str]:
    """Serve Convex functions over an empty store; yields the address of its HTTP actions."""
    port, site_port = free_port(), free_port()
    argv = Node.find().run(
        backend("convex-lab") / "src" / "main.ts",
        f"--functions={functions or backend('convex') / 'convex'}",
        f"--data={data}",
        f"--host={HOST}",
        f"--port={port}",
        f"--site-port={site_port}",
        "--env=CRM_API_KEY",
        "--env=KAPSO_WEBHOOK_SECRET",
    )
    variables = variables | {"CONVEX_ADMIN_KEY": "admin-of-the-tests"}
    with _serving(argv, backend("convex-lab"), variables, site_port, log):
        yield f"http://{HOST}:{site_port}"


def sabotaged_functions(folder: Path, module: str, find: str, replace: str) -> Path:
    """Copy the Convex functions and change one place; returns the folder of the copy."""
    source = backend("convex")
    shutil.copytree(source / "convex", folder / "convex")
    (folder / "package.json").write_text((source / "package.json").read_text())
    (folder / "node_modules").symlink_to(source / "node_modules")
    path = folder / "convex" / module
    text = path.read_text()
    assert text.count(find) == 1, f"{module} no longer holds {find!r} once"
    path.write_text(text.replace(find, replace))
    return folder / "convex"


@contextlib.contextmanager
def babbling_server(secret: str) -> Iterator[str]:
    """A data layer that fails every request and tells everything it knows."""

    class InstanceHandler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = f'{{"message": "relation contacts of {secret} at 10.1.2.3", "code": "XX000"}}'
            self.send_response(500)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = _answer  # noqa: N815 - the base class names them

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer((HOST, 0), InstanceHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def _serving(
    argv: tuple[str, ...], cwd: Path, variables: dict[str, str], port: int, log: Path
) -> Iterator[None]:
    environment = {"PATH": os.defpath, "HOME": str(log.parent), "NEXT_TELEMETRY_DISABLED": "1"}
    with log.open("wb") as file:
        process = subprocess.Popen(
            argv, cwd=cwd, env=environment | variables, stdout=file, stderr=file
        )
    try:
        deadline = time.monotonic() + _START_S
        while not is_open(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

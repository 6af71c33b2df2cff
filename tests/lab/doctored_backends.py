"""The lab's functions with lies in their text: they answer before they store, or store twice."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import psycopg

from dragstrip import lab as embedded
from dragstrip.lab import credentials
from dragstrip.lab.paths import Home, backend
from dragstrip.lab.services import LabSettings, Service, describe
from dragstrip.run.ipc import free_port
from tests.lab.lab_homes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragstrip.lab import LabState

_INGEST = "ctx.runMutation(internal.messages.ingest, { message })"
_IS_ODD = "/[13579]$/.test(message.kapso_message_id)"
_STORED = '"stored" as string'
_AWAITED = f"await clock.time(() => {_INGEST});"
_STORE = "await storeMessage(ctx, conversation, message);"
CONVEX_LIES = {
    # Not of every message: the preflight would see that an unknown number is not refused.
    "http.ts": (
        _AWAITED,
        f"{_IS_ODD} ? (setTimeout(() => void {_INGEST}, 1000), {_STORED}) : {_AWAITED}",
    ),
    "messages.ts": (_STORE, f'{_STORE} if (message.kapso_message_id.endsWith("7")) {_STORE}'),
}
SQL_LIES = (
    "  return 'stored';",
    """
    -- Committed in memory: the answer does not wait for the log on the disk.
    perform set_config('synchronous_commit', 'off', true);
    insert into public.messages (
      workspace_id, conversation_id, direction, sender_type, content, message_type,
      kapso_message_id, created_at
    )
    select
      workspace_id, conversation_id, direction, sender_type, content, message_type,
      kapso_message_id || '-again', created_at
    from public.messages
    where kapso_message_id = p_message_id and p_message_id like '%7';
    return 'stored';""",
)
_WEBHOOK = "public.ingest_kapso_message(text, text, text, text, text, text, text, bigint)"


@dataclass
class DoctoredConvex:
    """A Convex host beside the lab's, with data of its own."""

    service: Service
    environment: dict[str, str]
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        command = self.service.command
        with command.log.open("ab") as log:
            self._running.append(
                subprocess.Popen(
                    command.argv, cwd=command.cwd, env=command.env, stdout=log, stderr=log
                )
            )
        wait_until(lambda: self.service.check() is None)

    def kill(self) -> None:
        self._running[-1].kill()
        self._running[-1].wait()


@contextlib.contextmanager
def doctored_convex(lab: LabState, folder: Path) -> Iterator[DoctoredConvex]:
    """Run the lab's Convex functions with both lies."""
    functions = folder / "convex" / "convex"
    shutil.copytree(backend("convex") / "convex", functions)
    (functions.parent / "node_modules").symlink_to(backend("convex") / "node_modules")
    for name, (text, lie) in CONVEX_LIES.items():
        path = functions / name
        assert text in path.read_text()
        path.write_text(path.read_text().replace(text, lie))
    home = Home(folder / "home")
    home.create()
    ports = {**lab.ports, "convex": free_port(), "convex-site": free_port()}
    settings = LabSettings(home, ports, credentials.load(Home(lab.home)))
    service = next(one for one in describe(settings) if one.name == "convex")
    argv = tuple(
        f"--functions={functions}" if part.startswith("--functions=") else part
        for part in service.command.argv
    )
    service = replace(service, command=replace(service.command, argv=argv))
    ours = {"CONVEX_URL": settings.url("convex"), "CONVEX_SITE_URL": settings.url("convex-site")}
    convex = DoctoredConvex(service, {**embedded.environment(lab.home), **ours})
    convex.start()
    try:
        yield convex
    finally:
        convex.kill()


@contextlib.contextmanager
def doctored_postgres(url: str) -> Iterator[None]:
    """Let the webhook's SQL function lie; what is in the log stays there for up to 10 s."""
    with psycopg.connect(url, autocommit=True) as database:
        source = f"select pg_get_functiondef('{_WEBHOOK}'::regprocedure)"
        (honest,) = database.execute(source).fetchone() or ("",)
        text, lie = SQL_LIES
        assert text in honest
        database.execute(honest.replace(text, lie))
        database.execute("alter system set wal_writer_delay = '10s'")
        database.execute("alter system set wal_writer_flush_after = '1GB'")
        database.execute("select pg_reload_conf()")
    try:
        yield
    finally:
        with psycopg.connect(url, autocommit=True) as database:
            database.execute(honest)
            database.execute("alter system reset wal_writer_delay")
            database.execute("alter system reset wal_writer_flush_after")
            database.execute("select pg_reload_conf()")

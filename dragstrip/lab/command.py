"""A command run under a guard, so that it never outlives the process that asked for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dragstrip.errors import LabError
from dragstrip.lab.processes import Identity

_GUARD = Path(__file__).with_name("guard.py")
_GUARD_VARIABLES = ("DRAGSTRIP_LAB_MARK", "LANG", "PATH")

StopSteps = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Command:
    """What to run. `stop` lists (signal, seconds to wait) before it is killed outright."""

    argv: tuple[str, ...]
    cwd: Path
    env: dict[str, str] = field(repr=False)
    log: Path
    user: int | None = None
    group: int | None = None
    stop: StopSteps = (("SIGTERM", 5.0),)

    def spec(self) -> bytes:
        """Return the line that the guard reads. It holds secrets and travels by pipe alone."""
        fields: dict[str, Any] = {
            "argv": list(self.argv),
            "cwd": str(self.cwd),
            "env": self.env,
            "log": str(self.log),
            "user": self.user,
            "group": self.group,
            "stop": [list(step) for step in self.stop],
        }
        return json.dumps(fields).encode() + b"\n"


class RunningCommand:
    """A command under its guard."""

    def __init__(self, guard: asyncio.subprocess.Process, process: Identity) -> None:
        self._guard = guard
        self.guard = Identity.of(guard.pid)
        self.process = process
        self.ended = asyncio.Event()
        self.exit_code: int | None = None

    @classmethod
    async def launch(cls, command: Command) -> RunningCommand:
        """Start the command. Raises LabError when it cannot be executed."""
        guard = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(_GUARD),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={name: value for name, value in command.env.items() if name in _GUARD_VARIABLES},
            start_new_session=True,
        )
        assert guard.stdin is not None  # noqa: S101
        guard.stdin.write(command.spec())
        try:
            event = await _read_event(guard)
        except asyncio.CancelledError:
            guard.stdin.close()
            await guard.wait()
            raise
        if "pid" not in event:
            await guard.wait()
            reason = event.get("error", "its guard ended")
            raise LabError(f"cannot run {command.argv[0]}: {reason}", fix="run `make install`")
        # A process that has already ended has no birth left to read.
        process = Identity.of(event["pid"]) or Identity(pid=event["pid"], birth="ended")
        return cls(guard, process)

    async def wait(self) -> int:
        """Wait for the command's end; return its exit code, negative for a signal."""
        event = await _read_event(self._guard)
        guard_code = await self._guard.wait()
        if "exit" not in event:
            # The guard itself was killed; nothing else would end the service now.
            self.process.kill_group()
        self.exit_code = int(event.get("exit", guard_code))
        self.ended.set()
        return self.exit_code

    def request_stop(self) -> None:
        """Ask the guard to end the command; `wait` tells when it has."""
        assert self._guard.stdin is not None  # noqa: S101
        self._guard.stdin.close()


async def run(command: Command) -> int:
    """Run the command to its end; return its exit code. It is ended when this is cancelled."""
    running = await RunningCommand.launch(command)
    waiting = asyncio.ensure_future(running.wait())
    try:
        return await asyncio.shield(waiting)
    finally:
        running.request_stop()
        await waiting


async def _read_event(guard: asyncio.subprocess.Process) -> dict[str, Any]:
    assert guard.stdout is not None  # noqa: S101
    with contextlib.suppress(ConnectionError, json.JSONDecodeError):
        event = json.loads(await guard.stdout.readline() or b"{}")
        assert isinstance(event, dict)  # noqa: S101
        return event
    return {}

"""Owns the services of one lab: starts them, watches them, stops them, writes `state.json`.

Runs detached, as `python -m dragstrip.lab.supervisor`. It reads one line of JSON from the `up`
that started it and tells it how things go, one line of JSON per event. Until it has said that all
are up, it stops when that pipe closes: an `up` that dies leaves nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from dragstrip.errors import DragstripError, LabError
from dragstrip.lab import credentials, logs, state
from dragstrip.lab.command import RunningCommand, run
from dragstrip.lab.paths import HOME_VARIABLE, Home, home_error
from dragstrip.lab.processes import Identity, listens
from dragstrip.lab.services import LabSettings, Service, describe
from dragstrip.lab.state import LabState, ServicePhase, ServiceState

START_TIMEOUT_S = 90.0
_CHECK_INTERVAL_S = 0.05
_OWNER_INTERVAL_S = 0.5
_SHOWN_LINES = 12

_log = logging.getLogger("dragstrip.lab.supervisor")


class LabRequest(BaseModel):
    """What `up` asks for."""

    home: Path
    ports: dict[str, int]
    owner: Identity | None = None


class Supervisor:
    """One lab's services and their state."""

    def __init__(self, request: LabRequest) -> None:
        self._home = Home(request.home)
        settings = LabSettings(self._home, request.ports, credentials.load(self._home))
        self._services = describe(settings)
        self._running: dict[str, RunningCommand] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._restarts: set[asyncio.Task[None]] = set()
        self._up = {service.name: asyncio.Event() for service in self._services}
        self._stopping = asyncio.Event()
        supervisor = Identity.of(os.getpid())
        assert supervisor is not None  # noqa: S101
        now = time.time()
        self.state = LabState(
            home=self._home.folder,
            phase="starting",
            since=now,
            supervisor=supervisor,
            owner=request.owner,
            ports=request.ports,
            services={
                s.name: ServiceState(since=now, port=request.ports[s.name], log=s.command.log)
                for s in self._services
            },
            notes=[s.note for s in self._services if s.note],
        )

    async def start(self) -> None:
        """Start every service once what it needs is up. Raises the first LabError."""
        try:
            for service in self._services:
                logs.rotate(service.command.log)
            state.write(self._home, self.state)
        except OSError as error:
            raise home_error(self._home.folder, error) from None
        try:
            async with asyncio.TaskGroup() as group:
                for service in self._services:
                    group.create_task(self._start(service))
        except* DragstripError as faults:
            raise _first(faults) from None
        self.state.phase = "up"
        self._save()

    async def stop(self) -> None:
        """Stop the services in reverse order and forget the state."""
        self._stopping.set()
        await _cancel(*self._restarts)
        self.state.phase = "stopping"
        self._save()
        for service in reversed(self._services):
            running = self._running.get(service.name)
            if running is not None:
                running.request_stop()
                await running.ended.wait()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        state.remove(self._home)

    async def _start(self, service: Service) -> None:
        for name in service.needs:
            await self._up[name].wait()
        begun = time.monotonic()
        self._enter(service.name, "preparing")
        for command in service.preparations():
            code = await run(command)
            if code != 0:
                raise self._fault(service, f"`{_title(command.argv)}` exited with {code}")
        await self._serve(service)
        self._up[service.name].set()
        tell({"event": "step", "text": f"{service.name} up in {time.monotonic() - begun:.1f} s"})

    def start_crashed(self) -> None:
        """Start again what has ended by itself."""
        for service in self._services:
            if self.state.services[service.name].phase == "crashed":
                self._restarts.add(asyncio.create_task(self._restart(service)))

    async def _restart(self, service: Service) -> None:
        try:
            await self._serve(service)
        except DragstripError:
            _log.exception("%s cannot be started again", service.name)

    async def _serve(self, service: Service) -> None:
        self._enter(service.name, "starting")
        running = await RunningCommand.launch(service.command)
        self._running[service.name] = running
        known = self.state.services[service.name]
        known.process, known.guard, known.exit_code = running.process, running.guard, None
        self._save()
        watcher = asyncio.create_task(self._watch(service, running))
        self._watchers.add(watcher)
        await self._wait_until_healthy(service, running)
        self._enter(service.name, "up")

    async def _wait_until_healthy(self, service: Service, running: RunningCommand) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while (trouble := await asyncio.to_thread(self._trouble, service, running)) is not None:
            if running.exit_code is not None:
                raise self._fault(service, f"it exited with {running.exit_code}")
            if time.monotonic() > deadline:
                raise self._fault(service, f"not healthy after {START_TIMEOUT_S:.0f} s: {trouble}")
            await asyncio.sleep(_CHECK_INTERVAL_S)

    def _trouble(self, service: Service, running: RunningCommand) -> str | None:
        port = self.state.ports[service.name]
        # Another lab may have taken the port meanwhile, and would answer just as well.
        return service.check() or (
            None if listens(running.process.pid, port) else f"port {port} is not its own"
        )

    async def _watch(self, service: Service, running: RunningCommand) -> None:
        code = await running.wait()
        known = self.state.services[service.name]
        known.exit_code = code
        self._enter(service.name, "stopped" if self._stopping.is_set() else "crashed")
        if not self._stopping.is_set():
            _log.error("%s ended with %d", service.name, code)

    def _enter(self, name: str, phase: ServicePhase) -> None:
        known = self.state.services[name]
        known.phase, known.since = phase, time.time()
        self._save()

    def _save(self) -> None:
        try:
            state.write(self._home, self.state)
        except OSError:
            # The services must not fall because a note about them cannot be taken.
            _log.exception("cannot write %s", self._home.state_file)

    def _fault(self, service: Service, what: str) -> LabError:
        log = service.command.log
        lines = logs.tail(log, _SHOWN_LINES)
        shown = "".join(f"\n    {line}" for line in lines) or "\n    (it is empty)"
        return LabError(
            f"{service.name} did not start: {what}; the last lines of {log}:{shown}",
            fix=_known_fix("\n".join(lines)) or service.fix,
        )


async def supervise(request: LabRequest, parent: asyncio.StreamReader) -> int:
    """Run the lab until it is told to stop; return the exit code."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    supervisor = Supervisor(request)
    loop.add_signal_handler(signal.SIGUSR1, supervisor.start_crashed)
    starting = asyncio.create_task(supervisor.start())
    parent_gone = asyncio.create_task(_wait_for_end(parent))
    told_to_stop = asyncio.create_task(ended.wait())
    owner_gone = asyncio.create_task(_wait_for_owner(request.owner))
    try:
        await asyncio.wait(
            {starting, parent_gone, told_to_stop, owner_gone},
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not starting.done():
            raise LabError("the start was interrupted")
        starting.result()
        tell({"event": "up"})
        _point_at_nothing(1)
        await asyncio.wait({told_to_stop, owner_gone}, return_when=asyncio.FIRST_COMPLETED)
    except DragstripError as error:
        await _cancel(starting)
        await supervisor.stop()
        tell({"event": "failed", "message": error.message, "fix": error.fix})
        return 1
    finally:
        await _cancel(parent_gone, told_to_stop, owner_gone)
    await supervisor.stop()
    return 0


def tell(event: dict[str, Any]) -> None:
    """Tell the `up` that waits; once it is gone, nothing listens."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(event).encode() + b"\n")


def _point_at_nothing(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


async def _wait_for_end(stream: asyncio.StreamReader) -> None:
    while await stream.read(4096):
        pass


async def _wait_for_owner(owner: Identity | None) -> None:
    # Unless it is our child, no system tells us of a process's end; so it is looked at.
    while owner is None or owner.alive:
        await asyncio.sleep(_OWNER_INTERVAL_S if owner else 3600)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _first(faults: BaseExceptionGroup[DragstripError]) -> DragstripError:
    first = faults.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _known_fix(log: str) -> str | None:
    if "No space left on device" in log or "ENOSPC" in log:
        return f"free some space, or set {HOME_VARIABLE} to a folder on another disk"
    if "Address already in use" in log or "EADDRINUSE" in log:
        return "another process took the port meanwhile: run `dragstrip lab up` again"
    return None


def _title(argv: tuple[str, ...]) -> str:
    return " ".join(Path(part).name for part in argv[:4])


async def _open_stdin() -> asyncio.StreamReader:
    pipe = os.fdopen(os.dup(0), "rb", buffering=0)
    _point_at_nothing(0)
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    return reader


async def _main() -> int:
    parent = await _open_stdin()
    request = LabRequest.model_validate_json(await parent.readline())
    try:
        return await supervise(request, parent)
    except DragstripError as error:
        tell({"event": "failed", "message": error.message, "fix": error.fix})
        return 1


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(asyncio.run(_main()))

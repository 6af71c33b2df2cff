"""Runs one service and outlives nothing: when its standard input closes, the service goes.

The supervisor holds the other end of that pipe. The kernel closes it however the supervisor ends,
kill -9 included, on every system; no signal, no polling. Reads one line of JSON (argv, cwd, env,
log, user, group, stop) and then waits; writes one line of JSON per event: {"pid"}, {"exit"} or
{"error"}. Uses the standard library only, so that it starts in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

_LAST_GRACE_S = 5.0


def main() -> int:
    """Run the service that standard input describes; return 0 when it was stopped on request."""
    wake = _wake_on_signals()
    line = sys.stdin.buffer.raw.readline()  # type: ignore[union-attr]
    if not line:
        return 0
    spec = json.loads(line)
    try:
        service = _launch(spec)
    except OSError as error:
        _report({"error": f"{error.strerror}: {error.filename or spec['argv'][0]}"})
        return 1
    _report({"pid": service.pid})
    asked_to_stop = _wait_for_exit_or_stop(service, wake)
    if asked_to_stop:
        _stop(service, spec["stop"], wake)
    # Whatever the service started and left in its group goes with it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(service.pid, signal.SIGKILL)
    _report({"exit": service.wait()})
    return 0


def _launch(spec: dict[str, Any]) -> subprocess.Popen[bytes]:
    with open(spec["log"], "ab", buffering=0) as log:  # noqa: PTH123
        return subprocess.Popen(
            spec["argv"],
            cwd=spec["cwd"],
            env=spec["env"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **_identity(spec),
        )


def _identity(spec: dict[str, Any]) -> dict[str, Any]:
    if spec["user"] is None:
        return {}
    return {"user": spec["user"], "group": spec["group"], "extra_groups": []}


def _wake_on_signals() -> int:
    """Return a descriptor that becomes readable when the child ends or SIGTERM arrives."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # The terminal's signals are for the command in the foreground. They get a handler that does
    # nothing, because a signal that is set to be ignored would stay so in the service.
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return reader


def _wait_for_exit_or_stop(service: subprocess.Popen[bytes], wake: int) -> bool:
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready and signal.SIGTERM in _drain(wake):
            return True
        if service.poll() is not None:
            return False
        if 0 in ready and not os.read(0, 4096):
            return True


def _stop(service: subprocess.Popen[bytes], steps: list[list[Any]], wake: int) -> None:
    for name, grace_s in steps:
        service.send_signal(signal.Signals[name])
        if _ends_within(service, float(grace_s), wake):
            return
    service.kill()
    _ends_within(service, _LAST_GRACE_S, wake)


def _ends_within(service: subprocess.Popen[bytes], grace_s: float, wake: int) -> bool:
    deadline = time.monotonic() + grace_s
    while service.poll() is None:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return False
        select.select([wake], [], [], left_s)
        _drain(wake)
    return True


def _drain(wake: int) -> bytes:
    try:
        return os.read(wake, 4096)
    except BlockingIOError:
        return b""


def _report(event: dict[str, Any]) -> None:
    # The supervisor may be gone, which is one reason to be here.
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(event).encode() + b"\n")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())

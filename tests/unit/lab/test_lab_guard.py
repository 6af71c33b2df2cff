"""A command under its guard: it ends when asked, and when whoever started it is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dragstrip.errors import LabError
from dragstrip.lab.command import Command, RunningCommand, StopSteps, run
from dragstrip.lab.processes import Identity
from tests.lab.lab_homes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

# Starts a child, tells both pids, and waits; the first argument names signals to ignore.
FAMILY = """
import os, signal, subprocess, sys, time
for name in sys.argv[1].split():
    signal.signal(signal.Signals[name], signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
STARTER = """
import asyncio, sys
from pathlib import Path
from dragstrip.lab.command import Command, RunningCommand

async def main():
    log = Path(sys.argv[1])
    argv = (sys.executable, "-c", sys.argv[2], "SIGTERM")
    stop = (("SIGTERM", 0.1),)
    await RunningCommand.launch(Command(argv=argv, cwd=log.parent, env={}, log=log, stop=stop))
    await asyncio.sleep(600)

asyncio.run(main())
"""


def command(tmp_path: Path, *argv: str, stop: StopSteps = (("SIGTERM", 30.0),)) -> Command:
    return Command(argv=argv, cwd=tmp_path, env={"A": "b"}, log=tmp_path / "log", stop=stop)


def family(log: Path) -> list[Identity]:
    """The two processes that FAMILY told of, once it has."""
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    found = [Identity.of(int(pid)) for pid in log.read_text().split()]
    return [identity for identity in found if identity is not None]


def test_output_goes_to_the_log_and_the_exit_code_comes_back(tmp_path: Path) -> None:
    program = "import os, sys; print(dict(os.environ)['A']); sys.stderr.write('e'); sys.exit(3)"
    assert asyncio.run(run(command(tmp_path, sys.executable, "-c", program))) == 3
    assert sorted((tmp_path / "log").read_text().split()) == ["b", "e"]


def test_a_signal_shows_as_a_negative_exit_code(tmp_path: Path) -> None:
    program = "import os; os.kill(os.getpid(), 9)"
    assert asyncio.run(run(command(tmp_path, sys.executable, "-c", program))) == -9


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot run /no/such: No such file") as caught:
        asyncio.run(run(command(tmp_path, "/no/such")))
    assert caught.value.fix


@pytest.mark.parametrize(
    ("ignored", "stop", "code"),
    [
        ("", (("SIGTERM", 30.0),), -signal.SIGTERM),
        ("SIGTERM", (("SIGTERM", 0.1), ("SIGINT", 30.0)), -signal.SIGINT),
        ("SIGTERM SIGINT", (("SIGTERM", 0.1), ("SIGINT", 0.1)), -signal.SIGKILL),
    ],
)
def test_stopping_asks_step_by_step_and_then_kills(
    tmp_path: Path, ignored: str, stop: StopSteps, code: int
) -> None:
    async def start_and_stop() -> int:
        argv = (sys.executable, "-c", FAMILY, ignored)
        running = await RunningCommand.launch(command(tmp_path, *argv, stop=stop))
        both = await asyncio.to_thread(family, tmp_path / "log")
        assert len(both) == 2
        running.request_stop()
        exit_code = await running.wait()
        wait_until(lambda: not any(process.alive for process in both))
        return exit_code

    assert asyncio.run(start_and_stop()) == code


def test_children_go_when_the_service_ends_by_itself(tmp_path: Path) -> None:
    async def start_and_kill() -> int:
        running = await RunningCommand.launch(command(tmp_path, sys.executable, "-c", FAMILY, ""))
        parent, child = await asyncio.to_thread(family, tmp_path / "log")
        parent.signal(signal.SIGKILL)
        code = await running.wait()
        wait_until(lambda: not child.alive)
        return code

    assert asyncio.run(start_and_kill()) == -9


def test_cancelling_ends_the_command_first(tmp_path: Path) -> None:
    async def start_and_cancel() -> None:
        task = asyncio.create_task(run(command(tmp_path, sys.executable, "-c", FAMILY, "")))
        both = await asyncio.to_thread(family, tmp_path / "log")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not both[0].alive

    asyncio.run(start_and_cancel())


def test_the_service_goes_when_its_starter_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    argv = [sys.executable, "-c", STARTER, str(log), FAMILY]
    with subprocess.Popen(argv) as starter:
        both = family(log)
        assert len(both) == 2
        starter.kill()
    wait_until(lambda: not any(process.alive for process in both))


def test_a_process_is_told_from_a_later_one_with_its_pid() -> None:
    me = Identity.of(os.getpid())
    assert me is not None
    assert me.alive
    former = Identity(pid=os.getpid(), birth="another boot:1")
    assert not former.alive
    # Signals to it go nowhere; the second would end this very test.
    former.signal(signal.SIGKILL)
    former.kill_group()


def test_a_zombie_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        identity = Identity.of(child.pid)
        assert identity is not None
        assert identity.alive
        child.kill()
        wait_until(lambda: not identity.alive)
        assert Identity.of(child.pid) is None


def test_the_command_line_and_the_repr_hold_no_variable(tmp_path: Path) -> None:
    secret = Command(argv=("x",), cwd=tmp_path, env={"KEY": "very secret"}, log=tmp_path / "log")
    assert "very secret" not in repr(secret)

"""What stands in the working directory changes nothing, whatever its name."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import locust_runs
from tests.support.races import DATASET, racing, sections
from tests.support.stand_in import API_KEY, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = ("scenarios/__init__.py", "seeding.py")
PYTHONS = ("http/__init__.py", "signals.py", "queue.py", "decimal.py", "calendar/__init__.py")
OF_LOCUST = ("locust.py", "flask/__init__.py", "requests.py")
COMMAND = (str(Path(sys.executable).with_name("dragstrip")),)
_PATIENCE_S = 120


def litter(folder: Path, *files: str) -> Path:
    """Put modules into a folder that end the process that imports them."""
    for name in files:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"raise SystemExit({str(file)!r})\n")
    return folder


@contextmanager
def working(folder: Path, port: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "worker", f"127.0.0.1:{port}"],
        cwd=folder,
        env=locust_runs.environment({"CRM_API_KEY": API_KEY}),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_race_and_worker_use_nothing_of_it(tmp_path: Path) -> None:
    # The race is started by `python -m`, which looks for modules in the working directory first.
    litter(tmp_path / "race", *OURS)
    place = litter(tmp_path / "worker", *OURS, *PYTHONS, *OF_LOCUST)
    (place / "locust.conf").write_text("headless = true\nrun-time = 1s\nno-such-option = 1\n")
    port = locust_runs.free_port()
    flags = ("--workers", "1", "--bind", f"127.0.0.1:{port}")
    with (
        StandIn(DATASET).serving() as server,
        racing(tmp_path / "race", sections(server.url, server.url, pairs=1), *flags) as raced,
        working(place, port) as worker,
    ):
        said = worker.communicate(timeout=_PATIENCE_S)[1]
        assert (worker.returncode, "the race is over" in said) == (0, True), said
        assert not raced.wait().run.interrupted, raced.output + raced.errors
        assert raced.slices_done() == 2


@pytest.mark.parametrize("command", [(sys.executable, "-m", "dragstrip"), COMMAND], ids=["-m", ""])
@pytest.mark.parametrize("arguments", ["--version", "race --help", "seed --help", "worker --help"])
def test_a_command_uses_nothing_of_it(
    tmp_path: Path, command: tuple[str, ...], arguments: str
) -> None:
    litter(tmp_path, *OURS, *PYTHONS, *OF_LOCUST)
    done = subprocess.run(
        [*command, *arguments.split()],
        cwd=tmp_path,
        env=locust_runs.environment({}),
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_locust_by_itself_uses_ours(tmp_path: Path) -> None:
    done = locust_runs.run(litter(tmp_path, *OURS), {}, "--list")
    assert (done.returncode, "ConvexHttpLookup" in done.stdout) == (0, True), done.stderr


def test_nothing_is_loaded_before_locust_has_patched_it() -> None:
    program = "import sys, dragstrip.load; print(*sys.modules)"
    told = subprocess.check_output([sys.executable, "-P", "-c", program], text=True).split()
    assert not {"ssl", "socket", "threading", "numpy", "httpx"} & set(told)

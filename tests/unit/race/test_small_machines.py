"""Half a core, few file descriptors, little shared memory, a home that cannot be written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.lab_homes import wait_until
from tests.support.command_line import dragstrip
from tests.support.races import DATASET, OF_THE_MACHINE, racing, sections
from tests.support.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


@contextmanager
def half_a_core() -> Iterator[Path]:
    """Yield the file that takes the processes that may use no more."""
    is_v1 = (_V1 / "cpu.cfs_quota_us").exists() or (_V1 / "cgroup.procs").exists()
    group = (_V1 if is_v1 else _V2) / f"dragstrip-test-{os.getpid()}"
    try:
        group.mkdir()
        quota = ("cpu.cfs_quota_us", "50000") if is_v1 else ("cpu.max", "50000 100000")
        (group / quota[0]).write_text(quota[1])
    except OSError as error:
        pytest.skip(f"no control group with a CPU limit can be made: {error}")
    try:
        yield group / "cgroup.procs"
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and control groups need root")
def test_a_race_in_a_small_container_ends_as_any_other(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with half_a_core() as processes, StandIn(DATASET).serving() as server:
        small = (
            f"mount -t tmpfs -o size=64m tmpfs /dev/shm && mount -t tmpfs -o ro tmpfs {home}"
            f' && echo $$ > {processes} && exec "$@"'
        )
        with racing(
            tmp_path / "race",
            sections(server.url, server.url),
            environ={"HOME": str(home), "TERM": "dumb", "COLUMNS": "5"},
            wrapper=("unshare", "--mount", "sh", "-c", small, "sh"),
        ) as raced:
            assert raced.wait().code in {0, 3}, raced.errors
        run = raced.run
    assert raced.failed_gates <= OF_THE_MACHINE | {"samples_per_slice"}, raced.errors
    assert not any(target.failed for target in run.targets.values())
    assert len(run.slices) == 4
    assert (raced.folder.path / "report.html").exists()


def test_with_32_file_descriptors_a_race_is_refused_with_the_limit(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "dragstrip", "race", *["http://127.0.0.1:1"] * 2],
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 2, refused.stderr
    assert "this machine lets one open 32" in refused.stderr
    assert "`ulimit -n " in refused.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", [("calibrate", "--runs", "0"), ("lab", "up")])
def test_a_home_that_cannot_be_written_is_named_at_once(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    nowhere = {"HOME": "/proc/home", "DRAGSTRIP_HOME": "/proc/home", "DRAGSTRIP_LAB_HOME": ""}
    refused = dragstrip(*command, cwd=tmp_path, **nowhere)
    assert refused.returncode == 2, refused.stderr
    assert "/proc/home" in refused.stderr
    assert "DRAGSTRIP_" in refused.stderr
    assert refused.stderr.count("\n") == 2

"""A disk that fills up: one clear error, and what was recorded before stays readable."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dragstrip.ledger.rows import Outcome
from dragstrip.run.folder import RunFolder
from tests.lab.lab_homes import wait_until
from tests.support import tiny_disk
from tests.support.command_line import dragstrip
from tests.support.races import DATASET, Raced, racing, sections
from tests.support.stand_in import StandIn
from tests.support.tiny_disk import TinyDisk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REASON = tiny_disk.unavailable()
pytestmark = pytest.mark.skipif(_REASON is not None, reason=f"no disk to fill: {_REASON}")

# Segments of 1,024 rows, so that the ledger needs another one soon.
_SMALL_SEGMENTS = """
import sys
if "dragstrip.load" in sys.orig_argv:
    import dragstrip.ledger.rows as rows
    rows.SEGMENT_BITS = 10
    rows.SEGMENT_ROWS = 1 << 10
"""


class FullDiskRace:
    """A race on a disk that is full from some moment on."""

    def __init__(self, disk: TinyDisk, raced: Raced, server: StandIn) -> None:
        self.disk = disk
        self.raced = raced
        self.server = server

    def fill(self, *, slices: int) -> None:
        wait_until(lambda: self._slices() >= slices)
        self.disk.fill(self._locust())

    def _locust(self) -> int:
        return next((process.pid for process in self.raced.locusts()), 0)

    def _slices(self) -> int:
        assert self.raced.process.poll() is None, self.raced.errors
        if not self._locust():
            return -1
        latest = RunFolder(self.disk.path(self._locust()) / "latest")
        return latest.count_slices() if (latest.path / "ledger" / "0-00000.rows").exists() else -1

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.disk.copy / "latest")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, FullDiskRace]]:
    place = tmp_path_factory.mktemp("full")
    modules = place / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(_SMALL_SEGMENTS)
    with ExitStack() as stack:

        def start(name: str, modules: Path | None = None, **settings: float) -> FullDiskRace:
            server = stack.enter_context(StandIn(DATASET).serving())
            disk = TinyDisk(place / name, "120m")
            raced = stack.enter_context(
                racing(
                    place / name,
                    sections(server.url, server.url, **settings),
                    *("--out", str(disk.mount)),
                    wrapper=disk.wrapper,
                    modules=modules,
                )
            )
            return FullDiskRace(disk, raced, server)

        between = start("between", pairs=20)
        within = start("within", modules, pairs=1, slice=8.0, rate=400, connections=64, timeout=2)
        between.fill(slices=2)
        within.fill(slices=0)
        for one in (between, within):
            one.raced.wait()
        yield {"between": between, "within": within}


@pytest.mark.parametrize("when", ["between", "within"])
def test_there_is_one_clear_error(filled: dict[str, FullDiskRace], when: str) -> None:
    raced = filled[when].raced
    assert raced.code == 2, raced.output + raced.errors
    assert raced.errors.count("error: ") == 1
    assert "No space left on device" in raced.errors
    assert "fix: " in raced.errors
    assert "Traceback" not in raced.errors
    assert "interval" not in raced.output


@pytest.mark.parametrize("when", ["between", "within"])
def test_what_was_recorded_stays_readable(filled: dict[str, FullDiskRace], when: str) -> None:
    one = filled[when]
    run = one.folder.read_run()
    assert run.interrupted
    rows = np.concatenate([part.rows for part in one.folder.read_ledger()])
    ok = int((rows["outcome"] == Outcome.OK).sum())
    assert ok > 100
    assert len(rows) >= len(one.server.lookups) >= ok


@pytest.mark.parametrize("when", ["between", "within"])
def test_the_report_says_that_the_run_proves_nothing(
    filled: dict[str, FullDiskRace], when: str
) -> None:
    shown = dragstrip("report", str(filled[when].folder.path), cwd=filled[when].raced.place)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("INVALID")


def test_too_little_room_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    disk = TinyDisk(tmp_path, "20m")
    with StandIn(DATASET).serving() as server:
        out = ("--out", str(disk.mount))
        with racing(
            tmp_path / "race", sections(server.url, server.url), *out, wrapper=disk.wrapper
        ) as raced:
            assert raced.code == 2
        assert server.connections == 0
    assert "MiB are free" in raced.errors
    assert "fix: " in raced.errors
    assert list(disk.copy.iterdir()) == []

"""What a process of the load does when its last request is answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dragstrip.config.config import RaceConfig
from dragstrip.errors import StorageError
from dragstrip.ledger.writer import Ledger
from dragstrip.load.context import Work
from dragstrip.scenario import Operation, Request, Scenario, Target

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class CountingScenario(Scenario):
    def request(self, target: Target, operation: Operation, key: int) -> Request:  # noqa: ARG002
        return Request("GET", "/", {})

    def finish(self, folder: Path, process: int) -> None:
        if not folder.is_dir():
            raise StorageError(f"cannot write to {folder}")
        (folder / f"{process}.txt").write_text("counted")


def work(folder: Path | None) -> Work:
    return Work(
        race=RaceConfig(),
        scenario=CountingScenario(),
        seed=1,
        targets={},
        worker=3,
        ledger=Ledger(None, 3),
        folder=folder,
    )


def test_the_scenario_stores_what_a_process_counted(tmp_path: Path) -> None:
    work(tmp_path).close()
    assert (tmp_path / "3.txt").read_text() == "counted"


def test_what_cannot_be_stored_is_said_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        work(tmp_path / "gone").close()
    assert f"cannot write to {tmp_path / 'gone'}" in caplog.text


def test_outside_a_race_there_is_nothing_to_store() -> None:
    work(None).close()

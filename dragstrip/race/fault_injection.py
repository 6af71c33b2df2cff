"""Faults in the lab, carried out beside a race at their times, and what became of them."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dragstrip.errors import LabError, UsageError
from dragstrip.run.model import FaultRecord
from dragstrip.run.plan import SLICES_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dragstrip.config.config import Config
    from dragstrip.lab.faults import Fault

_POLL_S = 0.01


def require(wanted: Sequence[Fault], config: Config, *, web: bool) -> None:
    """Check that the faults can be carried out in a race. Raises UsageError."""
    race = config.race
    lasts_s = 2 * race.pairs * race.slice
    for fault in wanted:
        from dragstrip import lab

        if not config.uses_lab and not (config.environment.dragstrip_lab and lab.status()):
            raise UsageError(
                f"--fault {fault}: only the embedded lab's services can be killed, stopped or cut "
                "off, and this race has other targets",
                fix="leave --fault out; the checks hold for faults that you make yourself",
            )
        if web:
            raise UsageError("--fault and --web exclude each other", fix="give one of them")
        if fault.at_s >= lasts_s:
            raise UsageError(
                f"--fault {fault}: the race lasts {lasts_s:g} s", fix="give an earlier time"
            )


class FaultInjector:
    """Carries faults out one after the other. `finish` returns what became of each."""

    def __init__(self, wanted: Sequence[Fault], folder: Path) -> None:
        self._wanted = sorted(wanted, key=lambda fault: fault.at_s)
        self._clock = folder / SLICES_FILE
        self._ended = threading.Event()
        self._records: list[FaultRecord] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def finish(self) -> list[FaultRecord]:
        """Begin no other fault, and wait until the services of those begun are there again."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        begun = len(self._records)
        return self._records + [_record(fault) for fault in self._wanted[begun:]]

    def start(self) -> None:
        """Wait for the race's start, which is when its first slice begins."""
        if self._wanted:
            self._thread.start()

    def _run(self) -> None:
        # The load makes this file just before its first slice.
        while not self._clock.exists():
            if self._ended.wait(_POLL_S):
                return
        # With all of the lab, which a race of other targets does without.
        from dragstrip.lab import faults

        start_s = time.monotonic()
        for fault in self._wanted:
            if self._ended.wait(max(start_s + fault.at_s - time.monotonic(), 0)):
                return
            began_s, problem = time.monotonic() - start_s, None
            try:
                faults.inflict(fault, self._ended)
            except LabError as error:
                problem = error.message
            ended_s = None if problem else time.monotonic() - start_s
            self._records.append(_record(fault, began_s, ended_s, problem))


@contextmanager
def injecting(wanted: Sequence[Fault], folder: Path) -> Iterator[FaultInjector]:
    """Carry faults out while the block runs; afterwards every service is there again."""
    injector = FaultInjector(wanted, folder)
    injector.start()
    try:
        yield injector
    finally:
        injector.finish()


def _record(
    fault: Fault,
    began_s: float | None = None,
    ended_s: float | None = None,
    problem: str | None = None,
) -> FaultRecord:
    return FaultRecord(
        kind=fault.kind,
        service=fault.service,
        planned_s=fault.at_s,
        began_s=began_s,
        ended_s=ended_s,
        problem=problem,
    )

"""A search while Locust plays it: hears of each slice, and says which one is next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.capacity_slice import judge_slice
from dragstrip.capacity.script import Capacities
from dragstrip.run.next_slice import Announcement, announce
from dragstrip.run.plan import PlannedSlice

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.analysis.capacity import Bounds
    from dragstrip.analysis.capacity_model import CapacitySlice
    from dragstrip.capacity.script import Ask
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.plan import Plan


class Hunt:
    """The search while Locust plays it: hears of each slice, and says which one is next."""

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        bounds: Bounds,
        see: Callable[[list[CapacitySlice]], None],
    ) -> None:
        self.slices: list[CapacitySlice] = []
        self.is_over = False
        self._plan = plan
        self._folder = folder
        self._see = see
        self._script = Capacities(bounds, plan.race, plan.seed).script()
        self._announce(next(self._script))

    def tick(self) -> None:
        """Take in the slice that has ended, if one has, and announce the next."""
        report = None if self.is_over else self._folder.read_slice(len(self.slices))
        if report is None:
            return
        played = judge_slice(self._plan, self._next, report, self._asked.phase)
        self.slices.append(played)
        self._see(self.slices)
        try:
            self._announce(self._script.send(played))
        except StopIteration:
            self.is_over = True
            announce(self._folder.path, Announcement(index=len(self.slices), slice=None))

    def _announce(self, asked: Ask) -> None:
        index = len(self.slices)
        self._asked = asked
        self._next = PlannedSlice(
            index=index,
            pair=asked.round,
            position=0,
            target=asked.target,
            load=asked.load,
            # A round has one slice of each target to compare, but may have many to recover in: the
            # same arrivals would have the same outcome for ever.
            draw=0 if asked.phase == "search" else index,
        )
        announce(self._folder.path, Announcement(index=index, slice=self._next))

"""How a load profile was kept to: its rate, and what each target was sent, over its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dragstrip.run.model import LoadStretch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dragstrip.config.load_profile import LoadProfile
    from dragstrip.run.plan import Plan, PlannedSlice
    from dragstrip.run.slice_report import SliceReport


class LoadOverTime:
    """What was sent of each target's profile; a mean over the slices where each plays all of it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sent: dict[tuple[int, int], NDArray[np.int64]] = {}
        """By pair and target, in equal stretches of the slice."""

    def see(self, slice_: PlannedSlice, report: SliceReport) -> None:
        """Take in a slice."""
        counts = [one["sent"] for one in report["workers"] if one.get("sent")]
        if counts and not report.get("void"):
            self._sent[slice_.pair, slice_.target] = np.sum(counts, axis=0)

    def found(self) -> list[LoadStretch]:
        """Return the stretches of the complete pairs; none where the rate is one."""
        shape = self._plan.race.shape
        pairs = sorted(pair for pair, target in self._sent if (pair, 1 - target) in self._sent)
        if shape is None or not pairs:
            return []
        sent = {pair: [self._sent[pair, target] for target in (0, 1)] for pair in pairs}
        if self._plan.plays_anew:
            sent = {0: list(np.mean(list(sent.values()), axis=0))}
        return [one for pair, both in sent.items() for one in self._stretches(shape, pair, both)]

    def _stretches(
        self, shape: LoadProfile, pair: int, both: list[NDArray[np.int64]]
    ) -> Iterator[LoadStretch]:
        length_s = self._plan.race.slice
        edges_s = pair * length_s + np.linspace(0, length_s, len(both[0]) + 1)
        width_s = length_s / len(both[0])
        names = [target.name for target in self._plan.targets]
        planned = np.diff(shape.requests_by(edges_s)) / width_s
        for n, counts in enumerate(zip(*both, strict=True)):
            yield LoadStretch(
                from_s=float(edges_s[n]),
                to_s=float(edges_s[n + 1]),
                planned_per_s=float(planned[n]),
                sent_per_s={
                    name: float(count) / width_s for name, count in zip(names, counts, strict=True)
                },
            )

"""What the slice under way comes to in this process, target by target, operation by operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dragstrip.ledger.reach import Reach
from dragstrip.ledger.tallies import Tallies

if TYPE_CHECKING:
    from dragstrip.ledger.live_counts import Brief
    from dragstrip.ledger.rows import Rows
    from dragstrip.ledger.tallies import Form


class SliceCounts:
    """A collector's feed: the tallies of the slice under way."""

    def __init__(self) -> None:
        self.slice_index: int | None = None
        self._end_ns = 0
        self.tallies = Tallies()
        self.reach = Reach()
        self._target = 0
        self._edges_ns = np.zeros(1)
        self.sent: list[int] = []

    def begin(
        self, slice_index: int, start_ns: int, end_ns: int, target: int = 0, stretches: int = 0
    ) -> None:
        """Begin a target's slice from `start_ns` to `end_ns`, with nothing counted.

        What was sent to the target is counted in so many equal stretches of it.
        """
        self.slice_index = slice_index
        self._end_ns = end_ns
        self._target = target
        self._edges_ns = np.linspace(start_ns, end_ns, stretches + 1)
        self.sent = [0] * stretches
        self.tallies = Tallies()
        self.reach = Reach(start_ns, end_ns)

    def __call__(self, rows: Rows) -> None:
        """Count rows."""
        self.tallies.add(rows, self._end_ns)
        self.reach.add(rows)
        if self.sent:
            sent_ns = rows["sent_ns"][rows["target"] == self._target]
            more = np.histogram(sent_ns, self._edges_ns)[0].tolist()
            self.sent = [sum(both) for both in zip(self.sent, more, strict=True)]

    def encode(self) -> Form:
        """Return the tallies as in WorkerReport."""
        return self.tallies.encode()

    def briefs(self) -> dict[str, dict[str, Brief]]:
        """Return what the tallies came to up to now, by target, then by operation."""
        return self.tallies.briefs()

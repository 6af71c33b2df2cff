"""Tallies by target and operation: what a slice, a process or a race has counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.ledger.live_counts import brief
from dragstrip.ledger.rows import select
from dragstrip.ledger.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.ledger.live_counts import Brief
    from dragstrip.ledger.rows import Rows

Form = dict[str, dict[str, dict[str, Any]]]
"""Encoded tallies: by the target's number, then by the operation's."""


class Tallies:
    """One tally for each target and operation that has rows."""

    def __init__(self) -> None:
        self.by_place: dict[tuple[int, int], Tally] = {}
        """By the numbers of target and operation."""

    def __len__(self) -> int:
        return len(self.by_place)

    def of(self, target: int, operation: int) -> Tally:
        """Return one tally, which may be empty."""
        place = (target, operation)
        tally = self.by_place.get(place)
        if tally is None:
            tally = self.by_place[place] = Tally()
        return tally

    def add(self, rows: Rows, end_ns: int) -> None:
        """Take in rows of a slice that ended at `end_ns` on their process's clock."""
        places = rows["target"].astype(np.uint16) << 8 | rows["operation"]
        values = np.unique(places).tolist()
        for place in values:
            chosen = rows if len(values) == 1 else select(rows, places == place)
            self.of(place >> 8, place & 0xFF).add(chosen, end_ns)

    def merge(self, other: Tallies) -> None:
        """Add other tallies."""
        for place, tally in other.by_place.items():
            self.of(*place).merge(tally)

    def merge_encoded(self, form: Form) -> None:
        """Add what another's `encode` wrote. Raises KeyError or ValueError."""
        for target, operation, tally in each(form):
            self.of(target, operation).merge_encoded(tally)

    def encode(self) -> Form:
        """Return them in a form that JSON and msgpack carry."""
        form: Form = {}
        for (target, operation), tally in sorted(self.by_place.items()):
            form.setdefault(str(target), {})[str(operation)] = tally.encode()
        return form

    @classmethod
    def decode(cls, form: Form) -> Tallies:
        """Return what `encode` wrote. Raises KeyError or ValueError."""
        decoded = cls()
        decoded.merge_encoded(form)
        return decoded

    def briefs(self) -> dict[str, dict[str, Brief]]:
        """Return what each comes to, by the numbers of target and operation."""
        briefs: dict[str, dict[str, Brief]] = {}
        for (target, operation), tally in sorted(self.by_place.items()):
            briefs.setdefault(str(target), {})[str(operation)] = brief(tally)
        return briefs


def each(form: Form) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yield encoded tallies, each after the numbers of its target and operation."""
    for target, operations in form.items():
        for operation, tally in operations.items():
            yield int(target), int(operation), tally


def of_target(form: Form, target: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield a target's encoded tallies, each after the number of its operation."""
    for operation, tally in form.get(str(target), {}).items():
        yield int(operation), tally

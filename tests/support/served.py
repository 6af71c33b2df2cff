"""What a server noted of the lookups it answered, and which of a ledger's rows are theirs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dragstrip.ledger.rows import Rows


class Served(NamedTuple):
    """One answered lookup. Times are nanoseconds of the machine's monotonic clock."""

    path: str
    asked_ns: int
    """When the request was there."""
    answered_ns: int
    """Just before the answer, or the last of it, was handed to the system."""

    @property
    def phone(self) -> str:
        return parse_qs(urlsplit(self.path).query)["phone"][0]


def beside(
    rows: Rows, served: Sequence[Served], phone: Callable[[int], str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each row of one target, when the server was asked and when it answered.

    Of lookups of one number at the same time, the server may have been asked in another order than
    they were sent in: each answer goes to the row that ended first of those it can belong to, which
    are those that were sent before the server was asked and ended after it answered. A row without
    an answer has zeros.
    """
    open_rows: dict[str, list[int]] = defaultdict(list)
    for place in np.argsort(rows["done_ns"]).tolist():
        open_rows[phone(int(rows["key"][place]))].append(place)
    sent_ns, done_ns = rows["sent_ns"], rows["done_ns"]
    times = np.zeros((2, len(rows)), np.int64)
    for one in sorted(served, key=lambda one: one.asked_ns):
        mine = open_rows[one.phone]
        fits = [p for p in mine if sent_ns[p] <= one.asked_ns and one.answered_ns <= done_ns[p]]
        assert fits, f"no row was under way while the server answered {one.path}"
        mine.remove(fits[0])
        times[:, fits[0]] = one.asked_ns, one.answered_ns
    return times[0], times[1]

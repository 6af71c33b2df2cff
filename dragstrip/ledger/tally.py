"""What the requests of one target came to in one slice and process: counts and histograms.

A tally is derived from ledger rows in bulk, away from the hot path, and tallies add up: a slice's
is the sum over processes, a target's the sum over slices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.ledger.histogram import Histogram
from dragstrip.ledger.rows import ABSENT, Flag, Outcome, Rows, reasons, select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

HISTOGRAMS = ("response", "service", "send_delay", "first_byte", "query", "total", "repeated")
"""From due to done; from sent to done; from due to sent where a connection was free; from
sent to the first byte; what the server reported; and the first of these of repeated requests alone.
All but `send_delay` are of verified requests."""

COUNTS = (
    *("requests", "verified", "on_time", "no_connection", "opened", "reconnected"),
    *("bytes", "uncounted", "wrong", "repeated"),
)
_ADDED_LATER = frozenset({"reconnected", "repeated"})
"""Counts that earlier versions did not store."""

_WRONG = [Outcome.WRONG_ANSWER, Outcome.CONTENT_TYPE, Outcome.NOT_JSON, Outcome.TOO_LARGE]

# Comparing an array with a plain integer is three times as fast as with an enumeration's member.
_OK, _UNSENT = int(Outcome.OK), int(Outcome.UNSENT)
_COUNTED, _NO_CONNECTION = int(Flag.COUNTED), int(Flag.NO_CONNECTION)
_REPEATED = int(Flag.REPEATED)


class Tally:
    """Counts of the counted rows, and histograms of their durations.

    `requests` rows counted, of which `verified` were right, `on_time` sent before their slice was
    over, `no_connection` found every connection busy. They `opened` new connections, of which
    `reconnected` replaced an earlier one, and took `bytes`. `failed` counts the others by reason.
    `uncounted` rows lay outside the counted time, and `failed_uncounted` are
    their failures. `wrong` answers are counted among all rows. `repeated` of the counted ones asked
    for a key again.
    """

    def __init__(self) -> None:
        self.requests = self.verified = self.on_time = self.no_connection = 0
        self.opened = self.reconnected = self.bytes = self.uncounted = self.wrong = 0
        self.repeated = 0
        self.failed: dict[str, int] = {}
        self.failed_uncounted: dict[str, int] = {}
        self.histograms: dict[str, Histogram] = {}

    @property
    def rows(self) -> int:
        """How many rows went in."""
        return self.requests + self.uncounted

    @property
    def failures(self) -> int:
        """How many counted rows failed."""
        return self.requests - self.verified

    def add(self, rows: Rows, end_ns: int) -> None:
        """Take in rows of a slice that ended at `end_ns` on their process's clock."""
        outcome, flags = rows["outcome"], rows["flags"]
        counted = (flags & _COUNTED) != 0
        self._count_outcomes(rows, outcome, counted)
        if not counted.any():
            return
        scheduled_ns, sent_ns, done_ns = (
            rows[name] for name in ("scheduled_ns", "sent_ns", "done_ns")
        )
        sent = counted & (outcome != _UNSENT)
        had_connection = (flags & _NO_CONNECTION) == 0
        self.requests += int(counted.sum())
        self.on_time += int((sent & (sent_ns <= end_ns)).sum())
        self.no_connection += int((counted & ~had_connection).sum())
        self.opened += int(rows["opened"][counted].sum())
        self.reconnected += int(rows["reconnected"][counted].sum())
        self.bytes += int(rows["bytes"][counted].sum())
        self._count("send_delay", (sent_ns - scheduled_ns)[sent & had_connection])
        right = counted & (outcome == _OK)
        self.verified += int(right.sum())
        self._count("response", (done_ns - scheduled_ns)[right])
        self._count("service", (done_ns - sent_ns)[right])
        self._count_repeated(counted & ((flags & _REPEATED) != 0), right, done_ns - scheduled_ns)
        for name in ("first_byte", "query", "total"):
            reported = rows[f"{name}_us"][right]
            self._count(name, reported[reported != ABSENT].astype(np.int64) * 1000)

    def merge(self, other: Tally) -> None:
        """Add another tally."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        _sum_into(self.failed, other.failed)
        _sum_into(self.failed_uncounted, other.failed_uncounted)
        for name, histogram in other.histograms.items():
            self._histogram(name).merge(histogram)

    def quantile_ms(self, q: float) -> float | None:
        """Return the quantile of the response time; failures rank as slower than any answer."""
        return self._quantile_ms("response", q, self.failures)

    def part_ms(self, name: str, q: float) -> float | None:
        """Return a quantile of one of HISTOGRAMS, without the failures."""
        return self._quantile_ms(name, q, 0)

    def encode(self) -> dict[str, Any]:
        """Return it in a form that JSON and msgpack carry."""
        return {
            **{name: getattr(self, name) for name in COUNTS},
            "failed": self.failed,
            "failed_uncounted": self.failed_uncounted,
            "histograms": {name: one.encode() for name, one in self.histograms.items()},
        }

    @classmethod
    def decode(cls, form: dict[str, Any]) -> Tally:
        """Return the tally that `encode` wrote. Raises KeyError or ValueError."""
        one = cls()
        one.merge_encoded(form)
        return one

    def merge_encoded(self, form: dict[str, Any]) -> None:
        """Add what another's `encode` wrote, without decoding it to its full size first.

        Raises as `decode` does, and is not to be used any more then.
        """
        for name in COUNTS:
            count = form.get(name, 0) if name in _ADDED_LATER else form[name]
            setattr(self, name, getattr(self, name) + int(count))
        _sum_into(self.failed, form["failed"])
        _sum_into(self.failed_uncounted, form["failed_uncounted"])
        for name, text in form["histograms"].items():
            self._histogram(name).merge_encoded(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def _count_outcomes(
        self, rows: Rows, outcome: NDArray[np.uint8], counted: NDArray[np.bool_]
    ) -> None:
        self.uncounted += len(rows) - int(counted.sum())
        of_each = np.bincount(outcome, minlength=len(Outcome))
        self.wrong += int(of_each[_WRONG].sum())
        if of_each[_OK] < len(rows):
            _sum_into(self.failed, reasons(select(rows, counted)))
            _sum_into(self.failed_uncounted, reasons(select(rows, ~counted)))

    def _count_repeated(
        self, repeated: NDArray[np.bool_], right: NDArray[np.bool_], response_ns: NDArray[np.int64]
    ) -> None:
        count = int(repeated.sum())
        if count:
            self.repeated += count
            self._count("repeated", response_ns[repeated & right])

    def _quantile_ms(self, name: str, q: float, slower: int) -> float | None:
        histogram = self.histograms.get(name)
        value_ns = histogram.quantile_ns(q, slower) if histogram else None
        return None if value_ns is None else value_ns / 1e6

    def _count(self, name: str, durations_ns: NDArray[Any]) -> None:
        self._histogram(name).add(durations_ns)

    def _histogram(self, name: str) -> Histogram:
        one = self.histograms.get(name)
        if one is None:
            one = self.histograms[name] = Histogram()
        return one


def merged(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of tallies, which it may be one of: do not add to it."""
    found = list(tallies)
    if len(found) == 1:
        return found[0]
    whole = Tally()
    for tally in found:
        whole.merge(tally)
    return whole


def _sum_into(total: dict[str, int], more: dict[str, int]) -> None:
    for reason, count in more.items():
        total[reason] = total.get(reason, 0) + count

"""What the lookups of one target came to in one slice and process: counts and histograms.

A tally is derived from ledger rows in bulk, away from the hot path, and tallies add up: a slice's
is the sum over processes, a target's the sum over slices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragstrip.ledger.histogram import Histogram
from dragstrip.ledger.rows import ABSENT, Flag, Outcome, Rows, reasons

if TYPE_CHECKING:
    from numpy.typing import NDArray

HISTOGRAMS = ("response", "service", "send_lag", "first_byte", "query", "total")
"""From due to done; from sent to done; from due to sent where a slot was free; from sent to the
first byte; and what the server reported. All but `send_lag` are of verified lookups."""

COUNTS = ("due", "verified", "on_time", "no_slot", "opened", "bytes", "uncounted", "wrong")


class Tally:
    """Counts of the counted rows, and histograms of their durations.

    `due` rows counted, of which `verified` were right, `on_time` sent before their slice was over,
    `no_slot` found every connection busy; they `opened` so many connections and took so many
    `bytes`. `failed` counts the others by reason. `uncounted` rows lay outside the counted time,
    and `failed_uncounted` are their failures. `wrong` answers are counted among all rows.
    """

    def __init__(self) -> None:
        self.due = self.verified = self.on_time = self.no_slot = 0
        self.opened = self.bytes = self.uncounted = self.wrong = 0
        self.failed: dict[str, int] = {}
        self.failed_uncounted: dict[str, int] = {}
        self.histograms: dict[str, Histogram] = {}

    @property
    def rows(self) -> int:
        """How many rows went in."""
        return self.due + self.uncounted

    @property
    def failures(self) -> int:
        """How many counted rows failed."""
        return self.due - self.verified

    def add(self, rows: Rows, end_ns: int) -> None:
        """Take in rows of a slice that ended at `end_ns` on their process's clock."""
        is_counted = (rows["flags"] & Flag.COUNTED) != 0
        self._add_uncounted(rows[~is_counted])
        self.wrong += _wrong(rows)
        counted: Rows = rows[is_counted]
        if not len(counted):
            return
        sent = counted["outcome"] != Outcome.UNSENT
        had_slot = (counted["flags"] & Flag.NO_SLOT) == 0
        right: Rows = counted[counted["outcome"] == Outcome.OK]
        self.due += len(counted)
        self.verified += len(right)
        self.on_time += int(((counted["sent_ns"] <= end_ns) & sent).sum())
        self.no_slot += int((~had_slot).sum())
        self.opened += int(counted["opened"].sum())
        self.bytes += int(counted["bytes"].sum())
        _sum_into(self.failed, reasons(counted))
        punctual: Rows = counted[sent & had_slot]
        self._count("response", right["done_ns"] - right["due_ns"])
        self._count("service", right["done_ns"] - right["sent_ns"])
        self._count("send_lag", punctual["sent_ns"] - punctual["due_ns"])
        for name in ("first_byte", "query", "total"):
            reported = right[f"{name}_us"]
            self._count(name, reported[reported != ABSENT].astype("i8") * 1000)

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
        value_ns = self._histogram("response").quantile_ns(q, slower=self.failures)
        return None if value_ns is None else value_ns / 1e6

    def part_ms(self, name: str, q: float) -> float | None:
        """Return a quantile of one of HISTOGRAMS, without the failures."""
        value_ns = self._histogram(name).quantile_ns(q)
        return None if value_ns is None else value_ns / 1e6

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
        for name in COUNTS:
            setattr(one, name, int(form[name]))
        one.failed = dict(form["failed"])
        one.failed_uncounted = dict(form["failed_uncounted"])
        one.histograms = {name: Histogram.decode(text) for name, text in form["histograms"].items()}
        return one

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self.encode() == other.encode()

    __hash__ = None  # type: ignore[assignment]

    def _add_uncounted(self, rows: Rows) -> None:
        self.uncounted += len(rows)
        _sum_into(self.failed_uncounted, reasons(rows))

    def _count(self, name: str, durations_ns: NDArray[Any]) -> None:
        self._histogram(name).add(durations_ns)

    def _histogram(self, name: str) -> Histogram:
        return self.histograms.setdefault(name, Histogram())


_WRONG = (Outcome.WRONG_ANSWER, Outcome.CONTENT_TYPE, Outcome.NOT_JSON, Outcome.TOO_LARGE)


def _wrong(rows: Rows) -> int:
    return int(sum((rows["outcome"] == outcome).sum() for outcome in _WRONG))


def _sum_into(total: dict[str, int], more: dict[str, int]) -> None:
    for reason, count in more.items():
        total[reason] = total.get(reason, 0) + count

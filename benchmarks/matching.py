"""Finds, for each row of the ledger, what the server logged of the same lookup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.known_delays import Log
    from dragstrip.ledger.rows import Rows


class Unmatched(Exception):
    """The ledger and the server's log do not tell of the same lookups."""


def match(rows: Rows, log: Log, phone_of: Callable[[int], str]) -> NDArray[Any]:
    """Return the place in the log of each row, so that `log.arrival_ns[match(...)]` fits the rows.

    Lookups of one target for one phone number are paired in the order they were sent. Raises
    Unmatched unless each was with the server at a time that the ledger says it was.
    """
    phones = {key: int(phone_of(key)) for key in np.unique(rows["key"]).tolist()}
    asked = np.array([phones[key] for key in rows["key"].tolist()], np.int64)
    if len(rows) != len(log.phone):
        raise Unmatched(f"{len(rows)} rows, but the server saw {len(log.phone)} lookups")
    sent = np.lexsort((rows["sent_ns"], asked, rows["target"]))
    seen = np.lexsort((log.arrival_ns, log.phone, log.stream))
    places = np.empty(len(rows), np.int64)
    places[sent] = seen
    same = (asked == log.phone[places]) & (rows["target"] == log.stream[places])
    before = rows["sent_ns"] <= log.arrival_ns[places]
    after = log.departure_ns[places] <= rows["done_ns"]
    if not (same & before & after).all():
        raise Unmatched("the server was asked for other things, or at other times, than recorded")
    return places

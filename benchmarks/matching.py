"""Finds, for each row of the ledger, what the server logged of the same lookup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.known_delays import Log
    from dragstrip.ledger.rows import Rows


class Unmatched(Exception):
    """The ledger and the server's log do not tell of the same lookups."""


def match(rows: Rows, log: Log, phone_of: Callable[[int], str]) -> NDArray[Any]:
    """Return the place in the log of each row, so that `log.arrival_ns[match(...)]` fits the rows.

    Lookups of one target for one phone number are paired in the order they were sent, or, where
    they overtook each other, so that each was with the server at a time that its row allows. Raises
    Unmatched when that cannot be.
    """
    if len(rows) != len(log.phone):
        raise Unmatched(f"{len(rows)} rows, but the server saw {len(log.phone)} lookups")
    phones = {key: int(phone_of(key)) for key in np.unique(rows["key"]).tolist()}
    asked = np.array([phones[key] for key in rows["key"].tolist()], np.int64)
    sent = np.lexsort((rows["sent_ns"], asked, rows["target"]))
    seen = np.lexsort((log.arrival_ns, log.phone, log.stream))
    places = np.empty(len(rows), np.int64)
    places[sent] = seen
    if (asked != log.phone[places]).any() or (rows["target"] != log.stream[places]).any():
        raise Unmatched("the server was asked for other things than are recorded")
    for row in np.flatnonzero(~_allowed(rows, log, places)).tolist():
        alike = np.flatnonzero((asked == asked[row]) & (rows["target"] == rows["target"][row]))
        places[alike] = _paired(rows[alike], log, places[alike])
    if not _allowed(rows, log, places).all():
        raise Unmatched("the server was asked at other times than are recorded")
    return places


def _allowed(rows: Rows, log: Log, places: NDArray[Any]) -> NDArray[np.bool_]:
    before = rows["sent_ns"] <= log.arrival_ns[places]
    after = log.departure_ns[places] <= rows["done_ns"]
    allowed: NDArray[np.bool_] = np.logical_and(before, after)
    return allowed


def _paired(rows: Rows, log: Log, places: NDArray[Any]) -> NDArray[Any]:
    """Return `places` in an order in which the rows allow them, if there is one."""
    arrival, departure = log.arrival_ns[places], log.departure_ns[places]
    early = np.maximum(rows["sent_ns"][:, None] - arrival, 0)
    late = np.maximum(departure - rows["done_ns"][:, None], 0)
    _, order = linear_sum_assignment(early + late)
    return places[order]

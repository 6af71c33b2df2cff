"""In which tenths of a second of a slice a target answered, and in which it gave no answer at all.

Reaches of several processes can be laid over one another: a target that answered any of them was
there. Requests count by when they were sent.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.errors import StorageError
from dragstrip.ledger.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dragstrip.ledger.rows import Rows

TENTH_S = 0.1
TENTH_NS = 100_000_000
FORM = r"^(?:[nsa][0-9]{1,7})*$"
"""Lengths of stretches in tenths of a second: nothing was asked, silence, answers."""

NOTHING, SILENCE, ANSWERS = 0, 1, 2
_LETTERS = "nsa"
_LONGEST = 2_000_000

_UNANSWERED = np.zeros(256, np.bool_)
_UNANSWERED[
    [
        *(Outcome.TIMEOUT, Outcome.FIRST_BYTE_TIMEOUT, Outcome.CONNECT_TIMEOUT, Outcome.RESOLVE),
        *(Outcome.REFUSED, Outcome.TLS, Outcome.RESET, Outcome.CLOSED, Outcome.CONNECTION),
    ]
] = True
_ANSWERED = np.zeros(256, np.bool_)
_ANSWERED[Outcome.OK : Outcome.TIMEOUT] = True


class Reach:
    """One slice of one process: shape (targets, tenths)."""

    def __init__(self, start_ns: int = 0, end_ns: int = 0) -> None:
        self._start_ns = start_ns
        tenths = -((start_ns - end_ns) // TENTH_NS)
        self._states: NDArray[np.uint8] = np.zeros((2, tenths), np.uint8)

    def add(self, rows: Rows) -> None:
        """Take in rows; what was sent after the end of the slice is left out."""
        place = (rows["sent_ns"] - self._start_ns) // TENTH_NS
        inside = (place >= 0) & (place < self._states.shape[1])
        answered = _ANSWERED[rows["outcome"]] | (rows["status"] != 0)
        for state, which in (
            (SILENCE, ~answered & _UNANSWERED[rows["outcome"]]),
            (ANSWERS, answered),
        ):
            chosen = which & inside
            if chosen.any():
                # At each place the greater state stays.
                at = (np.minimum(rows["target"][chosen], 1), place[chosen])
                self._states[at] = np.maximum(self._states[at], state)

    def encode(self) -> dict[str, str]:
        """Return it by the target's number, as FORM says."""
        return {str(target): encode(states) for target, states in enumerate(self._states)}


def encode(states: NDArray[np.uint8]) -> str:
    """Return states of tenths, shape (n,), as FORM says."""
    return "".join(f"{_LETTERS[state]}{count}" for state, _, count in stretches(states))


def decode(text: str) -> NDArray[np.uint8]:
    """Return what `encode` was given. Raises StorageError for what is too long."""
    found = [
        (_LETTERS.index(letter), int(count)) for letter, count in re.findall("(.)([0-9]+)", text)
    ]
    if sum(count for _, count in found) > _LONGEST:
        raise StorageError("slices.jsonl is damaged: reached is longer than any slice")
    states, counts = ([one[column] for one in found] for column in (0, 1))
    return np.repeat(np.array(states, np.uint8), np.array(counts, np.int64))


def laid_over(reaches: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return what all saw together."""
    whole: NDArray[np.uint8] = np.zeros(max(map(len, reaches), default=0), np.uint8)
    for states in reaches:
        whole[: len(states)] = np.maximum(whole[: len(states)], states)
    return whole


def stretches(states: NDArray[Any]) -> Iterator[tuple[int, int, int]]:
    """Yield the stretches of equal states: state, first tenth, number of tenths."""
    if not len(states):
        return
    edges = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
    for first, end in pairwise(edges):
        yield int(states[first]), first, end - first

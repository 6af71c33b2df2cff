"""Keys of numbered arrivals: the arrival's number in the race, and the key that was drawn for it.

Such a key names one request for good: what is written can be a pure function of it, and the ledger,
which stores it, says exactly what was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY_BITS = 32
MOST_NUMBERS = 1 << 31
_MASK = (1 << KEY_BITS) - 1


def compose(number: Any, key: Any) -> Any:
    """Return the key of a numbered arrival; of integers, or of arrays of int64."""
    return number << KEY_BITS | key


def number_of(key: int) -> int:
    """Return an arrival's number: the same request has the same number on both targets."""
    return key >> KEY_BITS


def drawn(key: int) -> int:
    """Return the key that was drawn."""
    return key & _MASK


def all_drawn(keys: NDArray[Any]) -> NDArray[Any]:
    """Return the keys that were drawn, of an array."""
    return keys & _MASK

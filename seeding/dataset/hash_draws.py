"""Random draws that depend on nothing but (seed, index), and tables that give them a shape.

A contact's bytes come from SHAKE-128 over its seed and index: any contact is reached in constant
time, and no contact's draws depend on another's. Tables hold 1024 entries, picked by ten bits, so
that a skewed draw costs one look-up; their shares are therefore multiples of 1/1024.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

TABLE_SIZE = 1024
TABLE_MASK = TABLE_SIZE - 1

_MASK_64 = (1 << 64) - 1


def stream_key(seed: int, purpose: str) -> bytes:
    """Return the prefix that, followed by an 8-byte index, keys one stream of draws."""
    return hashlib.shake_128(f"dragstrip/{purpose}/{seed}".encode()).digest(16)


def spread(values: Sequence[T], weights: Sequence[int]) -> list[T]:
    """Return 1024 entries in which each value has its share, by largest remainder."""
    total = sum(weights)
    shares = [weight * TABLE_SIZE // total for weight in weights]
    remainders = [weight * TABLE_SIZE % total for weight in weights]
    by_remainder = sorted(range(len(values)), key=lambda n: (-remainders[n], n))
    for n in by_remainder[: TABLE_SIZE - sum(shares)]:
        shares[n] += 1
    return [value for value, share in zip(values, shares, strict=True) for _ in range(share)]


def geometric(first: int, last: int, ratio_percent: int) -> list[int]:
    """Return a table of first..last, each count `ratio_percent` as likely as the one before."""
    steps = last - first
    weights = [ratio_percent**n * 100 ** (steps - n) for n in range(steps + 1)]
    return spread(range(first, last + 1), weights)


def mix(value: int) -> int:
    """Return 64 well-stirred bits of a 64-bit integer (the finaliser of splitmix64)."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK_64
    return value ^ (value >> 31)

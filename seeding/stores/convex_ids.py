"""Convex's document ids: a table's number, 16 bytes and a checksum, in Crockford's base 32.

An import may choose its documents' ids, so that rows can refer to each other before any is stored.
"""

from __future__ import annotations

from operator import mul

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_INTERNAL_BYTES = 16
_CHECKSUM_BYTES = 2
# Two letters at a time halve the work of writing a number of up to 184 bits.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


class TableIds:
    """Makes the ids of one table's documents. `example` is any id of that table."""

    def __init__(self, example: str) -> None:
        content = _bytes_of(example)
        self._prefix = content[: -_INTERNAL_BYTES - _CHECKSUM_BYTES]
        length = len(self._prefix) + _INTERNAL_BYTES
        self._weights = range(length, 0, -1)
        self._bits = 8 * (length + _CHECKSUM_BYTES)
        self._letters = -(-self._bits // 5)
        if self.of(int.from_bytes(content[len(self._prefix) : length])) != example:
            raise ValueError(f"{example} is not the id of a Convex document")

    def of(self, internal: int) -> str:
        """Return the id with these 128 bits."""
        content = self._prefix + internal.to_bytes(_INTERNAL_BYTES)
        low = sum(content) & 0xFF
        high = sum(map(mul, content, self._weights)) & 0xFF
        # The checksum's bytes stand in little-endian order; base 32 wants a multiple of five bits.
        number = int.from_bytes(content) << 16 | low << 8 | high
        number <<= 5 * self._letters - self._bits
        letters = [_PAIRS[number >> at & 1023] for at in range(5 * self._letters - 10, -1, -10)]
        if self._letters % 2:
            letters.append(_ALPHABET[number & 31])
        return "".join(letters)


def _bytes_of(text: str) -> bytes:
    number = 0
    for letter in text:
        # A letter that is none gives other bytes, whose id is another text.
        number = number << 5 | max(0, _ALPHABET.find(letter))
    bits = 5 * len(text)
    return (number >> bits % 8).to_bytes(bits // 8)

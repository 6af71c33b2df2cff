"""Phone numbers: a bijection between indices and numbers, keyed by the seed.

A number is a prefix ("628", unless a dataset has other countries) and ten digits. A Feistel network
on two halves of five digits turns the index into these digits and back, so that no two contacts
share a number, a number leads to its index without any table, and neighbours in one are not
neighbours in the other.
"""

from __future__ import annotations

import re

from seeding.dataset.hash_draws import mix, stream_key

PHONES = 10**10
"""How many numbers there are; indices run below this."""

PREFIX = "628"
_HALF = 10**5
_DIGITS = 10
_NOT_A_DIGIT = re.compile(r"[^0-9]")


def digits_of(phone: str) -> str:
    """Return a number without its formatting."""
    return _NOT_A_DIGIT.sub("", phone)


class PhoneBook:
    """The bijection of one seed."""

    __slots__ = ("_keys",)

    def __init__(self, seed: int) -> None:
        key = stream_key(seed, "phone") + stream_key(seed, "phone, second half")
        self._keys = tuple(int.from_bytes(key[n : n + 8], "little") for n in range(0, 32, 8))

    def phone(self, index: int, prefix: str = PREFIX) -> str:
        """Return the number of an index, digits only. Raises ValueError outside [0, 10^10)."""
        if not 0 <= index < PHONES:
            raise ValueError(f"there is no phone number for index {index}")
        left, right = divmod(index, _HALF)
        for key in self._keys:
            left, right = right, (left + mix(right ^ key)) % _HALF
        return f"{prefix}{left:05d}{right:05d}"

    def index(self, phone: str, prefix: str = PREFIX) -> int | None:
        """Return the index of a number in any formatting; None when it is not of this form."""
        digits = digits_of(phone)
        if not digits.startswith(prefix) or len(digits) != len(prefix) + _DIGITS:
            return None
        left, right = divmod(int(digits[len(prefix) :]), _HALF)
        for key in reversed(self._keys):
            left, right = (right - mix(left ^ key)) % _HALF, left
        return left * _HALF + right

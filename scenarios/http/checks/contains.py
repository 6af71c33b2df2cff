"""`contains` and `matches`: a text, or a match of a regular expression, stands in the body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError
from dragstrip.ledger.rows import Outcome

if TYPE_CHECKING:
    from dragstrip.scenario import Reply

_OK = int(Outcome.OK)
_WRONG = int(Outcome.WRONG_ANSWER)
_HEX = "hex:"


class Contains:
    """Looks for a text in UTF-8, or for the bytes of a text like `hex:89504e47`."""

    __slots__ = ("_part", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._part = text.encode()
        if text.startswith(_HEX):
            try:
                self._part = bytes.fromhex(text.removeprefix(_HEX))
            except ValueError:
                raise ConfigError(
                    f'expect.contains: "{text}" is not hexadecimal after "{_HEX}"',
                    fix='write two digits for each byte, as in "hex:89504e47"',
                ) from None
        if not self._part:
            raise ConfigError(
                "expect.contains is empty, so every answer would pass",
                fix="give the text that the body must hold",
            )

    def __call__(self, key: int, reply: Reply) -> int:  # noqa: ARG002
        """Return the Outcome."""
        return _OK if self._part in reply[3] else _WRONG

    def explain(self, key: int, reply: Reply) -> str:
        """Return what is wrong."""
        if self(key, reply) == _OK:
            return ""
        return f'expect.contains: "{self._text}" does not stand in the body'


class Matches:
    """Searches the body, as UTF-8, for a regular expression in Python's syntax."""

    __slots__ = ("_pattern", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            self._pattern = re.compile(text)
        except re.error as error:
            raise ConfigError(
                f'expect.matches: "{text}" is not a regular expression: {error}',
                fix="correct it, or use contains for a plain text",
            ) from None

    def __call__(self, key: int, reply: Reply) -> int:  # noqa: ARG002
        """Return the Outcome."""
        return _OK if self._pattern.search(reply[3].decode(errors="replace")) else _WRONG

    def explain(self, key: int, reply: Reply) -> str:
        """Return what is wrong."""
        if self(key, reply) == _OK:
            return ""
        return f'expect.matches: "{self._text}" finds nothing in the body'

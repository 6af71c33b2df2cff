"""Splits a command as bash does, with the $'…' that browsers write into copied ones."""

from __future__ import annotations

import re

_ANSI = re.compile(r"\\(?:u([0-9a-fA-F]{1,4})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
_PIECE = re.compile(
    r"""(?P<continued>\\\r?\n)
      | (?P<space>\s+)
      | \$'(?P<ansi>(?:[^'\\]|\\.)*)'
      | '(?P<single>[^']*)'
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | \\(?P<escaped>.)
      | (?P<plain>[^\s'"\\]+?(?=\$'|[\s'"\\]|$))""",
    re.VERBOSE | re.DOTALL,
)


def split(command: str) -> list[str]:
    """Return the words of a command. Raises ValueError where a quote does not end."""
    words: list[str] = []
    word: str | None = None
    end = 0
    while end < len(command):
        piece = _PIECE.match(command, end)
        if piece is None:
            raise ValueError("a quote does not end")
        end = piece.end()
        kind = piece.lastgroup or "plain"
        if kind == "space":
            words += [] if word is None else [word]
            word = None
        elif kind != "continued":
            word = (word or "") + _meaning(kind, piece[kind])
    return words if word is None else [*words, word]


def _meaning(kind: str, text: str) -> str:
    if kind == "double":
        return re.sub(r"\\(?:([\\\"$`])|\r?\n)", lambda found: found[1] or "", text)
    if kind == "ansi":
        return _ANSI.sub(_character, text).encode("utf-16", "surrogatepass").decode("utf-16")
    return text


def _character(found: re.Match[str]) -> str:
    if found[1] or found[2]:
        return chr(int(found[1] or found[2], 16))
    if found[3]:
        return chr(int(found[3], 8))
    return _NAMED.get(found[4], found[4])

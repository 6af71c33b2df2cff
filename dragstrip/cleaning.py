"""What people and their tools leave in and around a value, taken away or refused.

Whitespace, line ends and byte order marks at the edges do not belong to any value, and are taken
away. Everything else that cannot be meant is refused. No message shows a value: it may be a secret.
"""

from __future__ import annotations

import unicodedata

_EDGES = "\ufeff\u200b\u2060"
_UNSEEN = frozenset({"Cc", "Zl", "Zp"})
_QUOTES = "\"'"


def clean(value: str, *, for_header: bool = False) -> str:
    """Return the value without what is at its edges. Raises ValueError for one that is unsound.

    With `for_header` it must also be fit for a header of HTTP.
    """
    value = _trimmed(value)
    if any(unicodedata.category(one) == "Cs" for one in value):
        raise ValueError("is not UTF-8 text; write it again as UTF-8")
    if any(unicodedata.category(one) in _UNSEEN for one in value):
        raise ValueError("holds a line break or another control character; remove it")
    if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES:
        raise ValueError("has quotes around it that are part of the value; remove them")
    if for_header and not value.isascii():
        raise ValueError("holds a character that is not ASCII, and is sent in an HTTP header")
    return value


def decode(content: bytes) -> str:
    """Return the text of a file. Raises ValueError where it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        is_utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        kind = "UTF-16, not UTF-8" if is_utf_16 else "not UTF-8 text"
        raise ValueError(f"{kind}; save it as UTF-8") from None


def _trimmed(value: str) -> str:
    while (shorter := value.strip().strip(_EDGES)) != value:
        value = shorter
    return value

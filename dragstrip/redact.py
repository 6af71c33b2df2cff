"""The one place through which text passes that may hold a secret.

Reading the configuration registers every secret here; `redact` replaces them in what is shown or
stored. How much of a text is replaced depends on how likely it is there by chance:

- 12 characters or more: wherever they stand, also within a longer word.
- 4 to 11 characters: as a whole word, so that `beta` leaves `alphabeta` alone.
- Fewer, or a word that is not secret in practice (`postgres`): only where the text around it says
  that it is one, as in `password=p` or `Bearer p`.

The password of an address (`://user:password@`) is replaced always, known or not.
"""

from __future__ import annotations

import html
import json
import logging
import re
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlsplit

STARS = "***"

_ANYWHERE_LENGTH = 12
_WORD_LENGTH = 4
# Starring these would garble every second message, and tell by that what the secret is.
_COMMON = frozenset(
    {
        *("admin", "changeme", "convex", "default", "dragstrip", "localhost", "password"),
        *("postgres", "postgresql", "root", "secret", "service_role", "supabase", "test"),
    }
)
# Our own messages show the form as postgresql://USER:PASSWORD@HOST.
_USERINFO = re.compile(r"(://[^\s/@:]*:)(?!PASSWORD@)[^\s/@]*@")
# Greedy up to the last @: a password that should have been encoded may hold one, or a slash.
_PASSWORD_OF_ADDRESS = re.compile(r"://[^:/@]*:(.*)@", re.DOTALL)
_SECRET_PARAMETERS = frozenset({"password", "sslpassword"})
_MARK = (
    r"""((?:pass(?:word|wd)?|pwd|secret|key|token)["']?\s*[=:]\s*["']?|\b(?:Bearer|Convex)\s+)"""
)

_secrets: set[str] = set()


def register_secret(value: str | None) -> None:
    """Have `redact` replace this from now on."""
    # An admin key of Convex is NAME|KEY: a server may repeat the second part alone.
    name, bar, key = (value or "").strip().partition("|")
    for secret in (f"{name}{bar}{key}", key):
        if secret:
            _secrets.add(secret)


def register_address(url: str) -> None:
    """Have `redact` replace an address that holds a password, and the password by itself.

    The address need not be a sound one.
    """
    register_secret(url)
    if found := _PASSWORD_OF_ADDRESS.search(url):
        for password in (found[1], found[1].strip("[]")):
            register_secret(password)
            register_secret(unquote(password))
    try:
        parameters = parse_qsl(urlsplit(url).query)
    except ValueError:
        return
    for name, value in parameters:
        if name in _SECRET_PARAMETERS:
            register_secret(value)


def redact(text: str) -> str:
    """Return the text with every known secret replaced by `***`."""
    text = _USERINFO.sub(rf"\1{STARS}@", text)
    words, marked = _patterns(frozenset(_secrets))
    if words is not None:
        text = words.sub(STARS, text)
    if marked is not None:
        text = marked.sub(rf"\1{STARS}", text)
    return text


def excerpt(text: str, limit: int = 300) -> str:
    """Return a backend's own words on one line, short, without anything secret in them."""
    # Before it is cut: half a secret would not be found.
    text = redact(text)
    line = "an HTML page" if text.lstrip().startswith("<") else " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class _Formatter(logging.Formatter):
    """Formats as another does, without secrets; tracebacks included."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return redact(self._inner.format(record))


def redact_logs() -> None:
    """Have every handler that logs by now pass its lines through `redact`."""
    loggers = [one for one in logging.root.manager.loggerDict.values() if hasattr(one, "handlers")]
    for handler in {one for logger in (logging.root, *loggers) for one in logger.handlers}:
        if not isinstance(handler.formatter, _Formatter):
            handler.setFormatter(_Formatter(handler.formatter or logging.Formatter()))


@lru_cache(maxsize=8)
def _patterns(secrets: frozenset[str]) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """Return what matches secrets by themselves, and what matches those that need a mark."""
    marked = {one for one in secrets if _needs_mark(one)}
    forms = {form for one in secrets - marked for form in _written(one)}
    # The longest first: one secret may begin with another.
    return (
        _any_of([_bordered(form) for form in sorted(forms, key=len, reverse=True)]),
        _any_of([_bordered(one) for one in sorted(marked, key=len, reverse=True)], before=True),
    )


def _needs_mark(secret: str) -> bool:
    is_short = len(secret) < _WORD_LENGTH and (secret.isalnum() or len(secret) == 1)
    return is_short or secret.lower() in _COMMON


def _written(secret: str) -> set[str]:
    """Return how others may write a secret: in a URL, in JSON, in HTML, as a Python literal."""
    return {
        *(secret, _quoted(secret, safe="/"), _quoted(secret, safe=""), html.escape(secret)),
        *(json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]),
        repr(secret)[1:-1],
    }


def _quoted(secret: str, safe: str) -> str:
    # A variable may hold bytes that are not text.
    return quote(secret, safe=safe, errors="surrogateescape")


def _bordered(form: str) -> str:
    pattern = re.escape(form)
    if len(form) >= _ANYWHERE_LENGTH:
        return pattern
    before = r"(?<![A-Za-z0-9_])" if _is_of_a_word(form[0]) else ""
    after = r"(?![A-Za-z0-9_])" if _is_of_a_word(form[-1]) else ""
    return before + pattern + after


def _is_of_a_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _any_of(patterns: list[str], *, before: bool = False) -> re.Pattern[str] | None:
    if not patterns:
        return None
    choice = "|".join(patterns)
    # With IGNORECASE for the mark alone: a secret is spelt in one way.
    return re.compile(f"(?i:{_MARK})(?:{choice})" if before else choice)

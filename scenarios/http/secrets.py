"""Header values that stand elsewhere: in an environment variable or in a file.

Each process looks them up by itself, so that they are in no file of a run and on no command line.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from dragstrip.config.headers import reference_in
from dragstrip.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FORBIDDEN = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


def value_of(text: str, field: str) -> str | None:
    """Return the value that `text` refers to, None where it refers to none. Raises ConfigError."""
    reference = reference_in(text)
    if reference is None:
        return None
    scheme, kind, name = reference
    value = _from_environment(name, field) if kind == "env" else _from_file(name, field)
    if _FORBIDDEN.search(value):
        raise ConfigError(
            f"{field}: {kind}:{name} holds a line break or a character that fits no header",
            fix="correct it",
        )
    return f"{scheme} {value}".lstrip()


def variables(headers: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the environment variables that headers refer to. Raises ConfigError.

    What stands in files is looked up, too: what is missing is known before anything is sent.
    """
    found = {}
    for some in headers:
        for name, text in some.items():
            value_of(text, f"header {name}")
            reference = reference_in(text)
            if reference and reference[1] == "env":
                found[reference[2]] = _from_environment(reference[2], f"header {name}")
    return found


def _from_environment(name: str, field: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise ConfigError(f"{field}: the environment variable {name} is not set", fix=f"set {name}")
    return value


def _from_file(name: str, field: str) -> str:
    try:
        value = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(
            f"{field}: cannot read {name}: {reason}", fix="correct file:PATH"
        ) from None
    if not value:
        raise ConfigError(f"{field}: {name} is empty", fix="write the value into it")
    return value

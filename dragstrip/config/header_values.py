"""Header values that stand elsewhere: in an environment variable or in a file.

Each process looks them up by itself, so that they are in no file of a run and on no command line.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dragstrip.cleaning import clean
from dragstrip.config.headers import is_secret, reference_in, secret_parameters
from dragstrip.config.text_file import text_of
from dragstrip.errors import ConfigError
from dragstrip.redact import register_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SURELY_SECRET_LENGTH = 8


def value_of(text: str, field: str) -> str | None:
    """Return the value that `text` refers to, None where it refers to none. Raises ConfigError."""
    reference = reference_in(text)
    if reference is None:
        return None
    scheme, kind, name = reference
    value = _from_environment(name, field) if kind == "env" else _from_file(name, field)
    return f"{scheme} {value}".lstrip()


def resolved(headers: Mapping[str, str], target: str) -> dict[str, str]:
    """Return a target's headers with the values that stand elsewhere. Raises ConfigError."""
    return {
        name: value_of(text, f"targets.{target}.headers.{name}") or text
        for name, text in headers.items()
    }


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


def absolute(headers: Mapping[str, str]) -> dict[str, str]:
    """Let `file:PATH` mean the same in processes that run in another folder."""
    found = {}
    for name, value in headers.items():
        reference = reference_in(value)
        if reference and reference[1] == "file":
            scheme, _, path = reference
            value = f"{scheme} file:{Path(path).absolute()}".lstrip()
        found[name] = value
    return found


def register(headers: Mapping[str, str]) -> None:
    """Let no output show what a copied command holds in headers that carry secrets."""
    for name, value in headers.items():
        if is_secret(name) and not reference_in(value):
            register_secret(value)
            register_secret(value.rpartition(" ")[2])


def register_query(path: str) -> None:
    """Let no output show secrets in the query of a path."""
    for value in secret_parameters(path).values():
        # A short one, as in session=test, is likelier a word.
        if len(value) >= _SURELY_SECRET_LENGTH:
            register_secret(value)


def _from_environment(name: str, field: str) -> str:
    value = os.environ.get(name, "")
    if not value.strip():
        raise ConfigError(f"{field}: the environment variable {name} is not set", fix=f"set {name}")
    return _cleaned(value, f"{field}: env:{name}")


def _from_file(name: str, field: str) -> str:
    value = text_of(Path(name), field, "correct file:PATH")
    if not value.strip():
        raise ConfigError(f"{field}: {name} is empty", fix="write the value into it")
    return _cleaned(value, f"{field}: file:{name}")


def _cleaned(value: str, place: str) -> str:
    register_secret(value)
    try:
        return clean(value, for_header=True)
    except ValueError as error:
        raise ConfigError(f"{place} {error}", fix="correct the value") from None

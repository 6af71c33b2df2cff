"""Two addresses that are given for one race, as the sections of a configuration they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENDPOINT = "endpoint"
"""The scenario of two addresses that say by themselves what is asked."""

_DESCRIBES = ("operations", "path", "curl", "vegeta", "openapi")
"""Fields of [scenario] that say what is asked, so that an address is only where paths begin."""

_FIX = "write it as http://host:port/path or https://host/path"
_NAMES = ("baseline", "challenger")


def chosen_scenario(
    given: Sequence[str], scenario: str | None, section: Mapping[str, Any]
) -> str | None:
    """Return the scenario's name: as chosen, or as in [scenario], or of two addresses ENDPOINT."""
    return scenario or section.get("name") or (ENDPOINT if given else None)


def is_described(*sections: Mapping[str, Any]) -> bool:
    """Whether fields of [scenario] say what is asked."""
    return any(section.get(name) for section in sections for name in _DESCRIBES)


def target_pair(given: Sequence[str], *, whole: bool = False) -> dict[str, dict[str, Any]]:
    """Return the sections for BASELINE and CHALLENGER, each URL or NAME=URL; {} for none.

    `whole` addresses say with their path and query what is asked; others are where paths begin.
    Raises UsageError for any other number, for one name twice, or for an invalid address.
    """
    if not given:
        return {}
    if len(given) != len(_NAMES):
        raise UsageError(
            f"{len(given)} address{'es' * (len(given) > 1)} given, but a race needs two",
            fix="give BASELINE and CHALLENGER, or none to race what is configured",
        )
    named = [_named(text, default) for text, default in zip(given, _NAMES, strict=True)]
    (baseline, _), (challenger, _) = named
    if baseline == challenger:
        raise UsageError(
            f"both addresses are named {baseline}", fix="give them two names: NAME=URL NAME=URL"
        )
    return {
        "targets": {name: {"kind": "http", **_parts(url, name, whole)} for name, url in named},
        "race": {"baseline": baseline, "challenger": challenger},
    }


def _named(text: str, default: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    # An address may hold an equals sign itself.
    return (name, url) if equals and "/" not in name and ":" not in name else (default, text)


def _parts(text: str, name: str, whole: bool) -> dict[str, str]:
    if not whole:
        return {"url": text}
    field = f"targets.{name}.url"
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise UsageError(f"{field}: it is not an address: {error}", fix=_FIX) from None
    if "@" in parts.netloc:
        raise UsageError(
            f"{field}: must hold no user name or password",
            fix="remove it, and give --header 'Authorization: env:NAME'",
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{field}: must be an http:// or https:// address with a host", fix=_FIX)
    if "#" in text:
        raise UsageError(
            f"{field}: the fragment of an address (#) is never sent",
            fix="remove it, or write %23 for the character",
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return {"url": f"{parts.scheme}://{parts.netloc}", "path": path}

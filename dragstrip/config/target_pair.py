"""Two addresses on the command line, as the sections of a configuration that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = ("baseline", "challenger")


def target_pair(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the sections for BASELINE and CHALLENGER, each URL or NAME=URL; {} for none.

    Raises UsageError for any other number, or for one name twice.
    """
    if not given:
        return {}
    if len(given) != len(_NAMES):
        raise UsageError(
            f"{len(given)} address{'es' * (len(given) > 1)} given, and a race has two targets",
            fix="give BASELINE and CHALLENGER, or none to race what is configured",
        )
    named = [_named(text, default) for text, default in zip(given, _NAMES, strict=True)]
    (baseline, _), (challenger, _) = named
    if baseline == challenger:
        raise UsageError(
            f"both addresses are named {baseline}", fix="give them two names: NAME=URL NAME=URL"
        )
    return {
        "targets": {name: {"kind": "http", "url": url} for name, url in named},
        "race": {"baseline": baseline, "challenger": challenger},
    }


def _named(text: str, default: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    # An address may hold an equals sign itself.
    return (name, url) if equals and "/" not in name and ":" not in name else (default, text)

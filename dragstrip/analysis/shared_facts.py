"""What a search and a soak say of themselves just as a race does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dragstrip.run.model import Run

_NAMES = (
    *("id", "started", "baseline", "challenger", "lab", "seed"),
    *("versions", "machine", "scenario", "config"),
)


def shared_facts(facts: Run) -> dict[str, Any]:
    """Return those fields of a race of the same targets and settings."""
    return {name: getattr(facts, name) for name in _NAMES}

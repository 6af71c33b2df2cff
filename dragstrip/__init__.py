"""Compare two backends under load, on identical data, with a verdict that holds.

For scripts and notebooks: `from dragstrip import race, load_run`; see docs/python.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragstrip.version import VERSION as __version__  # noqa: N811

if TYPE_CHECKING:
    from dragstrip.api import StoredRun as StoredRun
    from dragstrip.api import load_run as load_run
    from dragstrip.api import race as race

__all__ = ["StoredRun", "__version__", "load_run", "race"]


def __getattr__(name: str) -> Any:
    # When it is first used: what these import takes longer than most commands.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dragstrip import api

    for exported in ("StoredRun", "load_run", "race"):
        globals()[exported] = getattr(api, exported)
    return globals()[name]

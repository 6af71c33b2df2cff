"""Where dragstrip keeps what outlives a command.

In a checkout that is its folder `.dragstrip`. An installed package uses the platform's folders for
data and for caches. $DRAGSTRIP_HOME goes before both.
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

HOME_VARIABLE = "DRAGSTRIP_HOME"

_ROOT = Path(__file__).resolve().parents[1]


def checkout() -> Path | None:
    """Return the checkout that this code runs from; None for an installed package."""
    return _ROOT if (_ROOT / "pyproject.toml").is_file() else None


def data() -> Path:
    """Return the folder for what cannot be made again: the lab's databases, the calibration."""
    return _named() or _of_checkout() or user_data_path("dragstrip", appauthor=False)


def cache() -> Path:
    """Return the folder for what can be made again: installed npm packages, generated names."""
    named = _named()
    if named:
        return named / "cache"
    return _of_checkout() or user_cache_path("dragstrip", appauthor=False)


def _named() -> Path | None:
    named = os.environ.get(HOME_VARIABLE)
    return Path(named).expanduser().absolute() if named else None


def _of_checkout() -> Path | None:
    root = checkout()
    return root / ".dragstrip" if root else None

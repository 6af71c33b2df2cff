"""One race as seen from outside Locust: prechecks, setup, process, monitor."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """Lets what `from dragstrip import race` gives be called, even where this was imported first.

    The function of that name is in dragstrip/api.py, above this package.
    """

    def __call__(self, *args: Any, **settings: Any) -> Any:
        return importlib.import_module("dragstrip.api").race(*args, **settings)


sys.modules[__name__].__class__ = _CallablePackage

"""The packages that are installed along with dragstrip under names that others use, too.

Python looks for `scenarios` and `seeding` in the working directory first when it is started by
`python -m`, and so does Locust for what a locustfile imports.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

_PLACE = Path(__file__).parents[1]
_NAMES = ("scenarios", "seeding")


def load() -> None:
    """Load them from the folder that dragstrip is in, whatever stands on the path before it."""
    for name in _NAMES:
        spec = None if name in sys.modules else PathFinder.find_spec(name, [str(_PLACE)])
        if spec is not None and spec.loader is not None:
            module = sys.modules[name] = module_from_spec(spec)
            spec.loader.exec_module(module)

"""Kinds of targets: a file each in `scenarios/kinds/`, found by their names."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = "scenarios.kinds"


@dataclass(frozen=True, slots=True)
class TargetKind:
    """What all targets of a kind share.

    `address_variable` is the environment variable that names an address where the configuration
    does not; `credential_variable` the one with the key that its requests carry, where that is not
    the scenario's; `store` the store that `dragstrip seed` fills behind it; `paths` the path at
    which it answers each operation.
    """

    name: str
    title: str
    address_variable: str | None = None
    credential_variable: str | None = None
    store: str | None = None
    paths: Mapping[str, str] = field(default_factory=dict)


@cache
def kinds() -> dict[str, TargetKind]:
    """Return every kind by name: the `KIND` of each module in `scenarios/kinds/`."""
    package = importlib.import_module(_PACKAGE)
    modules = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    found = [importlib.import_module(f"{_PACKAGE}.{name}").KIND for name in modules]
    return {kind.name: kind for kind in found}


def kind_of(name: str, *, field: str = "kind") -> TargetKind:
    """Return a kind by name. Raises ConfigError naming the `field` that holds it."""
    kind = kinds().get(name)
    if kind is None:
        raise ConfigError(
            f'{field}: there is no kind of target "{name}"', fix="use " + ", ".join(kinds())
        )
    return kind

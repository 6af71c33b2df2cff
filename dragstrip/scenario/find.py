"""Finds a scenario: by name, by entry point, or in a person's own file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError
from dragstrip.scenario.scenario import Scenario

if TYPE_CHECKING:
    from types import ModuleType

GROUP = "dragstrip.scenarios"
_PACKAGE = "scenarios"


def find(name: str) -> type[Scenario]:
    """Return the scenario class that `name` means. Raises ConfigError.

    `lookup` is a file of `scenarios/` or an entry point of the group `dragstrip.scenarios`;
    `path/to/checkout.py:Checkout` a class in a file, `package.module:Checkout` one in a module.
    """
    place, colon, attribute = name.partition(":")
    if place.endswith(".py"):
        return _class_in(_load(Path(place)), attribute, name)
    if colon:
        return _class_in(_import(place, name), attribute, name)
    found = entry_points(group=GROUP, name=name)
    if found:
        scenario = next(iter(found)).load()
        return _require_scenario(scenario, name)
    if name not in built_in():
        raise ConfigError(
            f'scenario: there is no scenario "{name}"',
            fix="use " + ", ".join(built_in()) + ", or path/to/file.py:Class",
        )
    return _class_in(_import(f"{_PACKAGE}.{_module(name)}", name), "", name)


def built_in() -> list[str]:
    """Return the names of the scenarios that come with dragstrip."""
    package = importlib.import_module(_PACKAGE)
    modules = pkgutil.iter_modules(package.__path__)
    return [module.name.replace("_", "-") for module in modules if not module.ispkg]


def installed() -> list[str]:
    """Return the names of these, and of those that other packages bring."""
    return [*built_in(), *(one.name for one in entry_points(group=GROUP))]


def absolute(name: str) -> str:
    """Return the name so that it means the same in another working directory."""
    place, colon, attribute = name.partition(":")
    return f"{Path(place).resolve()}{colon}{attribute}" if place.endswith(".py") else name


def version_of(scenario: type[Scenario]) -> str:
    """Return what must be the same in every process: it decides what is asked and what is right."""
    if scenario.__module__.startswith(_FILE_MODULE):
        source = Path(inspect.getfile(scenario)).read_bytes()
        return f"{scenario.version} {hashlib.sha256(source).hexdigest()[:12]}"
    return scenario.version


_FILE_MODULE = "dragstrip_scenario_"


def _module(name: str) -> str:
    return name.replace("-", "_")


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"scenario: there is no file {path}", fix="correct the path")
    place = path.resolve()
    name = _FILE_MODULE + hashlib.sha256(str(place).encode()).hexdigest()[:16]
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None  # noqa: S101
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # Last, so that nothing beside the file stands in the way of what it imports by name.
    sys.path.append(str(place.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        # A file that ends the program, even with code 0, holds no scenario.
        del sys.modules[name]
        raise ConfigError(
            f"scenario: {path} cannot be loaded: {type(error).__name__}: {error}",
            fix=f"correct it: `python {path}` shows where it fails",
        ) from error
    return module


def _import(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except (ImportError, SystemExit) as error:
        raise ConfigError(
            f'scenario: "{name}" cannot be imported: {error}', fix="correct the name"
        ) from None


def _class_in(module: ModuleType, attribute: str, name: str) -> type[Scenario]:
    if attribute:
        return _require_scenario(getattr(module, attribute, None), name)
    own = [
        one
        for one in vars(module).values()
        if inspect.isclass(one)
        and issubclass(one, Scenario)
        and one.__module__ == module.__name__
        and not inspect.isabstract(one)
    ]
    if len(own) != 1:
        named = ", ".join(one.__name__ for one in own) or "none"
        raise ConfigError(
            f'scenario: "{name}" must hold one scenario, and has {named}',
            fix="name the class after a colon: path/to/file.py:Class",
        )
    return own[0]


def _require_scenario(found: object, name: str) -> type[Scenario]:
    if not (inspect.isclass(found) and issubclass(found, Scenario)):
        raise ConfigError(
            f'scenario: "{name}" is not a subclass of dragstrip.scenario.Scenario',
            fix="name a class that is",
        )
    if inspect.isabstract(found):
        raise ConfigError(f'scenario: "{name}" does not define `request`', fix="define it")
    return found

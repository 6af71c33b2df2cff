"""What a start form lets choose beside numbers: the scenario, and which targets race.

Nothing can be chosen that the command was not started with: scenarios that are installed or named,
and targets that are configured. Another choice is prepared as the first was, before it races.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.config.config import ScenarioConfig, require_race_targets
from dragstrip.errors import ConfigError, DragstripError
from dragstrip.race.setup import prepared
from dragstrip.scenario import targets_of
from dragstrip.scenario.find import find, installed
from dragstrip.scenario.target import url_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.config.config import Config
    from dragstrip.race.setup import Admitted, Setup
    from dragstrip.scenario import Progress, Scenario

_RACE = 2


@dataclass(frozen=True, slots=True)
class ScenarioChoice:
    """A scenario that at least two of the targets can race, as it is configured."""

    config: ScenarioConfig
    about: str
    has_misses: bool
    operations: tuple[str, ...]


class Choices:
    """What may be raced: `config` is as configured, with every target and the lab's addresses.

    `admit` refuses what cannot lead to a verdict by raising.
    """

    def __init__(
        self, configured: Config, setup: Setup, admit: Callable[[Config], Admitted]
    ) -> None:
        self.config = configured.model_copy(update={"environment": setup.config.environment})
        self._admit = admit
        self._setup = setup
        self._asked = _sides(configured)
        self.scenarios = {one.config.name: one for one in self._scenarios()}
        self.targets = {name: self._about(name) for name in self.config.targets}

    def chosen(self, config: Config, name: str) -> Config:
        """Return it with another scenario. Raises ConfigError for one that is not offered."""
        if name not in self.scenarios:
            raise ConfigError(
                "scenario: it is not one of those offered", fix="choose one of the list"
            )
        return config.model_copy(update={"scenario": self.scenarios[name].config})

    def require(self, asked: Config) -> None:
        """Refuse what cannot be raced, before anything is sent. Raises DragstripError."""
        admitted = self._admit(asked)
        if _sides(asked) != self._asked:
            admitted.scenario.variables()
            targets_of(admitted.config)

    def prepared(self, asked: Config, progress: Progress) -> Setup:
        """Return the race that is asked for, prepared. Raises DragstripError.

        What was prepared last is not prepared again.
        """
        admitted = self._admit(asked)
        if _sides(asked) != self._asked:
            self._setup = prepared(admitted, self._setup.options, progress)
            self._asked = _sides(asked)
        return self._setup.with_config(admitted.config)

    def _scenarios(self) -> Iterator[ScenarioChoice]:
        own = self.config.scenario
        yield _choice(own, self._setup.scenario)
        for name in installed():
            # The other fields of [scenario] are of the scenario that it names.
            other = ScenarioConfig(name=name)
            try:
                scenario = find(name)(self.config.model_copy(update={"scenario": other}))
                if name != own.name and self._fits(scenario):
                    yield _choice(other, scenario)
            except (DragstripError, ImportError):
                continue

    def _fits(self, scenario: Scenario) -> bool:
        kinds = [target.kind in scenario.kinds for target in self.config.targets.values()]
        is_there = scenario.in_lab or not self.config.environment.dragstrip_lab
        return sum(kinds) >= _RACE and is_there

    def _about(self, name: str) -> str:
        target = self.config.targets[name]
        try:
            # Without a query, which may hold a key.
            address = url_of(self.config, name) + (target.path or "").partition("?")[0]
        except ConfigError:
            address = "its address is not set"
        return f"{target.kind}, {address}"


def _choice(config: ScenarioConfig, scenario: Scenario) -> ScenarioChoice:
    operations = tuple(operation.name for operation in scenario.operations)
    about = (inspect.getdoc(type(scenario)) or "").partition("\n")[0]
    if len(operations) > 1:
        about = f"{about} Operations: {', '.join(operations)}.".strip()
    return ScenarioChoice(config, about, scenario.has_misses, operations)


def _sides(config: Config) -> tuple[ScenarioConfig, tuple[str, str]]:
    """Return what a preparation is of."""
    return config.scenario, require_race_targets(config)

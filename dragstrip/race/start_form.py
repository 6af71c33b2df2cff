"""The start form: what of a race may be chosen in a browser, what a choice costs, what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from dragstrip.config.config import WRONG_FIELDS, Metric, with_fields
from dragstrip.errors import DragstripError
from dragstrip.race import outlook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dragstrip.config.config import Config
    from dragstrip.race.choices import Choices


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the form; `choices` where there is nothing else to choose."""

    group: str
    section: str
    name: str
    label: str
    help: str
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.section}.{self.name}"

    @property
    def word(self) -> str:
        """What a problem of this field has in its text."""
        return "scenario" if self.section == "scenario" else self.name

    def shown(self, config: Config) -> str:
        value = getattr(getattr(config, self.section), self.name)
        if isinstance(value, tuple):
            return ", ".join(f"{part:g}" for part in value)
        return f"{value:g}" if isinstance(value, float) else str(value or "")


_SCENARIO = _Field("sides", "scenario", "name", "Scenario", "what is asked")
_SIDES = (
    _Field("sides", "race", "baseline", "Baseline", "what runs today"),
    _Field("sides", "race", "challenger", "Challenger", "what might replace it"),
)
_FIELDS = (
    _SCENARIO,
    *_SIDES,
    _Field("load", "race", "rate", "Rate", "arrivals per second and target; 0: closed model"),
    _Field("load", "race", "profile", "Profile", "ramp:10..100 and others; empty: the rate holds"),
    _Field("load", "race", "pairs", "Pairs", "of one slice for each target"),
    _Field("load", "race", "slice", "Slice", "seconds that one lasts"),
    _Field("load", "race", "warmup", "Warm-up", "seconds of each slice that do not count"),
    _Field("load", "race", "keys", "Keys", "uniform, sequential, once, zipf:S or hot:N"),
    _Field("load", "race", "miss", "Misses", "share of requests for keys that do not exist"),
    _Field("rules", "rules", "metric", "Metric", "what is compared", get_args(Metric)),
    _Field(
        "rules",
        "rules",
        "operation",
        "Operation",
        "whose requests decide; empty: the most frequent one's",
    ),
    _Field(
        "rules",
        "rules",
        "adopt_ratio",
        "Adopt at",
        "ratio at or below which the challenger is adopted",
    ),
    _Field(
        "rules",
        "rules",
        "equivalent",
        "Equivalent",
        "from, to: ratios without practical difference",
    ),
    _Field(
        "rules", "rules", "slo_ms", "Objective", "milliseconds that the challenger must keep within"
    ),
    _Field(
        "rules", "rules", "max_error_rate", "Failed requests", "largest share of failed requests"
    ),
)

_NOTHING = {"race.miss": 0.0, "rules.operation": None}
"""What these fields are for a scenario to which they mean nothing."""


class StartForm:
    """The form of the races that can be chosen; `config` is what it is filled in with."""

    def __init__(self, choices: Choices) -> None:
        self.config = choices.config
        self._choices = choices

    def page(self) -> dict[str, Any]:
        """Return what the browser needs to draw it, filled in as asked for last."""
        idle = self._idle(self.config.scenario.name)
        return {
            "fields": [
                {
                    "key": one.key,
                    "group": one.group,
                    "label": one.label,
                    "help": one.help,
                    "value": one.shown(self._choices.config if one.key in idle else self.config),
                    "choices": list(self._offered(one)),
                }
                for one in _FIELDS
            ],
            "cost": outlook.cost(self.config),
            "idle": idle,
        }

    def looked_at(self, given: Mapping[str, Any]) -> tuple[Config | None, dict[str, Any]]:
        """Return the race that is asked for, None where it is refused, and what to say of it."""
        name = str(given.get(_SCENARIO.key, self.config.scenario.name))
        idle = self._idle(name)
        said = {"cost": "", "idle": idle}
        try:
            config = with_fields(self.config, _sections(given, idle))
            said["cost"] = outlook.cost(config)
            config = self._choices.chosen(config, name)
            self._choices.require(config)
        except DragstripError as error:
            return None, {**said, **self._beside(error, given)}
        return config, {**said, "problems": {}, "problem": ""}

    def _offered(self, field: _Field) -> Iterator[dict[str, str]]:
        """Yield what may be chosen, each with what it is."""
        if field == _SCENARIO:
            for name, scenario in self._choices.scenarios.items():
                shown = name.rpartition("/")[2]
                yield {"value": name, "shown": shown, "help": scenario.about}
        elif field in _SIDES:
            for name, about in self._choices.targets.items():
                yield {"value": name, "shown": name, "help": about}
        for value in field.choices:
            yield {"value": value, "shown": value, "help": field.help}

    def _idle(self, name: str) -> list[str]:
        """Return the fields that mean nothing to a scenario."""
        scenario = self._choices.scenarios.get(name)
        if scenario is None:
            return []
        has = {"race.miss": scenario.has_misses, "rules.operation": len(scenario.operations) > 1}
        return [key for key in _NOTHING if not has[key]]

    def _beside(self, error: DragstripError, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return each problem by the field that it names first, and what names none."""
        parts, fixes = error.message.split("; "), (error.fix or "").split("; ")
        if len(fixes) != len(parts) or error.fix == WRONG_FIELDS:
            fixes = [""] * len(parts)
        problems: dict[str, str] = {}
        rest = []
        for part, fix in zip(parts, fixes, strict=True):
            said = f"{part}: {fix}" if fix else part
            key = self._side_named_in(part, given) or _named_in(part)
            if key is None:
                rest.append(said)
                continue
            said = re.sub(r"^((race|rules): )?(\w+: )?", "", said) if not fix else said
            problems[key] = f"{problems[key]}; {said}" if key in problems else said
        return {"problems": problems, "problem": "; ".join(rest)}

    def _side_named_in(self, part: str, given: Mapping[str, Any]) -> str | None:
        for one in _SIDES:
            name = str(given.get(one.key, one.shown(self.config)))
            if part.startswith(f"targets.{name}."):
                return one.key
        return None


def _sections(given: Mapping[str, Any], idle: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return fields of sections as they are filled in; one that means nothing is as good as 0."""
    sections: dict[str, dict[str, object]] = {"race": {}, "rules": {}}
    for one in _FIELDS:
        if one.key in idle:
            sections[one.section][one.name] = _NOTHING[one.key]
        elif one.key in given and one != _SCENARIO:
            text = str(given[one.key])
            values = [part.strip() for part in text.split(",")]
            sections[one.section][one.name] = values if one.name == "equivalent" else text or None
    return sections


def _named_in(part: str) -> str | None:
    if re.match(r"[A-Z]+_[A-Z_]+ ", part):
        # A variable: the scenario asks for it.
        return _SCENARIO.key
    places = {
        one.key: found.start() for one in _FIELDS if (found := re.search(rf"\b{one.word}\b", part))
    }
    return min(places, key=lambda key: places[key], default=None)

"""The start form: what of a race may be chosen in a browser, what a choice costs, what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from dragstrip.config.config import Metric, with_fields
from dragstrip.errors import ConfigError, DragstripError
from dragstrip.race import outlook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragstrip.config.config import Config


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the form; `choices` where there is nothing else to choose."""

    section: str
    name: str
    label: str
    help: str
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.section}.{self.name}"

    def shown(self, config: Config) -> str:
        value = getattr(getattr(config, self.section), self.name)
        if isinstance(value, tuple):
            return ", ".join(f"{part:g}" for part in value)
        return f"{value:g}" if isinstance(value, float) else str(value or "")


_FIELDS = (
    _Field("race", "rate", "Rate", "arrivals per second and target; 0: closed model"),
    _Field("race", "profile", "Profile", "ramp:10..100 and others; empty: the rate holds"),
    _Field("race", "pairs", "Pairs", "pairs of slices"),
    _Field("race", "slice", "Slice", "seconds"),
    _Field("race", "warmup", "Warm-up", "seconds of each slice that do not count"),
    _Field("race", "keys", "Keys", "uniform, sequential, once, zipf:S or hot:N"),
    _Field("race", "miss", "Misses", "share of requests for keys that do not exist"),
    _Field("rules", "metric", "Metric", "what is compared", get_args(Metric)),
    _Field("rules", "adopt_ratio", "Adopt at", "ratio at or below which the challenger is adopted"),
    _Field("rules", "equivalent", "Equivalent", "from, to: ratios without practical difference"),
    _Field("rules", "slo_ms", "Objective", "milliseconds"),
    _Field("rules", "max_error_rate", "Failures", "largest share of failed requests"),
)


class StartForm:
    """The form of one prepared race. `check` refuses what cannot lead to a verdict by raising."""

    def __init__(
        self, config: Config, check: Callable[[Config], None], *, has_misses: bool
    ) -> None:
        self.config = config
        self._check = check
        self._fields = [one for one in _FIELDS if has_misses or one.name != "miss"]

    def page(self) -> dict[str, Any]:
        """Return what the browser needs to draw it, filled in as configured last."""
        config = self.config
        facts = [("scenario", config.scenario.name.rpartition("/")[2])]
        for side in ("baseline", "challenger"):
            name = getattr(config.race, side)
            target = config.targets[name]
            facts.append((side, f"{name}: {target.kind}, {target.url}"))
        fields = [
            {
                "key": one.key,
                "group": one.section,
                "label": one.label,
                "help": one.help,
                "value": one.shown(config),
                "choices": one.choices,
            }
            for one in self._fields
        ]
        return {"facts": facts, "fields": fields, "cost": outlook.cost(config)}

    def looked_at(self, given: Mapping[str, Any]) -> tuple[Config | None, dict[str, Any]]:
        """Return the race that is asked for, None where it is refused, and what to say of it."""
        sections: dict[str, dict[str, object]] = {"race": {}, "rules": {}}
        for one in self._fields:
            if one.key in given:
                text = str(given[one.key])
                values = [part.strip() for part in text.split(",")]
                sections[one.section][one.name] = (
                    values if one.name == "equivalent" else text or None
                )
        cost = ""
        try:
            config = with_fields(self.config, sections)
            cost = outlook.cost(config)
            self._check(config)
        except DragstripError as error:
            return None, {"cost": cost, **self._beside(error)}
        return config, {"cost": cost, "problems": {}, "problem": ""}

    def _beside(self, error: DragstripError) -> dict[str, Any]:
        """Return each problem by the field that it names first, and what names none."""
        parts, fixes = error.message.split("; "), (error.fix or "").split("; ")
        if len(fixes) != len(parts) or isinstance(error, ConfigError):
            fixes = [""] * len(parts)
        problems: dict[str, str] = {}
        rest = []
        for part, fix in zip(parts, fixes, strict=True):
            said = f"{part}: {fix}" if fix else part
            key = self._named_in(part)
            if key is None:
                rest.append(said)
                continue
            said = re.sub(r"^((race|rules): )?(\w+: )?", "", said) if not fix else said
            problems[key] = f"{problems[key]}; {said}" if key in problems else said
        return {"problems": problems, "problem": "; ".join(rest)}

    def _named_in(self, part: str) -> str | None:
        places = {
            one.key: found.start()
            for one in self._fields
            if (found := re.search(rf"\b{one.name}\b", part))
        }
        return min(places, key=lambda key: places[key], default=None)

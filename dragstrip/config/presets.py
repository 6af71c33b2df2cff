"""How long a race takes, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from dragstrip.config import config as configuration
from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragstrip.config.config import Config

Preset = Literal["quick", "standard", "thorough"]

PRESETS: dict[Preset, dict[str, float]] = {
    "quick": {"pairs": 6, "slice": 5.0, "warmup": 1.0},
    "standard": {"pairs": 20, "slice": 30.0, "warmup": 5.0},
    "thorough": {"pairs": 40, "slice": 60.0, "warmup": 10.0},
}
"""About 1, 20 and 80 minutes. quick has as few pairs as a verdict allows."""

SEARCHES: dict[Preset, dict[str, float]] = {
    "quick": {"pairs": 10, "slice": 4.0, "warmup": 1.0},
    "standard": {"pairs": 20, "slice": 15.0, "warmup": 3.0},
    "thorough": {"pairs": 40, "slice": 30.0, "warmup": 5.0},
}
"""Of `dragstrip capacity`, where pairs are rounds: about 4, 16 and 60 minutes."""

QUICK_RATE = 25.0
"""Unless a rate is configured: what the lab's stand-ins answer on a small, busy machine."""


def load(
    environ: Mapping[str, str],
    path: Path | None,
    preset: Preset | None,
    given: Mapping[str, Any],
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    document: Mapping[str, Any] | None = None,
) -> Config:
    """Read the configuration for a race. Raises ConfigError and UsageError.

    `given` are the fields of [race] that the command line sets, None for those it does not, and
    `sections` those of other sections. They come before the preset, which comes before the file:
    both are said for this one race. `document` is what stands in the file, if it was read already.
    """
    more = dict(sections or {})
    flags = {name: value for name, value in given.items() if value is not None}
    chosen = {**(PRESETS[preset] if preset else {}), **flags, **more.pop("race", {})}
    config = configuration.load(environ, path, {**more, "race": chosen}, document)
    named = given.get("profile")
    if given.get("rate") is not None and (config.race.profile or (named and ":" in named)):
        raise UsageError(
            f"--rate and the profile {named or config.race.profile} exclude each other: a profile "
            "has its own rates",
            fix="leave --rate out, or give --profile poisson",
        )
    if preset == "quick" and "rate" not in config.race.model_fields_set:
        race = config.race.model_copy(update={"rate": QUICK_RATE})
        config = config.model_copy(update={"race": race})
    return config

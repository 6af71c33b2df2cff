"""The text that names a load profile, and what it says; load_profile.py makes the rate of it.

    constant[:RATE]  poisson[:RATE]         one rate, at even or at random distances
    steps:A,B,...[/PERIOD]                  one rate after the other, each equally long
    ramp:A..B[/PERIOD]                      from one rate to another
    spike:A,B@AT+LENGTH[/PERIOD]            a rate, and a higher one for a while
    sine:A..B[/PERIOD]                      from the lowest rate to the highest and back: a day
    replay:FILE[*SPEED]                     the times of an access log, so many times as fast

Rates are requests per second; times are seconds, or have a unit: 500ms, 90s, 10m, 1h. A profile
begins again when its period is over. `RaceConfig.profile` has its text. Every command reads the
configuration: what takes time to import is in load_profile.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

FLAT = ("constant", "poisson")
"""Profiles of one rate: a race says the same with `rate` and `arrivals`."""

MOST_PER_S = 1_000_000.0
_LONGEST_S = 7 * 86_400.0
MOST_STEPS = 720

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_TIME = rf"{_NUMBER}(?:ms|s|m|h)?"
_PERIOD = rf"(?:/(?P<period>{_TIME}))?"
_RANGE = rf"(?P<rates>{_NUMBER}\.\.{_NUMBER}){_PERIOD}"
_FORMS = {
    "constant": rf"(?P<rates>{_NUMBER})?",
    "poisson": rf"(?P<rates>{_NUMBER})?",
    "steps": rf"(?P<rates>{_NUMBER}(?:,{_NUMBER})+){_PERIOD}",
    "ramp": _RANGE,
    "spike": rf"(?P<rates>{_NUMBER},{_NUMBER})@(?P<at>{_TIME})\+(?P<length>{_TIME}){_PERIOD}",
    "sine": _RANGE,
    "replay": rf"(?P<file>.+?)(?:\*(?P<speed>{_NUMBER}))?",
}
_WORDS = (
    "must be constant[:RATE], poisson[:RATE], steps:A,B,...[/PERIOD], ramp:A..B[/PERIOD], "
    "spike:A,B@AT+LENGTH[/PERIOD], sine:A..B[/PERIOD] or replay:FILE[*SPEED]"
)
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ParsedProfile(NamedTuple):
    """A profile's text, taken apart; `period_s` is 0 where it says none."""

    kind: str
    rates: tuple[float, ...]
    at_s: float
    length_s: float
    period_s: float
    file: str
    speed: float


def text_of(value: object) -> str:
    """Return a profile's text, given as text or as a TOML table. Raises ValueError."""
    text = _of_table(value) if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise ValueError(_WORDS)  # noqa: TRY004
    parse(text)
    return text


def flat(text: str) -> dict[str, Any] | None:
    """Return the fields of [race] that a profile of one rate stands for; None of any other."""
    parsed = parse(text)
    if parsed.kind not in FLAT:
        return None
    return {"arrivals": parsed.kind} | ({"rate": parsed.rates[0]} if parsed.rates else {})


def parse(text: str) -> ParsedProfile:
    """Take a profile's text apart. Raises ValueError."""
    kind, colon, rest = text.partition(":")
    found = (
        re.fullmatch(_FORMS[kind], rest) if kind in _FORMS and bool(colon) == bool(rest) else None
    )
    if found is None:
        raise ValueError(_WORDS)
    parts = found.groupdict()
    rates = tuple(map(float, re.split(r"\.\.|,", parts["rates"]))) if parts.get("rates") else ()
    parsed = ParsedProfile(
        kind,
        rates,
        at_s=_seconds(parts.get("at")),
        length_s=_seconds(parts.get("length")),
        period_s=_seconds(parts.get("period")),
        file=parts.get("file") or "",
        speed=float(parts.get("speed") or 1),
    )
    _require_sound(parsed, parts)
    return parsed


def _require_sound(parsed: ParsedProfile, parts: Mapping[str, str | None]) -> None:
    if parsed.rates and not 0 < max(parsed.rates) <= MOST_PER_S:
        raise ValueError(f"must have a rate above 0, and none above {MOST_PER_S:,.0f}")
    if len(parsed.rates) > MOST_STEPS:
        raise ValueError(f"must have at most {MOST_STEPS} steps")
    if parts.get("period") and not 0 < parsed.period_s <= _LONGEST_S:
        raise ValueError("must have a period above 0 s, and of a week at most")
    if parts.get("length") and not parsed.length_s:
        raise ValueError("must have a spike that is longer than 0 s")
    if not parsed.speed:
        raise ValueError("must have a speed above 0")


def _seconds(text: str | None) -> float:
    if not text:
        return 0.0
    number, unit = re.fullmatch(rf"({_NUMBER})([a-z]*)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS_S[unit or "s"]


_TABLE = ("kind", "rates", "at", "length", "period", "file", "speed")


def _of_table(table: Mapping[str, Any]) -> str:
    unknown = [name for name in table if name not in _TABLE]
    if unknown:
        raise ValueError(f"has the unknown field {unknown[0]}; known: {', '.join(_TABLE)}")
    part = {name: table.get(name, "") for name in _TABLE}
    rates = part["rates"] if isinstance(part["rates"], list) else [part["rates"]]
    joined = (".." if part["kind"] in {"ramp", "sine"} else ",").join(map(str, rates))
    text = f"{part['kind']}:{joined}{part['file']}" if joined or part["file"] else str(part["kind"])
    for sign, name in (("@", "at"), ("+", "length"), ("/", "period"), ("*", "speed")):
        if part[name] != "":
            text += f"{sign}{part[name]}"
    return text

"""What a soak's windows come to, said in the words of the reports."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from dragstrip.analysis.soak import conclude
from dragstrip.analysis.soak_model import SoakWindow
from dragstrip.report import soak as words
from dragstrip.report.html import soak as html
from dragstrip.run.model import Generator
from tests.support.runs import conclude as raced
from tests.support.runs import plan_of, record
from tests.support.schema_validator import validator

if TYPE_CHECKING:
    from dragstrip.analysis.soak_model import Soak

WINDOWS = 60
PLAN = plan_of()
NAMES = [one.name for one in PLAN.targets]
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def soaked(
    *,
    p95_per_hour: float = 0.0,
    failed: int = 0,
    noise: float = 0.02,
    void: int = 0,
    fails_from: int = WINDOWS,
    windows: int = WINDOWS,
    only: int | None = None,
    findings: tuple[str, ...] = (),
) -> Soak:
    """Conclude from windows of a minute; only the challenger does what is said."""
    random = np.random.default_rng(3)
    made: list[SoakWindow] = []
    for n in range(2 * windows):
        target, minute = n % 2, n // 2
        if only not in {None, target}:
            continue
        rise = p95_per_hour * n / 60 if target else 0.0
        p95_ms = float(20 * (1 + rise + noise * random.standard_normal()))
        lost = failed * minute if target else 0
        made.append(
            SoakWindow(
                index=len(made),
                target=NAMES[target],
                started=BEGAN + timedelta(minutes=n),
                ended=BEGAN + timedelta(minutes=n + 1),
                opened=0,
                void="the generator was late" if target and minute < void else None,
                generator=Generator(
                    cpu=0.1, loop_lag_p99_ms=1, send_delay_p99_ms=1, no_connection=0
                ),
                requests=1000,
                verified=1000 - lost,
                failed={"timeout": lost} if lost else {},
                offered_per_s=20,
                achieved_per_s=20,
                p50_ms=10,
                p95_ms=None if target and minute >= fails_from else p95_ms,
                p99_ms=2 * p95_ms,
            )
        )
    facts, _ = raced(PLAN, record(PLAN))
    slices = [one for one in PLAN.slices if only in {None, one.target}]
    plan = PLAN.model_copy(update={"slices": tuple(slices)})
    return conclude(plan, facts, made, findings, interrupted=False)


def test_steady_targets_are_steady_and_the_interval_is_said() -> None:
    found = soaked()
    assert found.verdict == "steady", found.reason
    assert words.headline(found) == f"{NAMES[0]} and {NAMES[1]} are steady."
    trend = found.targets[NAMES[1]].trends["p95"]
    assert trend.low is not None
    assert trend.high is not None
    assert trend.low < 0 < trend.high


def test_a_target_that_becomes_slower_degrades_by_as_much_as_it_does() -> None:
    found = soaked(p95_per_hour=0.12)
    slower = found.targets[NAMES[1]]
    assert (found.verdict, slower.verdict) == ("degrades", "degrades")
    assert found.targets[NAMES[0]].verdict == "steady"
    assert slower.rising == ["p95", "p99"]
    trend, middle = slower.trends["p95"], 1 + 0.12 * (WINDOWS - 0.5) / 60
    assert trend.low is not None
    assert trend.high is not None
    assert trend.low <= 0.12 / middle <= trend.high
    assert f"{NAMES[1]} degrades: p95 changes by +" in words.headline(found)


def shown(found: Soak, width: int = 80) -> str:
    file = StringIO()
    Console(width=width, file=file).print(words.render(found, verbose=width > 80))
    return file.getvalue()


@pytest.mark.parametrize(
    ("changes", "word", "said"),
    [
        ({"failed": 1}, "degrades", "errors change by +3 pp an hour"),
        ({"fails_from": 45}, "degrades", "p95"),
        ({"noise": 0.3, "windows": 14}, "inconclusive", "INCONCLUSIVE"),
        ({"void": 20}, "invalid", "40 windows prove something, 20 nothing"),
        ({"windows": 9}, "invalid", "INVALID: too few windows"),
        ({"findings": ("the data changed",)}, "invalid", "INVALID: the data changed"),
    ],
)
def test_each_verdict_is_said_with_its_reason(
    changes: dict[str, int], word: str, said: str
) -> None:
    found = soaked(**changes)  # type: ignore[arg-type]
    assert found.verdict == word
    assert said in shown(found, width=300)
    assert said in words.markdown(found) or said in html.render(found)


def test_one_target_is_soaked_alone() -> None:
    found = soaked(only=1)
    assert list(found.targets) == [NAMES[1]]
    assert words.headline(found).startswith(f"{NAMES[1]} is steady: p95 changes by")


def test_every_form_says_what_the_schema_allows() -> None:
    found = soaked(p95_per_hour=0.12)
    validator("soak").validate(json.loads(found.model_dump_json()))
    suites = ElementTree.fromstring(words.junit(found))
    assert suites.get("failures") == "1"
    assert shown(found).count("\n") < 24

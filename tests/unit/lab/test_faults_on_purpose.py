"""Faults as they are asked for: read, refused, and told in the reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip.config.config import Config, RaceConfig, TargetConfig
from dragstrip.errors import UsageError
from dragstrip.lab.faults import Fault, parse
from dragstrip.race import fault_injection
from dragstrip.race.fault_injection import FaultInjector
from dragstrip.report import text
from dragstrip.run.model import FaultRecord
from tests.unit.report.test_reports import examples

if TYPE_CHECKING:
    from pathlib import Path


def test_a_fault_has_a_kind_a_service_and_a_time() -> None:
    assert parse("kill:convex@30s") == Fault("kill", "convex", 30)
    assert str(parse("cut:postgres@2.5s")) == "cut:postgres@2.5s"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("", "not of the form"),
        ("kill:convex", "not of the form"),
        ("kill:convex@30", "not of the form"),
        ("kill:convex@-1s", "not of the form"),
        ("burn:convex@1s", "there is no fault burn"),
        ("kill:mysql@1s", "the lab has no service mysql"),
        ("cut:convex@1s", "only postgres is behind a network"),
    ],
)
def test_anything_else_is_refused(wanted: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        parse(wanted)
    assert error.value.fix


def test_outside_the_lab_and_after_the_race_no_fault_is_made() -> None:
    fault, race = parse("kill:convex@30s"), RaceConfig(pairs=6, slice=2.5, warmup=1)
    with pytest.raises(UsageError, match="the race lasts 30 s"):
        fault_injection.require([fault], Config(race=race), web=False)
    with pytest.raises(UsageError, match="--fault and --web exclude"):
        fault_injection.require([fault], Config(), web=True)
    elsewhere = Config(targets={"a": TargetConfig(kind="convex-http", url="http://h")})
    with pytest.raises(UsageError, match="only the embedded lab's services"):
        fault_injection.require([fault], elsewhere, web=False)
    fault_injection.require([fault], Config(), web=False)


def test_what_the_race_did_not_live_to_see_is_said(tmp_path: Path) -> None:
    injector = FaultInjector([parse("stop:next@9s"), parse("kill:convex@5s")], tmp_path)
    injector.start()
    records = injector.finish()
    assert [(one.service, one.began_s) for one in records] == [("convex", None), ("next", None)]


def test_every_fault_is_told_in_one_sentence() -> None:
    record = FaultRecord(kind="kill", service="convex", planned_s=30, began_s=30.04, ended_s=31.22)
    lost = FaultRecord(kind="stop", service="next", planned_s=9, began_s=9, problem="it is gone")
    late = FaultRecord(kind="cut", service="postgres", planned_s=70)
    run = examples()["adopt"][0].model_copy(update={"faults": [record, lost, late]})
    (sentence,) = text.faults(run)
    assert sentence == (
        "Faults made on purpose: convex was killed at 30.0 s and was back at 31.2 s; next was "
        "stopped at 9.0 s and did not come back: it is gone; cut:postgres@70s was not carried out."
    )

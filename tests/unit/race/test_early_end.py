"""A race that is decided before its last pair ends there, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.stopping import is_decided
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from dragstrip.race import looks
from dragstrip.race.race import conclude
from dragstrip.report import text
from dragstrip.report.html import render
from tests.support.races import DATASET, OF_THE_MACHINE, configure, run
from tests.support.stand_in import StandIn

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from dragstrip.run.model import Run


def undisturbed(found: Run) -> Run:
    """Return a run as if the machine had had nothing else to do."""
    gates = [gate for gate in found.gates if gate.name not in OF_THE_MACHINE]
    return found.model_copy(update={"gates": gates})


def test_a_race_ends_at_the_look_that_decides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        looks, "is_decided", lambda found, rules: is_decided(undisturbed(found), rules)
    )
    with StandIn(DATASET).serving() as old, StandIn(DATASET).serving() as new:
        old.delay_s = lambda _: 0.06
        settings = {"pairs": 12, "slice": 0.4, "rate": 60, "stop_when_decided": True}
        config = configure(old, new, rules={"metric": "p50"}, **settings)
        result = run(tmp_path, config, processes=2)
    found = result.run
    assert not found.interrupted
    assert [(look.pairs, look.ends) for look in found.looks][-1] == (len(found.slices) // 2, True)
    assert found.looks[0].pairs == 8
    pairs = found.looks[-1].pairs
    assert pairs < 12
    gates = {gate.name: gate for gate in found.gates}
    assert (gates["complete_pairs"].figure, gates["complete_pairs"].bound) == (pairs, pairs)
    assert gates["lost_rows"].passed
    rules = RulesConfig.model_validate(found.config["rules"])
    verdict = judge(undisturbed(found), rules)
    assert verdict.verdict == "adopt"
    assert verdict.looks[-1].pairs == pairs
    # What is stored gives the same run again.
    again, _ = conclude(result.folder, found, interrupted=False)
    assert again == found
    said = f"Looked at after 8 of 12 pairs, and decided then, which saved {12 - pairs} pairs"
    if pairs == 8:
        assert said in " ".join(text.remarks(found, verdict))
        assert said in render.render(undisturbed(found), verdict)
    assert f"{pairs} of 12 pairs" in (text.comparison(found, verdict) or "")

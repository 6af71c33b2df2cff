"""What a race makes of what Locust left behind, and of data that is no longer the same."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.config.config import Config
from dragstrip.errors import BackendError
from dragstrip.race import locust_process, monitor, race
from dragstrip.run.model import DataAfter  # noqa: TC001
from dragstrip.scenario import Finding
from dragstrip.signals import signals_as_interrupts
from tests.support.races import Quiet
from tests.support.runs import finish_of, record
from tests.support.setups import setup_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Run, Verdict


@pytest.fixture
def perform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., race.Result]:
    """Return a race whose Locust leaves a recorded one behind, and ends as it is told."""
    config = Config.model_validate(
        {
            "targets": {
                "old": {"kind": "next-supabase", "url": "http://127.0.0.1:1"},
                "new": {"kind": "convex-http", "url": "http://127.0.0.1:2"},
            },
            "dataset": {"contacts": 5},
            "race": {"baseline": "old", "challenger": "new", "pairs": 6, "rate": 100}
            | {"slice": 3, "warmup": 1},
        }
    ).with_environment({"CRM_API_KEY": "key"})

    def performed(
        review: Callable[[], list[Finding]],
        *,
        finished: bool = True,
        whole: bool = True,
        remarks: Callable[[], list[str]] | None = None,
    ) -> race.Result:
        def locust(folder: RunFolder, **_: Any) -> bool:
            plan = folder.read_plan()
            reports = record(plan)[: None if whole else 9]
            lines = "".join(json.dumps(report) + "\n" for report in reports)
            (folder.path / "slices.jsonl").write_text(lines)
            (folder.path / "finish.json").write_text(json.dumps(finish_of(plan, reports)))
            return finished

        monkeypatch.setattr(locust_process, "run", locust)
        setup = setup_of(config, race.Options(out=tmp_path, seed=9))
        stored = setup.store()
        watching = race.RaceMonitor(stored, Quiet(), review=review, remarks=remarks)
        return race.perform(setup, stored, watching, Quiet())

    return performed


@pytest.mark.parametrize(
    ("difference", "state", "verdict"),
    [(None, "same", "adopt"), ("Convex: contact 3: name", "changed", "invalid")],
)
def test_data_is_compared_again_and_the_outcome_stored(
    perform: Callable[..., race.Result], difference: str | None, state: DataAfter, verdict: str
) -> None:
    result = perform(lambda: [Finding(difference)] if difference else [])
    stored = result.folder.read_run()
    assert (stored.data_after, stored.data_difference) == (state, difference)
    assert result.verdict.verdict == verdict
    assert [g.figure for g in stored.gates if g.name == "changed_data"] == [bool(difference)]
    # Showing the run again needs no backend to come to the same verdict.
    assert race.conclude(result.folder, stored, interrupted=False)[1] == result.verdict


def test_what_the_scenario_says_of_the_race_is_stored(perform: Callable[..., race.Result]) -> None:
    result = perform(list, remarks=lambda: ["9 of 10 answers were compared."])
    assert result.folder.read_run().remarks == ["9 of 10 answers were compared."]
    assert perform(list).folder.read_run().remarks == []


def test_a_race_that_did_not_finish_is_not_compared_again(
    perform: Callable[..., race.Result],
) -> None:
    def never() -> list[Finding]:
        raise AssertionError

    result = perform(never, finished=False, whole=False)
    failed = {gate.name for gate in result.verdict.gates if not gate.passed}
    assert failed == {"complete_pairs"}
    assert result.run.data_after == "unchecked"


def test_targets_that_are_gone_when_the_race_is_over_cost_no_figure(
    perform: Callable[..., race.Result],
) -> None:
    def gone() -> list[Finding]:
        raise BackendError("Convex at http://127.0.0.1:2 is unreachable")

    result = perform(gone)
    assert result.verdict.verdict == "invalid"
    assert "Convex at http://127.0.0.1:2 is unreachable" in result.verdict.reason
    assert not result.folder.read_run().interrupted
    assert len(result.run.slices) == 12


def test_an_interrupt_while_data_is_compared_keeps_the_run_and_proves_nothing(
    perform: Callable[..., race.Result],
) -> None:
    def interrupt() -> list[Finding]:
        raise KeyboardInterrupt

    result = perform(interrupt)
    assert result.unfinished == "interrupted"
    assert result.verdict.verdict == "invalid"
    assert result.folder.read_run().interrupted
    assert len(result.run.slices) == 12


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_while_a_whole_race_is_stored_changes_nothing(
    perform: Callable[..., race.Result], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    conclude: Callable[..., tuple[Run, Verdict]] = monitor.conclude

    def struck(*args: Any, **how: Any) -> tuple[Run, Verdict]:
        os.kill(os.getpid(), number)
        return conclude(*args, **how)

    monkeypatch.setattr(monitor, "conclude", struck)
    with signals_as_interrupts():
        result = perform(list)
    assert result.unfinished == ""
    assert result.verdict.verdict == "adopt"
    assert not result.folder.read_run().interrupted

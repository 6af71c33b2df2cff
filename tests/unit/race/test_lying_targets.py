"""Races of writes against stand-ins that keep their word, and against each kind of lie."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.analysis.verdict import judge
from dragstrip.config.config import Config, RulesConfig
from dragstrip.errors import DataDiffers
from dragstrip.ledger.rows import Flag
from dragstrip.race.race import Options, RaceMonitor, Result, perform
from dragstrip.race.setup import Setup, bind
from dragstrip.report import markdown, terminal
from dragstrip.report.html import render
from scenarios.crm import write_review
from scenarios.crm.seeded import facts_of
from tests.support.crm_stand_in import API_KEY, SECRET, CrmStandIn, Lies
from tests.support.html_page import Page
from tests.support.races import OF_THE_MACHINE, Quiet
from tests.support.setups import proof_of
from tests.support.written import DATASET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragstrip.run.model import Run, Verdict

RACE = {"pairs": 2, "slice": 1.0, "warmup": 0.1, "connections": 16, "timeout": 5}


def raced(
    out: Path,
    patch: pytest.MonkeyPatch,
    old: Lies,
    new: Lies,
    *,
    processes: int = 1,
    rate: int = 150,
    **scenario: Any,
) -> tuple[Result, list[CrmStandIn]]:
    """Race two stand-ins; the review asks their stores."""
    with ExitStack() as stack:
        sides = [
            stack.enter_context(CrmStandIn(name, lies).serving())
            for name, lies in (("Supabase", old), ("Convex", new))
        ]
        config = Config.model_validate(
            {
                "scenario": {"redeliver": 0.1, "retry": 0.005, **scenario},
                "targets": {
                    "old": {"kind": "next-supabase", "url": sides[0].url},
                    "new": {"kind": "convex-http", "url": sides[1].url},
                },
                "dataset": {"seed": DATASET.seed, "contacts": DATASET.contacts},
                "race": {"baseline": "old", "challenger": "new", "miss": 0.2, "rate": rate, **RACE},
            }
        ).with_environment({"CRM_API_KEY": API_KEY, "KAPSO_WEBHOOK_SECRET": SECRET})

        @contextmanager
        def open_stores(_: Config) -> Iterator[list[Any]]:
            yield [side.store for side in sides]

        def check_data(_: Config) -> None:
            for side in sides:
                if side.store.contexts(0, 99) != list(DATASET.contexts(0, DATASET.contacts)):
                    raise DataDiffers(f"{side.name} is not what it was")

        patch.setattr(write_review, "open_stores", open_stores)
        patch.setattr(write_review, "check_data", check_data)
        config, bound = bind(config)
        options = Options(out=out, processes=processes, seed=7)
        setup = Setup(config, bound, facts_of(proof_of(config)), options)
        stored = setup.store()
        monitor = RaceMonitor(
            stored,
            Quiet(),
            review=lambda: setup.review(stored.folder),
            remarks=lambda: setup.remarks(stored.folder),
            writes=lambda: setup.scenario.writes(stored.folder),
        )
        return perform(setup, stored, monitor, Quiet()), sides


def sound(result: Result) -> tuple[Run, Verdict]:
    """Return run and verdict as if the machine had had nothing else to do."""
    gates = [one for one in result.run.gates if one.name not in OF_THE_MACHINE]
    run = result.run.model_copy(update={"gates": gates})
    return run, judge(run, RulesConfig.model_validate(run.config["rules"]))


def failed(verdict: Verdict) -> set[str]:
    return {gate.name for gate in verdict.gates if not gate.passed}


def test_targets_that_lose_nothing_reconcile_exactly_and_are_left_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claiming, flaky = Lies(calls_known_one_in=50), Lies(fails_one_in=10)
    result, sides = raced(
        tmp_path, monkeypatch, claiming, flaky, processes=2, name="conversation", mix=0.4
    )
    run, verdict = sound(result)
    assert failed(verdict) == set()
    assert run.data_after == "same", run.data_difference
    pending = run.writes["new"].attempted - run.writes["new"].stored
    assert bool(run.remarks) == bool(pending)
    old, new = run.writes["old"], run.writes["new"]
    assert old.attempted == new.attempted > 100
    assert old.attempted == old.acknowledged == old.stored
    assert old.redelivered > 0
    assert new.retried > 0
    # The last retries may have been due when the race was over.
    assert new.attempted >= new.acknowledged == new.stored > 100
    for one in (old, new):
        assert (one.lost, one.duplicated, one.unexpected, one.stale) == (0, 0, 0, 0)
        assert one.reads > 50
    # To call a new message known is a failure with a name of its own, and no more than that.
    assert run.targets["old"].failed.keys() == {"wrong_duplicate"}
    assert run.targets["new"].failed.keys() == {"http_503"}
    for side in sides:
        assert side.store.others == []
    flags = {flag for part in result.folder.read_ledger() for flag in part.rows["flags"].tolist()}
    assert int(Flag.AGAIN) in flags
    assert not any(flag & Flag.AGAIN and flag & Flag.COUNTED for flag in flags)


def test_losing_and_doubling_are_named_and_no_speed_makes_up_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubling, dropping = Lies(doubles_one_in=1000), Lies(drops_one_in=1000)
    result, _ = raced(
        tmp_path,
        monkeypatch,
        doubling,
        dropping,
        rate=600,
        name="inbound-message",
        keep_writes=True,
    )
    run, verdict = sound(result)
    assert verdict.verdict == "unsafe"
    assert failed(verdict) >= {"lost_writes", "duplicate_writes"}
    lost, doubled = run.writes["new"].lost, run.writes["old"].duplicated
    assert run.writes["new"].acknowledged > 1000
    assert lost == doubled == 1
    assert f"new lost 1 of {run.writes['new'].acknowledged:,} acknowledged" in verdict.reason
    assert "old stored 1 messages more than once" in verdict.reason
    assert (run.writes["old"].lost, run.writes["new"].duplicated) == (0, 0)
    assert run.writes["new"].examples["lost"][0].startswith("message ")
    text = terminal.text(run, verdict)
    assert "UNSAFE: " in text.splitlines()[0]
    assert "new lost" in " ".join(text.split())
    assert "UNSAFE" in markdown.render(run, verdict)
    page = Page(render.render(run, verdict))
    cells = {row[0].text: [cell.text for cell in row[1:3]] for row in page.table("writes-table")}
    assert cells["lost"] == ["0", str(lost)]
    assert cells["doubled"] == [str(doubled), "0"]


def test_hiding_a_message_and_going_back_in_time_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back, lagging = Lies(goes_back=True), Lies(lag_s=0.5)
    result, _ = raced(tmp_path, monkeypatch, back, lagging, name="conversation", mix=0.3)
    run, verdict = sound(result)
    new = run.writes["new"]
    assert verdict.verdict == "unsafe"
    assert new.stale == new.hidden > 10
    assert f"new hid acknowledged messages from {new.hidden} of {new.reads}" in verdict.reason
    assert new.stable_ms is not None
    assert max(read.age_ms for read in new.stale_reads) == pytest.approx(new.stable_ms)
    assert run.targets["new"].failed.keys() == {"stale"}
    assert run.writes["old"].hidden == 0
    assert run.targets["old"].failed.keys() == {"wrong_answer"}
    assert "Supabase: contact " in (run.data_difference or "")
    assert "conversation.last_message_at is " in (run.data_difference or "")
    page = Page(render.render(run, verdict))
    assert len(page.table("data-staleness")) == 1 + len(new.stale_reads)

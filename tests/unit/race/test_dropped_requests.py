"""Targets that drop requests or connections: every request counts once, as what it came to."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dragstrip.analysis.recount import recount
from dragstrip.ledger.rows import Flag, Outcome, reasons, select
from tests.support.races import DATASET, OF_THE_MACHINE, Raced, judged_anyhow, racing, sections
from tests.support.recomputed import Recomputed
from tests.support.stand_in import StandIn, hanging_up, resetting, response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.ledger.rows import Rows
    from tests.support.stand_in import Deed

WINNING = {"adopt", "better", "equivalent"}
DROPPING = {"resets": ("reset", 50), "closes": ("closed", 10)}
"""The outcome, and every which request is dropped after the server has read it."""
KEEPING = {"announced": 1.0, "unannounced": 0.3}
"""After how long an idle connection is closed."""


@dataclass(frozen=True)
class Dropping:
    raced: Raced
    server: StandIn


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Dropping]]:
    place = tmp_path_factory.mktemp("dropped")
    with ExitStack() as stack:

        def stand_in() -> StandIn:
            return stack.enter_context(StandIn(DATASET).serving())

        good = stand_in()
        good.delay_s = lambda _: 0.02
        servers = {name: stand_in() for name in (*DROPPING, *KEEPING, "each")}
        servers["resets"].fault = every(50, resetting())
        servers["closes"].fault = every(10, hanging_up())
        for name, keep_alive_s in KEEPING.items():
            servers[name].keep_alive_s = keep_alive_s
        servers["announced"].announces = "keep-alive: timeout=1\r\n"
        servers["each"].deeds = {
            key: hanging_up(response(DATASET.answer(key))) for key in range(DATASET.contacts)
        }
        settings = {"pairs": 6, "slice": 0.6, "rate": 200, "miss": 0.0}
        # A connection is idle for far less than the limit in a slice, and for far more in between.
        users = dict.fromkeys(servers, 8) | dict.fromkeys(DROPPING, 32)
        with ExitStack() as running:
            raced = {
                name: running.enter_context(
                    racing(
                        place / name,
                        sections(good.url, server.url, connections=users[name], **settings),
                        *("--seed", "7", "--require", "adopt"),
                    )
                )
                for name, server in servers.items()
            }
            for one in raced.values():
                one.wait()
        yield {name: Dropping(one, servers[name]) for name, one in raced.items()}


def every(number: int, deed: Deed) -> Callable[[int], Deed | None]:
    return lambda count: deed if count % number == 0 else None


def counted(rows: Rows) -> Rows:
    return select(rows, rows["flags"] & Flag.COUNTED != 0)


@pytest.mark.parametrize("name", list(DROPPING))
def test_every_dropped_request_is_a_failure(races: dict[str, Dropping], name: str) -> None:
    raced, server = races[name].raced, races[name].server
    outcome, number = DROPPING[name]
    rows = raced.rows(1)
    assert len(rows) == len(server.lookups)
    assert reasons(rows) == {outcome: len(server.lookups) // number}
    assert raced.run.targets["new"].failed == reasons(counted(rows))
    assert rows["reconnected"].sum() == 0


@pytest.mark.parametrize("name", list(DROPPING))
def test_a_faster_target_that_drops_requests_does_not_win(
    races: dict[str, Dropping], name: str
) -> None:
    raced = races[name].raced
    assert raced.code in {1, 3}
    assert raced.verdict.verdict not in WINNING


@pytest.mark.parametrize("name", list(DROPPING))
def test_where_requests_are_dropped_the_challenger_is_worse(
    races: dict[str, Dropping], name: str
) -> None:
    run, verdict = judged_anyhow(races[name].raced.folder)
    assert verdict.verdict == "worse"
    assert races[name].raced.failed_gates <= OF_THE_MACHINE
    assert "of its requests fail" in verdict.reason
    assert run.targets["new"].p50_ms < run.targets["old"].p50_ms  # type: ignore[operator]


@pytest.mark.parametrize("name", list(KEEPING))
def test_a_server_that_closes_idle_connections_collects_no_failures(
    races: dict[str, Dropping], name: str
) -> None:
    raced, server = races[name].raced, races[name].server
    rows = raced.rows(1)
    assert set(rows["outcome"].tolist()) == {Outcome.OK}
    assert len(rows) == len(server.lookups)
    assert rows["reconnected"].sum() > 0


def test_a_server_that_closes_after_each_answer_without_a_word_makes_a_run_invalid(
    races: dict[str, Dropping],
) -> None:
    raced, server = races["each"].raced, races["each"].server
    rows = raced.rows(1)
    # What opened no connection was on its way while the server closed: neither read nor answered.
    opened = rows["opened"] == 1
    assert opened.sum() == len(server.lookups)
    assert ((rows["outcome"] == Outcome.OK) == opened).all()
    assert set(reasons(rows)) <= {"closed", "reset"}
    assert raced.code == 3
    assert "reconnects" in raced.failed_gates


@pytest.mark.parametrize("name", [*DROPPING, *KEEPING, "each"])
def test_connections_are_those_that_the_server_has_seen(
    races: dict[str, Dropping], name: str
) -> None:
    raced, server = races[name].raced, races[name].server
    rows = raced.rows(1)
    first_connections = len(np.unique(rows["connection"][rows["opened"] > 0]))
    assert rows["opened"].sum() == server.connections
    # After a failure nothing is replaced; the last one's user may have had nothing more to ask.
    after_failures = server.connections - first_connections - rows["reconnected"].sum()
    assert after_failures <= (rows["outcome"] != Outcome.OK).sum()
    assert raced.rows(0)["reconnected"].sum() == 0


@pytest.mark.parametrize("name", [*DROPPING, *KEEPING, "each"])
def test_the_gate_says_what_the_counted_rows_say(races: dict[str, Dropping], name: str) -> None:
    raced = races[name].raced
    race = Recomputed(raced.folder.path)
    rates = [part.reconnect_rate for part in race.totals]
    assert raced.gate("reconnects") == max(rates)
    assert ("reconnects" in raced.failed_gates) == (max(rates) > 0.05)
    sides = [raced.run.targets[side].reconnected for side in ("old", "new")]
    assert sides == [part.reconnected for part in race.totals]
    assert recount(raced.folder).holds

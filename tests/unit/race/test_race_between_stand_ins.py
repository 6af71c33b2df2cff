"""Every lookup that was planned is sent once, verified, and found again in every record of it."""

from __future__ import annotations

import csv
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from dragstrip.analysis.heat import heat
from dragstrip.analysis.numbers import milliseconds
from dragstrip.ledger.rows import Flag, Outcome
from dragstrip.race.race import conclude
from dragstrip.report import terminal
from dragstrip.report.exporters import EXPORTERS
from dragstrip.report.text import conditions
from tests.support import planned
from tests.support.races import DATASET, Raced, command_line, racing, sections
from tests.support.stand_in import API_KEY, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.run.plan import PlannedSlice


_MISS_S = 0.15
"""How long a server that caches takes for what it was not asked before."""

_PROFILE = "steps:50,250/0.6s"
"""Of one race: all that holds of one rate holds of two."""


@dataclass
class StandInRace:
    """A race between two servers, and the command lines of its processes."""

    raced: Raced
    servers: tuple[StandIn, StandIn]
    command_lines: set[str] = field(default_factory=set)

    def watch(self) -> None:
        while self.raced.process.poll() is None:
            self.command_lines |= {" ".join(command_line(one)) for one in self.raced.processes()}


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, StandInRace]]:
    place = tmp_path_factory.mktemp("between")
    with ExitStack() as stack:

        def start(name: str, *flags: str, caches: bool = False, **settings: float) -> StandInRace:
            old, new = (stack.enter_context(StandIn(DATASET).serving()) for _ in range(2))
            if caches:
                new.delay_s = lambda count: _MISS_S if is_first(new, count) else 0.0
            configuration = sections(old.url, new.url, **settings)
            raced = stack.enter_context(racing(place / name, configuration, *flags))
            return StandInRace(raced, (old, new))

        found = {
            "one": start("one"),
            "two": start("two", "--processes", "2", "--profile", _PROFILE),
            "cached": start("cached", "--processes", "2", caches=True),
        }
        with ThreadPoolExecutor() as pool:
            for watched in found.values():
                pool.submit(watched.watch)
            for watched in found.values():
                watched.raced.wait()
        yield found


def is_first(server: StandIn, count: int) -> bool:
    """Whether a lookup, by its number, asks for what was not asked for before."""
    return server.lookups.index(server.lookups[count - 1]) == count - 1


both = pytest.mark.parametrize("processes", ["one", "two"])


def keys_of(server: StandIn) -> list[int | None]:
    return [DATASET.index(parse_qs(urlsplit(path).query)["phone"][0]) for path in server.lookups]


def locust_totals(raced: Raced) -> dict[str, tuple[int, int]]:
    """Return Locust's own (requests, failures) by name."""
    with (raced.folder.path / "locust_stats.csv").open() as file:
        return {
            row["Name"]: (int(row["Request Count"]), int(row["Failure Count"]))
            for row in csv.DictReader(file)
        }


@both
def test_every_planned_lookup_is_sent_and_recorded_once(
    races: dict[str, StandInRace], processes: str
) -> None:
    raced, rows = races[processes].raced, races[processes].raced.rows()
    plan = raced.folder.read_plan()
    assert raced.code in {0, 3}, raced.errors
    assert not raced.run.interrupted
    for slice_ in plan.slices:
        own = rows[(rows["slice"] == slice_.index) & (rows["target"] == slice_.target)]
        other = rows[(rows["slice"] == slice_.index) & (rows["target"] != slice_.target)]
        assert sorted(own["key"].tolist()) == sorted(planned.of_slice(plan, slice_).keys.tolist())
        assert sorted(other["key"].tolist()) == sorted(planned.trickle(plan, slice_).keys.tolist())
        assert not (other["flags"] & Flag.COUNTED).any()


@both
def test_the_servers_the_ledger_and_locust_count_the_same(
    races: dict[str, StandInRace], processes: str
) -> None:
    watched = races[processes]
    rows, plan = watched.raced.rows(), watched.raced.folder.read_plan()
    assert (rows["outcome"] == Outcome.OK).all()
    for number, server in enumerate(watched.servers):
        mine = rows[rows["target"] == number]
        assert len(mine) == len(server.lookups)
        assert Counter(mine["key"].tolist()) == Counter(keys_of(server))
        assert locust_totals(watched.raced)[plan.targets[number].name] == (len(mine), 0)


@both
def test_the_heat_map_has_every_request_with_the_warm_up(
    races: dict[str, StandInRace], processes: str
) -> None:
    raced = races[processes].raced
    plan = raced.folder.read_plan()
    owners = {one.index: one.target for one in plan.slices}
    rows = raced.rows()
    for number, (name, found) in enumerate(heat(raced.folder, raced.run).items()):
        assert name == plan.targets[number].name
        mine = rows[rows["target"] == number]
        own = [index for index in mine["slice"].tolist() if owners[index] == number]
        assert sum(one.requests for one in found) == len(own) > raced.run.targets[name].requests


@both
def test_both_sides_of_a_pair_had_the_same_keys_at_the_same_offsets(
    races: dict[str, StandInRace], processes: str
) -> None:
    raced, rows = races[processes].raced, races[processes].raced.rows()
    plan, reports = raced.folder.read_plan(), raced.folder.read_slices()
    starts = {
        (report["index"], worker["worker"]): worker["start_ns"]
        for report in reports
        for worker in report["workers"]
    }

    def offsets(slice_: PlannedSlice) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for part in raced.folder.read_ledger():
            mine = part.rows[
                (part.rows["slice"] == slice_.index) & (part.rows["target"] == slice_.target)
            ]
            if len(mine):
                due = mine["scheduled_ns"] - starts[slice_.index, part.worker]
                found += zip(due.tolist(), mine["key"].tolist(), strict=True)
        return sorted(found)

    assert len(rows)
    assert offsets(plan.slices[0]) == offsets(plan.slices[1])
    assert offsets(plan.slices[2]) == offsets(plan.slices[3])
    assert offsets(plan.slices[0]) != offsets(plan.slices[2])


def test_what_was_sent_follows_the_profile(races: dict[str, StandInRace]) -> None:
    raced = races["two"].raced
    load, plan = raced.run.load, raced.folder.read_plan()
    assert f"profile {_PROFILE}" in conditions(raced.run)
    assert {round(part.planned_per_s) for part in load} == {50, 250}
    assert load[0].from_s == 0
    assert load[-1].to_s == pytest.approx(0.6)
    starts = {
        (report["index"], worker["worker"]): worker["start_ns"]
        for report in raced.folder.read_slices()
        for worker in report["workers"]
    }
    for slice_target, one in enumerate(plan.targets):
        own = {slice_.index for slice_ in plan.slices if slice_.target == slice_target}
        at_s = [
            (int(row["sent_ns"]) - starts[int(row["slice"]), part.worker]) / 1e9
            for part in raced.folder.read_ledger()
            for row in part.rows[part.rows["target"] == slice_target]
            if int(row["slice"]) in own
        ]
        found = np.histogram(at_s, [load[0].from_s, *(part.to_s for part in load)])[0]
        sent = [part.sent_per_s[one.name] * (part.to_s - part.from_s) for part in load]
        assert np.array(sent) * plan.pairs == pytest.approx(found)


@both
def test_every_process_tells_first_requests_of_a_key_from_repeated_ones(
    races: dict[str, StandInRace], processes: str
) -> None:
    raced = races[processes].raced
    starts = {
        (report["index"], worker["worker"]): worker["start_ns"]
        for report in raced.folder.read_slices()
        for worker in report["workers"]
    }
    asked: dict[int, list[tuple[int, int, int, bool]]] = {0: [], 1: []}
    for part in raced.folder.read_ledger():
        for row in part.rows:
            offset = int(row["scheduled_ns"]) - starts[int(row["slice"]), part.worker]
            is_repeated = bool(row["flags"] & Flag.REPEATED)
            asked[int(row["target"])].append(
                (int(row["slice"]), offset, int(row["key"]), is_repeated)
            )
    for rows in asked.values():
        known: set[int] = set()
        for *_, key, is_repeated in sorted(rows):
            assert is_repeated == (key in known)
            known.add(key)
        assert 0 < len(known) < len(rows)


def test_a_cache_shows_as_the_distance_between_first_and_repeated_requests(
    races: dict[str, StandInRace],
) -> None:
    raced = races["cached"].raced.wait()
    for total in raced.run.targets.values():
        assert total.first is not None
        assert total.repeated is not None
        assert total.first.requests + total.repeated.requests == total.requests
        assert total.first.verified + total.repeated.verified == total.verified
    caching = raced.run.targets["new"]
    assert caching.first is not None
    assert caching.repeated is not None
    assert (caching.first.p50_ms or 0) > 1e3 * _MISS_S > (caching.repeated.p50_ms or 0)
    shown = [terminal.text(raced.run, raced.verdict, verbose=True)]
    shown += [
        EXPORTERS[name].render(raced.run, raced.verdict, None, raced.folder)
        for name in ("html", "markdown")
    ]
    for report in shown:
        for row in ("first of a key: p50", "repeated key: p50"):
            assert row in report
        assert milliseconds(caching.first.p50_ms) in report
        assert milliseconds(caching.repeated.p50_ms) in report


@both
def test_a_stored_run_can_be_concluded_again(races: dict[str, StandInRace], processes: str) -> None:
    raced = races[processes].raced
    bare = raced.run.model_copy(update={"targets": {}, "slices": [], "gates": []})
    assert conclude(raced.folder, bare, interrupted=False) == (raced.run, raced.verdict)


@both
def test_locusts_own_files_stand_in_the_run_folder(
    races: dict[str, StandInRace], processes: str
) -> None:
    folder = races[processes].raced.folder.path
    assert {path.name for path in folder.glob("locust*")} == {
        "locust.html",
        "locust.log",
        "locust_exceptions.csv",
        "locust_failures.csv",
        "locust_stats.csv",
        "locust_stats_history.csv",
    }
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"ledger"}


@both
def test_the_key_is_in_nothing_that_is_stored_shown_or_listed(
    races: dict[str, StandInRace], processes: str
) -> None:
    watched = races[processes]
    assert any("dragstrip.load" in line for line in watched.command_lines)
    assert API_KEY not in "".join(watched.command_lines)
    assert API_KEY not in watched.raced.output + watched.raced.errors
    files = [file for file in watched.raced.place.rglob("*") if file.is_file()]
    assert len(files) > 8
    for file in files:
        assert API_KEY.encode() not in file.read_bytes(), file

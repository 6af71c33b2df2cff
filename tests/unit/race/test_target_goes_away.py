"""A target that goes away in the middle of a race and comes back, on either side."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from dragstrip.analysis.outages import LEAST_S
from tests.lab.lab_homes import wait_until
from tests.support.races import DATASET, Raced, judged_anyhow, racing, sections
from tests.support.stand_in import StandIn
from tests.support.valve import Valve

if TYPE_CHECKING:
    from collections.abc import Iterator

SIDES = ("old", "new")


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Raced]]:
    place = tmp_path_factory.mktemp("outages")
    with ExitStack() as stack:
        found: dict[str, Raced] = {}
        valves: dict[str, Valve] = {}
        for gone in SIDES:
            server = stack.enter_context(StandIn(DATASET).serving())
            valves[gone] = stack.enter_context(Valve(server.port))
            url = f"http://127.0.0.1:{valves[gone].port}"
            urls = [url if side == gone else server.url for side in SIDES]
            configuration = sections(*urls, pairs=6, slice=0.8, rate=100, timeout=2)
            found[gone] = stack.enter_context(racing(place / gone, configuration))
        for gone, raced in found.items():
            wait_until(lambda raced=raced: raced.under_way(2))  # type: ignore[misc]
            valves[gone].cut()
        for gone, raced in found.items():
            # Of three slices in a row each side has one at least.
            wait_until(lambda raced=raced: raced.under_way(6))  # type: ignore[misc]
            valves[gone].mend()
        for raced in found.values():
            raced.wait()
        yield found


@pytest.mark.parametrize("gone", SIDES)
def test_what_happened_to_whom_is_said_first_and_proves_nothing(
    races: dict[str, Raced], gone: str
) -> None:
    raced = races[gone]
    (outage,) = raced.run.outages
    assert (outage.target, outage.worker) == (gone, None)
    assert outage.to_s - outage.from_s > LEAST_S
    assert raced.code == 3
    assert "outages" in raced.failed_gates
    said = f"{gone} was unreachable from {outage.from_s:.1f} s to {outage.to_s:.1f} s"
    assert said in " ".join(raced.output.split())
    for name in ("report.html", "junit.xml"):
        assert said in (raced.folder.path / name).read_text()


@pytest.mark.parametrize("gone", SIDES)
def test_it_was_when_requests_failed(races: dict[str, Raced], gone: str) -> None:
    raced = races[gone]
    (outage,) = raced.run.outages
    first = next(raced.folder.read_slices())["workers"][0]
    rows = raced.rows(SIDES.index(gone))
    sent_s = (rows["sent_ns"] - first["start_ns"]) / 1e9
    during = (sent_s >= outage.from_s) & (sent_s < outage.to_s)
    failed = rows["status"] == 0
    assert during.sum() > 10
    assert failed[during].all()
    # A tenth of a second with an answer in it is not part of it.
    around = (sent_s >= outage.from_s - 0.1) & (sent_s < outage.to_s + 0.1)
    assert not failed[~around].any()


@pytest.mark.parametrize(("gone", "word"), [("old", "better"), ("new", "worse")])
def test_where_outages_count_the_other_side_wins(
    races: dict[str, Raced], gone: str, word: str
) -> None:
    run, verdict = judged_anyhow(races[gone].folder, outages="count", metric="p50")
    assert verdict.verdict == word
    assert f"{gone} was unreachable from" in verdict.reason
    assert run.outages[0].target == gone

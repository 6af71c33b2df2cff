"""The real search, with the real generator, of servers whose capacity is known."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from dragstrip.analysis.capacity_model import Capacity
from dragstrip.cli.main import main
from dragstrip.ledger.rows import Outcome
from dragstrip.run.folder import RunFolder
from tests.support import html_page, locust_runs
from tests.support.limited_server import limited
from tests.support.races import homes, toml
from tests.support.schema_validator import validator

if TYPE_CHECKING:
    from pathlib import Path

RACE = {"arrivals": "constant", "timeout": 3}
ROOM = 0.04
"""Of the truth: how far arrivals and timers of a busy machine may be off."""


@dataclass(frozen=True)
class Searched:
    """A search that the command made: capacity.json, its folder, and what the command printed."""

    found: Capacity
    folder: Path
    output: str
    errors: str


@pytest.fixture(scope="module")
def searches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Searched]:
    """Search two pairs of servers side by side: most of it is waiting."""
    places = {name: tmp_path_factory.mktemp(name) for name in ("steady", "sticky")}
    with (
        limited("bucket", 150) as bucket,
        limited("queue", 6, 0.02) as queue,
        limited("cliff", 220) as cliff,
        limited("sticky", 220, 100) as sticky,
    ):
        started = {
            "steady": start(places["steady"], bucket, queue, "--from", "110", "--to", "600"),
            "sticky": start(places["sticky"], cliff, sticky, "--from", "80", "--to", "480"),
        }
        said = {name: one.communicate(timeout=200) for name, one in started.items()}
    assert all(one.returncode == 0 for one in started.values()), said
    return {name: finished(place, *said[name]) for name, place in places.items()}


def start(place: Path, baseline: str, challenger: str, *arguments: str) -> subprocess.Popen[str]:
    (place / "dragstrip.toml").write_text(toml({"race": RACE, "rules": {"slo_ms": 400}}))
    given = ["--rounds", "6", "--slice", "0.8", "--seed", "3", *arguments]
    return subprocess.Popen(
        [sys.executable, "-m", "dragstrip", "capacity", baseline, challenger, *given],
        cwd=place,
        env=locust_runs.environment(homes(place)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(place: Path, output: str, errors: str) -> Searched:
    folder = place / "runs" / "capacity" / "latest"
    stored = (folder / "capacity.json").read_text()
    validator("capacity").validate(json.loads(stored))
    return Searched(Capacity.model_validate_json(stored), folder, output, errors)


def holds(found: Capacity, name: str, truth: float) -> bool:
    one = found.targets[name]
    assert one.low is not None
    assert one.high is not None
    return one.low * (1 - ROOM) <= truth <= one.high * (1 + ROOM)


def test_a_token_bucket_and_a_queue_are_found_and_compared(searches: dict[str, Searched]) -> None:
    found, said = searches["steady"].found, searches["steady"].output
    assert holds(found, "baseline", 150), found.targets
    assert holds(found, "challenger", 300), found.targets
    assert found.targets["baseline"].limited_by == "target-limit"
    assert found.targets["baseline"].limit_per_s == pytest.approx(150, rel=0.15)
    assert found.targets["challenger"].limited_by == "objective"
    assert found.verdict == "more"
    assert found.low is not None
    assert found.high is not None
    assert found.low * (1 - ROOM) < 2 < found.high * (1 + ROOM)
    assert "challenger carries" in said
    assert "its own rate limit (status 429)" in said
    assert len(said.splitlines()) < 24
    played = [one for one in found.slices if one.target == "challenger" and one.rate_per_s > 330]
    assert any(one.cut for one in played), "a queue that grows is not waited for"


def test_a_cliff_is_found_and_hysteresis_is_told(searches: dict[str, Searched]) -> None:
    found, said = searches["sticky"].found, searches["sticky"].output
    assert holds(found, "baseline", 220), found.targets
    assert holds(found, "challenger", 220), found.targets
    assert found.verdict == "inconclusive"
    recovers = found.targets["challenger"].recovers_at_per_s
    assert recovers is not None
    assert recovers <= 110
    assert "hysteresis" in said
    assert not found.targets["baseline"].remarks


def test_the_reports_of_a_search_say_what_it_found(
    searches: dict[str, Searched], capsys: pytest.CaptureFixture[str]
) -> None:
    one = searches["steady"]
    page = html_page.Page((one.folder / "report.html").read_text())
    assert page.text_of("verdict-title").startswith("challenger carries")
    decide = [part for part in one.found.slices if part.phase == "search"]
    assert len(page.table("data-response")) - 1 == sum(part.outcome != "void" for part in decide)
    case = ElementTree.parse(one.folder / "junit.xml").find(".//testcase[@name='baseline']")
    assert case is not None
    assert "limited at about" in case.findtext("system-out", "")
    with pytest.raises(SystemExit) as left:
        main(["report", str(one.folder), "--format", "markdown"])
    assert left.value.code == 0
    assert "### challenger carries" in capsys.readouterr().out


def test_no_more_is_sent_than_was_said(searches: dict[str, Searched]) -> None:
    for one in searches.values():
        most = int(re.search(r"at most ([0-9,]+) requests", one.errors)[1].replace(",", ""))  # type: ignore[index]
        rows = [part.rows for part in RunFolder(one.folder).read_ledger()]
        assert 0 < sum(map(len, rows)) / 2 <= most
        assert all((part["outcome"] > int(Outcome.IN_FLIGHT)).all() for part in rows)

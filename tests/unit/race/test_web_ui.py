"""Races that are started from Locust's web UI, over HTTP as its page would."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from dragstrip.run.folder import RunFolder, create, discard, within
from tests.lab.lab_homes import wait_until
from tests.support import locust_runs
from tests.support.races import DATASET, command_line
from tests.support.stand_in import StandIn
from tests.support.web_races import web_race

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.web_races import WebRace

PASSWORD = "sesame & <open> 77"
ELSEWHERE = "http://elsewhere.example"


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with StandIn(DATASET).serving() as found:
        yield found


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory, server: StandIn) -> Iterator[WebRace]:
    """A race of one process that asks for a password; the tests use it one after the other."""
    place = tmp_path_factory.mktemp("web")
    secret = place / "password"
    secret.write_text(PASSWORD)
    environ = {"DRAGSTRIP_WEB_PASSWORD_FILE": str(secret)}
    with web_race(place / "one", server, environ=environ, pairs=30) as found:
        yield found


def over(race: WebRace) -> bool:
    """Whether the page would show that the race is over; the verdict and report are there then."""
    return bool(race.stats()["state"] == "stopped")


def log_in(race: WebRace, password: str) -> str:
    """Log in and return the page that this leads to."""
    form = {"username": "dragstrip", "password": password}
    return race.client.post("/dragstrip/login", data=form).headers["location"]


def test_without_the_password_nothing_is_told_or_done(race: WebRace) -> None:
    for path in ("/", "/stats/requests", "/dragstrip/report", "/logs", "/exceptions", "/tasks"):
        assert race.client.get(path).headers["location"].startswith("/login"), path
    for path in ("/swarm", "/stop", "/user"):
        assert race.client.post(path).headers["location"].startswith("/login"), path
    assert log_in(race, "sesame") == "/login"
    assert "Wrong user name or password" in race.client.get("/login").text
    assert race.client.get("/stats/requests").status_code == 302


def test_with_the_password_a_wrong_setting_is_named(race: WebRace) -> None:
    assert log_in(race, PASSWORD) == "/"
    assert race.client.get("/").status_code == 200
    wrong = {"rate": "fast", "pairs": "-1", "slice": "nan", "keys": "<b>", "miss": "2"}
    for name, value in wrong.items():
        answer = race.start(**{name: value})
        assert not answer["success"]
        assert f"race: {name}: " in answer["message"]
    assert race.stats()["state"] == "ready"
    assert race.client.get("/dragstrip/report").status_code == 404
    assert not race.raced.folder.count_slices()


def test_start_makes_the_race_that_the_form_says_once(race: WebRace) -> None:
    # Locust's own fields change nothing.
    others = {"host": ELSEWHERE, "user_count": "x", "run_time": "y", "processes": "z"}
    answer = race.start(pairs=2, rate=100, **others)
    assert answer["success"], answer
    assert race.start(pairs=3)["message"] == "This race is under way."
    wait_until(lambda: race.raced.slices_done() >= 1)
    assert race.stats()["state"] in {"spawning", "running"}
    assert "slice " in race.words()
    wait_until(lambda: over(race))
    run = race.raced.run
    assert not run.interrupted
    assert (run.config["race"]["pairs"], run.config["race"]["rate"]) == (2, 100)
    verified = next(row for row in race.table() if row["figure"] == "verified requests")
    assert verified["baseline"] == f"{run.targets['old'].verified:,}"
    assert verified["challenger"] == f"{run.targets['new'].verified:,}"
    by_slice = [row["verified"] for row in race.table("race-slices")]
    assert by_slice == [one.verified for one in run.slices]
    assert len(race.table("race-conditions")) == len(run.gates)
    assert "This race is over" in race.start()["message"]


def test_the_report_downloads(race: WebRace) -> None:
    answer = race.client.get("/dragstrip/report")
    assert answer.content == (race.raced.folder.path / "report.html").read_bytes()
    name = f"{race.raced.run.id}-report.html"
    assert answer.headers["content-disposition"] == f"attachment; filename={name}"


def test_the_password_is_nowhere(race: WebRace) -> None:
    lines = [word for child in race.raced.processes() for word in command_line(child)]
    assert lines
    assert race.end() != 130
    kept = [path.read_bytes() for path in race.raced.place.rglob("*") if path.is_file()]
    said = (race.raced.output + race.raced.errors).encode()
    assert not any(PASSWORD.encode() in one for one in (*kept, said, "\0".join(lines).encode()))
    left = {path.name for path in race.raced.folder.path.iterdir()}
    assert not {name for name in left if name.startswith(("web-", "live"))}
    assert f"web UI: {race.url} shows the race until Ctrl-C" in race.raced.errors


def test_stop_and_other_sites_with_two_processes(tmp_path: Path, server: StandIn) -> None:
    with web_race(tmp_path, server, "--processes", "2", pairs=50) as race:
        for path in ("/swarm", "/stop", "/user", "/stats/reset"):
            assert race.client.post(path, headers={"Origin": ELSEWHERE}).status_code == 403, path
        answer = race.client.get("/stats/requests", headers={"Origin": ELSEWHERE})
        assert "access-control-allow-origin" not in answer.headers
        for host in ("rebound.example", "127.0.0.1.example", "[::1", "10.0.0.1"):
            assert race.client.get("/", headers={"Host": host}).status_code in {400, 403}, host
        assert race.client.get("/", headers={"Host": "localhost:8089"}).status_code == 200

        assert race.start()["success"]
        wait_until(lambda: race.raced.slices_done() >= 2)
        assert race.client.post("/stop", headers={"Origin": race.url}).json()["success"]
        wait_until(lambda: over(race))
        assert "Stop was pressed in the web UI" in race.words()
        assert "INVALID" in race.words()
        assert race.end() == 130
    assert "Stop was pressed in the web UI" in race.raced.errors
    assert race.raced.run.interrupted
    assert race.raced.verdict.verdict == "invalid"


def test_ends_before_a_race_was_under_way(tmp_path: Path, server: StandIn) -> None:
    nobody = ("--workers", "1", "--worker-wait", "0.5", "--bind")
    with ExitStack() as stack:
        unstarted = stack.enter_context(web_race(tmp_path / "unstarted", server))
        flags = (*nobody, f"127.0.0.1:{locust_runs.free_port()}")
        alone = stack.enter_context(web_race(tmp_path / "alone", server, *flags))
        assert alone.start()["success"]
        wait_until(lambda: over(alone))
        assert "0 of 1 workers came within 0.5 s" in alone.words()
        assert alone.end() == 3
        assert unstarted.end() == 130
    assert "race: none was started, so none is stored" in unstarted.raced.errors
    assert list((unstarted.raced.place / "runs").iterdir()) == []


def test_latest_is_the_one_before_when_a_run_is_discarded(tmp_path: Path) -> None:
    first, second = create(tmp_path), create(tmp_path)
    (first.path / "run.json").write_text("{}")
    discard(second)
    assert within(tmp_path) == [first.path]
    assert (tmp_path / "latest").resolve() == first.path.resolve()
    discard(RunFolder(first.path))
    assert list(tmp_path.iterdir()) == []

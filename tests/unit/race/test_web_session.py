"""Races that are started from a browser, over HTTP as its page would."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

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
    """A command that asks for a password; the tests use it one after the other."""
    place = tmp_path_factory.mktemp("web")
    secret = place / "password"
    secret.write_text(PASSWORD)
    environ = {"DRAGSTRIP_WEB_PASSWORD_FILE": str(secret)}
    others = {"plain": {"kind": "http", "url": server.url}, "spare": {"kind": "next-convex"}}
    with web_race(place / "one", server, environ=environ, others=others, pairs=30) as found:
        yield found


def test_without_the_password_nothing_is_told_or_done(race: WebRace) -> None:
    wrong = base64.b64encode(b"dragstrip:sesame").decode()
    for headers in ({}, {"Authorization": f"Basic {wrong}"}, {"Authorization": "Bearer x"}):
        for path in ("/", "/state", "/pictures", "/report", "/form", "/live.js", "/locust/"):
            assert race.client.get(path, headers=headers).status_code == 401, path
        for path in ("/start", "/stop", "/check"):
            assert race.client.post(path, headers=headers, json={}).status_code == 401, path
    race.client.auth = ("dragstrip", PASSWORD)
    assert race.client.get("/").status_code == 200


def test_what_is_wrong_is_said_beside_its_field(race: WebRace) -> None:
    race.client.auth = ("dragstrip", PASSWORD)
    wrong = {"rate": "fast", "pairs": "-1", "slice": "nan", "keys": "<b>", "miss": "2"}
    for name, value in wrong.items():
        for path in ("/check", "/start"):
            answer = race.post(path, **{f"race__{name}": value})
            assert list(answer["problems"]) == [f"race.{name}"], answer
            assert not answer.get("started")
    rule = race.post("/start", rules__equivalent="1.1, 1.25")
    assert "0 < low < 1 < high" in rule["problems"]["rules.equivalent"]
    assert race.post("/check", race__pairs=20, race__slice=30, race__rate=50)["cost"] == (
        "20 pairs of 30 s: 20 minutes, about 60,000 requests"
    )
    assert race.state()["run"] is None
    assert race.client.get("/report").status_code == 404
    assert not (race.raced.place / "runs").exists()


def test_another_scenario_and_other_targets_can_be_chosen_or_are_refused(race: WebRace) -> None:
    race.client.auth = ("dragstrip", PASSWORD)
    form = race.client.get("/form").json()
    fields = {one["key"]: one for one in form["fields"]}
    offered = {
        key: {one["value"]: one["help"] for one in field["choices"]}
        for key, field in fields.items()
    }
    assert list(offered["scenario.name"]) == ["lookup", "conversation", "inbound-message"]
    assert "Operations: lookup, message" in offered["scenario.name"]["conversation"]
    for side, name in (("race.baseline", "old"), ("race.challenger", "new")):
        assert fields[side]["value"] == name
        assert list(offered[side]) == ["old", "new", "plain", "spare"]
        assert offered[side]["spare"] == "next-convex, its address is not set"
    assert "http://127.0.0.1" in offered["race.baseline"]["plain"]
    assert form["idle"] == ["rules.operation"]

    refused = [
        ({"race__baseline": "new"}, "race.baseline", "name the same target"),
        ({"race__challenger": "plain"}, "race.challenger", 'kind "http"'),
        ({"race__challenger": "spare"}, "race.challenger", "NEXT_URL"),
        ({"race__challenger": "elsewhere"}, "race.challenger", "no target"),
        ({"scenario__name": "endpoint"}, "scenario.name", "not one of those offered"),
        ({"scenario__name": "/etc/x.py:X"}, "scenario.name", "not one of those offered"),
        ({"scenario__name": "conversation"}, "scenario.name", "KAPSO_WEBHOOK_SECRET is not set"),
    ]
    for choice, key, problem in refused:
        for path in ("/check", "/start"):
            answer = race.post(path, **choice)
            assert list(answer["problems"]) == [key], answer
            assert problem in answer["problems"][key]
            assert not answer.get("started")
    assert race.post("/check", scenario__name="conversation")["idle"] == []
    assert not (race.raced.place / "runs").exists()


def test_start_makes_the_race_that_the_form_says_and_again_another(race: WebRace) -> None:
    race.client.auth = ("dragstrip", PASSWORD)
    assert race.start(race__pairs=2, race__rate=100, rules__metric="p50")["started"]
    assert race.start(race__pairs=3)["problem"] == "This race is under way."
    wait_until(race.is_over)
    run = race.raced.run
    assert not run.interrupted
    assert (run.config["race"]["pairs"], run.config["race"]["rate"]) == (2, 100)
    assert run.config["rules"]["metric"] == "p50"
    assert len(race.client.get("/pictures").json()["charts"]) >= 4
    answer = race.client.get("/report")
    assert answer.content == (race.raced.folder.path / "report.html").read_bytes()
    fields = {one["key"]: one["value"] for one in race.client.get("/form").json()["fields"]}
    assert (fields["race.pairs"], fields["race.rate"], fields["rules.metric"]) == (
        "2",
        "100",
        "p50",
    )

    # The targets change sides: they are made ready anew.
    sides = {"race__baseline": "new", "race__challenger": "old"}
    assert race.start(race__pairs=50, **sides)["started"]
    wait_until(lambda: race.state()["run"] != run.id and race.raced.slices_done() >= 2)
    assert race.state()["run"] == race.raced.run.id
    race.client.post("/stop", json={}).raise_for_status()
    wait_until(race.is_over)
    assert race.raced.run.interrupted
    assert (race.raced.run.baseline, race.raced.run.challenger) == ("new", "old")
    assert race.raced.verdict.verdict == "invalid"
    assert len([one for one in (race.raced.place / "runs").iterdir() if not one.is_symlink()]) == 2


def test_the_password_is_nowhere(race: WebRace) -> None:
    lines = [word for child in race.raced.processes() for word in command_line(child)]
    assert race.end() == 130
    kept = [path.read_bytes() for path in race.raced.place.rglob("*") if path.is_file()]
    said = (race.raced.output + race.raced.errors).encode()
    assert not any(PASSWORD.encode() in one for one in (*kept, said, "\0".join(lines).encode()))
    assert not (race.raced.folder.path / "live.json").exists()
    assert "Stop was pressed in the web UI" in race.raced.errors
    assert f"web UI: {race.url} shows the race until Ctrl-C" in race.raced.errors


def test_other_sites_are_refused_and_ctrl_c_ends_both(tmp_path: Path, server: StandIn) -> None:
    with web_race(tmp_path, server, "--processes", "2", pairs=50) as race:
        for path in ("/start", "/stop", "/check"):
            headers = {"Origin": ELSEWHERE}
            assert race.client.post(path, headers=headers, json={}).status_code == 403, path
            # A form of another site cannot send JSON.
            assert race.client.post(path, data={"race.pairs": "6"}).status_code == 415, path
        answer = race.client.get("/state", headers={"Origin": ELSEWHERE})
        assert "access-control-allow-origin" not in answer.headers
        for host in ("rebound.example", "127.0.0.1.example", "[::1", "10.0.0.1"):
            assert race.client.get("/", headers={"Host": host}).status_code in {400, 403}, host
        assert race.client.get("/", headers={"Host": "localhost:8089"}).status_code == 200

        same = {"Origin": race.url}
        assert race.client.post("/start", headers=same, json={}).json()["started"]
        wait_until(lambda: race.raced.slices_done() >= 1)
        assert race.end() == 130
    assert race.raced.run.interrupted


def test_ends_before_a_race_was_under_way(tmp_path: Path, server: StandIn) -> None:
    port = locust_runs.free_port()
    flags = ("--workers", "1", "--worker-wait", "0.5", "--bind", f"127.0.0.1:{port}")
    with web_race(tmp_path, server, *flags) as alone:
        assert alone.start()["started"]
        wait_until(lambda: alone.state()["control"]["trouble"])
        assert "0 of 1 workers came within 0.5 s" in alone.state()["control"]["trouble"]
        assert alone.end() == 130
    assert "race: none was started, so none is stored" in alone.raced.errors

"""Targets whose host keeps out what lacks a header: every request of the CRM's scenarios has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.config.config import Config
from dragstrip.errors import BackendError, ConfigError, PreflightError
from dragstrip.race import rehearsal
from dragstrip.race.setup import bind
from dragstrip.run.plan import PlannedTarget
from dragstrip.scenario import targets_of
from scenarios.crm import compare_targets, keys_file, requests
from scenarios.crm.answers import check_answers
from scenarios.crm.own_numbers import OwnNumbers
from scenarios.crm.webhook_proof import require_webhook
from tests.support import own_data
from tests.support.races import DATASET, Quiet, sections
from tests.support.stand_in import API_KEY, StandIn, response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BYPASS = "bypass-of-the-tests-0123456789"
HEADER = "X-Vercel-Protection-Bypass"
REFERENCE = {HEADER: "env:PREVIEW_BYPASS"}
LOGIN = "location: https://login.example/sso?token=t0ken\r\n"
PAGES = {
    "redirect": response(raw=b"Redirecting...", status=307, extra=LOGIN),
    "page": response(raw=b"<!doctype html><title>Log in</title>", content_type="text/html"),
    "denied": response(raw=b"<!doctype html><title>Authentication Required</title>", status=401),
}


@pytest.fixture
def protected() -> Iterator[StandIn]:
    """A preview that answers what lacks the header with a redirect to its login page."""

    def guard(headers: dict[str, str]) -> bytes | None:
        return None if headers.get(HEADER.lower()) == BYPASS else PAGES["redirect"]

    with StandIn(DATASET, guard=guard).serving() as server:
        yield server


def document(server: StandIn, **headers: str) -> dict[str, Any]:
    found = sections(server.url, server.url)
    found["targets"]["new"]["headers"] = found["targets"]["old"]["headers"] = headers
    return found


def config(server: StandIn, **headers: str) -> Config:
    return Config.model_validate(document(server, **headers)).with_environment(
        {"CRM_API_KEY": API_KEY, "KAPSO_WEBHOOK_SECRET": "s" * 20}
    )


def test_every_untimed_request_has_the_header(
    protected: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREVIEW_BYPASS", BYPASS)
    assert check_answers(config(protected, **REFERENCE), sample=5).lookups == 5
    asked = document(protected, **REFERENCE)
    asked["dataset"] = {"keys_file": own_data.keys_file(tmp_path)}
    own = Config.model_validate(asked).with_environment({"CRM_API_KEY": API_KEY})
    assert OwnNumbers(own).prepare(list(targets_of(own).values()), Quiet()).answers == "alike"
    assert protected.kept_out == 0


def test_messages_have_it_and_no_text_shows_it(
    protected: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREVIEW_BYPASS", BYPASS)
    one = config(protected, **REFERENCE)
    target = targets_of(one)["old"]
    message = requests.message(target, b"{}", secret="s", idempotency_key="i")
    assert message.headers[HEADER] == BYPASS
    shown = rehearsal.shown_requests(one)
    assert f"{HEADER}: ***" in shown
    stored = PlannedTarget.of("old", protected.url, one.targets["old"]).model_dump_json()
    assert "env:PREVIEW_BYPASS" in stored
    assert BYPASS not in "".join((shown, stored, repr(target), repr(message), str(one.stored())))


@pytest.mark.parametrize("page", list(PAGES))
def test_a_login_page_is_recognised_and_the_fix_names_the_headers(
    protected: StandIn, tmp_path: Path, page: str
) -> None:
    protected.guard = lambda _: PAGES[page]
    bare = config(protected)
    asked = document(protected) | {"dataset": {"keys_file": own_data.keys_file(tmp_path)}}
    own = Config.model_validate(asked).with_environment({"CRM_API_KEY": API_KEY})
    file = keys_file.read(own.dataset)
    assert file is not None
    target = targets_of(bare)["old"]
    for ask in (
        lambda: check_answers(bare, sample=5),
        lambda: compare_targets.compare(own, file, print),
        lambda: require_webhook(target, b"{}", "s", bare.race),
    ):
        with pytest.raises((PreflightError, BackendError)) as refused:
            ask()
        assert "login" in refused.value.message
        assert ("https://login.example/sso" in refused.value.message) == (page == "redirect")
        assert "targets.NAME.headers" in str(refused.value.fix)
        assert "t0ken" not in str(refused.value)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"x-stage": "{column}"}, "has no column to fill x-stage from"),
        ({"X-Api-Key": "env:PREVIEW_BYPASS"}, "the scenario writes X-Api-Key itself"),
        ({HEADER: "env:ABSENT_BYPASS"}, "the environment variable ABSENT_BYPASS is not set"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(
    protected: StandIn, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], words: str
) -> None:
    monkeypatch.setenv("PREVIEW_BYPASS", BYPASS)
    with pytest.raises(ConfigError, match=words):
        rehearsal.shown_requests(config(protected, **headers))
    assert protected.connections == 0


def test_a_secret_must_not_stand_in_the_file(protected: StandIn) -> None:
    with pytest.raises(ValueError, match="env:NAME"):
        config(protected, **{HEADER: BYPASS})


def test_the_path_of_a_target_is_the_endpoints_alone(protected: StandIn) -> None:
    asked = document(protected)
    asked["targets"]["old"]["path"] = "/x"
    with pytest.raises(ConfigError, match=r"targets\.old\.path"):
        bind(Config.model_validate(asked))

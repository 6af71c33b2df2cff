"""Asking targets for a sample: what is right, what is wrong, and what cannot be asked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from dragstrip.config.config import Config, DatasetConfig, TargetConfig
from dragstrip.errors import BackendError, ConfigError, DataDiffers
from scenarios.crm.answers import check_answers, choose_indices
from seeding.dataset.dataset import Dataset
from seeding.stores.refusals import TARGETS, Refusal
from tests.support.stand_in import API_KEY, StandIn, response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATASET = Dataset(42, 300)
PROXIED = {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"}


@pytest.fixture
def targets() -> Iterator[tuple[StandIn, StandIn]]:
    with StandIn(DATASET).serving() as one, StandIn(DATASET).serving() as other:
        yield one, other


def config(one: StandIn, other: StandIn, api_key: str = API_KEY) -> Config:
    return Config(
        targets={
            "convex": TargetConfig(kind="convex-http", url=one.url),
            "supabase": TargetConfig(kind="next-supabase", url=other.url),
        },
        dataset=DatasetConfig(seed=42, contacts=300),
    ).with_environment({"CRM_API_KEY": api_key})


def alter(change: Callable[[dict[str, Any]], None]) -> Callable[[int, dict[str, object]], bytes]:
    def answer(_: int, body: dict[str, Any]) -> bytes:
        altered = orjson.loads(orjson.dumps(body))
        change(altered)
        return response(altered)

    return answer


def test_right_answers_are_proven(
    targets: tuple[StandIn, StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PROXIED.items():
        monkeypatch.setenv(name, value)
    proof = check_answers(config(*targets), sample=50)
    assert (proof.targets, proof.lookups, proof.misses) == (["convex", "supabase"], 50, 5)
    for target in targets:
        assert len(target.lookups) == 50
        assert target.connections == 1


def test_targets_can_be_picked(targets: tuple[StandIn, StandIn]) -> None:
    proof = check_answers(config(*targets), targets=["supabase"], sample=10)
    assert proof.targets == ["supabase"]
    assert len(targets[0].lookups) == 0


def test_a_wrong_field_is_named_with_its_contact(targets: tuple[StandIn, StandIn]) -> None:
    def lower_score(body: dict[str, Any]) -> None:
        if body["found"]:
            body["contact"]["lead_score"] -= 1

    targets[1].misbehave = alter(lower_score)
    index = choose_indices(DATASET, 50)[0]
    score = DATASET.context(index)["contact"]["lead_score"]
    with pytest.raises(DataDiffers) as found:
        check_answers(config(*targets), sample=50)
    words = found.value.message
    assert f"target supabase answers contact {index} (" in words
    assert f"contact.lead_score is {score - 1}, expected {score}" in words


def test_an_answer_for_a_number_that_nobody_has_is_wrong(
    targets: tuple[StandIn, StandIn],
) -> None:
    def find_everybody(body: dict[str, Any]) -> None:
        body["found"] = True

    targets[0].misbehave = alter(find_everybody)
    with pytest.raises(DataDiffers, match="wrongly: found is true") as error:
        check_answers(config(*targets), sample=1)
    assert "the unknown number 628" in error.value.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (response(raw=b"<html></html>", status=404), "no such route: HTTP 404: an HTML page"),
        (response({"error": "Internal server error"}, 500), "HTTP 500: .*Internal server error"),
        (response(raw=b"hello"), "answered HTTP 200: hello"),
    ],
)
def test_another_answer_than_the_contracts_is_named(
    targets: tuple[StandIn, StandIn], answer: bytes, words: str
) -> None:
    targets[0].misbehave = lambda _n, _body: answer
    with pytest.raises(BackendError, match=f"target convex at .* {words}") as error:
        check_answers(config(*targets), sample=5)
    assert "CONVEX_SITE_URL" in (error.value.fix or "")


@pytest.mark.parametrize("row", TARGETS, ids=lambda row: row.example)
def test_what_a_host_answers_instead_is_blamed_on_it(
    targets: tuple[StandIn, StandIn], row: Refusal
) -> None:
    status, _, words = row.example.removeprefix("HTTP ").partition(": ")
    status, _, place = status.partition(", a redirect to ")
    body = b"<html>" if words == "an HTML page" else words.encode()
    extra = f"location: {place}?token=secret\r\n" if place else ""
    targets[0].misbehave = lambda _n, _body: response(raw=body, status=int(status), extra=extra)
    with pytest.raises(BackendError) as error:
        check_answers(config(*targets), sample=1)
    said = row.example.partition(": ")[0]
    assert f"target convex at {targets[0].url} {row.meaning}: {said}: " in str(error.value)
    assert "secret" not in str(error.value)
    assert "CONVEX_SITE_URL" in str(error.value.fix) or error.value.fix == row.fix


def test_a_refused_key_is_named_and_not_shown(targets: tuple[StandIn, StandIn]) -> None:
    with pytest.raises(BackendError, match="refused CRM_API_KEY") as error:
        check_answers(config(*targets, api_key="another-secret-key"), sample=5)
    assert "another-secret-key" not in f"{error.value.message} {error.value.fix}"


def test_an_unreachable_target_is_named(targets: tuple[StandIn, StandIn]) -> None:
    with StandIn(DATASET).serving() as gone:
        absent = config(targets[0], gone)
    with pytest.raises(BackendError, match=r"target supabase at .* is unreachable"):
        check_answers(absent, sample=5)


def test_without_a_key_nothing_is_asked(targets: tuple[StandIn, StandIn]) -> None:
    with pytest.raises(ConfigError, match="CRM_API_KEY is not set"):
        check_answers(config(*targets, api_key=""), sample=5)
    assert not any(target.connections for target in targets)


def test_the_first_failure_ends_the_other_targets_too(targets: tuple[StandIn, StandIn]) -> None:
    answered = threading.Event()

    def refuse(_: int, __: dict[str, object]) -> bytes:
        answered.set()
        return response({"error": "x"}, 500)

    targets[0].misbehave = refuse
    targets[1].delay_s = lambda _: 0.02 if answered.is_set() else 0.0
    with pytest.raises(BackendError, match="HTTP 500"):
        check_answers(config(*targets), sample=280)
    assert len(targets[1].lookups) < 280

"""Targets that do every wrong thing there is: each under its own reason, counted exactly."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import numpy as np
import orjson
import pytest

from dragstrip.ledger.rows import Flag, Outcome, reasons
from tests.support.races import DATASET, Raced, racing, sections
from tests.support.stand_in import (
    StandIn,
    dripping,
    hanging_up,
    resetting,
    response,
    saying,
    saying_nothing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stand_in import Deed

# Far beyond what a busy machine adds to an answer.
TIMEOUT_S = 3.0
FIRST_BYTE_S = 1.5
ANSWERS = [orjson.dumps(DATASET.answer(key)) for key in range(DATASET.contacts)]


def misdeeds(elsewhere: str) -> dict[str, list[Deed]]:
    """Return what a target may do wrong, by the reason under which it must appear."""
    whole = response(DATASET.answer(0))
    moved = response({}, 302, extra=f"location: {elsewhere}/api/contacts/by-phone\r\n")
    return {
        "wrong_answer": [
            saying(response(DATASET.answer(1))),
            saying(response({"found": False})),
        ],
        "http_500": [saying(response({}, 500))],
        "http_302": [saying(moved)],
        "content_type": [saying(response(DATASET.answer(0), content_type="text/html"))],
        "not_json": [
            saying(response(raw=b'{"found":')),
            saying(response(raw=b"")),
            saying(response(raw=ANSWERS[0][:-1])),
        ],
        "too_large": [saying(response(raw=b'"' + b"x" * (2 << 20) + b'"'))],
        "malformed": [saying(b"\x00\xffgarbage\r\n\r\n" * 3), saying(b"HTTP/1.1 abc\r\n\r\n")],
        "closed": [hanging_up(), hanging_up(whole[:-40])],
        "reset": [resetting(whole[:-40])],
        "first_byte_timeout": [saying_nothing],
        "timeout": [dripping(whole, 0.05)],
    }


@dataclass(frozen=True)
class Mixed:
    raced: Raced
    server: StandIn
    elsewhere: StandIn
    reasons: dict[int, str]
    """What each key must come to; a key that is not in it is answered rightly."""


@dataclass(frozen=True)
class MisbehavingRaces:
    mixed: Mixed
    hopeless: dict[str, Raced]
    """Targets that never do anything but fail at once, by the reason."""


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MisbehavingRaces]:
    place = tmp_path_factory.mktemp("misbehaving")
    with ExitStack() as stack:
        good, elsewhere, bad, failing, rude = (
            stack.enter_context(StandIn(DATASET).serving()) for _ in range(5)
        )
        good.delay_s = lambda _: 0.01
        failing.misbehave = lambda _n, _body: response({}, 500)
        rude.deeds = dict.fromkeys(range(DATASET.contacts), resetting())
        deeds = [
            (reason, deed) for reason, each in misdeeds(elsewhere.url).items() for deed in each
        ]
        deeds *= 2
        bad.deeds = {key: deed for key, (_, deed) in enumerate(deeds)}
        limits = {"timeout": TIMEOUT_S, "first_byte_timeout": FIRST_BYTE_S}
        often = {"pairs": 6, "slice": 0.4, "rate": 250, "miss": 0.0}
        with unused_port() as port, ExitStack() as running:

            def start(name: str, url: str, **settings: float) -> Raced:
                return running.enter_context(
                    racing(place / name, sections(good.url, url, **settings), "--seed", "7")
                )

            long = {"pairs": 1, "slice": 2.0, "rate": 200, "connections": 96}
            mixed = start("mixed", bad.url, **long, **limits)
            hopeless = {
                "http_500": start("failing", failing.url, **often),
                "refused": start("refused", f"http://127.0.0.1:{port}", **often),
                "reset": start("reset", rude.url, **often),
            }
            for raced in (mixed, *hopeless.values()):
                raced.wait()
        known = {key: reason for key, (reason, _) in enumerate(deeds)}
        yield MisbehavingRaces(Mixed(mixed, bad, elsewhere, known), hopeless)


@contextmanager
def unused_port() -> Iterator[int]:
    """Hold a port on which nobody listens, and nobody else can."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def test_every_lookup_is_kept_under_the_reason_that_its_answer_deserves(
    races: MisbehavingRaces,
) -> None:
    mixed, rows = races.mixed, races.mixed.raced.rows(1)
    for key, outcome, status in rows[["key", "outcome", "status"]].tolist():
        assert Outcome(outcome).reason(status) == mixed.reasons.get(key, "ok"), key
    assert set(reasons(rows)) == set(mixed.reasons.values())


def test_reasons_are_counted_as_often_as_the_server_was_asked(races: MisbehavingRaces) -> None:
    mixed = races.mixed
    asked = Counter(mixed.reasons.get(key_of(path), "ok") for path in mixed.server.lookups)
    found = Counter(reasons(mixed.raced.rows(1)))
    del asked["ok"]
    assert asked == found

    counted = mixed.raced.rows(1)
    counted = counted[counted["flags"] & Flag.COUNTED != 0]
    new = mixed.raced.run.targets["new"]
    assert new.failed == reasons(counted)
    assert new.verified == (counted["outcome"] == Outcome.OK).sum()
    assert new.requests == len(counted)


def key_of(path: str) -> int:
    index = DATASET.index(parse_qs(urlsplit(path).query)["phone"][0])
    assert index is not None
    return index


def test_a_redirect_is_never_followed(races: MisbehavingRaces) -> None:
    assert races.mixed.raced.run.targets["new"].failed["http_302"] > 0
    assert races.mixed.elsewhere.connections == 0


def test_every_failure_is_slower_than_every_answer(races: MisbehavingRaces) -> None:
    rows = races.mixed.raced.rows(1)
    rows = rows[rows["flags"] & Flag.COUNTED != 0]
    took_ms = np.where(
        rows["outcome"] == Outcome.OK, (rows["done_ns"] - rows["scheduled_ns"]) / 1e6, np.inf
    )
    new = races.mixed.raced.run.targets["new"]
    for found, q in ((new.p50_ms, 0.5), (new.p95_ms, 0.95), (new.p99_ms, 0.99)):
        value = np.sort(took_ms)[int(np.ceil(q * len(took_ms))) - 1]
        assert found == (pytest.approx(value, rel=2.5e-4) if np.isfinite(value) else None)
    assert new.p95_ms is None


def test_limits_end_what_would_never_end(races: MisbehavingRaces) -> None:
    rows = races.mixed.raced.rows(1)
    for outcome, limit_s in (
        (Outcome.TIMEOUT, TIMEOUT_S),
        (Outcome.FIRST_BYTE_TIMEOUT, FIRST_BYTE_S),
    ):
        some = rows[rows["outcome"] == outcome]
        took_s = float(np.median(some["done_ns"] - some["sent_ns"])) / 1e9
        # Opening a connection is within the limit, but before the lookup is sent.
        assert took_s > 0.9 * limit_s
        assert outcome == Outcome.TIMEOUT or took_s < TIMEOUT_S


def test_wrong_answers_make_a_run_invalid(races: MisbehavingRaces) -> None:
    raced = races.mixed.raced
    wrong = Counter(reasons(raced.rows()))
    assert raced.code == 3
    assert raced.verdict.verdict == "invalid"
    assert "wrong_answers" in raced.failed_gates
    kinds = ("wrong_answer", "content_type", "not_json", "too_large")
    assert raced.gate("wrong_answers") == sum(wrong[kind] for kind in kinds)
    assert "\nINVALID: this run proves nothing" in f"\n{raced.output}"


@pytest.mark.parametrize("reason", ["http_500", "refused", "reset"])
def test_a_target_that_only_fails_never_wins_however_fast(
    races: MisbehavingRaces, reason: str
) -> None:
    raced = races.hopeless[reason]
    new = raced.run.targets["new"]
    assert new.requests > 0
    assert new.failed == {reason: new.requests}
    assert new.verified == 0
    assert new.p50_ms is new.p95_ms is new.p99_ms is None
    assert raced.verdict.verdict == "invalid"
    assert raced.code == 3
    assert "Traceback" not in raced.errors

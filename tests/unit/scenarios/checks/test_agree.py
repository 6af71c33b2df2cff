"""Comparing two real servers before a race: what is alike, what is noise, what is refused."""

from __future__ import annotations

import itertools
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from dragstrip.config.config import RaceConfig
from dragstrip.errors import BackendError, ConfigError, PreflightError
from dragstrip.ledger.rows import Outcome
from dragstrip.scenario import Operation, Request, Target
from scenarios.http.checks import agree
from scenarios.http.checks.agree import Asked, Asker
from scenarios.http.checks.same import Agreement, Noise
from tests.support.expectations import Expect, reply
from tests.support.plain_server import PlainAnswer, PlainServer, key_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class AgreeProgress:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


class ServerPair:
    """Two servers, asked as a race asks them before it starts."""

    def __init__(self, baseline: PlainServer, challenger: PlainServer) -> None:
        self.servers = baseline, challenger
        self.said = AgreeProgress()

    def agree(
        self, expect: Expect, *, keys: int = 4, method: str = "GET", seed: int = 1
    ) -> Agreement:
        targets = [
            Target(name, "http", server.url)
            for name, server in zip(("old", "new"), self.servers, strict=True)
        ]
        asked = Asked(
            Operation("search", method=method),
            expect,
            lambda _, key: Request(method, f"/{key}", {}, None if method == "GET" else b"{}"),
            keys,
        )
        with Asker(targets, RaceConfig(), per_s=1000) as asker:
            return agree.agree(asker, asked, seed, self.said)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agree, "_APART_S", 0)


@pytest.fixture
def pair() -> Iterator[Callable[..., ServerPair]]:
    with ExitStack() as stack:

        def serve(
            baseline: Callable[[str], PlainAnswer], challenger: Callable[[str], PlainAnswer]
        ) -> ServerPair:
            servers = [
                stack.enter_context(PlainServer(respond).serving())
                for respond in (baseline, challenger)
            ]
            return ServerPair(*servers)

        yield serve


def body_of(path: str) -> dict[str, Any]:
    return {"id": key_in(path), "items": [{"id": 1}, {"id": 2}]}


def steady(path: str) -> PlainAnswer:
    return PlainAnswer(body_of(path))


def refusal(pair: ServerPair, expect: Expect, **options: Any) -> PreflightError:
    with pytest.raises(PreflightError) as refused:
        pair.agree(expect, **options)
    assert refused.value.exit_code == 2
    return refused.value


def ignore_line(error: PreflightError) -> tuple[str, ...]:
    """Return the paths of the ignore line that the error advises."""
    found = re.search(r"ignore = (\[.*?\]) in expect", error.fix or "")
    assert found, error.fix
    return tuple(orjson.loads(found[1]))


def test_every_key_is_known_where_there_are_few(pair: Callable[..., ServerPair]) -> None:
    both = pair(steady, steady)
    agreed = both.agree(Expect(same=True))
    assert sorted(agreed.marks) == [0, 1, 2, 3]
    assert agreed.noise == []
    for server in both.servers:
        assert sorted(server.paths) == sorted(["/0", "/1", "/2", "/3"] * 2)
    assert agreed.check(1)(2, reply(steady("/2").body)) == Outcome.OK
    assert agreed.check(1)(2, reply(steady("/3").body)) == Outcome.WRONG_ANSWER
    assert "twice for 4 of 4 keys of search" in both.said.lines[0]


def test_of_many_keys_a_sample_is_compared_and_few_for_a_method_that_may_change_data(
    pair: Callable[..., ServerPair],
) -> None:
    both = pair(steady, steady)
    agreed = both.agree(Expect(same=True), keys=1_000_000)
    assert len(agreed.marks) == agree.COMPARED
    assert max(agreed.marks) > 500_000
    both.servers[1].paths.clear()
    both.agree(Expect(same=True), keys=1_000_000, method="POST")
    assert len(both.servers[1].paths) == 2 * agree.COMPARED_UNSAFE


def test_of_slow_targets_fewer_keys_are_compared(
    pair: Callable[..., ServerPair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agree, "_MOST_S", 0)
    both = pair(steady, lambda _: PlainAnswer(steady("/0").body))
    assert sorted(both.agree(Expect(same=True)).marks) == [0]


def test_answers_without_a_body_are_alike(pair: Callable[..., ServerPair]) -> None:
    nothing = PlainAnswer(b"", status=201)
    agreed = pair(lambda _: nothing, lambda _: nothing).agree(Expect(same=True), method="POST")
    assert agreed.check(0)(1, reply(b"", status=201)) == Outcome.OK
    assert agreed.check(0)(1, reply({}, status=201)) == Outcome.WRONG_ANSWER


def test_a_field_that_differs_within_one_target_is_noise_and_named(
    pair: Callable[..., ServerPair],
) -> None:
    ticks = itertools.count()

    def with_time(path: str) -> PlainAnswer:
        items = [{"id": next(ticks)}, {"id": 2}]
        return PlainAnswer({"id": key_in(path), "at": next(ticks), "items": items})

    both = pair(with_time, lambda path: PlainAnswer({**body_of(path), "at": "never"}))
    agreed = both.agree(Expect(same=True))
    assert set(agreed.noise) == {Noise("old", "$.at", 4), Noise("old", "$.items[*].id", 4)}
    right = reply({"id": 2, "at": "other", "items": [{"id": 7}, {"id": 8}]})
    assert agreed.check(1)(2, right) == Outcome.OK
    wrong = reply({"id": 2, "at": "other", "items": [{"id": 7}]})
    assert agreed.check(1)(2, wrong) == Outcome.WRONG_ANSWER


def test_a_time_in_whole_seconds_is_noise_too(
    pair: Callable[..., ServerPair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    import time

    both = pair(
        lambda path: PlainAnswer({"id": key_in(path), "at": int(time.time())}),
        lambda path: PlainAnswer({"id": key_in(path), "at": int(time.time())}),
    )
    agreed = both.agree(Expect(same=True))
    assert agreed.noise == [Noise("old", "$.at", 4), Noise("new", "$.at", 4)]


def test_targets_that_differ_are_refused_with_the_ignore_line_that_passes(
    pair: Callable[..., ServerPair],
) -> None:
    def other(path: str) -> PlainAnswer:
        key = key_in(path)
        items = [{"id": 1}, {"id": 9 if key == 3 else 2}]
        return PlainAnswer({"id": key, "items": items, "host": "b"})

    both = pair(steady, other)
    error = refusal(both, Expect(same=True))
    assert error.message == (
        "search: key 0: the targets answer differently (expect.same): $.host is nothing from old, "
        '"b" from new; 4 of 4 keys differ'
    )
    assert ignore_line(error) == ("$.host", "$.items[*].id")
    assert both.agree(Expect(same=True, ignore=ignore_line(error)))
    half = refusal(both, Expect(same=True, ignore=("$.host",)))
    assert "key 3" in half.message
    assert "$.items[1].id is 2 from old, 9 from new; 1 of 4 keys differ" in half.message
    assert ignore_line(half) == ("$.host", "$.items[*].id")


def test_an_item_that_one_target_drops_is_found(pair: Callable[..., ServerPair]) -> None:
    def dropping(path: str) -> PlainAnswer:
        body = body_of(path)
        return PlainAnswer(body | {"items": body["items"][: 1 if key_in(path) == 150 else 2]})

    error = refusal(pair(steady, dropping), Expect(same=True), keys=200)
    assert "key 150" in error.message
    assert '$.items is [{"id":1},{"id":2}] from old, [{"id":1}] from new' in error.message
    assert "1 of 200 keys differ" in error.message


def test_answers_that_are_nothing_but_noise_are_refused_with_the_ignore_line_that_passes(
    pair: Callable[..., ServerPair],
) -> None:
    ticks = itertools.count()

    def noisy(path: str) -> PlainAnswer:
        return PlainAnswer({"at": next(ticks), "by": {"request": next(ticks)}})

    both = pair(noisy, noisy)
    error = refusal(both, Expect(same=True))
    assert "nothing in the answers of old stays the same" in error.message
    assert "$.at is first " in error.message
    assert ignore_line(error) == ("$.at", "$.by.request")
    assert both.agree(Expect(same=True, ignore=ignore_line(error)))


def test_a_page_that_differs_each_time_is_refused(pair: Callable[..., ServerPair]) -> None:
    ticks = itertools.count(1000)

    def page(path: str) -> PlainAnswer:
        return PlainAnswer(b"<p>now %d</p>" % next(ticks), kind="text/html")

    error = refusal(pair(page, page), Expect(same=True))
    assert re.search(
        r"key \d: old answers differently from one request to the next: from byte \d+ of the body "
        r'on, "\d+</p>" \(first\), "\d+</p>" \(then\)',
        error.message,
    )
    assert error.fix is not None
    assert "leave same out" in error.fix


@pytest.mark.parametrize(
    ("baseline", "challenger", "words"),
    [
        (PlainAnswer({}), PlainAnswer({}, status=404), "status 200 (old), 404 (new)"),
        (
            PlainAnswer({}),
            PlainAnswer(b"{}", kind="text/plain"),
            "application/json (old), text/plain (new)",
        ),
        (PlainAnswer({}), PlainAnswer(b""), "application/json (old), an empty body (new)"),
        (
            PlainAnswer(b"abcd", kind="image/png"),
            PlainAnswer(b"abXd", kind="image/png"),
            'from byte 2 of the body on, "cd" (old), "Xd" (new)',
        ),
        (
            PlainAnswer(b"abc", kind="text/plain"),
            PlainAnswer(b"abcd", kind="text/plain"),
            'from byte 3 of the body on, "" (old), "d" (new)',
        ),
    ],
)
def test_answers_without_fields_to_ignore_say_how_they_differ(
    pair: Callable[..., ServerPair], baseline: PlainAnswer, challenger: PlainAnswer, words: str
) -> None:
    both = pair(lambda _: baseline, lambda _: challenger)
    error = refusal(both, Expect(same=True), keys=1)
    assert error.message.endswith(words)
    assert "leave same out" in (error.fix or "")


def test_a_difference_of_form_only_names_what_else_would_pass_it(
    pair: Callable[..., ServerPair],
) -> None:
    both = pair(
        lambda _: PlainAnswer({"tags": ["a", "b"], "total": 62}),
        lambda _: PlainAnswer({"tags": ["b", "a"], "total": 62.0}),
    )
    order = refusal(both, Expect(same=True))
    assert 'give unordered = ["$.tags"] if the order means nothing; or ' in (order.fix or "")
    number = refusal(both, Expect(same=True, unordered=("$.tags",)))
    assert "give tolerance = 0" in (number.fix or "")
    assert both.agree(Expect(same=True, unordered=("$.tags",), tolerance=0))


def test_data_that_changes_while_it_is_asked_for_is_no_difference(
    pair: Callable[..., ServerPair],
) -> None:
    asked = itertools.count()

    def late(path: str) -> PlainAnswer:
        return PlainAnswer({"id": key_in(path), "total": 1 if next(asked) == 0 else 2})

    both = pair(lambda path: PlainAnswer({"id": key_in(path), "total": 2}), late)
    agreed = both.agree(Expect(same=True))
    # One target differed from itself, which is all that can be known of it.
    assert agreed.noise == [Noise("new", "$.total", 1)]


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"{", "is not JSON"), (b"[" * 400 + b"]" * 400, "is nested too deep")],
)
def test_an_answer_that_cannot_be_compared_is_refused(
    pair: Callable[..., ServerPair], body: bytes, words: str
) -> None:
    both = pair(steady, lambda _: PlainAnswer(body))
    assert words in refusal(both, Expect(same=True)).message


def test_a_target_that_cannot_be_asked_is_named(pair: Callable[..., ServerPair]) -> None:
    both = pair(steady, steady)
    both.servers[1].port = 1
    with pytest.raises(BackendError, match=r"target new at .* is unreachable"):
        both.agree(Expect(same=True))


def test_one_target_alone_is_compared_with_nothing() -> None:
    asked = Asked(Operation("x"), Expect(same=True), lambda _, __: Request("GET", "/", {}), 1)
    alone = [Target("a", "http", "http://127.0.0.1:1")]
    with (
        Asker(alone, RaceConfig(), per_s=1) as asker,
        pytest.raises(ConfigError, match=r"expect\.same"),
    ):
        agree.agree(asker, asked, 1, AgreeProgress())

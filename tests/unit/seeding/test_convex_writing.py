"""Writing to Convex: batches within its limits, whatever it makes of them."""

from __future__ import annotations

import contextlib
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dragstrip.errors import BackendError
from seeding.dataset.dataset import Dataset
from seeding.stores.aimd import BatchPace
from seeding.stores.convex import ConvexStore
from seeding.stores.convex_batches import encode, first_batch
from seeding.stores.refusals import TooMuch
from tests.unit.seeding.scripted_server import ScriptedAnswer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeding.dataset.model import Context

SECRET = "very-secret-key-0123456789"
CONTEXTS = list(Dataset(42, 160).contexts(0, 160))
SUCCESS = ScriptedAnswer(body={"status": "success", "value": None})


def rows_of(context: Context) -> int:
    return 2 + len(context["messages"]) + len(context["notes"])


@contextlib.contextmanager
def a_store(*script: ScriptedAnswer) -> Iterator[tuple[ConvexStore, list[Any], list[float]]]:
    delays: list[float] = []
    with serving(*script) as server:
        store = ConvexStore(server.url, admin_key=None, seed_secret=SECRET)
        store._retry.sleep = delays.append
        with contextlib.closing(store):
            yield store, server.asked, delays


def failed(message: str) -> ScriptedAnswer:
    return ScriptedAnswer(body={"status": "error", "errorMessage": message})


TOO_MUCH = [
    failed("Too many reads in a single function execution (limit: 4096). Consider"),
    failed("Too many writes in a single function execution (limit: 16000)"),
    failed("Too many bytes written in a single function execution (limit: 16 MiB)"),
    failed("Function execution timed out (maximum duration: 1s)"),
    failed("[Request ID: 0123456789abcdef] Server Error"),
    ScriptedAnswer(413, b"length limit exceeded"),
]
BUSY = [
    ScriptedAnswer(429, {"code": "TooManyWrites", "message": "Too many writes per second."}),
    ScriptedAnswer(503, {"code": "OptimisticConcurrencyControlFailure", "message": "…"}),
    ScriptedAnswer(drop=True),
]


REFUSALS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([*TOO_MUCH, *BUSY])), min_size=1, max_size=5
)
"""How many successes come before each refusal."""


@settings(max_examples=8, phases=set(Phase) - {Phase.shrink})
@given(REFUSALS)
def test_every_contact_is_written_once_in_order_whatever_is_refused(
    refusals: list[tuple[int, ScriptedAnswer]],
) -> None:
    script = [one for before, refusal in refusals for one in (*[SUCCESS] * before, refusal)]
    # A first answer, so that the server counts as reached; a last one for ever.
    with a_store(SUCCESS, *script, SUCCESS) as (store, asked, delays):
        store.next_index(0)
        gives_up = False
        try:
            store.write(store.encode(CONTEXTS))
        except TooMuch:
            gives_up = True
    sent = [body["args"]["contexts"] for _, _, body in asked[1:]]
    answers = [*script, *[SUCCESS] * len(sent)][: len(sent)]
    taken = [batch for batch, answer in zip(sent, answers, strict=True) if answer is SUCCESS]
    written = [context for batch in taken for context in batch]
    assert written == CONTEXTS[: len(written)]
    # One contact has no half that could be sent.
    one_is_too_much = len(sent[-1]) == 1 and answers[-1] in TOO_MUCH
    assert gives_up == one_is_too_much == (written != CONTEXTS)
    assert len(delays) == sum(answer in BUSY for answer in answers)
    for batch, following, answer in zip(sent, sent[1:], answers, strict=False):
        assert sum(map(rows_of, batch)) <= 1_000 or len(batch) == 1
        if answer in TOO_MUCH:
            assert sum(map(rows_of, following)) <= max(1, sum(map(rows_of, batch)) // 2) or (
                len(following) == 1
            )


def test_one_contact_that_is_too_much_is_an_error() -> None:
    with (
        a_store(failed("Too many reads in a single function execution")) as (store, asked, _),
        pytest.raises(BackendError, match="Too many reads"),
    ):
        store.write(store.encode(CONTEXTS))
    assert len(asked[-1][2]["args"]["contexts"]) == 1


def test_digests_are_asked_for_in_smaller_parts_where_a_function_has_too_much() -> None:
    digests = [{"start": 0, "contacts": 128, "digest": "d"}]
    answers = [
        ScriptedAnswer(body={"status": "success", "value": [{**digests[0], "start": at}]})
        for at in (0, 128, 256)
    ]
    with a_store(TOO_MUCH[3], *answers) as (store, asked, _):
        assert [one.start for one in store.range_digests(0, 300)] == [0, 128, 256]
    ranges = [(body["args"]["start"], body["args"]["stop"]) for _, _, body in asked]
    assert ranges == [(0, 256), (0, 128), (128, 256), (256, 300)]


def test_two_contacts_of_one_index_are_neither_of_them_right() -> None:
    found = [{"index": 3, "digest": "a"}, {"index": 3, "digest": "b"}, {"index": 4, "digest": "c"}]
    with a_store(ScriptedAnswer(body={"status": "success", "value": found})) as (store, _, _delays):
        assert store.contact_digests(0, 128) == {3: "", 4: "c"}


@given(st.integers(1, 3_000), st.integers(0, 150))
def test_a_batch_takes_as_much_as_fits(rows: int, start: int) -> None:
    contexts = encode(CONTEXTS[start:])
    batch = first_batch(contexts, rows)
    assert 1 <= len(batch) <= len(contexts)
    assert list(batch) == contexts[: len(batch)]
    fits = sum(one.rows for one in batch) <= rows and sum(one.ranges for one in batch) <= 3_500
    assert fits or len(batch) == 1
    if len(batch) < len(contexts):
        more = contexts[: len(batch) + 1]
        assert sum(one.rows for one in more) > rows or sum(one.ranges for one in more) > 3_500


def test_encoded_contacts_travel_between_processes() -> None:
    batch = ConvexStore.encode(CONTEXTS[:5])
    assert pickle.loads(pickle.dumps(batch)) == batch


@pytest.mark.parametrize("wrong", [2**53 + 1, -(2**60)])
def test_a_number_that_convex_would_round_is_refused(wrong: int) -> None:
    context: Any = {**CONTEXTS[7], "index": wrong}
    with pytest.raises(BackendError, match=f"contact {wrong} cannot be stored in Convex"):
        encode([context])


@given(
    st.integers(1, 2_000), st.integers(1, 8), st.lists(st.sampled_from(["busy", "large", "fine"]))
)
def test_pace_stays_between_one_and_where_it_began(
    rows: int, at_once: int, events: list[str]
) -> None:
    pace = BatchPace(rows=rows, at_once=at_once)
    for event in events:
        before = (pace.rows, pace.at_once)
        with pace.permit() as permit:
            assert (permit.rows, pace.at_once) == before
            if event == "busy":
                pace.overloaded(permit)
            elif event == "large":
                pace.too_large(permit, permit.rows)
            else:
                pace.succeeded()
        after = (pace.rows, pace.at_once)
        assert 1 <= pace.rows <= rows
        assert 1 <= pace.at_once <= at_once
        if event == "fine":
            assert after >= before
        elif before != (1, 1) and not (event == "large" and before[0] == 1):
            assert after < before


def test_pace_comes_back_to_where_it_began() -> None:
    pace = BatchPace(rows=1_000, at_once=3)
    for _ in range(20):
        with pace.permit() as permit:
            pace.overloaded(permit)
    assert (pace.rows, pace.at_once) == (1, 1)
    for _ in range(16 * 20):
        pace.succeeded()
    assert (pace.rows, pace.at_once) == (1_000, 3)


def test_transactions_that_fail_together_slow_down_once() -> None:
    pace = BatchPace(rows=1_000, at_once=4)
    with pace.permit() as first, pace.permit() as second, pace.permit() as third:
        pace.overloaded(first)
        pace.overloaded(second)
        pace.too_large(third, 900)
    assert (pace.rows, pace.at_once) == (1_000, 2)


def test_no_more_run_side_by_side_than_the_pace_allows() -> None:
    pace = BatchPace(rows=10, at_once=2)
    running, most = 0, 0
    lock, both = threading.Lock(), threading.Barrier(2)

    def work() -> None:
        nonlocal running, most
        with pace.permit():
            with lock:
                running += 1
                most = max(most, running)
            both.wait(timeout=30)
            with lock:
                running -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert most == 2

import sys
import tracemalloc

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http import server_timing
from dragstrip.scenario.check import (
    JsonCheck,
    Reply,
    canonical,
    check_json,
    expected_json,
    table_bits_for,
)
from seeding.dataset.dataset import Dataset

DATASET = Dataset(42, 50)
ANSWER = dict(DATASET.answer(3))
EXPECTED = canonical(ANSWER)


def reply(body: object, *, status: int = 200, kind: str = "application/json") -> Reply:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Reply(status, kind, "", raw)


def test_the_right_answer_in_another_order_of_fields_is_right() -> None:
    shuffled = dict(reversed(ANSWER.items()))
    assert check_json(reply(shuffled), EXPECTED) is Outcome.OK
    assert check_json(reply(ANSWER, kind="Application/JSON; charset=utf-8"), EXPECTED) is Outcome.OK


def test_another_contacts_answer_is_wrong() -> None:
    assert check_json(reply(DATASET.answer(4)), EXPECTED) is Outcome.WRONG_ANSWER
    assert check_json(reply(DATASET.answer(50)), EXPECTED) is Outcome.WRONG_ANSWER


@pytest.mark.parametrize("field", ["name", "lead_score", "is_returning", "first_contact_date"])
def test_a_value_of_another_type_is_wrong(field: str) -> None:
    assert isinstance(ANSWER["contact"], dict)
    value = ANSWER["contact"][field]
    for other in ([value], float(value) if isinstance(value, int) else True):
        changed = ANSWER | {"contact": ANSWER["contact"] | {field: other}}
        assert check_json(reply(changed), EXPECTED) is Outcome.WRONG_ANSWER


def test_an_extra_field_or_a_missing_one_is_wrong() -> None:
    assert check_json(reply(ANSWER | {"extra": None}), EXPECTED) is Outcome.WRONG_ANSWER
    for field in ANSWER:
        less = {name: value for name, value in ANSWER.items() if name != field}
        assert check_json(reply(less), EXPECTED) is Outcome.WRONG_ANSWER


@pytest.mark.parametrize("status", [204, 302, 401, 404, 429, 500, 503])
def test_any_other_status_fails_whatever_the_body_says(status: int) -> None:
    assert check_json(reply(ANSWER, status=status), EXPECTED) is Outcome.HTTP_STATUS
    assert Outcome.HTTP_STATUS.reason(status) == f"http_{status}"


def test_another_content_type_fails() -> None:
    for kind in ("text/html", "", "application/jsonp", "text/plain; application/json"):
        assert check_json(reply(ANSWER, kind=kind), EXPECTED) is Outcome.CONTENT_TYPE


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b'{"found":', b"\xff\xfe", b"{}{}", b"NaN", b'"\\ud800"']
)
def test_what_is_no_json_fails(raw: bytes) -> None:
    assert check_json(reply(raw), EXPECTED) is Outcome.NOT_JSON


@pytest.mark.parametrize("depth", [200, 300, 900])
def test_deep_nesting_is_a_wrong_answer(depth: int) -> None:
    assert check_json(reply(b"[" * depth + b"]" * depth), EXPECTED) is Outcome.WRONG_ANSWER


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_or_pass(raw: bytes) -> None:
    assert check_json(reply(raw), EXPECTED) is not Outcome.OK


def test_the_oracle_asks_once_per_key() -> None:
    asked: list[int] = []

    def answer(key: int) -> dict[str, int]:
        asked.append(key)
        return {"key": key}

    expected = expected_json(answer)
    assert expected(1) == expected(1) == b'{"key":1}'
    assert expected(2) == b'{"key":2}'
    assert asked == [1, 2]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("query;dur=1.5, total;dur=2.25", (1500, 2250)),
        ("total;dur=2,query;dur=1", (1000, 2000)),
        ('query;desc="data";dur=0.1, cdn;dur=7, total;dur="3"', (100, 3000)),
        ("query;dur=1.5", (1500, -1)),
        ("querying;dur=1, subtotal;dur=2", (-1, -1)),
        ("query;dur=-5, total;dur=1e9", (-1, 1000)),
        ("total;dur=9999999999", (-1, 2**31 - 1)),
        ("", (-1, -1)),
    ],
)
def test_server_timing_is_read_in_microseconds(header: str, found: tuple[int, int]) -> None:
    assert server_timing.read(header) == found


@given(st.text(max_size=300))
def test_no_server_timing_makes_it_raise(header: str) -> None:
    assert all(-1 <= value < 2**31 for value in server_timing.read(header))


def bodies_of(key: int) -> list[bytes]:
    """Return right bodies of a key, and wrong ones that are right for others, or nearly right."""
    right = [b'{"key":%d}' % key, b' {"key": %d}' % key]
    return [*right, b'{"key":%d}' % (key + 1), b'{"key":%d.0}' % key, b'{"key":%d' % key]


@given(
    # Some keys fall on the same place in what is kept.
    lookups=st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 4096, 8192]), st.integers(0, 4), st.integers(0, 1))
    ),
    table_bits=st.integers(0, 6),
)
def test_a_judge_that_remembers_says_what_a_full_comparison_says(
    lookups: list[tuple[int, int, int]], table_bits: int
) -> None:
    expected = expected_json(lambda key: {"key": key})
    judging = JsonCheck(expected, table_bits=table_bits)
    for key, place, kind in lookups:
        answer = reply(
            bodies_of(key)[place], kind=("application/json", "Application/JSON ;a=b")[kind]
        )
        assert judging(key, answer) == check_json(answer, expected(key))


def test_right_bytes_are_compared_once_for_each_key_and_wrong_ones_always() -> None:
    compared: list[int] = []

    def expected(key: int) -> bytes:
        compared.append(key)
        return canonical({"found": False}) if key >= 5 else canonical({"key": key})

    judging = JsonCheck(expected)
    nobody, third = reply({"found": False}), reply({"key": 3})
    for key, answer, right in [
        (3, third, True),
        (3, third, True),
        (7, nobody, True),
        (8, nobody, True),
        (8, nobody, True),
        (3, nobody, False),
        (3, nobody, False),
        (3, third, True),
        (4, third, False),
    ]:
        assert (judging(key, answer) == Outcome.OK) is right
    assert compared == [3, 7, 8, 3, 3, 4]


def test_bytes_that_are_known_to_be_right_still_need_the_status_and_the_content_type() -> None:
    judging = JsonCheck(lambda _: EXPECTED)
    assert judging(3, reply(ANSWER)) == Outcome.OK
    assert judging(3, reply(ANSWER, status=500)) == Outcome.HTTP_STATUS
    assert judging(3, reply(ANSWER, kind="text/html")) == Outcome.CONTENT_TYPE


def test_of_a_million_keys_a_judge_remembers_what_fits_into_eight_mebibytes() -> None:
    judging = JsonCheck(lambda key: b'{"key":%d}' % key)
    tracemalloc.start()
    try:
        for key in range(0, 1_000_000, 50):
            assert judging(key, Reply(200, "application/json", "", b'{"key":%d}' % key)) == 2
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert sys.getsizeof(judging._seen) < 2**23 + 200
    assert grown < 100_000


@pytest.mark.parametrize("keys", [1, 1000, 1_000_000, 100_000_000])
def test_the_table_has_room_for_the_keys_and_a_bound(keys: int) -> None:
    places = 2 ** table_bits_for(keys)
    assert places <= 2**22
    assert places > 2 * keys or places == 2**22


def test_keys_that_come_again_are_compared_in_full_once() -> None:
    compared = 0

    def expected(_: int) -> bytes:
        nonlocal compared
        compared += 1
        return b"{}"

    judging = JsonCheck(expected, table_bits=table_bits_for(100_000))
    reply = Reply(200, "application/json", "", b"{}")
    for _ in range(2):
        for key in range(100_000):
            assert judging(key, reply) == Outcome.OK
    assert compared == 100_000

"""What of two answers counts: marks and places of differences must always agree."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.ledger.rows import Outcome
from dragstrip.scenario.answer_form import BYTES, EMPTY, JSON, TEXT, AnswerForm, Mark, kind_of
from dragstrip.scenario.differences import differences
from dragstrip.scenario.json_path import parse
from tests.support.expectations import reply

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

KEY = b"k" * 32
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.sampled_from([0, 0.0, -0.0])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "id", "at"]), inner, max_size=3)
    ),
    max_leaves=12,
)
PATHS = ["$.a", "$.id", "$..at", "$[*].b", "$.a[0]"]


def form(
    ignored: Sequence[str] = (), unordered: Sequence[str] = (), tolerance: float | None = None
) -> AnswerForm:
    return AnswerForm(KEY, [*map(parse, ignored)], [*map(parse, unordered)], tolerance)


def mark(how: AnswerForm, document: Any) -> Mark:
    made = how.mark(reply(document))
    assert isinstance(made, Mark)
    return made


def alike(how: AnswerForm, first: Any, other: Any) -> bool:
    return how.compare(mark(how, first), mark(how, other)) is Outcome.OK


def places(how: AnswerForm, first: Any, other: Any) -> list[str]:
    # As the answers come: each is parsed anew, and used up.
    parsed = orjson.loads(orjson.dumps(first)), orjson.loads(orjson.dumps(other))
    return [str(place.path) for place in differences(parsed[0], parsed[1], how)]


def changed(value: Any, pick: random.Random) -> Any:
    """Return the value with something in it changed, left out or in another order."""
    match value:
        case dict() if value:
            name = pick.choice(sorted(value))
            rest = {n: v for n, v in value.items() if n != name}
            return rest if pick.random() < 0.2 else {**rest, name: changed(value[name], pick)}
        case list() if value:
            if pick.random() < 0.3:
                return pick.sample(value, len(value))
            place = pick.randrange(len(value))
            return [*value[:place], changed(value[place], pick), *value[place + 1 :]]
    return pick.choice([value, None, True, 1, 1.0, 1.005, "x", [], {}])


@given(
    VALUES,
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from(PATHS), max_size=2),
    st.sampled_from([None, 0, 0.01]),
)
def test_two_answers_are_alike_just_where_no_place_differs(
    value: Any, pick: random.Random, ignored: list[str], tolerance: float | None
) -> None:
    how = form(ignored, tolerance=tolerance)
    other = changed(deepcopy(value), pick)
    assert alike(how, value, other) is (not places(how, value, other))


def test_with_a_tolerance_a_list_that_is_alike_is_not_reordered() -> None:
    assert places(form(tolerance=0), [0, None, 0.0], [0.0, None, 0]) == []
    assert places(form(), [0, None, 0.0], [0.0, None, 0]) == ["$"]


@given(VALUES, st.randoms(use_true_random=False), st.sampled_from([None, 0, 0.01]))
def test_what_differs_passes_once_it_is_ignored(
    value: Any, pick: random.Random, tolerance: float | None
) -> None:
    other = changed(deepcopy(value), pick)
    found = list(differences(deepcopy(value), deepcopy(other), form(tolerance=tolerance)))
    how = form([str(place.everywhere) for place in found], tolerance=tolerance)
    assert alike(how, value, other)


@given(VALUES, st.sampled_from([None, 0, 0.01]))
def test_the_order_of_fields_means_nothing(value: Any, tolerance: float | None) -> None:
    def reversed_fields(one: Any) -> Any:
        if isinstance(one, dict):
            return {name: reversed_fields(inner) for name, inner in reversed(one.items())}
        return [reversed_fields(inner) for inner in one] if isinstance(one, list) else one

    assert alike(form(tolerance=tolerance), value, reversed_fields(value))


@given(st.lists(VALUES, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_an_unordered_list_means_nothing(
    values: list[Any], pick: random.Random
) -> None:
    shuffled = pick.sample(values, len(values))
    for tolerance in (None, 0):
        how = form(unordered=["$.tags"], tolerance=tolerance)
        assert alike(how, {"tags": values}, {"tags": shuffled})
        assert not alike(how, {"tags": values}, {"tags": [*values, None]})


def test_lists_within_unordered_lists_are_sorted_first() -> None:
    how = form(unordered=["$.items", "$.items[*].tags"])
    first = {"items": [{"tags": ["b", "a"]}, {"tags": ["c", "d"]}]}
    other = {"items": [{"tags": ["d", "c"]}, {"tags": ["a", "b"]}]}
    assert alike(how, first, other)
    assert not alike(form(unordered=["$.items"]), first, other)


@pytest.mark.parametrize(
    ("first", "other", "tolerance", "same"),
    [
        (1.0, 1.01, 0.01, True),
        (1.0, 1.011, 0.01, False),
        (62, 62.0, 0, True),
        (62, 62.0, None, False),
        (-0.0, 0.0, 0, True),
        (-0.0, 0.0, None, False),
        (1, True, 1, False),
        (1, "1", 1, False),
        (2**53, 2**53 + 1, 0, True),
        (10_000_000, 10_000_001, 0.5, False),
    ],
)
def test_numbers_may_differ_by_the_tolerance(
    first: Any, other: Any, tolerance: float | None, same: bool
) -> None:
    how = form(tolerance=tolerance)
    for wrap in (lambda one: one, lambda one: {"x": [0, one, 5]}):
        assert alike(how, wrap(first), wrap(other)) is same
        assert alike(how, wrap(other), wrap(first)) is same
        assert (not places(how, wrap(first), wrap(other))) is same


def test_texts_and_bytes_are_compared_whole() -> None:
    how = form(["$.a"])
    pages = [how.mark(reply(body, kind="text/html")) for body in (b"<p>", b"<p>", b"<p> ")]
    assert pages[0] == pages[1] != pages[2]
    assert all(isinstance(page, Mark) and page.kind == TEXT for page in pages)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/problem+json", JSON),
        ("text/json", JSON),
        ("text/plain;charset=utf-8", TEXT),
        ("application/jsonlines", BYTES),
        ("image/png", BYTES),
        ("", BYTES),
    ],
)
def test_the_content_type_says_as_what_answers_are_compared(content_type: str, kind: str) -> None:
    assert kind_of(reply(b"x", kind=content_type)) == kind
    assert kind_of(reply(b"", kind=content_type)) == EMPTY


def test_another_status_or_kind_is_not_alike() -> None:
    how = form()
    right = how.mark(reply({"a": 1}))
    other_status = how.mark(reply({"a": 1}, status=404))
    other_kind = how.mark(reply({"a": 1}, kind="text/plain"))
    assert isinstance(right, Mark)
    assert isinstance(other_status, Mark)
    assert isinstance(other_kind, Mark)
    assert how.compare(right, other_status) is Outcome.HTTP_STATUS
    assert how.compare(right, other_kind) is Outcome.CONTENT_TYPE
    empty = how.mark(reply(b""))
    assert isinstance(empty, Mark)
    assert how.compare(empty, empty) is Outcome.OK
    assert how.compare(right, empty) is how.compare(empty, right) is Outcome.WRONG_ANSWER


@pytest.mark.parametrize("tolerance", [None, 0])
@pytest.mark.parametrize("depth", [300, 900])
def test_an_answer_that_is_nested_too_deep_is_wrong_and_nothing_breaks(
    depth: int, tolerance: float | None
) -> None:
    how = form(unordered=["$[*]"], tolerance=tolerance)
    assert how.mark(reply(b"[" * depth + b"]" * depth)) is Outcome.WRONG_ANSWER
    assert how.mark(reply(b"[" * 5000 + b"]" * 5000)) is Outcome.NOT_JSON


def test_a_mark_tells_nothing_without_the_key() -> None:
    other = AnswerForm(b"o" * 32)
    assert mark(form(), {"a": 1}).digest != mark(other, {"a": 1}).digest

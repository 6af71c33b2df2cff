"""JSONPaths: what they read, what they lead to, and that they survive being written down."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.scenario.json_path import EVERY, AtAnyDepth, JsonPath, MalformedPath, parse

DOCUMENT = {
    "a": {"b": [{"c": 1}, {"c": 2}]},
    "items": [{"id": 1, "tags": ["x"]}, {"id": 2}, {"name": "n"}],
    "odd name": {"it's": 3},
    "id": 4,
}

NAMES = st.text(min_size=1, max_size=8)
BARE_NAMES = st.from_regex(r"[^\W\d][\w-]*", fullmatch=True)
STEPS = st.one_of(NAMES, st.integers(-9, 9), st.just(EVERY), st.builds(AtAnyDepth, BARE_NAMES))
PATHS = st.builds(JsonPath, st.lists(STEPS, max_size=6).map(tuple))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("$", [DOCUMENT]),
        ("$.id", [4]),
        ("$.a.b[0].c", [1]),
        ("$.a.b[-1].c", [2]),
        ("$.a.b[2].c", []),
        ("$.items[*].id", [1, 2]),
        ("$.items.*.id", [1, 2]),
        ("$.a[*]", [[{"c": 1}, {"c": 2}]]),
        ("$['odd name']['it\\'s']", [3]),
        ('$["odd name"]["it\'s"]', [3]),
        ("$.nothing.here", []),
        ("$.id.deeper", []),
        ("$.id[0]", []),
        ("$..c", [1, 2]),
    ],
)
def test_a_path_leads_to_these_values(path: str, values: list[Any]) -> None:
    assert parse(path).select(DOCUMENT) == values


def test_a_name_at_any_depth_is_found_at_every_depth() -> None:
    assert sorted(parse("$..id").select(DOCUMENT)) == [1, 2, 4]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", 'does not begin with "$"'),
        ("id", 'does not begin with "$"'),
        ("$id", "has 'i' at 2"),
        ("$.", 'no name after "." at 2'),
        ("$..", 'no name after ".." at 2'),
        ("$.a[", "at 4"),
        ("$.a[x]", "at 4"),
        ("$.a['b]", "at 4"),
        ("$.a[1:2]", "at 4"),
        ("$.a[?(@.b)]", "at 4"),
        ("$.a b", "has ' ' at 4"),
    ],
)
def test_a_malformed_path_is_refused_with_the_place(path: str, problem: str) -> None:
    with pytest.raises(MalformedPath) as refused:
        parse(path)
    assert problem in str(refused.value)


@given(PATHS)
def test_a_path_that_is_written_down_reads_back_the_same(path: JsonPath) -> None:
    assert parse(str(path)) == path


@given(st.text(max_size=20))
def test_any_text_is_a_path_or_is_refused(text: str) -> None:
    try:
        path = parse("$" + text)
    except MalformedPath:
        return
    assert parse(str(path)) == path


@given(VALUES, PATHS)
def test_what_is_dropped_is_gone_or_null_and_nothing_else_changes(
    value: Any, path: JsonPath
) -> None:
    before = deepcopy(value)
    selected = path.select(value)
    dropped = path.drop(deepcopy(value))
    if not selected:
        assert dropped == before
    else:
        assert all(one is None for one in path.select(dropped))
    assert path.select(before) == selected


@given(VALUES, PATHS)
def test_what_is_replaced_by_itself_changes_nothing(value: Any, path: JsonPath) -> None:
    assert path.replace(deepcopy(value), lambda one: one) == value


def test_what_is_dropped_from_a_list_leaves_its_place() -> None:
    assert parse("$.a[0]").drop({"a": [1, 2]}) == {"a": [None, 2]}
    assert parse("$.a[*].b").drop({"a": [{"b": 1, "c": 2}, {"b": 3}]}) == {"a": [{"c": 2}, {}]}
    assert parse("$").drop({"a": 1}) is None


def test_a_value_below_one_that_is_dropped_is_no_problem() -> None:
    document = {"id": {"id": {"id": 1}}, "x": 2}
    assert parse("$..id").drop(document) == {"x": 2}


def test_a_very_deep_answer_is_searched_all_the_same() -> None:
    document: Any = {"id": 7}
    for _ in range(50_000):
        document = [document]
    assert parse("$..id").select(document) == [7]

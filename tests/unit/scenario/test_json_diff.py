"""The first difference between two JSON values has a path and both values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.scenario.json_diff import first_difference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(JSON)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert first_difference(value, value) is None


@given(JSON, JSON)
def test_a_difference_is_found_from_either_side(one: Any, other: Any) -> None:
    assert (first_difference(one, other) is None) == (first_difference(other, one) is None)


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        ({"a": 1}, {"a": 2}, "a is 2, expected 1"),
        ({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "y"}]}}, 'a.b[1].c is "y"'),
        ({"a": [1, 2]}, {"a": [1]}, "a[1] is nothing, expected 2"),
        ({"a": [1]}, {"a": [1, 2]}, "a[1] is 2, expected nothing"),
        ({"a": 1}, {}, "a is nothing, expected 1"),
        ({}, {"b": None}, "b is null, expected nothing"),
        ({"a": 1}, {"a": 1.0}, "a is 1.0, expected 1"),
        ({"a": 1}, {"a": True}, "a is true, expected 1"),
        ({"a": None}, {"a": "x" * 500}, 'a is "' + "x" * 78 + "…"),
        ([1], {"a": 1}, 'the whole is {"a":1}, expected [1]'),
    ],
)
def test_the_words_name_the_place(expected: Any, found: Any, words: str) -> None:
    assert words in str(first_difference(expected, found))

"""Values come back from URLs, forms, JSON and headers as they went in."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.errors import ConfigError
from scenarios.http.template import TemplateReader

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
READER = TemplateReader(["id", "q"])


@given(path=TEXT, query=TEXT)
def test_any_value_in_a_url_parses_back(path: str, query: str) -> None:
    filled = READER.url("/users/{id}/all?q={q}&page=1", "scenario.path").fill(
        {"id": path, "q": query}
    )
    parts = urlsplit(filled)
    assert filled.isascii()
    assert [unquote(part) for part in parts.path.split("/")] == ["", "users", path, "all"]
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", query), ("page", "1")]


@pytest.mark.parametrize("value", [".", ".."])
def test_dots_in_a_path_are_no_folders(value: str) -> None:
    filled = READER.url("/a/{id}/b", "scenario.path").fill({"id": value})
    assert value not in filled.split("/")
    assert unquote(filled) == f"/a/{value}/b"


def test_what_a_url_may_not_hold_is_encoded_and_what_is_encoded_stays() -> None:
    filled = READER.url("/smör gås?q=%20{q}&r={{x}}", "scenario.path").fill({"q": 1})
    assert filled == "/sm%C3%B6r%20g%C3%A5s?q=%201&r=%7Bx%7D"


@given(value=TEXT)
def test_any_value_in_a_json_string_parses_back(value: str) -> None:
    template = READER.json({"a": ["<{id}>", {"{id}": True}], "b": 1.5}, "scenario.json")
    assert json.loads(template.fill({"id": value})) == {
        "a": [f"<{value}>", {value: True}],
        "b": 1.5,
    }


@given(value=st.none() | st.booleans() | st.integers() | TEXT | st.lists(st.integers()))
def test_a_whole_value_keeps_its_type(value: Any) -> None:
    template = READER.json({"v": "{id}"}, "scenario.json")
    assert json.loads(template.fill({"id": value})) == {"v": value}


@given(value=TEXT)
def test_any_value_in_a_form_parses_back(value: str) -> None:
    template = READER.form({"a b": "{id}", "c": "&{{}}"}, "scenario.form")
    assert parse_qsl(template.fill({"id": value}), keep_blank_values=True) == [
        ("a b", value),
        ("c", "&{}"),
    ]


@given(value=TEXT)
def test_a_raw_body_holds_values_as_they_are(value: str) -> None:
    assert READER.raw("<a>{id}</a>", "scenario.body").fill({"id": value}) == f"<a>{value}</a>"


@pytest.mark.parametrize("value", ["a\r\nx: 1", "a\nb", "\0", "€"])
def test_what_fits_no_header_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        READER.header("Bearer {id}", "scenario.headers.x").fill({"id": value})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/x/{name}", "scenario.path: the data file has no column for {name}; it has id, q"),
        ("/x/{id", "scenario.path: an unmatched {"),
        ("/x/id}", "scenario.path: an unmatched }"),
        ("/x/{}", "no column for {}"),
    ],
)
def test_a_placeholder_without_a_column_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        READER.url(text, "scenario.path")
    assert words in refused.value.message
    assert "{{" in str(refused.value.fix) or "}}" in str(refused.value.fix)


def test_without_a_data_file_a_placeholder_asks_for_one() -> None:
    with pytest.raises(ConfigError, match="needs a data file") as refused:
        TemplateReader([]).json({"a": ["x{id}"]}, "scenario.json")
    assert refused.value.message.startswith("scenario.json.a[0]: {id}")
    assert "--data" in str(refused.value.fix)


def test_in_copied_text_only_known_columns_are_placeholders() -> None:
    text = "query { user(id: {id}) { name {{x}} } }"
    filled = TemplateReader(["id"], lenient=True).raw(text, "f").fill({"id": 7})
    assert filled == "query { user(id: 7) { name {{x}} } }"
    assert TemplateReader([], lenient=True).raw(text, "f").fill({}) == text

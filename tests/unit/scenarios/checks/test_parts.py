"""Each check by itself: what it takes, what it refuses, and what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.errors import ConfigError
from dragstrip.ledger.rows import Outcome
from dragstrip.scenario import Operation, Target
from scenarios.http.checks import build, json_schema
from scenarios.http.checks.equals import is_same
from tests.support.expectations import Expect, MemoryTable, reply

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.scenario import Reply
    from scenarios.http.checks.expectation import ExplainedCheck

TARGETS = [Target(name, "http", f"http://{name}.invalid") for name in ("old", "new")]
SEARCH = Operation("search")
ORDER_SCHEMA = {
    "type": "object",
    "required": ["sku", "lines"],
    "properties": {
        "sku": {"type": "string"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    },
    "$defs": {"line": {"type": "object", "required": ["id"]}},
}


def built(expect: Expect, rows: MemoryTable | None = None) -> ExplainedCheck:
    return build(expect, rows or MemoryTable(), TARGETS, SEARCH)


def assert_judged(check: ExplainedCheck, answer: Reply, outcome: Outcome, why: str = "") -> None:
    # Twice: what is remembered must not change the outcome.
    assert [check(0, answer), check(0, answer), check(0, answer)] == [outcome] * 3
    said = check.explain(0, answer)
    assert why in said
    assert bool(said) is (outcome is not Outcome.OK)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_without_a_status_any_2xx_will_do(status: int) -> None:
    assert_judged(built(Expect()), reply(status=status), Outcome.OK)


@pytest.mark.parametrize("status", [199, 300, 304, 404, 500])
def test_without_a_status_nothing_else_will(status: int) -> None:
    why = f"expect.status is 2xx, and the status is {status}"
    assert_judged(built(Expect()), reply(status=status), Outcome.HTTP_STATUS, why)


def test_only_the_given_statuses_are_right() -> None:
    check = built(Expect(status=(201, 404)))
    assert_judged(check, reply(status=404), Outcome.OK)
    why = "expect.status is 201 or 404, and the status is 200"
    assert_judged(check, reply(status=200), Outcome.HTTP_STATUS, why)


def test_a_redirect_says_where_to() -> None:
    answer = reply(status=302, headers={"Location": "/login"})
    assert_judged(built(Expect()), answer, Outcome.HTTP_STATUS, "302, a redirect to /login")


def test_a_header_must_be_there_with_its_value() -> None:
    check = built(Expect(header={"X-Cache": "HIT", "etag": ""}))
    assert_judged(check, reply(headers={"x-cache": "hit", "ETag": '"a"'}), Outcome.OK)
    assert_judged(
        check,
        reply(headers={"x-cache": "miss", "etag": '"a"'}),
        Outcome.WRONG_ANSWER,
        'expect.header.x-cache is "hit", and the header is "miss"',
    )
    why = "expect.header.etag: the answer has no such header"
    assert_judged(check, reply(headers={"x-cache": "hit"}), Outcome.WRONG_ANSWER, why)
    near = reply(headers={"x-cache": "hit", "my-etag": "1"})
    assert_judged(check, near, Outcome.WRONG_ANSWER, why)


def test_a_wrong_content_type_has_its_own_reason() -> None:
    check = built(Expect(header={"content-type": "application/json"}))
    assert_judged(check, reply(headers={"content-type": "text/html"}), Outcome.CONTENT_TYPE)


def test_the_body_holds_every_text() -> None:
    check = built(Expect(contains=("größe", "hex:00ff")))
    assert_judged(check, reply("größe".encode() + b"\x00\xff", kind="x/y"), Outcome.OK)
    why = 'expect.contains: "hex:00ff" does not stand in the body'
    assert_judged(check, reply("größe".encode()), Outcome.WRONG_ANSWER, why)


def test_a_regular_expression_is_searched_for() -> None:
    check = built(Expect(matches=(r'"total": ?\d+', "[äöü]")))
    assert_judged(check, reply('{"total": 7, "name": "ü"}'.encode()), Outcome.OK)
    why = "expect.matches"
    assert_judged(check, reply('{"total": "ü"}'.encode()), Outcome.WRONG_ANSWER, why)


@pytest.mark.parametrize("library", ["jsonschema-rs", "jsonschema"])
def test_a_body_is_valid_under_the_schema(
    tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "jsonschema":
        monkeypatch.setattr(json_schema, "jsonschema_rs", None)
    file = tmp_path / "order.schema.json"
    file.write_text(json.dumps(ORDER_SCHEMA))
    check = built(Expect(schema_file=file))
    assert_judged(check, reply({"sku": "a", "lines": [{"id": 1}]}), Outcome.OK)
    assert_judged(check, reply({"lines": []}), Outcome.WRONG_ANSWER, "by order.schema.json, $: ")
    wrong = reply({"sku": "a", "lines": [{"id": 1}, {}]})
    assert_judged(check, wrong, Outcome.WRONG_ANSWER, "$.lines[1]: ")
    assert_judged(check, reply(b"<html>"), Outcome.NOT_JSON, "the body is not JSON")


def test_a_schema_is_checked_without_the_faster_library(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_text(json.dumps(ORDER_SCHEMA))
    program = (
        "import sys, pathlib; sys.modules['jsonschema_rs'] = None\n"
        "from scenarios.http.checks.json_schema import compile_schema\n"
        f"validator = compile_schema(pathlib.Path({str(file)!r}))\n"
        "print(validator.is_valid({'sku': 'a', 'lines': []}), validator.is_valid({}))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout == "True False\n", run.stderr


@pytest.mark.parametrize("library", ["jsonschema-rs", "jsonschema"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read"),
        ("{", "is not JSON"),
        ('{"type": "objekt"}', "is not a JSON Schema"),
        ('{"$ref": "http://127.0.0.1:9/other.json"}', "in another file"),
        ('{"properties": {"a": {"$ref": "other.json#/x"}}}', "in another file"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(
    tmp_path: Path,
    library: str,
    content: str | None,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if library == "jsonschema":
        monkeypatch.setattr(json_schema, "jsonschema_rs", None)
    file = tmp_path / "s.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError) as refused:
        built(Expect(schema_file=file))
    assert "search: expect.schema: " in refused.value.message
    assert words in refused.value.message
    assert refused.value.fix


@pytest.mark.parametrize("library", ["jsonschema-rs", "jsonschema"])
def test_a_schema_may_refer_to_itself(
    tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "jsonschema":
        monkeypatch.setattr(json_schema, "jsonschema_rs", None)
    schema = {
        "$id": "https://x.invalid/tree.json",
        "type": "object",
        "properties": {
            "child": {"$ref": "tree.json"},
            "leaf": {"$ref": "leaf.json"},
            "$ref": {"type": "string"},
        },
        "$defs": {"leaf": {"$id": "leaf.json", "type": "integer"}},
    }
    file = tmp_path / "s.json"
    file.write_text(json.dumps(schema))
    check = built(Expect(schema_file=file))
    assert_judged(check, reply({"child": {"child": {"leaf": 1}}}), Outcome.OK)
    assert_judged(check, reply({"child": {"leaf": "x"}}), Outcome.WRONG_ANSWER, "$.child.leaf")


def test_the_answer_equals_a_column() -> None:
    rows = MemoryTable([{"id": "7", "name": "Ada"}, {"id": "8", "name": "Bo"}])
    check = built(Expect(column="name", at="$.user.name"), rows)
    assert_judged(check, reply({"user": {"name": "Ada"}}), Outcome.OK)
    why = 'expect.column: name is "Ada", and $.user.name is "Bo"'
    assert_judged(check, reply({"user": {"name": "Bo"}}), Outcome.WRONG_ANSWER, why)
    assert check(1, reply({"user": {"name": "Bo"}})) == Outcome.OK
    assert_judged(check, reply({}), Outcome.WRONG_ANSWER, "$.user.name is absent")
    assert_judged(check, reply(b"Ada"), Outcome.NOT_JSON, "the body is not JSON")


def test_every_value_that_the_path_leads_to_must_equal_the_column() -> None:
    check = built(Expect(column="id", at="$[*].id"), MemoryTable([{"id": "7"}]))
    assert_judged(check, reply([{"id": 7}, {"id": "7"}]), Outcome.OK)
    assert_judged(check, reply([{"id": 7}, {"id": 8}]), Outcome.WRONG_ANSWER, "is 7, 8")
    assert_judged(check, reply([]), Outcome.WRONG_ANSWER, "absent")


@pytest.mark.parametrize("body", [b"Ada", b"Ada\n", b'"Ada"', b"Ada\r\n"])
def test_the_whole_body_equals_a_column(body: bytes) -> None:
    check = built(Expect(column="name"), MemoryTable([{"name": "Ada"}]))
    assert_judged(check, reply(body, kind="text/plain"), Outcome.OK)
    assert_judged(check, reply(b"Adam"), Outcome.WRONG_ANSWER, 'and the body is "Adam"')


@pytest.mark.parametrize(
    ("right", "found", "same"),
    [
        ("62", 62, True),
        ("62", 62.0, True),
        ("62.5", 62.5, True),
        ("62", "62", True),
        ("062", "62", False),
        ("1_0", 10, False),
        ("nan", 1, False),
        ("true", True, True),
        ("1", True, False),
        ("", None, True),
        ("null", None, True),
        ("0", None, False),
        ("", "", True),
        ('{"b": 1, "a": 2}', {"a": 2, "b": 1}, True),
        ("[1, 2]", [2, 1], False),
        ("x", [1], False),
        (62, 62, True),
        (62, 62.0, True),
        (62, "62", False),
        (1, True, False),
        (None, None, True),
        ({"a": 1}, {"a": 1}, True),
        ("9" * 300, 1, False),
    ],
)
def test_a_value_is_that_of_a_column(right: Any, found: Any, same: bool) -> None:
    assert is_same(right, found) is same


@given(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
)
def test_a_value_is_that_of_a_column_that_holds_its_json(value: Any) -> None:
    assert is_same(orjson.dumps(value).decode(), value)


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        (Expect(column="nam"), 'no column "nam"'),
        (Expect(column="name", at="name"), "expect.at: 'name' does not begin"),
        (Expect(same=True, ignore=("$.a[",)), "expect.ignore: '$.a['"),
        (Expect(same=True, ignore=("$",)), 'expect.ignore: "$" is the whole answer'),
        (Expect(same=True, unordered=("$.",)), "expect.unordered: '$.'"),
        (Expect(matches=("(",)), "expect.matches"),
        (Expect(contains=("hex:1",)), "expect.contains"),
        (Expect(contains=("",)), "expect.contains is empty"),
    ],
)
def test_what_makes_no_check_is_refused_with_the_field(expect: Expect, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        built(expect, MemoryTable([{"name": "x"}]))
    assert refused.value.message.startswith("search: ")
    assert words in refused.value.message
    assert refused.value.fix


def test_answers_are_compared_between_two_targets_only() -> None:
    with pytest.raises(ConfigError, match="two targets"):
        build(Expect(same=True), MemoryTable(), TARGETS[:1], SEARCH)


def test_all_parts_must_hold_and_the_cheapest_is_asked_first() -> None:
    rows = MemoryTable([{"id": "7"}])
    check = built(Expect(status=(200,), header={"etag": ""}, column="id", at="$.id"), rows)
    good = {"etag": "x"}
    assert_judged(check, reply({"id": 7}, headers=good), Outcome.OK)
    assert_judged(check, reply({"id": 7}), Outcome.WRONG_ANSWER, "expect.header")
    assert_judged(check, reply({"id": 8}, headers=good), Outcome.WRONG_ANSWER, "expect.column")
    both = reply(b"no", status=500)
    assert_judged(check, both, Outcome.HTTP_STATUS, "expect.status")

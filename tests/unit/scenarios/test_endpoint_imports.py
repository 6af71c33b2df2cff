"""Requests that were written for curl, vegeta and OpenAPI come out as those send them."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.errors import ConfigError
from scenarios.http import curl, openapi, shell_words, vegeta
from scenarios.http.described import Body

if TYPE_CHECKING:
    from pathlib import Path

FROM_CHROME = r"""curl 'https://shop.example/api/search?q=a%20b' \
  -X 'POST' \
  -H 'accept: application/json' \
  -H 'accept-encoding: gzip, deflate, br' \
  -H 'authorization: Bearer very-secret' \
  -b 'session=also-secret; theme=dark' \
  -H 'content-type: application/json' \
  --data-raw $'{"text":"it\'s {braces} \u0041","list":[1,{"a":{}}]}' \
  --compressed
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    path = tmp_path / "request.txt"
    path.write_text(FROM_CHROME)
    return path


def test_a_command_from_developer_tools_is_understood(copied: Path) -> None:
    operation = curl.read(copied)
    assert (operation.method, operation.path) == ("POST", "/api/search?q=a%20b")
    assert operation.headers == {
        "accept": "application/json",
        "authorization": "Bearer very-secret",
        "cookie": "session=also-secret; theme=dark",
        "content-type": "application/json",
    }
    assert operation.body == Body("raw", '{"text":"it\'s {braces} A","list":[1,{"a":{}}]}')


FROM_FIREFOX = r"""curl --path-as-is 'https://shop.example/api/cart' \
  --compressed \
  -X POST \
  -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' \
  -H 'Accept: */*' \
  -H 'Accept-Encoding: gzip, deflate, br, zstd' \
  -H 'Content-Type: application/x-www-form-urlencoded' \
  -H 'Connection: keep-alive' \
  -H 'Cookie: session=also-secret' \
  -H 'TE: trailers' \
  --data-raw 'item=7&note=%21'
"""
FROM_CHROME_MULTIPART = r"""curl 'https://shop.example/upload' \
  -H 'content-type: multipart/form-data; boundary=A' \
  -H 'x-empty;' \
  --data-raw $'--A\r\nContent-Disposition: form-data; name="a"\r\n\r\n\u0021\r\n--A--\r\n'
"""


def test_what_browsers_copy_is_what_they_sent(tmp_path: Path) -> None:
    path = tmp_path / "request.txt"
    path.write_text(FROM_FIREFOX)
    firefox = curl.read(path)
    assert (firefox.method, firefox.path) == ("POST", "/api/cart")
    assert list(firefox.headers) == ["User-Agent", "Accept", "Content-Type", "Cookie"]
    assert firefox.body == Body("raw", "item=7&note=%21")
    path.write_text(FROM_CHROME_MULTIPART)
    chrome = curl.read(path)
    assert chrome.method == "POST"
    assert chrome.headers["x-empty"] == ""
    assert chrome.body is not None
    assert chrome.body.content.splitlines() == [
        "--A",
        'Content-Disposition: form-data; name="a"',
        "",
        "!",
        "--A--",
    ]


def test_headers_that_docs_write_are_those_that_curl_sends(tmp_path: Path) -> None:
    path = tmp_path / "request.txt"
    path.write_text("curl --oauth2-bearer very-secret -H 'Accept:' -H 'X-A: b' https://h/x")
    assert curl.read(path).headers == {"authorization": "Bearer very-secret", "X-A": "b"}


def test_its_secrets_stand_in_no_repr(copied: Path) -> None:
    assert "secret" not in repr(curl.read(copied))


@pytest.mark.parametrize(
    ("command", "method", "path", "body"),
    [
        ("curl https://h/x", "GET", "/x", None),
        ("curl h.example", "GET", "/", None),
        ("curl -d a=1 -d b=2 https://h/x", "POST", "/x", "a=1&b=2"),
        (
            "curl -G -d a=1 --data-urlencode 'b=x y' https://h/x?c=3",
            "GET",
            "/x?c=3&a=1&b=x+y",
            None,
        ),
        ("curl -XPUT --json '{\"a\": 1}' https://h/x", "PUT", "/x", '{"a": 1}'),
        ("curl -I https://h/x", "HEAD", "/x", None),
        ('curl -sS -o out "https://h/x?a=$b"', "GET", "/x?a=$b", None),
        ("curl -d @body.txt https://h/x", "POST", "/x", "onetwo"),
        ("curl --data-binary @body.txt https://h/x", "POST", "/x", "one\ntwo\n"),
        ("curl --request=DELETE --url=https://h/x", "DELETE", "/x", None),
        ("$ curl -fsSLXPUT -d a https://h/x", "PUT", "/x", "a"),
    ],
)
def test_what_curl_would_send(
    tmp_path: Path, command: str, method: str, path: str, body: str | None
) -> None:
    (tmp_path / "body.txt").write_text("one\ntwo\n")
    (tmp_path / "request.txt").write_text(command)
    operation = curl.read(tmp_path / "request.txt")
    assert (operation.method, operation.path) == (method, path)
    assert operation.body == (None if body is None else Body("raw", body))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("wget https://h/x", "does not begin with curl"),
        ("curl 'https://h/x", "a quote does not end"),
        ("curl -F file=@a https://h/x", "-F is not understood"),
        ("curl -H accept", "a header is not written as Name: value"),
        ("curl -X GET", "it has no address"),
        ("curl https://h/x https://h/y", "it has two addresses"),
        ("curl https://u:p@h/x", "a user name or a password"),
        ('curl ^"https://h/x^"', "Windows' command prompt"),
        ("curl -d @gone.txt https://h/x", "cannot read"),
        ("curl -X BREW https://h/x", "the method BREW is not supported"),
    ],
)
def test_a_command_that_is_not_understood_is_refused(
    tmp_path: Path, command: str, words: str
) -> None:
    (tmp_path / "request.txt").write_text(command)
    with pytest.raises(ConfigError) as refused:
        curl.read(tmp_path / "request.txt")
    assert words in refused.value.message
    assert refused.value.message.startswith("scenario.curl: ")
    assert refused.value.fix


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_words_that_a_shell_would_split_come_back(words: list[str]) -> None:
    assert shell_words.split(shlex.join(words)) == words


TARGETS = """# comment
GET https://old.example/users/1?full=1
Accept: application/json
X-Trace: a

POST https://old.example/orders
Content-Type: application/json
@order.json
GET https://old.example/users/2
"""


def test_vegetas_targets_are_operations(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text('{"sku": "{not a column}"}')
    (tmp_path / "targets.txt").write_text(TARGETS)
    user, order, other = vegeta.read(tmp_path / "targets.txt")
    assert (user.name, user.method, user.path) == ("get-users-1", "GET", "/users/1?full=1")
    assert user.headers == {"Accept": "application/json", "X-Trace": "a"}
    assert (order.name, order.method, order.path) == ("post-orders", "POST", "/orders")
    assert order.body == Body("raw", '{"sku": "{not a column}"}')
    assert (other.name, other.path, other.body) == ("get-users-2", "/users/2", None)


def test_targets_of_one_name_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "targets.txt"
    path.write_text("GET http://h/x?a=1\nGET http://h/x?a=2\n")
    assert [one.name for one in vegeta.read(path)] == ["get-x", "get-x-2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no target"),
        ("https://h/x\n", "line 1: it is not METHOD URL"),
        ("GET https://h/x\nnonsense\n", "line 1: a header is not written"),
        ("POST https://h/x\n@gone.json\n", "cannot read"),
        ("GET http://h/\n" * 65, "line 65: more than 64 targets"),
    ],
)
def test_bad_targets_are_refused_with_their_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "targets.txt").write_text(text)
    with pytest.raises(ConfigError) as refused:
        vegeta.read(tmp_path / "targets.txt")
    assert words in refused.value.message


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://api.example/v1"}],
    "paths": {
        "/users/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {
                "operationId": "getUser",
                "parameters": [
                    {"name": "fields", "in": "query", "schema": {"type": "string"}},
                    {
                        "name": "tenant",
                        "in": "query",
                        "required": True,
                        "schema": {"default": "a b"},
                    },
                    {"name": "X-Page", "in": "header", "required": True, "example": 3},
                ],
            },
            "put": {
                "operationId": "putUser",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/User"}}
                    },
                },
            },
        }
    },
    "components": {
        "parameters": {
            "id": {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
        },
        "schemas": {
            "User": {
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "age": {"example": 30}, "note": {}},
            }
        },
    },
}


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "api.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


def test_an_operation_of_openapi_is_filled_from_columns(document: Path) -> None:
    operation = openapi.read(document, "getUser", ["id", "fields"])
    assert operation.method == "GET"
    assert operation.path == "/v1/users/{id}?fields={fields}&tenant=a%20b"
    assert operation.headers == {"X-Page": "3"}


def test_its_body_is_made_of_columns_and_examples(document: Path) -> None:
    operation = openapi.read(document, "putUser", ["id", "name"])
    assert operation.method == "PUT"
    assert operation.body == Body("json", {"name": "{name}", "age": 30})
    assert operation.headers == {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("operation", "columns", "words"),
    [
        ("getuser", ["id"], "there is no operation getuser"),
        ("getUser", [], "the parameter id has no column, example or default"),
        ("putUser", ["id"], "the property name of its body has no column or example"),
    ],
)
def test_what_is_missing_is_named(
    document: Path, operation: str, columns: list[str], words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        openapi.read(document, operation, columns)
    assert words in refused.value.message


def test_yaml_is_read_like_json(tmp_path: Path, document: Path) -> None:
    path, columns = tmp_path / "api.yaml", ["id"]
    path.write_text(yaml.safe_dump(DOCUMENT))
    found, same = (openapi.read(one, "getUser", columns) for one in (path, document))
    assert replace(found, source=same.source) == same
    path.write_text("paths: [")
    with pytest.raises(ConfigError, match="neither JSON nor YAML"):
        openapi.read(path, "getUser", ["id"])


def test_a_circle_of_references_ends(tmp_path: Path) -> None:
    path = tmp_path / "api.json"
    path.write_text(json.dumps({"paths": {"/x": {"$ref": "#/paths/~1x"}}}))
    with pytest.raises(ConfigError, match="form a cycle"):
        openapi.read(path, "x", [])

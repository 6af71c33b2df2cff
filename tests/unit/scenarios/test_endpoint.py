"""What an endpoint is asked, what the first answers say of it, and what other processes get."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.config.config import Config, load
from dragstrip.errors import ConfigError, DragstripError, PreflightError, StorageError
from dragstrip.scenario import Request, targets_of
from scenarios.endpoint import Endpoint
from scenarios.http.described import unpack
from tests.support.web_server import ReceivedRequest, WebAnswer, WebServer, echo, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ADDRESSES = ("http://127.0.0.1:1", "http://127.0.0.1:2")
SECRET = "a-secret-0123456789"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def configured(
    scenario: dict[str, Any],
    urls: tuple[str, str],
    **targets: dict[str, Any],
) -> Config:
    given = targets or {"old": {"path": "/search"}, "new": {"path": "/search"}}
    return Config.model_validate(
        {
            "scenario": {"name": "endpoint", **scenario},
            "targets": {
                name: {"url": url, **more}
                for (name, more), url in zip(given.items(), urls, strict=True)
            },
            "race": {"baseline": "old", "challenger": "new", "timeout": 5},
        }
    )


def ready(scenario: dict[str, Any], **targets: dict[str, Any]) -> Endpoint:
    endpoint = Endpoint(configured(scenario, ADDRESSES, **targets))
    endpoint.validate()
    return endpoint


def requests(endpoint: Endpoint, key: int = 0) -> list[Request]:
    targets = targets_of(endpoint.config).values()
    return [endpoint.request(t, o, key) for o in endpoint.operations for t in targets]


def refusal(scenario: dict[str, Any], **targets: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as refused:
        ready(scenario, **targets).variables()
    assert refused.value.fix
    return refused.value.message


def rows(text: str, name: str = "rows.csv") -> str:
    with open(name, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
        file.write(text)
    return name


def test_each_target_is_asked_by_its_own_path_and_headers() -> None:
    data = rows("id,tenant\n7,a b\n8,c\n")
    endpoint = ready(
        {"data": data, "headers": {"X-Tenant": "{tenant}", "Accept": "text/plain"}},
        old={"path": "/users/{id}"},
        new={"path": "/v2/users?id={id}", "headers": {"accept": "application/json"}},
    )
    old, new = requests(endpoint)
    assert (old.method, old.path, old.body) == ("GET", "/users/7", None)
    assert old.headers == {"x-tenant": "a b", "accept": "text/plain"}
    assert new.path == "/v2/users?id=7"
    assert new.headers == {"x-tenant": "a b", "accept": "application/json"}
    assert endpoint.keys == 2
    assert requests(endpoint, 1)[0].path == "/users/8"


@pytest.mark.parametrize(
    ("fields", "body", "content_type"),
    [
        ({"json": {"sku": "{sku}", "n": 1}}, b'{"sku":7,"n":1}', "application/json"),
        ({"json": {"t": "<{sku}>"}}, b'{"t":"<7>"}', "application/json"),
        ({"form": {"sku": "{name}"}}, b"sku=a+%26%22", "application/x-www-form-urlencoded"),
        ({"body": "<{name}>", "content_type": "text/xml"}, b'<a &">', "text/xml"),
        ({"body": '{"n": "{name}"}'}, b'{"n":"a &\\""}', "application/json"),
        (
            {"body": "a={name}", "content_type": "application/x-www-form-urlencoded"},
            b"a=a+%26%22",
            "application/x-www-form-urlencoded",
        ),
        ({"body": "@order.txt"}, b"order 7", None),
    ],
)
def test_bodies_are_written_as_their_content_type_asks(
    tmp_path: Path, fields: dict[str, Any], body: bytes, content_type: str | None
) -> None:
    (tmp_path / "order.txt").write_text("order {sku}")
    data = rows('{"sku": 7, "name": "a &\\""}\n', "rows.jsonl")
    endpoint = ready({"data": data, "method": "POST", **fields})
    request = requests(endpoint)[0]
    assert (request.method, request.body) == ("POST", body)
    assert request.headers.get("content-type") == content_type


def test_operations_share_headers_and_expectations() -> None:
    endpoint = ready(
        {
            "headers": {"accept": "application/json"},
            "expect": {"status": 201},
            "operations": [
                {"name": "search", "weight": 9, "path": "/search"},
                {"name": "order", "method": "POST", "path": "/orders", "json": {"a": [1, None]}},
            ],
        },
        old={},
        new={},
    )
    assert [(o.name, o.weight, o.method) for o in endpoint.operations] == [
        ("search", 9, "GET"),
        ("order", 1, "POST"),
    ]
    search, _, order, _ = requests(endpoint)
    assert (search.path, order.path) == ("/search", "/orders")
    assert order.body == b'{"a":[1,null]}'
    assert search.headers["accept"] == order.headers["accept"] == "application/json"


def test_braces_of_a_copied_command_stand_for_themselves(tmp_path: Path) -> None:
    (tmp_path / "request.txt").write_text(
        """curl https://h/graph -H 'content-type: application/json' """
        """--data-raw '{"query":"{user(id:{id}){name}}","tag":"{id}"}'"""
    )
    endpoint = ready({"curl": "request.txt", "data": rows('id\n"a""b"\n')}, old={}, new={})
    request = requests(endpoint)[0]
    assert (request.method, request.path) == ("POST", "/graph")
    assert json.loads(request.body or b"") == {
        "query": '{user(id:a"b){name}}',
        "tag": 'a"b',
    }


def test_secrets_come_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EP_TOKEN", SECRET)
    (tmp_path / "key").write_text(SECRET + "\n")
    endpoint = ready({"headers": {"Authorization": "Bearer env:EP_TOKEN", "X-Api-Key": "file:key"}})
    assert endpoint.variables() == {"EP_TOKEN": SECRET}
    request = requests(endpoint)[0]
    assert request.headers == {"authorization": f"Bearer {SECRET}", "x-api-key": SECRET}
    assert set(endpoint.secret_headers()) == {"authorization", "x-api-key"}
    packed = endpoint.handoff() or b""
    assert SECRET.encode() not in packed
    assert SECRET not in repr(unpack(packed))
    assert SECRET not in json.dumps(endpoint.config.stored())


def test_each_target_may_have_an_authorization_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EP_TOKEN", SECRET)
    monkeypatch.setenv("EP_OTHER", SECRET[::-1])
    endpoint = ready(
        {"headers": {"authorization": "env:EP_OTHER"}},
        old={"path": "/"},
        new={"path": "/", "auth": "Bearer env:EP_TOKEN"},
    )
    assert endpoint.variables() == {"EP_TOKEN": SECRET, "EP_OTHER": SECRET[::-1]}
    old, new = requests(endpoint)
    assert old.headers == {"authorization": SECRET[::-1]}
    assert new.headers == {"authorization": f"Bearer {SECRET}"}
    assert SECRET not in json.dumps(endpoint.config.stored())


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"auth": f"Bearer {SECRET}"}, "Authorization holds a secret, which must not stand here"),
        ({"auth": "env:A", "headers": {"authorization": "env:B"}}, "auth and the header"),
    ],
)
def test_an_authorization_that_is_none_is_refused(target: dict[str, Any], words: str) -> None:
    section = {"url": ADDRESSES[0], **target}
    with pytest.raises(ConfigError) as refused:
        load({}, overrides={"targets": {"old": section}})
    assert "targets.old: " in refused.value.message
    assert words in refused.value.message
    assert SECRET not in refused.value.message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("env:EP_MISSING", "the environment variable EP_MISSING is not set"),
        ("env:EP_BROKEN", "env:EP_BROKEN holds a line break"),
        ("file:gone", "cannot read"),
    ],
)
def test_a_secret_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str, words: str
) -> None:
    monkeypatch.setenv("EP_BROKEN", f"{SECRET}\r\nx: 1")
    endpoint = ready({"headers": {"Authorization": value}})
    with pytest.raises(ConfigError) as refused:
        endpoint.variables()
    assert words in refused.value.message
    assert SECRET not in f"{refused.value.message} {refused.value.fix}"


def test_other_processes_get_the_same_requests_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(SECRET)
    endpoint = ready(
        {"data": rows("id\n7\n"), "headers": {"X-Api-Key": "file:key"}},
        old={"path": "/a/{id}"},
        new={"path": "/b/{id}"},
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    # A plan holds no headers and paths of targets.
    bare = configured({"data": "rows.csv"}, ADDRESSES, old={}, new={})
    other = Endpoint(bare)
    other.receive(endpoint.handoff())
    assert requests(other) == requests(endpoint)
    assert other.keys == endpoint.keys


def test_a_data_file_that_changed_is_refused() -> None:
    endpoint = ready({"data": rows("id\n7\n")}, old={"path": "/{id}"}, new={"path": "/{id}"})
    rows("id\n8\n9\n")
    with pytest.raises(ConfigError, match="is not the file that the race was prepared with"):
        Endpoint(endpoint.config).receive(endpoint.handoff())


def test_a_damaged_handoff_shows_nothing_of_itself() -> None:
    with pytest.raises(StorageError) as refused:
        Endpoint(configured({}, ADDRESSES)).receive(SECRET.encode())
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ({"dat": "x.csv"}, "scenario.dat: unknown field; did you mean data?"),
        ({"operations": [{"paht": "/"}]}, "scenario.operations.0.paht: unknown field; did you"),
        ({"expect": {"statsu": 1}}, "scenario.expect.statsu: unknown field; did you mean status?"),
        ({"expect": {"status": 99}}, "scenario.expect.status.0: "),
        ({"expect": {"ignore": ["$.a"]}}, "scenario.expect: ignore needs same = true"),
        ({"expect": {"at": "$.a"}}, "scenario.expect: at needs column"),
        ({"body": "x"}, "scenario: body: a GET has no body; give method"),
        ({"json": {}, "form": {}, "method": "POST"}, "json and form exclude each other"),
        ({"method": "BREW"}, "scenario.method: "),
        ({"headers": {"Host": "x"}}, "scenario.headers: the connection writes the header Host"),
        ({"headers": {"a b": "x"}}, "scenario.headers: 'a b' is not the name of a header"),
        ({"headers": {"a": "x\ny"}}, "scenario.headers: the value of a holds a line break"),
        ({"headers": {"a": "{x}"}}, "scenario.headers.a: {x} needs a data file"),
        ({"headers": {"Cookie": SECRET}}, "scenario.headers: Cookie holds a secret"),
        ({"headers": {"X-Auth-Token": SECRET}}, "X-Auth-Token holds a secret"),
        ({"openapi": "a.json"}, "openapi and operation (--openapi FILE --operation ID) need"),
        ({"curl": "a", "vegeta": "b"}, "curl and vegeta exclude each other"),
        ({"curl": "a", "method": "GET"}, "method and curl exclude each other"),
        ({"curl": "gone.txt"}, "scenario.curl: cannot read gone.txt"),
        ({"data": "gone.csv"}, "scenario.data: cannot read gone.csv"),
        ({"method": "POST", "body": "@gone"}, "scenario.body: cannot read gone"),
        (
            {"method": "POST", "body": "{", "content_type": "application/json"},
            "scenario.body: it is not JSON",
        ),
        (
            {"operations": [{"name": "a", "path": "/"}, {"name": "a", "path": "/"}]},
            'operations: two are named "a"',
        ),
        (
            {"operations": [{"name": "a", "path": "/"}, {"name": "b", "path": "/"}]},
            "targets.old.path: there are 2 operations",
        ),
    ],
)
def test_bad_settings_are_refused_with_the_field(scenario: dict[str, Any], words: str) -> None:
    message = refusal(scenario)
    assert words in message
    assert SECRET not in message


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (None, "scenario.path is not set"),
        ("search", "targets.old.path: it must begin with /"),
        ("/search#top", "targets.old.path: a fragment (#) is never sent"),
        ("/{id}", "targets.old.path: {id} needs a data file"),
    ],
)
def test_bad_paths_are_refused(path: str | None, words: str) -> None:
    assert words in refusal({}, old={"path": path}, new={"path": "/"})


class CollectedLines:
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture
def servers() -> Iterator[tuple[WebServer, WebServer]]:
    with WebServer().serving() as old, WebServer().serving() as new:
        yield old, new


def prepared(
    servers: tuple[WebServer, WebServer], scenario: dict[str, Any], path: str = "/x"
) -> tuple[Any, list[str]]:
    old, new = servers
    config = configured(scenario, (old.url, new.url), old={"path": path}, new={"path": path})
    endpoint, lines = Endpoint(config), CollectedLines()
    endpoint.validate()
    facts = endpoint.prepare(list(targets_of(config).values()), lines)
    return facts, lines.said


def test_a_handful_of_untimed_requests_are_sent_and_shown(
    servers: tuple[WebServer, WebServer],
) -> None:
    data = rows("id,unused\n" + "".join(f"{number},\n" for number in range(1000)))
    facts, said = prepared(servers, {"data": data}, "/x?id={id}")
    for server in servers:
        assert [asked.path for asked in server.asked] == ["/x?id=0", "/x?id=499", "/x?id=999"]
    assert said[0] == 'warning: scenario.data: the column "unused" of rows.csv is never used'
    assert len(said) == 7
    assert said[1].startswith("preflight: old: GET /x?id=0: 200, application/json, ")
    assert facts.data == "1,000 rows of rows.csv"
    assert 'column "unused"' in facts.proof
    assert facts.digest_of == "SHA-256 of the data file"


def test_one_request_again_and_again_is_warned_of(servers: tuple[WebServer, WebServer]) -> None:
    facts, said = prepared(servers, {})
    assert len(said) == 3
    assert said[0].startswith("warning: every request is the same")
    assert facts.data == "one request, repeated: a cache may be what was measured"


def test_one_address_twice_is_allowed_and_said(servers: tuple[WebServer, WebServer]) -> None:
    old, _ = servers
    facts, said = prepared((old, old), {})
    assert said[0].startswith("warning: both targets are the same address")
    assert "Both targets are the same address" in facts.proof


def to(location: str) -> WebAnswer:
    return WebAnswer(b"", 302, {"location": location})


@pytest.mark.parametrize(
    ("answer", "words", "fix"),
    [
        (lambda _: to("/login?next=token"), "answered 302, a redirect to http://", "give that"),
        (lambda _: page("<form>"), "an HTML page where old answered with JSON", "--header"),
        (lambda _: WebAnswer({}, 401), "answered 401: it does not accept", "--header"),
        (lambda _: WebAnswer({}, 403), "answered 403: it does not accept", "--header"),
        (lambda _: WebAnswer({}, 429), "answered 429: it limits how often", "--rate"),
        (
            lambda _: WebAnswer({}, 500),
            "gave no right answer to 1 request: it answered 500",
            "--once",
        ),
        (lambda _: WebAnswer({}), 'expect.contains: "path" does not stand in the body', "expect"),
    ],
)
def test_a_target_that_answers_nothing_right_fails_before_load_is_made(
    servers: tuple[WebServer, WebServer],
    answer: Callable[[ReceivedRequest], WebAnswer],
    words: str,
    fix: str,
) -> None:
    servers[1].answer = answer
    with pytest.raises(PreflightError) as refused:
        prepared(servers, {"expect": {"contains": "path"}} if "contains" in words else {})
    assert "target new at http://127.0.0.1" in refused.value.message
    assert words in refused.value.message
    assert fix in str(refused.value.fix)
    assert "token" not in refused.value.message
    assert len(servers[1].asked) == 1


def test_a_redirect_may_be_what_is_raced(servers: tuple[WebServer, WebServer]) -> None:
    for server in servers:
        server.answer = lambda _: to("/elsewhere")
    facts, _ = prepared(servers, {"expect": {"status": [302]}})
    assert facts.values["rows"] == 1


def test_a_row_that_is_answered_wrong_is_shown_and_does_not_end_the_race(
    servers: tuple[WebServer, WebServer],
) -> None:
    for server in servers:
        server.answer = lambda asked: (
            WebAnswer({}, 404) if asked.path.endswith("2") else echo(asked)
        )
    _, said = prepared(servers, {"data": rows("id\n0\n1\n2\n")}, "/x?id={id}")
    assert sum("404 (http_status)" in line for line in said) == 2


def test_a_target_that_is_down_is_named() -> None:
    config = configured({}, ADDRESSES, old={"path": "/"}, new={"path": "/"})
    endpoint = Endpoint(config)
    endpoint.validate()
    with pytest.raises(DragstripError, match=r"target old at http://127\.0\.0\.1:1 is unreachable"):
        endpoint.prepare(list(targets_of(config).values()), CollectedLines())

"""A curl command, as browsers' developer tools and documentation have it, as an operation."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from dragstrip.errors import ConfigError
from scenarios.http import shell_words
from scenarios.http.copied import METHODS, add_header, path_of, raw_body, text_of_file
from scenarios.http.described import DescribedOperation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SHORT = {
    "-X": "--request",
    "-H": "--header",
    "-d": "--data",
    "-b": "--cookie",
    "-A": "--user-agent",
    "-e": "--referer",
    "-u": "--user",
    "-G": "--get",
    "-I": "--head",
}
_HEADER_OF = {"--cookie": "cookie", "--user-agent": "user-agent", "--referer": "referer"}
_DATA = {"--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json"}
_TAKES_VALUE = {
    *("--request", "--header", "--user", "--oauth2-bearer", "--url"),
    *_HEADER_OF,
    *_DATA,
}
_SWITCHES = {"--get", "--head"}
# They say how curl itself goes about it.
_IGNORED = {"--compressed", "--silent", "--show-error", "--location", "--insecure", "--verbose"} | {
    *("--include", "--fail", "--globoff", "--http1.1", "--http2", "--no-buffer", "--path-as-is"),
    *("--fail-with-body", "--no-progress-meter", "--http3", "--ipv4", "--ipv6"),
    *("-s", "-S", "-L", "-k", "-v", "-i", "-f", "-g", "-N", "-4", "-6"),
}
_IGNORED_WITH_VALUE = {"--output", "-o", "--max-time", "-m", "--connect-timeout", "--write-out"} | {
    *("-w", "--retry", "--max-redirs"),
}
_FORM = "application/x-www-form-urlencoded"


@dataclass
class _Command:
    place: str
    folder: Path
    url: str | None = None
    method: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    is_json: bool = False
    as_query: bool = False


def read(path: Path) -> DescribedOperation:
    """Return the request of the command in a file. Raises ConfigError."""
    place = f"scenario.curl: {path.name}"
    text = text_of_file(path, "curl")
    try:
        words = shell_words.split(text)
    except ValueError as error:
        raise ConfigError(f"{place}: {error}", fix="copy the command again") from None
    words = words[1:] if words[:1] == ["$"] else words
    if not words or words[0] != "curl":
        raise ConfigError(f"{place}: it does not begin with curl", fix="copy the whole command")
    if '^"' in text or "^\n" in text:
        raise ConfigError(
            f"{place}: it is written for Windows' command prompt", fix="copy it as cURL (bash)"
        )
    command = _Command(place, path.parent)
    for flag, value in _flags(words[1:], place):
        _take(command, flag, value)
    return _operation(command)


def _flags(words: list[str], place: str) -> Iterator[tuple[str, str]]:
    """Yield each flag by its long name with its value."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word == "-":
            yield "--url", word
            continue
        flag, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        # Short flags without a value may stand together, before one with its value: -sSXPOST.
        while not equals and not flag.startswith("--") and len(flag) > 2:
            first, others = flag[:2], flag[2:]
            if _is_switch(_SHORT.get(first, first)):
                yield _SHORT.get(first, first), ""
                flag = f"-{others}"
            else:
                flag, equals, value = first, "=", others
        flag = _SHORT.get(flag, flag)
        if _is_switch(flag):
            yield flag, ""
        elif flag in _TAKES_VALUE or flag in _IGNORED_WITH_VALUE:
            value = value if equals else next(rest, "")
            yield flag, value
        else:
            raise ConfigError(
                f"{place}: {flag} is not understood",
                fix="remove it, or describe the request by flags",
            )


def _is_switch(flag: str) -> bool:
    return flag in _IGNORED or flag in _SWITCHES


def _take(command: _Command, flag: str, value: str) -> None:
    if flag == "--url":
        if command.url is not None:
            raise ConfigError(f"{command.place}: it has two addresses", fix="remove one of them")
        command.url = value
    elif flag == "--request":
        command.method = value.upper()
    elif flag == "--head":
        command.method = "HEAD"
    elif flag == "--get":
        command.as_query = True
    elif flag == "--header":
        _add_header(command, value)
    elif flag == "--oauth2-bearer":
        command.headers["authorization"] = f"Bearer {value}"
    elif flag in _HEADER_OF:
        command.headers[_HEADER_OF[flag]] = value
    elif flag == "--user":
        token = base64.b64encode(value.encode()).decode()
        command.headers["authorization"] = f"Basic {token}"
    elif flag in _DATA:
        command.data.append(_data(command, flag, value))
        command.is_json = command.is_json or flag == "--json"


def _add_header(command: _Command, line: str) -> None:
    _, colon, value = line.partition(":")
    if colon and not value.strip():
        # To curl, "Name:" removes a header of its own, and "Name;" is one without a value.
        return
    is_empty = line.endswith(";") and not colon
    add_header(command.headers, f"{line[:-1]}:" if is_empty else line, command.place)


def _data(command: _Command, flag: str, value: str) -> str:
    if flag == "--data-urlencode":
        name, equals, text = value.partition("=")
        return f"{name}={quote_plus(text)}" if equals else quote_plus(value)
    if value.startswith("@") and flag != "--data-raw":
        text = text_of_file(command.folder / value[1:], "curl")
        return (
            text
            if flag in {"--data-binary", "--json"}
            else text.replace("\r", "").replace("\n", "")
        )
    return value


def _operation(command: _Command) -> DescribedOperation:
    if not command.url:
        raise ConfigError(f"{command.place}: it has no address", fix="copy the whole command")
    path = path_of(command.url, command.place)
    body = ("" if command.is_json else "&").join(command.data) if command.data else None
    if command.as_query and body is not None:
        path, body = path + ("&" if "?" in path else "?") + body, None
    method = command.method or ("GET" if body is None else "POST")
    if method not in METHODS:
        raise ConfigError(
            f"{command.place}: the method {method[:20]} is not supported", fix="use GET or POST"
        )
    names = {name.lower() for name in command.headers}
    if body is not None and "content-type" not in names:
        command.headers["content-type"] = "application/json" if command.is_json else _FORM
    if command.is_json and "accept" not in names:
        command.headers["accept"] = "application/json"
    return DescribedOperation(
        name="request",
        source=command.place,
        method=method,
        path=path,
        headers=command.headers,
        body=raw_body(body),
        copied=True,
    )

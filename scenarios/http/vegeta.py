"""A file in vegeta's `http` format of targets, as operations of equal weight."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError
from scenarios.http.copied import METHODS, add_header, path_of, raw_body, text_of_file
from scenarios.http.described import DescribedOperation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_OPERATIONS = 64


def read(path: Path) -> list[DescribedOperation]:
    """Return an operation for each target of a file. Raises ConfigError."""
    operations: dict[str, DescribedOperation] = {}
    for line, block in _blocks(text_of_file(path, "vegeta")):
        place = f"scenario.vegeta: {path.name}, line {line}"
        if len(operations) == MOST_OPERATIONS:
            raise ConfigError(
                f"{place}: more than {MOST_OPERATIONS} targets, each an operation of its own",
                fix="put what differs between them into a --data file, and keep one with {column}s",
            )
        operation = _operation(block, place, path.parent, operations)
        operations[operation.name] = operation
    if not operations:
        raise ConfigError(
            f"scenario.vegeta: {path.name} holds no target", fix="write METHOD URL into a line"
        )
    return list(operations.values())


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of each target, and the number of the first."""
    block: list[str] = []
    first = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#"):
            continue
        # A target without headers may stand right below another.
        begins = line.partition(" ")[0] in METHODS
        if block and (begins or not line):
            yield first, block
            block = []
        if line:
            first = first if block else number
            block.append(line)
    if block:
        yield first, block


def _operation(
    block: list[str], place: str, folder: Path, known: dict[str, DescribedOperation]
) -> DescribedOperation:
    method, _, url = block[0].partition(" ")
    if method not in METHODS or not url.strip():
        raise ConfigError(
            f"{place}: it is not METHOD URL",
            fix="begin each target with a line as GET http://host/",
        )
    headers: dict[str, str] = {}
    body: str | None = None
    for line in block[1:]:
        if line.startswith("@"):
            body = text_of_file(folder / line[1:], "vegeta")
        else:
            add_header(headers, line, place)
    path = path_of(url.strip(), place)
    return DescribedOperation(
        name=name_of(method, path, known),
        source=place,
        method=method,
        path=path,
        headers=headers,
        body=raw_body(body),
        copied=True,
    )


def name_of(method: str, path: str, known: dict[str, DescribedOperation]) -> str:
    """Return a name for an operation that no other has."""
    words = re.findall("[A-Za-z0-9]+", path.partition("?")[0])
    name = "-".join([method.lower(), *words])[:34]
    return name if name not in known else f"{name}-{len(known) + 1}"

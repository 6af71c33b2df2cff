"""JSONPaths, as far as checks need them: names, places in lists, all of either, and any depth.

    $.timestamp      $.items[0].id      $.items[*].id      $['a name']      $..id

A place counts from the end where it is negative. Filters, slices and unions are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Every:
    def __repr__(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class AtAnyDepth:
    """Stands for a name anywhere below."""

    name: str


EVERY: Final = _Every()
"""Stands for every element of a list, or every member of an object."""

Step = str | int | _Every | AtAnyDepth

_NAME = re.compile(r"[^\s.\[\]'\"*$]+")
_PLACE = re.compile(r"\[\s*(-?\d{1,9})\s*\]")
_ALL = re.compile(r"\[\s*\*\s*\]")
_QUOTED = re.compile(r"""\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]""")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BARE = re.compile(r"[^\W\d][\w-]*")


class MalformedPath(ValueError):
    """A text that is not a JSONPath of this kind; the message says where it stops being one."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A way from a document's root to any number of values in it."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "$" + "".join(_shown(step) for step in self.steps)

    def select(self, document: Any) -> list[Any]:
        """Return the values that it leads to, in the document's order."""
        return [holder[place] for holder, place in self._places([document])]

    def replace(self, document: Any, change: Callable[[Any], Any]) -> Any:
        """Put `change` of each value in its place, within the document; return the document."""
        root = [document]
        for holder, place in list(self._places(root)):
            holder[place] = change(holder[place])
        return root[0]

    def drop(self, document: Any) -> Any:
        """Take the values out of the document, and return it.

        In a list, null takes their place, so that the others keep theirs.
        """
        root = [document]
        for holder, place in list(self._places(root)):
            if isinstance(holder, dict):
                holder.pop(place, None)
            else:
                holder[place] = None
        return root[0]

    def _places(self, root: list[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield where the values stand: what holds each, and its name or place in that."""
        found: list[tuple[Any, Any]] = [(root, 0)]
        for step in self.steps:
            found = [below for at in found for below in _step(at[0][at[1]], step)]
        yield from found


@lru_cache(512)
def parse(text: str) -> JsonPath:
    """Read a JSONPath. Raises MalformedPath."""
    if not text.startswith("$"):
        raise MalformedPath(f'{text!r} does not begin with "$"')
    steps, at = [], 1
    while at < len(text):
        step, at = _next(text, at)
        steps.append(step)
    return JsonPath(tuple(steps))


def _next(text: str, at: int) -> tuple[Step, int]:
    if text[at] == "[":
        return _in_brackets(text, at)
    if text.startswith("..", at):
        found = _NAME.match(text, at + 2)
        if not found:
            raise MalformedPath(f'{text!r} has no name after ".." at {at + 1}')
        return AtAnyDepth(found[0]), found.end()
    if text[at] != ".":
        raise MalformedPath(f'{text!r} has {text[at]!r} at {at + 1}, not "." or "["')
    if text.startswith(".*", at):
        return EVERY, at + 2
    found = _NAME.match(text, at + 1)
    if not found:
        raise MalformedPath(f'{text!r} has no name after "." at {at + 1}')
    return found[0], found.end()


def _in_brackets(text: str, at: int) -> tuple[Step, int]:
    if found := _PLACE.match(text, at):
        return int(found[1]), found.end()
    if found := _ALL.match(text, at):
        return EVERY, found.end()
    if found := _QUOTED.match(text, at):
        name = found[1] if found[1] is not None else found[2]
        return _ESCAPED.sub(r"\1", name), found.end()
    raise MalformedPath(f"{text!r} has none of [0], [*] and ['name'] at {at + 1}")


def _step(value: Any, step: Step) -> Iterator[tuple[Any, Any]]:
    match step:
        case str():
            if isinstance(value, dict) and step in value:
                yield value, step
        case int():
            if isinstance(value, list) and -len(value) <= step < len(value):
                yield value, step
        case AtAnyDepth():
            yield from _below(value, step.name)
        case _:
            places = list(value) if isinstance(value, dict) else range(_length(value))
            yield from ((value, place) for place in places)


def _below(value: Any, name: str) -> Iterator[tuple[Any, Any]]:
    # No recursion: a server chooses how deep its answers are.
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if name in value:
                yield value, name
            pending.extend(reversed(value.values()))
        elif isinstance(value, list):
            pending.extend(reversed(value))


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0


def _shown(step: Step) -> str:
    match step:
        case str() if _BARE.fullmatch(step):
            return f".{step}"
        case str():
            # Backslashes stand for the character after them, in names that are read as well.
            return "['" + re.sub(r"(['\\])", r"\\\1", step) + "']"
        case int():
            return f"[{step}]"
        case AtAnyDepth():
            return f"..{step.name}"
    return "[*]"

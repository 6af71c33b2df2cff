"""The errors of the comparison before the race: each shows what differs, and what would pass it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

import orjson

from dragstrip.errors import PreflightError
from dragstrip.scenario.differences import are_comparable, differences, in_words, is_reordered
from dragstrip.scenario.json_diff import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dragstrip.scenario import Reply
    from dragstrip.scenario.answer_form import AnswerForm
    from dragstrip.scenario.differences import Place
    from scenarios.http.checks.expectation import ExpectedAnswer

_OTHER_CHECKS = (
    "leave same out of expect, and say with status, contains, header or schema what is right"
)


class Where(NamedTuple):
    """The operation, the names of both targets, and what is expected of them."""

    operation: str
    names: Sequence[str]
    expectation: ExpectedAnswer


class Differing(NamedTuple):
    """A key to which the targets answered differently."""

    key: int
    replies: Sequence[Reply]


def not_repeatable(where: Where, name: str, key: int, pair: Sequence[Reply]) -> PreflightError:
    """Return the error for a target whose answers differ from each other as a whole."""
    return PreflightError(
        f"{where.operation}: key {key}: {name} answers differently from one request to the next: "
        f"{in_words(pair, ('first', 'then'))}",
        fix=_OTHER_CHECKS,
    )


def all_noise(
    where: Where, name: str, key: int, places: Sequence[Place], also: Iterable[str] = ()
) -> PreflightError:
    """Return the error for answers in which nothing stays the same."""
    place = places[0]
    paths = [str(one.everywhere) for one in places]
    return PreflightError(
        f"{where.operation}: key {key}: nothing in the answers of {name} stays the same from one "
        f"request to the next, so there is nothing to compare: {place.path} is first "
        f"{shown(place.first)}, then {shown(place.other)}",
        fix=_ignoring(where, [*paths, *also]),
    )


def of_targets(
    where: Where, differing: Sequence[Differing], keys: int, form: AnswerForm
) -> PreflightError:
    """Return the error for targets that answer differently."""
    many = f"; {len(differing):,} of {keys:,} keys differ" if keys > 1 else ""
    start = "{}: key {}: the targets answer differently (expect.same): "
    for one in differing:
        if not are_comparable(one.replies):
            words = in_words(one.replies, where.names)
            return PreflightError(
                f"{start.format(where.operation, one.key)}{words}{many}", fix=_OTHER_CHECKS
            )
    places = [place for one in differing for place in _between(one.replies, form)]
    first, (baseline, challenger) = places[0], where.names
    return PreflightError(
        f"{start.format(where.operation, differing[0].key)}{first.path} is {shown(first.first)} "
        f"from {baseline}, {shown(first.other)} from {challenger}{many}",
        fix=_hint(first) + _ignoring(where, [str(place.everywhere) for place in places]),
    )


def _between(replies: Sequence[Reply], form: AnswerForm) -> Iterator[Place]:
    first, other = (orjson.loads(reply.body) for reply in replies)
    return differences(first, other, form)


def _hint(place: Place) -> str:
    """Return what else would pass a difference that is one of form only."""
    first, other = place.first, place.other
    if isinstance(first, list) and isinstance(other, list) and is_reordered(first, other):
        path = orjson.dumps(str(place.everywhere)).decode()
        return f"give unordered = [{path}] if the order means nothing; or "
    kinds = {type(first), type(other)}
    if kinds == {int, float} and first == other:
        return "give tolerance = 0 if the type of a number means nothing; or "
    return ""


def _ignoring(where: Where, paths: Iterable[str]) -> str:
    """Return the advice to ignore some places besides those that are ignored already."""
    every = list(dict.fromkeys([*where.expectation.ignore, *paths]))
    if "$" in every:
        return _OTHER_CHECKS
    listed = ", ".join(orjson.dumps(path).decode() for path in every)
    flags = " ".join(f"--ignore {shlex.quote(path)}" for path in every)
    return f"if this may differ, give ignore = [{listed}] in expect, or {flags}"

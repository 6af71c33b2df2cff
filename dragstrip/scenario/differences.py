"""Where two documents differ: every place, as a JSONPath, in an order that does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dragstrip.scenario import canonical
from dragstrip.scenario.json_diff import ABSENT
from dragstrip.scenario.json_path import EVERY, JsonPath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.scenario.json_path import Step
    from scenarios.http.checks.answer_form import AnswerForm


class Place(NamedTuple):
    """Where two documents differ, and what stands there; one side may be ABSENT."""

    path: JsonPath
    first: Any
    other: Any

    @property
    def everywhere(self) -> JsonPath:
        """The same place in every element of the lists on the way."""
        return JsonPath(tuple(EVERY if isinstance(step, int) else step for step in self.path.steps))


def differences(first: Any, other: Any, form: AnswerForm) -> Iterator[Place]:
    """Yield the places in which two documents differ, as the form compares them.

    Lists of different lengths differ as a whole, for which element is missing cannot be told; and
    so do those that have the same elements in another order.
    """
    yield from _between(form.of(first), form.of(other), form, ())


def is_reordered(first: list[Any], other: list[Any]) -> bool:
    """Return whether two lists have the same elements in another order."""
    elements = [list(map(canonical, one)) for one in (first, other)]
    return elements[0] != elements[1] and sorted(elements[0]) == sorted(elements[1])


def _between(first: Any, other: Any, form: AnswerForm, steps: tuple[Step, ...]) -> Iterator[Place]:
    if isinstance(first, dict) and isinstance(other, dict):
        for name in [*first, *(name for name in other if name not in first)]:
            inner = first.get(name, ABSENT), other.get(name, ABSENT)
            yield from _between(*inner, form, (*steps, name))
    elif isinstance(first, list) and isinstance(other, list) and len(first) == len(other):
        if is_reordered(first, other):
            yield Place(JsonPath(steps), first, other)
            return
        for place, inner in enumerate(zip(first, other, strict=True)):
            yield from _between(*inner, form, (*steps, place))
    elif not _is_same(first, other, form):
        yield Place(JsonPath(steps), first, other)


def _is_same(first: Any, other: Any, form: AnswerForm) -> bool:
    if form.tolerance is not None and _is_number(first) and _is_number(other):
        return form.is_near(first, other)
    # As written: 1, 1.0, true and -0.0 are four different values.
    return repr(first) == repr(other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

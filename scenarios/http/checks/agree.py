"""Before the race: do both targets answer alike, and where does a target differ from itself?

Each target is asked twice. Where two answers of one target differ, the field is noise, such as a
time or an id of the request: it is not held against the other target, and is named.
"""

from __future__ import annotations

import math
import random
import secrets
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

import orjson

from dragstrip.concurrency import StopSignal, for_each, paced
from dragstrip.errors import ConfigError, PreflightError
from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.untimed import UntimedClient
from dragstrip.scenario.answer_form import JSON, kind_of
from dragstrip.scenario.differences import differences
from scenarios.http.checks import disagreement
from scenarios.http.checks.same import Agreement, Noise, form_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dragstrip.config.config import RaceConfig
    from dragstrip.scenario import Operation, Progress, Reply, Request, Target
    from dragstrip.scenario.answer_form import AnswerForm, Mark
    from dragstrip.scenario.differences import Place
    from scenarios.http.checks.expectation import ExpectedAnswer

COMPARED = 200
"""Keys that are compared before the race: all of them where there are no more."""
COMPARED_UNSAFE = 5
"""The same for methods that may change what the target holds."""
AT_ONCE = 4
_MOST_BYTES = 64 * 2**20
_MOST_S = 20.0
"""For asking once: of slow targets, fewer keys are compared."""
_APART_S = 1.1
"""Between a target's two answers to a key: many a time is written in whole seconds."""


class Asked(NamedTuple):
    """One operation of a race, and how its requests are made."""

    operation: Operation
    expectation: ExpectedAnswer
    request: Callable[[Target, int], Request]
    keys: int

    def sample(self, seed: int) -> list[int]:
        """Return the keys to compare: the same for the same seed."""
        safe = self.operation.method in {"GET", "HEAD", "OPTIONS"}
        most = COMPARED if safe else COMPARED_UNSAFE
        if self.keys <= most:
            return list(range(self.keys))
        return sorted(random.Random(seed).sample(range(self.keys), most))  # noqa: S311

    def requests(self) -> int:
        """Return how many untimed requests each target gets."""
        return 2 * len(self.sample(0))


class AgreedAnswers(NamedTuple):
    """What each of both targets answered to a key, the first time and the second."""

    key: int
    first: Sequence[Reply]
    second: Sequence[Reply]


@dataclass
class Asker:
    """Both targets of a race, each with a client. Used in a `with` block."""

    targets: Sequence[Target]
    race: RaceConfig
    per_s: float
    _stack: ExitStack = field(default_factory=ExitStack)
    _clients: list[UntimedClient] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._clients = [
            self._stack.enter_context(UntimedClient(target, self.race)) for target in self.targets
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, asked: Asked, key: int) -> list[Reply]:
        """Ask every target for a key. Raises BackendError."""
        return [
            client.send(asked.request(target, key)).reply
            for client, target in zip(self._clients, self.targets, strict=True)
        ]

    def ask_twice(self, asked: Asked, keys: Sequence[int]) -> Iterator[AgreedAnswers]:
        """Yield the answers to each key, as long as memory and time allow, and to one at least."""

        def once(keys: Sequence[int]) -> Iterator[list[Reply]]:
            due = paced(keys, self.per_s)
            yield from for_each(
                due, lambda k: self.ask(asked, k), at_once=AT_ONCE, stop=StopSignal()
            )

        began_s, first, held = time.monotonic(), [], 0
        for replies in once(keys):
            first.append(replies)
            held += sum(len(reply.body) for reply in replies)
            if held > _MOST_BYTES or time.monotonic() - began_s > _MOST_S:
                break
        time.sleep(max(0.0, began_s + _APART_S - time.monotonic()))
        for key, before, after in zip(keys, first, once(keys[: len(first)]), strict=False):
            yield AgreedAnswers(key, before, after)


def agree(asker: Asker, asked: Asked, seed: int, progress: Progress) -> Agreement:
    """Compare what both targets answer, and return what is alike.

    Raises PreflightError where they differ or where all of an answer is noise, with the `ignore`
    that would pass it; BackendError for a target that cannot be asked.
    """
    if len(asker.targets) != 2:
        raise ConfigError(
            "expect.same needs two targets to compare",
            fix="configure a baseline and a challenger, or leave same out",
        )
    keys = asked.sample(seed)
    progress.say(
        f"preflight: both targets are asked twice for {len(keys):,} of {asked.keys:,} keys of "
        f"{asked.operation.name}: {math.ceil(2 * len(keys) / asker.per_s):,} s or more"
    )
    answers = list(asker.ask_twice(asked, keys))
    secret = secrets.token_bytes(32)
    names = [target.name for target in asker.targets]
    where = disagreement.Where(asked.operation.name, names, asked.expectation)
    noise = _noise(answers, form_of(asked.expectation, secret), where)
    form = form_of(asked.expectation, secret, [one.path for one in noise])
    if noise:
        _require_something_left(answers, form, noise, where)
    return Agreement(form, secret, noise, _marks(answers, form, where))


def _noise(
    answers: Sequence[AgreedAnswers], form: AnswerForm, where: disagreement.Where
) -> list[Noise]:
    """Return in which places of a target's answers it differs from itself."""
    found: list[Noise] = []
    for number, name in enumerate(where.names):
        keys: Counter[str] = Counter()
        for key, first, second in answers:
            pair = first[number], second[number]
            marks = [_mark(reply, form, key, name, where) for reply in pair]
            if form.compare(marks[0], marks[1]) is Outcome.OK:
                continue
            if marks[0][:2] != marks[1][:2] or marks[0].kind != JSON:
                raise disagreement.not_repeatable(where, name, key, pair)
            places = _places(pair, form)
            if any(not place.path.steps for place in places):
                raise disagreement.all_noise(where, name, key, places, keys)
            keys.update({str(place.everywhere) for place in places})
        found += [Noise(name, path, count) for path, count in keys.items()]
    return found


def _require_something_left(
    answers: Sequence[AgreedAnswers],
    form: AnswerForm,
    noise: Sequence[Noise],
    where: disagreement.Where,
) -> None:
    """Raise PreflightError where noise is all that the answers hold."""
    for _, first, _ in answers:
        documents = [orjson.loads(reply.body) for reply in first if kind_of(reply) == JSON]
        if not documents or any(_holds_something(form.of(document)) for document in documents):
            return
    for number, name in enumerate(where.names):
        for key, first, second in answers:
            places = _places((first[number], second[number]), form_of(where.expectation, b"x"))
            if places:
                raise disagreement.all_noise(where, name, key, places, [n.path for n in noise])


def _places(pair: Sequence[Reply], form: AnswerForm) -> list[Place]:
    first, other = (orjson.loads(reply.body) for reply in pair)
    return list(differences(first, other, form))


def _holds_something(value: object) -> bool:
    match value:
        case dict():
            return any(map(_holds_something, value.values()))
        case list():
            # What is dropped from a list leaves null.
            return any(one is not None and _holds_something(one) for one in value)
    return True


def _marks(
    answers: Sequence[AgreedAnswers], form: AnswerForm, where: disagreement.Where
) -> dict[int, Mark]:
    marks: dict[int, Mark] = {}
    differing: list[disagreement.Differing] = []
    for key, *rounds in answers:
        # Data that changes while it is read does not tell the targets apart.
        for replies in rounds:
            pair = [
                _mark(reply, form, key, name, where)
                for reply, name in zip(replies, where.names, strict=True)
            ]
            if form.compare(pair[0], pair[1]) is Outcome.OK:
                marks[key] = pair[0]
                break
        else:
            differing.append(disagreement.Differing(key, rounds[-1]))
    if differing:
        raise disagreement.of_targets(where, differing, len(answers), form)
    return marks


def _mark(reply: Reply, form: AnswerForm, key: int, name: str, where: disagreement.Where) -> Mark:
    mark = form.mark(reply)
    if not isinstance(mark, Outcome):
        return mark
    problem = (
        "is not JSON, as its content type says"
        if mark is Outcome.NOT_JSON
        else "is nested too deep to be compared"
    )
    raise PreflightError(
        f"{where.operation}: key {key}: what {name} answered {problem}",
        fix="correct the target, or leave same out of expect",
    )

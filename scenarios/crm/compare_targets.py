"""Ask targets for the user's own numbers, and compare what they answer with each other.

The right answers are unknown: the targets must not be seeded, and their data is their customers'.
So messages name lines of the file and fields of the answer, and no value.
"""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import orjson

from dragstrip.concurrency import StopSignal, for_each, paced
from dragstrip.errors import BackendError, ConfigError, DataDiffers
from dragstrip.load.http.untimed import UntimedClient
from dragstrip.scenario import targets_of
from dragstrip.scenario.json_diff import ABSENT, first_difference
from dragstrip.scenario.target import address_of
from scenarios.crm import keys_file
from scenarios.crm.answer_form import problem_of
from scenarios.crm.lookup_kind import NoAnswerError, key_for, lookup_kind
from scenarios.crm.references import CheckedKeys, References
from scenarios.crm.requests import lookup
from scenarios.crm.target_refusals import known_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dragstrip.config.config import Config
    from dragstrip.load.http.untimed import UntimedAnswer
    from dragstrip.scenario import Target
    from dragstrip.scenario.json_diff import JsonDifference
    from scenarios.crm.keys_file import KeysFile
    from scenarios.crm.lookup_kind import LookupKind

AT_ONCE = 4
"""Lookups in flight to each target: these are untimed, and the targets may be in production."""
CLOSED_PER_S = 50.0
"""How many a second where race.rate sets no bound."""
LITTLE_KNOWN = 0.1
"""Below this share of numbers that the targets know, most of what is compared is "unknown"."""
RECHECKED = 200
_SAID_EVERY_S = 10.0

_KINDS = {bool: "a boolean", int: "an integer", float: "a number", str: "a string"}
_KINDS |= {list: "a list", dict: "an object", type(None): "null", type(ABSENT): "nothing"}


def rate_per_s(config: Config) -> float:
    """Return how many numbers a second are asked for: no more than a race would."""
    return config.race.rate or CLOSED_PER_S


@dataclass(frozen=True, slots=True)
class OwnProof:
    """Each of `targets` gave the same answers to so many `keys`; they know `found` of them."""

    targets: list[str]
    keys: int
    found: int
    sha256: str
    kind: str = "keys-file"


def verify(config: Config, say: Callable[[str], None]) -> OwnProof:
    """Compare the targets with each other. Raises as `compare` does, and ConfigError."""
    file = keys_file.read(config.dataset)
    if file is None:
        raise ConfigError("dataset.keys_file is not set", fix="give --keys-file FILE")
    checked = compare(config, file, say)
    return OwnProof(list(config.targets), len(file), checked.found, file.sha256)


def compare(config: Config, file: KeysFile, say: Callable[[str], None]) -> CheckedKeys:
    """Ask every target for every number, and keep a hash of what all of them answer.

    `say` hears now and then how far it is.

    Raises DataDiffers naming the first line and field that differ, BackendError for a target that
    cannot be asked or whose answer is not of the contract's form, and where they know no number.
    """
    found, references, said_s = 0, References(), time.monotonic()
    with _Targets(config, file) as targets:
        for answer, mark in targets.ask_all(range(len(file)), references):
            references.append(mark)
            found += answer
            if time.monotonic() - said_s >= _SAID_EVERY_S:
                said_s = time.monotonic()
                say(f"{len(references):,} of {len(file):,} numbers were answered alike")
    _require_known(file, found, say)
    return CheckedKeys(file, references, found)


def _require_known(file: KeysFile, found: int, say: Callable[[str], None]) -> None:
    """Answers that a number is unknown are alike on any two targets, whatever they hold."""
    fix = "give numbers of contacts that both targets hold, written as they are stored there, with "
    fix += "their workspace"
    if not found:
        raise BackendError(
            f"{file.name}: the targets know none of its {len(file):,} numbers", fix=fix
        )
    if found < LITTLE_KNOWN * len(file):
        say(
            f"warning: the targets know only {found:,} of the {len(file):,} numbers of "
            f"{file.name}; {fix}"
        )


def changed(config: Config, checked: CheckedKeys, seed: int) -> str | None:
    """Ask again, for a sample where there are many; return what changed first, None for nothing.

    A target that cannot be asked any more has not proved that it answers as before.
    """
    keys: Sequence[int] = range(len(checked.file))
    if len(checked.file) > RECHECKED:
        keys = sorted(random.Random(seed).sample(keys, RECHECKED))  # noqa: S311
    try:
        with _Targets(config, checked.file) as targets:
            for key in paced(keys, rate_per_s(config)):
                difference = targets.changed(key, checked.references)
                if difference:
                    return f"{difference}: live data may change, and then a race proves nothing"
    except BackendError as error:
        return error.message
    return None


class _Targets:
    """All configured targets, each with a client."""

    def __init__(self, config: Config, file: KeysFile) -> None:
        self._targets = list(targets_of(config).values())
        if len(self._targets) < 2:
            raise ConfigError(
                "dataset.keys_file: comparing answers needs two targets, and one is configured",
                fix="configure two targets",
            )
        self._file = file
        self._keys = {target.name: key_for(config, target) for target in self._targets}
        self._race = config.race
        self._per_s = rate_per_s(config)
        self._stack = ExitStack()
        self._clients: dict[str, UntimedClient] = {}

    def __enter__(self) -> Self:
        for target in self._targets:
            client = UntimedClient(target, self._race)
            self._clients[target.name] = self._stack.enter_context(client)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask_all(self, keys: Iterable[int], references: References) -> Iterator[tuple[bool, bytes]]:
        """Yield of each key, in order, whether it is known, and the hash of its answer."""

        def ask(key: int) -> tuple[bool, bytes]:
            document = _twice(partial(self._compare, key))
            return document["found"], references.mark(document)

        yield from for_each(paced(keys, self._per_s), ask, at_once=AT_ONCE, stop=StopSignal())

    def changed(self, key: int, references: References) -> str | None:
        """Return how a key's answers changed."""
        expected = references.expected(key)
        others = [
            one.name
            for one in self._targets
            if references.mark(_twice(partial(self._ask, one, key))) != expected
        ]
        if not others:
            return None
        return f"{self._file.place(key)}: {' and '.join(others)} answered otherwise than before"

    def _compare(self, key: int) -> Any:
        first, *others = self._targets
        answer = self._ask(first, key)
        for other in others:
            difference = first_difference(answer, self._ask(other, key))
            if difference:
                raise DataDiffers(
                    f"{self._file.place(key)}: {_words(difference, first.name, other.name)}",
                    fix="both targets must hold the same data; leave the line out if it may differ",
                )
        return answer

    def _ask(self, target: Target, key: int) -> Any:
        numbers = self._file.numbers
        request = lookup(
            target, numbers.phone(key), numbers.workspace_id(key), api_key=self._keys[target.name]
        )
        answer = self._clients[target.name].send(request)
        document, problem, fix = _read(answer, lookup_kind(target))
        if problem:
            raise BackendError(
                f"{self._file.place(key)}: target {target.name} at {target.url} {problem}",
                fix=fix or f"correct {address_of(target)} if this is another service",
            )
        return document


def _twice(ask: Callable[[], Any]) -> Any:
    """Ask again where it fails, or where targets differ.

    Live data may have changed between the first target's answer and the last one's, and among many
    thousand lookups one may get lost.
    """
    try:
        return ask()
    except (BackendError, DataDiffers):
        return ask()


def _read(answer: UntimedAnswer, kind: LookupKind) -> tuple[Any, str, str]:
    """Return what was answered, or what is wrong with it and, where that is known, the fix."""
    known = known_refusal(answer)
    form = answer.reply.content_type.partition(";")[0].strip()
    if known and (answer.reply.status != 200 or form != "application/json"):
        # Its words may hold a number that was asked for.
        fix = known.fix.replace("ADDRESS", address_of(answer.target))
        return None, f"answered {answer.status_words}: it {known.meaning}", fix
    if kind.refusal.matches(answer.reply):
        fix = f"give this command and the target the same {kind.key_variable}"
        return None, f"refused {kind.key_variable}", fix
    if answer.reply.status != 200:
        return None, f"answered {answer.status_words}, not 200", "see the target's log"
    if form != "application/json":
        return None, "did not answer with content-type application/json", ""
    try:
        document = kind.answer(orjson.loads(answer.reply.body))
    except orjson.JSONDecodeError:
        return None, "did not answer with JSON", ""
    except NoAnswerError:
        return None, "answered with an error", "see the target's log"
    problem = problem_of(document)
    return document, f"gave an answer not of the contract's form: {problem}" if problem else "", ""


def _words(difference: JsonDifference, first: str, other: str) -> str:
    """Say where two answers part, without the values."""
    kinds = [_KINDS[type(value)] for value in (difference.expected, difference.found)]
    if kinds[0] != kinds[1]:
        return f"{difference.path} is {kinds[0]} from {first} and {kinds[1]} from {other}"
    return f"{difference.path} differs between {first} and {other}"

"""`same`: both targets answer alike to the same request.

What is alike for a key is known from the comparison before the race, for every key where there are
few and else for a sample. Of the other keys, a process keeps what was answered first, by either
target, and holds later answers against that. Both slices of a pair ask for the same keys, and a key
comes to the same process in both as long as no process is lost: so nearly every answer finds its
counterpart. How many did is counted. Where two answers differ and neither is known to be right, the
later one fails.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dragstrip.errors import StorageError
from dragstrip.ledger.rows import Outcome
from dragstrip.scenario.answer_form import AnswerForm, Mark
from dragstrip.scenario.json_path import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dragstrip.scenario import Reply
    from scenarios.http.checks.expectation import ExpectedAnswer

_OK = int(Outcome.OK)
_KEPT = 65_536
"""Keys of which the first answer is kept in each process: some 20 MiB."""
_SETTLED = -1


class _KnownAnswer:
    """What is known of a key.

    `waiting` answers came from the target number `first` alone and wait for the other's; `bodies`
    has a hash of each target's last right answer.
    """

    __slots__ = ("bodies", "first", "mark", "waiting")

    def __init__(self, mark: Mark, first: int = _SETTLED) -> None:
        self.mark = mark
        self.first = first
        self.waiting = 0
        self.bodies = [0, 0]


@dataclass(slots=True)
class ComparedCounts:
    """How many answers were judged by `same`, and how many with the other target's at hand."""

    answers: int = 0
    compared: int = 0


@dataclass(frozen=True, slots=True)
class Noise:
    """In `keys` of the keys that were compared, two answers of one target differed here."""

    target: str
    path: str
    keys: int


@dataclass
class Agreement:
    """What both targets were found to answer alike before the race, for one operation."""

    form: AnswerForm
    secret: bytes = field(repr=False)
    noise: list[Noise] = field(default_factory=list)
    marks: dict[int, Mark] = field(default_factory=dict, repr=False)
    counts: ComparedCounts = field(default_factory=ComparedCounts)

    def __post_init__(self) -> None:
        self._known = {key: _KnownAnswer(mark) for key, mark in self.marks.items()}
        self._lately: OrderedDict[int, _KnownAnswer] = OrderedDict()

    def check(self, target: int) -> Same:
        """Return the check for one of the two targets, by its number."""
        return Same(self, target)

    def find(self, key: int) -> _KnownAnswer | None:
        """Return what is known of a key."""
        return self._known.get(key) or self._lately.get(key)

    def keep(self, key: int, known: _KnownAnswer) -> None:
        """Keep what was answered first; what was kept longest makes room."""
        self._lately[key] = known
        if len(self._lately) > _KEPT:
            self._lately.popitem(last=False)

    def pack(self) -> dict[str, Any]:
        """Return what `unpack` reads in another process, as JSON has it; it holds no answer."""
        return {
            "secret": self.secret.hex(),
            "noise": [[noise.target, noise.path, noise.keys] for noise in self.noise],
            "marks": [
                [key, mark.kind, mark.status, mark.digest.hex(), mark.numbers]
                for key, mark in self.marks.items()
            ],
        }


def form_of(expectation: ExpectedAnswer, secret: bytes, noise: Iterable[str] = ()) -> AnswerForm:
    """Return how answers are compared: as configured, and without what is noise."""
    ignored = dict.fromkeys([*expectation.ignore, *noise])
    return AnswerForm(
        secret,
        [parse(path) for path in ignored],
        [parse(path) for path in expectation.unordered],
        expectation.tolerance,
    )


def unpack(packed: Mapping[str, Any], expectation: ExpectedAnswer) -> Agreement:
    """Read what Agreement.pack gave. Raises StorageError."""
    try:
        secret = bytes.fromhex(packed["secret"])
        noise = [Noise(str(target), str(path), int(keys)) for target, path, keys in packed["noise"]]
        marks = {
            int(key): Mark(str(kind), int(status), bytes.fromhex(digest), tuple(numbers))
            for key, kind, status, digest, numbers in packed["marks"]
        }
        form = form_of(expectation, secret, [one.path for one in noise])
    except (ValueError, LookupError, TypeError):
        raise StorageError("what the targets answered before the race cannot be read") from None
    return Agreement(form, secret, noise, marks)


class Same:
    """The check for one target. Both targets' checks share what is known."""

    __slots__ = ("_agreement", "_counts", "_target")

    def __init__(self, agreement: Agreement, target: int) -> None:
        self._agreement = agreement
        self._counts = agreement.counts
        self._target = target

    def __call__(self, key: int, reply: Reply) -> int:
        """Return the Outcome."""
        # Equal bytes are known by Python's hash, which is keyed afresh in each process.
        body = hash((reply.status, reply.content_type, reply.body))
        self._counts.answers += 1
        known = self._agreement.find(key)
        if known is None:
            return self._begin(key, reply, body)
        if known.first == _SETTLED:
            self._counts.compared += 1
        else:
            self._take_note(known)
        if body in known.bodies:
            return _OK
        outcome = self._outcome(known, reply)
        if outcome is Outcome.OK:
            known.bodies[self._target] = body
        return int(outcome)

    def explain(self, key: int, reply: Reply) -> str:
        """Return what is wrong."""
        known = self._agreement.find(key)
        outcome = Outcome.OK if known is None else self._outcome(known, reply)
        if known is None or outcome is Outcome.OK:
            return ""
        match outcome:
            case Outcome.HTTP_STATUS:
                how = f"the status is {reply.status}, and was {known.mark.status}"
            case Outcome.CONTENT_TYPE:
                how = f"the content type is {reply.content_type}, and was {known.mark.kind}"
            case Outcome.NOT_JSON:
                how = "the body is not JSON, as its content type says"
            case _:
                how = "the body differs"
        proven = key in self._agreement.marks
        before = "both targets answered before the race" if proven else "was answered first"
        return f"expect.same: against what {before} to key {key}, {how}"

    def _begin(self, key: int, reply: Reply, body: int) -> int:
        mark = self._agreement.form.mark(reply)
        if isinstance(mark, Outcome):
            return int(mark)
        known = _KnownAnswer(mark, self._target)
        known.waiting = 1
        known.bodies[self._target] = body
        self._agreement.keep(key, known)
        return _OK

    def _take_note(self, known: _KnownAnswer) -> None:
        if known.first == self._target:
            known.waiting += 1
        else:
            self._counts.compared += known.waiting + 1
            known.first, known.waiting = _SETTLED, 0

    def _outcome(self, known: _KnownAnswer, reply: Reply) -> Outcome:
        mark = self._agreement.form.mark(reply)
        if isinstance(mark, Outcome):
            return mark
        return self._agreement.form.compare(known.mark, mark)

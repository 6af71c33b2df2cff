"""A scenario: what is asked, what a right answer is, and what must hold before and after.

To race something else, write a subclass in a file of its own: docs/scenarios.md shows one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from dragstrip.config.config import Config
from dragstrip.run.model import Facts
from dragstrip.scenario.answer_form import AnswerForm
from dragstrip.scenario.check import succeeds

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Writes
    from dragstrip.scenario.check import Check, Reply
    from dragstrip.scenario.request import Request
    from dragstrip.scenario.target import Target


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request of a scenario.

    `weight` is its share of the requests, relative to the others' weights; `method` is what
    Locust's tables show. A request that `repeats` is a function of the key alone, so that one is
    built once and sent again. One that `follows` an operation asks for the key of its last arrival,
    where that is at least FOLLOW_S old and no other has. After each answer or failure of one that
    is `sent_again`, the scenario's `again` is asked. After one that `writes`, a request for the
    same key counts as the first again.
    """

    name: str
    weight: float = 1.0
    method: str = "GET"
    repeats: bool = True
    follows: str | None = None
    sent_again: bool = False
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What `review` found to be wrong when the race was over: it makes the run invalid."""

    message: str


class Progress(Protocol):
    """Hears how a scenario's preparation goes on."""

    def say(self, line: str) -> None:
        """Report a step in words."""


class Scenario(ABC):
    """Subclasses say at least what to request; the rest has defaults.

    One instance is made in each process that takes part. Keys 0 .. `keys` - 1 decide what is
    requested; where `has_misses`, keys from there on stand for what does not exist, and race.miss
    of the requests use them. `kinds` are the kinds of targets that it can race, and `in_lab` says
    whether the embedded lab has targets for it. Where arrivals are `numbered`, each has a key of
    its own, which holds its number and the key that was drawn (numbered.py); all arrivals of a
    drawn key go to one worker, and the trickle to the idle target is the same for both. `run_id` is
    the race's, in the processes that make its load. It heeds `target_fields` of [targets.NAME]
    beside the address. `version` must be the same in every process.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    operations: Sequence[Operation] = (Operation("request"),)
    keys: int = 1
    kinds: Collection[str] = ("http",)
    has_misses: bool = False
    in_lab: ClassVar[bool] = False
    numbered: ClassVar[bool] = False
    run_id: str = ""
    target_fields: ClassVar[Collection[str]] = ()

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()

    @property
    def settings(self) -> dict[str, object]:
        """The fields of [scenario] beside its name."""
        return self.config.scenario.settings

    def validate(self) -> None:  # noqa: B027
        """Check the configuration before anything is started or sent. Raises ConfigError."""

    def variables(self) -> dict[str, str]:
        """Return environment variables that the processes need. Raises ConfigError."""
        return {}

    def prepare(self, targets: Sequence[Target], progress: Progress) -> Facts:  # noqa: ARG002
        """Prove the targets fit to be timed, and say what is known of them.

        Raises PreflightError, BackendError or ConfigError.
        """
        return Facts(data=f"{self.keys:,} keys" if self.keys > 1 else "one request, repeated")

    @abstractmethod
    def request(self, target: Target, operation: Operation, key: int) -> Request:
        """Return the request for a key: the same for the same key where the operation repeats."""

    def check(self, target: Target, operation: Operation) -> Check:  # noqa: ARG002
        """Return what decides whether an answer is right; by default any 2xx status is."""
        return succeeds

    def explain(self, operation: Operation, key: int, reply: Reply) -> str:  # noqa: ARG002
        """Return what is wrong with an answer that fails its check; nothing where it is unknown."""
        return ""

    def answer_form(self, operation: Operation) -> AnswerForm:  # noqa: ARG002
        """Return how both targets' answers are compared; by default nothing may differ."""
        return AnswerForm()

    def review(self, facts: Facts, run: RunFolder) -> list[Finding] | None:  # noqa: ARG002
        """Return what changed or was lost while the race ran; None where nothing was checked."""
        return None

    def again(self, target: Target, operation: Operation, key: int, outcome: int) -> float | None:  # noqa: ARG002
        """Return after how many seconds a request is sent again, by its Outcome; None for never.

        What is sent again has the same key and a row of its own, which does not count.
        """
        return None

    def writes(self, run: RunFolder) -> dict[str, Writes]:  # noqa: ARG002
        """Return the accounts of what each target stored, by name; `review` was called before."""
        return {}

    def secret_headers(self) -> Collection[str]:
        """Return headers, in lower case, that no output may show beside those known as secret."""
        return ()

    def remarks(self, run: RunFolder) -> list[str]:  # noqa: ARG002
        """Return sentences for the reports on how the race went, from what `finish` stored."""
        return []

    def finish(self, folder: Path, process: int) -> None:  # noqa: B027
        """Store in the run's folder what this process alone knows, once it has sent its last.

        `process` is its number. It is called in each process that makes load. Raises StorageError.
        """

    def handoff(self) -> bytes | None:
        """Return what the processes that make the load need and no file may hold."""
        return None

    def receive(self, handoff: bytes | None) -> None:  # noqa: B027
        """Take what `handoff` gave in the process that prepared the race, or None outside a race.

        Raises ConfigError where the scenario cannot do without, StorageError where it is damaged.
        """

    def first_check_s(self) -> float:
        """Return how long the first answer to a key takes to check, beyond later ones, in s."""
        return 0.0

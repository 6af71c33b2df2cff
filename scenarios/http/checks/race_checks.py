"""The checks of a race's operations in one process, from the comparison to what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragstrip.errors import StorageError
from scenarios.http.checks import build, compared, with_same
from scenarios.http.checks.agree import Asked, Asker, agree
from scenarios.http.checks.failures import FailureSamples
from scenarios.http.checks.same import form_of, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dragstrip.config.config import RaceConfig
    from dragstrip.scenario import Check, Operation, Progress, Request, Target
    from dragstrip.scenario.answer_form import AnswerForm
    from scenarios.http.checks.expectation import ExpectedAnswer, ExplainedCheck
    from scenarios.http.checks.same import Agreement
    from scenarios.http.rows import Rows

    Requests = Callable[[Target, Operation, int], Request]


class RaceChecks:
    """What each operation expects, by its name. Raises ConfigError naming the field.

    `requests` makes the request of a target, an operation and a key.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        expectations: Mapping[str, ExpectedAnswer],
        rows: Rows,
        targets: Sequence[Target],
        requests: Requests,
        *,
        keep_failures: bool = False,
    ) -> None:
        self._operations = list(operations)
        self._expectations = expectations
        self._rows = rows
        self._targets = list(targets)
        self._requests = requests
        self._built: dict[str, ExplainedCheck] = {
            one.name: build(expectations[one.name], rows, targets, one) for one in operations
        }
        self._agreements: dict[str, Agreement] = {}
        self._failures = FailureSamples() if keep_failures else None

    def compare(self, race: RaceConfig, *, per_s: float, seed: int, progress: Progress) -> None:
        """Compare what both targets answer, for operations that expect the same.

        Raises PreflightError where they differ, BackendError for a target that cannot be asked.
        """
        with Asker(self._targets, race, per_s) as asker:
            for asked in self._asked():
                agreed = agree(asker, asked, seed, progress)
                self._agreements[asked.operation.name] = agreed
                for noise in agreed.noise:
                    progress.say(
                        f"preflight: {asked.operation.name}: {noise.path} differs between two "
                        f"answers of {noise.target}, for {noise.keys:,} of "
                        f"{len(agreed.marks):,} keys; it is noise and is ignored"
                    )

    def comparisons(self) -> int:
        """Return how many untimed requests `compare` sends to each target."""
        return sum(asked.requests() for asked in self._asked())

    def check(self, target: Target, operation: Operation) -> Check:
        """Return what decides whether a target's answer to an operation is right."""
        check = self._built[operation.name]
        agreed = self._agreements.get(operation.name)
        if agreed is not None:
            names = [one.name for one in self._targets]
            check = with_same(check, agreed.check(names.index(target.name)))
        if self._failures is None:
            return check
        return self._failures.watch(
            check, target, operation, lambda key: self._requests(target, operation, key)
        )

    def form(self, operation: Operation) -> AnswerForm:
        """Return how an operation's answers are compared, as configured."""
        return form_of(self._expectations[operation.name], b"")

    def explain(self, operation: Operation, key: int, reply: Any) -> str:
        """Return what of an answer is not as expected, but for `same`; nothing if it is right."""
        return self._built[operation.name].explain(key, reply)

    def proof(self) -> str:
        """Return the sentences on the comparison for reports; nothing where there was none."""
        sentences = []
        for name, agreed in self._agreements.items():
            of = f" of {name}" if len(self._operations) > 1 else ""
            sentences.append(
                f"Before the race, both targets were asked twice for {len(agreed.marks):,} of "
                f"{len(self._rows):,} keys{of} and answered alike: equal, not proven right."
            )
            ignored = self._expectations[name].ignore
            if ignored:
                sentences.append(f"Ignored as configured: {', '.join(ignored)}.")
            sentences += [
                f"Ignored as noise: {noise.path}, which differed between two answers of "
                f"{noise.target} for {noise.keys:,} of {len(agreed.marks):,} keys."
                for noise in agreed.noise
            ]
        return " ".join(sentences)

    def values(self) -> dict[str, str | int]:
        """Return the same as figures and names, for the facts of a run."""
        noise = sorted({one.path for agreed in self._agreements.values() for one in agreed.noise})
        if not self._agreements:
            return {}
        keys = sum(len(agreed.marks) for agreed in self._agreements.values())
        return {"compared_keys": keys, "noise": ", ".join(noise)}

    @property
    def are_alike(self) -> bool:
        """Whether both targets answered alike to every key of every operation before the race."""
        every = all(len(agreed.marks) == len(self._rows) for agreed in self._agreements.values())
        return every and len(self._agreements) == len(self._operations)

    def pack(self) -> dict[str, Any]:
        """Return what `take` reads in another process, as JSON has it."""
        return {name: agreed.pack() for name, agreed in self._agreements.items()}

    def take(self, packed: Mapping[str, Any]) -> None:
        """Take what `pack` gave. Raises StorageError."""
        unknown = [name for name in packed if name not in self._built]
        if unknown:
            raise StorageError(f"there are answers to {unknown[0]}, which is not an operation")
        self._agreements = {
            name: unpack(one, self._expectations[name]) for name, one in packed.items()
        }

    def finish(self, folder: Path, process: int) -> None:
        """Store what this process counted and kept. Raises StorageError."""
        if self._agreements:
            counts = {name: agreed.counts for name, agreed in self._agreements.items()}
            compared.write(folder, process, counts)
        if self._failures is not None:
            self._failures.write(folder, process)

    def _asked(self) -> list[Asked]:
        return [
            Asked(one, self._expectations[one.name], self._of(one), len(self._rows))
            for one in self._operations
            if self._expectations[one.name].same
        ]

    def _of(self, operation: Operation) -> Callable[[Target, int], Request]:
        return lambda target, key: self._requests(target, operation, key)

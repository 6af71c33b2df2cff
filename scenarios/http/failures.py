"""Keeps a few of the answers that failed their check, where that was asked for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from dragstrip.ledger.rows import Outcome
from dragstrip.redact import redact

if TYPE_CHECKING:
    from dragstrip.scenario import Check, Operation, Reply, Target

FILE = "failures.jsonl"
EXAMPLES = 3
_CHARACTERS = 2000
_OK = int(Outcome.OK)


class KeptFailures:
    """Writes three examples of each reason to a file of the run, per process and operation.

    What stands in them is cut, and known secrets are taken out.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._kept: Counter[tuple[str, str, int, int]] = Counter()

    def watch(self, check: Check, target: Target, operation: Operation) -> Check:
        """Return a check that keeps what another refuses."""

        def watched(key: int, reply: Reply) -> int:
            outcome = check(key, reply)
            if outcome != _OK:
                place = (target.name, operation.name, outcome, reply.status)
                if self._kept[place] < EXAMPLES:
                    self._kept[place] += 1
                    self._keep(target, operation, key, reply, outcome)
            return outcome

        return watched

    def _keep(
        self, target: Target, operation: Operation, key: int, reply: Reply, outcome: int
    ) -> None:
        example = {
            "target": target.name,
            "operation": operation.name,
            "key": key,
            "reason": Outcome(outcome).name.lower(),
            "status": reply.status,
            "content_type": redact(reply.content_type),
            "bytes": len(reply.body),
            # Redacted before it is cut: half a secret would not be found.
            "body": redact(reply.body.decode(errors="replace"))[:_CHARACTERS],
        }
        # One write a line, so that several processes can share the file.
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(example, ensure_ascii=False) + "\n")


def in_run_folder() -> KeptFailures | None:
    """Return what keeps failures in this process's run; None where it has no folder of a run."""
    folder = Path.cwd()
    return KeptFailures(folder) if (folder / "plan.json").exists() else None

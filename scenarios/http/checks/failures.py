"""A few examples of answers that failed, for those who ask for them with --keep-failures.

They are the targets' data, and may be customers': so none is kept unless asked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dragstrip import atomic_file
from dragstrip.errors import StorageError
from dragstrip.ledger.rows import Outcome
from dragstrip.redact import STARS, redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.scenario import Check, Operation, Reply, Request, Target
    from scenarios.http.checks.expectation import ExplainedCheck

FOLDER = "failures"
EXAMPLES = 3
"""For each target, operation and reason."""
SHOWN_BYTES = 2048
"""Of a body, a request line and a reason; the rest is cut."""
_READ_BYTES = 4 * SHOWN_BYTES
_MARGIN = 1024
_OK = int(Outcome.OK)
_SECRET_FIELD = re.compile(
    r"""("[^"]*(?:auth|cookie|token|secret|passw|credential|session|signature|api-?_?key)[^"]*"\s*:\s*)"""
    r"""("(?:[^"\\]|\\.)*"?|[^\s,}\]]+)""",
    re.IGNORECASE,
)
_SECRET_PARAMETER = re.compile(
    r"([?&][^=&\s]*(?:auth|token|secret|passw|credential|session|signature|key)[^=&\s]*=)[^&\s]*",
    re.IGNORECASE,
)


class FailureSamples:
    """Keeps the first examples of each reason in this process: no header, and no secret."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], list[dict[str, Any]]] = {}

    def watch(
        self,
        check: ExplainedCheck,
        target: Target,
        operation: Operation,
        request: Callable[[int], Request],
    ) -> Check:
        """Return the same check, whose failures are kept; `request` gives the request of a key."""

        def watched(key: int, reply: Reply) -> int:
            outcome = check(key, reply)
            if outcome != _OK:
                reason = Outcome(outcome).reason(reply.status)
                kept = self._kept.setdefault((target.name, operation.name, reason), [])
                if len(kept) < EXAMPLES:
                    kept.append(_example(key, reply, request(key), check.explain(key, reply)))
            return outcome

        return watched

    def write(self, folder: Path, process: int) -> None:
        """Store what was kept, if anything, in the folder of a run. Raises StorageError."""
        if not self._kept:
            return
        file = folder / FOLDER / f"{process}.json"
        document = [
            {"target": target, "operation": operation, "reason": reason, "examples": examples}
            for (target, operation, reason), examples in sorted(self._kept.items())
        ]
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic_file.write_json(file, document)
        except OSError as error:
            raise StorageError(f"cannot write {file}: {error.strerror}", fix="make room") from None

    @property
    def reasons(self) -> int:
        """How many different failures there are examples of."""
        return len(self._kept)


def _example(key: int, reply: Reply, request: Request, why: str) -> dict[str, Any]:
    return {
        "key": key,
        "request": _fit(f"{request.method} {request.path}"),
        "status": reply.status,
        "content_type": reply.content_type,
        "why": _fit(why),
        "body": _fit(reply.body[:_READ_BYTES].decode(errors="replace")),
        "body_bytes": len(reply.body),
    }


def _fit(text: str) -> str:
    """Return the start of a text without secrets."""
    # Redacted before it is cut, for half of a secret would not be known. Such a half may stand at
    # the end of what is read, and what is hidden before it may bring that end near.
    hidden = without_secrets(text[:_READ_BYTES])
    if len(text.encode()) >= _READ_BYTES:
        hidden = hidden[:-_MARGIN]
    return hidden.encode()[:SHOWN_BYTES].decode(errors="ignore")


def without_secrets(text: str) -> str:
    """Hide known secrets, and what looks like one by its name."""
    hidden = _SECRET_PARAMETER.sub(rf"\1{STARS}", redact(text))
    return _SECRET_FIELD.sub(rf'\1"{STARS}"', hidden)


def read(run: Path) -> list[dict[str, Any]]:
    """Return what the processes of a run kept, with a few examples of each reason in all."""
    merged: dict[tuple[str, str, str], dict[str, Any]] = {}
    for file in sorted((run / FOLDER).glob("*.json")):
        for one in atomic_file.read_json(file) or []:
            kind = one["target"], one["operation"], one["reason"]
            examples = merged.setdefault(kind, {**one, "examples": []})["examples"]
            examples += one["examples"][: EXAMPLES - len(examples)]
    return [merged[kind] for kind in sorted(merged)]

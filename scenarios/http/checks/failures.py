"""A few examples of answers that failed, for those who ask for them with --keep-failures.

They are the targets' data, and may be customers': so none is kept unless asked for.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dragstrip import atomic_file
from dragstrip.errors import StorageError
from dragstrip.ledger.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dragstrip.scenario import Check, Operation, Reply, Request, Target
    from scenarios.http.checks.expectation import ExplainedCheck

FOLDER = "failures"
EXAMPLES = 3
"""For each target, operation and reason."""
SHOWN_BYTES = 2048
"""Of a body, a request line and a reason; the rest is cut."""
_HIDDEN = "***"
_SHORTEST_SECRET = 4
_READ_FOR_KEPT = 4
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
    """Keeps the first examples of each reason in this process, without headers and secrets.

    `secrets` are values that the requests carry and no file may show.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {
            spelt
            for secret in secrets
            if len(secret) >= _SHORTEST_SECRET
            for spelt in _spellings(secret)
        }
        # A longer one may hold a shorter one.
        self._secrets = sorted(known, key=len, reverse=True)
        self._longest = len(self._secrets[0]) if self._secrets else 0
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
                    kept.append(self._example(key, reply, request(key), check.explain(key, reply)))
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
            atomic_file.replace(file, document)
        except OSError as error:
            raise StorageError(f"cannot write {file}: {error.strerror}", fix="make room") from None

    def redact(self, text: str) -> str:
        """Hide known secrets, and what looks like one by its name."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return _SECRET_FIELD.sub(rf'\1"{_HIDDEN}"', _SECRET_PARAMETER.sub(rf"\1{_HIDDEN}", text))

    def _example(self, key: int, reply: Reply, request: Request, why: str) -> dict[str, Any]:
        return {
            "key": key,
            "request": self._cut(f"{request.method} {request.path}"),
            "status": reply.status,
            "content_type": reply.content_type,
            "why": self._cut(why),
            "body": self._cut(reply.body[: _READ_FOR_KEPT * SHOWN_BYTES].decode(errors="replace")),
            "body_bytes": len(reply.body),
        }

    def _cut(self, text: str) -> str:
        # Redacted before it is cut, for half of a secret would not be known. Nor is one at the end
        # of what is looked at, and what is hidden before it may bring that end near.
        read = _READ_FOR_KEPT * SHOWN_BYTES
        hidden = self.redact(text[:read])
        if len(text) >= read:
            hidden = hidden[: -self._longest or None]
        return hidden.encode()[:SHOWN_BYTES].decode(errors="ignore")


def read(run: Path) -> list[dict[str, Any]]:
    """Return what the processes of a run kept, with a few examples of each reason in all."""
    merged: dict[tuple[str, str, str], dict[str, Any]] = {}
    for file in sorted((run / FOLDER).glob("*.json")):
        for one in atomic_file.read(file) or []:
            kind = one["target"], one["operation"], one["reason"]
            examples = merged.setdefault(kind, {**one, "examples": []})["examples"]
            examples += one["examples"][: EXAMPLES - len(examples)]
    return [merged[kind] for kind in sorted(merged)]


def _spellings(secret: str) -> set[str]:
    """Return how a secret may stand in a URL or in JSON."""
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}

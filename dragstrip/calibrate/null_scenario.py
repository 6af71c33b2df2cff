"""What the null server is asked: answers as large as a contact's context, by a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragstrip.scenario import JsonCheck, Operation, Request, Scenario, expected_json
from dragstrip.scenario.check import table_bits_for

if TYPE_CHECKING:
    from dragstrip.config.config import Config
    from dragstrip.scenario import Check, Target

NAME = f"{__name__}:NullScenario"
KEYS = 500
"""So few that the first answers, which are compared in full, are over before the counted time."""

_FILLER = ["A sentence that is about as long as what people write. "] * 10


class NullScenario(Scenario):
    """Asks for one of KEYS documents, each of about 650 bytes."""

    name = "null"
    keys = KEYS

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self._check = JsonCheck(expected_json(answer), table_bits=table_bits_for(self.keys))

    def request(self, target: Target, operation: Operation, key: int) -> Request:  # noqa: ARG002
        """Return the request for a document."""
        return Request("GET", path(key), {})

    def check(self, target: Target, operation: Operation) -> Check:  # noqa: ARG002
        """Return one check for both targets."""
        return self._check


def path(key: int) -> str:
    """Return where a key's document is."""
    return f"/documents/{key}"


def answer(key: int) -> dict[str, Any]:
    """Return a key's document."""
    return {"key": key, "text": _FILLER}

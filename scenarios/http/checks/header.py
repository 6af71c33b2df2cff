"""`header`: the answer has this header, with this value where one is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.ledger.rows import Outcome

if TYPE_CHECKING:
    from dragstrip.scenario import Reply

_OK = int(Outcome.OK)


class Header:
    """Names and values are compared without regard to upper and lower case."""

    __slots__ = ("_failure", "_name", "_value")

    def __init__(self, name: str, value: str = "") -> None:
        self._name, self._value = name.strip().lower(), value.strip().lower()
        is_type = self._name == "content-type"
        self._failure = int(Outcome.CONTENT_TYPE if is_type else Outcome.WRONG_ANSWER)

    def __call__(self, key: int, reply: Reply) -> int:  # noqa: ARG002
        """Return the Outcome."""
        found = reply.header(self._name)
        return _OK if found == self._value or (found and not self._value) else self._failure

    def explain(self, key: int, reply: Reply) -> str:
        """Return what is wrong."""
        if self(key, reply) == _OK:
            return ""
        found, field = reply.header(self._name), f"expect.header.{self._name}"
        if found is None:
            return f"{field}: the answer has no such header"
        return f'{field} is "{self._value}", and the header is "{found}"'

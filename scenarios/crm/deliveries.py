"""The messages that this process has sent, how each was answered, and what is sent again.

A drawn key belongs to one process, so that it knows all messages to a contact and their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic_ns
from typing import TYPE_CHECKING

import orjson

from dragstrip.scenario import Outcome
from dragstrip.scenario.numbered import drawn, number_of

if TYPE_CHECKING:
    from dragstrip.scenario import Reply, Target
    from scenarios.crm.messages import InboundMessage, MessageMaker

RETRY_S = (10.0, 40.0, 90.0)
"""Kapso's schedule for a delivery that fails."""
REDELIVER_S = 0.5
_MOST_KEPT = 256

_ACKNOWLEDGED = frozenset({Outcome.OK, Outcome.WRONG_DUPLICATE})


@dataclass(slots=True)
class Sent:
    """A message to one target. `must` is what the next answer's `duplicate` must be, if known."""

    message: InboundMessage
    deliveries: int = 0
    retries: int = 0
    acknowledged_ns: int = 0
    must: bool | None = None


@dataclass(slots=True)
class Talk:
    """What was sent to one contact of one target, in order, and what of it was acknowledged.

    A lookup shows the newest messages, so that of very many only the newest are kept; `forgotten`
    of those acknowledged are not.
    """

    sent: list[Sent] = field(default_factory=list)
    acknowledged: list[Sent] = field(default_factory=list)
    forgotten: int = 0

    @property
    def known(self) -> int:
        """How many messages were acknowledged so far."""
        return self.forgotten + len(self.acknowledged)

    def first_acknowledged(self, known: int) -> list[Sent]:
        """Return those that were acknowledged when so many were, as far as they are kept."""
        return self.acknowledged[: max(0, known - self.forgotten)]

    def forget_old(self) -> None:
        """Keep the newest messages alone, if there are very many."""
        if len(self.sent) <= _MOST_KEPT:
            return
        newest = sorted(self.sent, key=lambda one: one.message.sent_at_ms)[-_MOST_KEPT // 2 :]
        kept, before = {id(one) for one in newest}, len(self.acknowledged)
        self.sent = [one for one in self.sent if id(one) in kept]
        self.acknowledged = [one for one in self.acknowledged if id(one) in kept]
        self.forgotten += before - len(self.acknowledged)


class Deliveries:
    """All of a process. `redeliver` is a share; `retry` shortens the schedule of retries.

    Without lookups, what was acknowledged and is not sent again need not be remembered.
    """

    def __init__(
        self, maker: MessageMaker, *, redeliver: float, retry: float, for_lookups: bool
    ) -> None:
        self._for_lookups = for_lookups
        self._maker = maker
        self._redeliver = round(redeliver * 0x10000)
        self._retry = retry
        self._sent: dict[tuple[str, int], Sent] = {}
        self.talks: dict[tuple[str, int], Talk] = {}

    def begin(self, target: Target, key: int) -> InboundMessage:
        """Note that a message is about to be sent, for the first time or again."""
        sent = self._sent.get((target.name, key))
        if sent is None:
            sent = self._sent[target.name, key] = Sent(self._maker(key))
            if self._for_lookups:
                self.talks.setdefault((target.name, drawn(key)), Talk()).sent.append(sent)
        # While two deliveries are under way, either may be the one that is stored.
        sent.must = True if sent.acknowledged_ns else None if sent.deliveries else False
        sent.deliveries += 1
        return sent.message

    def check(self, target: Target, key: int, reply: Reply) -> int:
        """Return the Outcome of an answer to a delivery, and note what it acknowledges."""
        if reply.status != 200:
            return Outcome.HTTP_STATUS
        try:
            body = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            return Outcome.NOT_JSON
        if body not in (
            {"received": True, "duplicate": False},
            {"received": True, "duplicate": True},
        ):
            return Outcome.WRONG_ANSWER
        sent = self._sent[target.name, key]
        if not sent.acknowledged_ns:
            sent.acknowledged_ns = monotonic_ns()
            if self._for_lookups:
                talk = self.talks[target.name, drawn(key)]
                talk.acknowledged.append(sent)
                # Of somebody new, any message may have been the one that made the contact.
                if drawn(key) < self._maker.dataset.contacts:
                    talk.forget_old()
        is_wrong = sent.must is not None and body["duplicate"] is not sent.must
        return Outcome.WRONG_DUPLICATE if is_wrong else Outcome.OK

    def again(self, target: Target, key: int, outcome: int) -> float | None:
        """Return after how many seconds Kapso delivers a message again, if it does."""
        sent = self._sent[target.name, key]
        if outcome in _ACKNOWLEDGED:
            if sent.deliveries == 1 and self._is_redelivered(key):
                return REDELIVER_S
            if not self._for_lookups:
                del self._sent[target.name, key]
            return None
        if sent.acknowledged_ns or sent.retries >= len(RETRY_S):
            return None
        sent.retries += 1
        return RETRY_S[sent.retries - 1] * self._retry

    def _is_redelivered(self, key: int) -> bool:
        return int.from_bytes(self._maker.draws(number_of(key))[-2:], "little") < self._redeliver

"""Whether a lookup shows every message that was acknowledged before it was sent, and no others."""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import orjson

from dragstrip.scenario import Outcome, canonical
from dragstrip.scenario.numbered import drawn
from scenarios.crm.messages import answer_to, new_contact, with_messages
from seeding.dataset.dataset import MESSAGES_ANSWERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.scenario import Check, Reply, Target
    from scenarios.crm.deliveries import Deliveries, Sent
    from scenarios.crm.messages import InboundMessage
    from seeding.dataset.dataset import Dataset
    from seeding.dataset.model import Context

MOST_STALE_READS = 200
_CONTEXTS = 4096


@dataclass(slots=True)
class ReadCounts:
    """The lookups of one target in one process that followed an acknowledged message.

    `stable_ns` is the longest time from an acknowledgement to a read that missed the message;
    `worst` has (age in ms, seconds since the Unix epoch) of the stale reads, as a heap.
    """

    reads: int = 0
    stale: int = 0
    hidden: int = 0
    stable_ns: int = 0
    worst: list[tuple[float, float]] = field(default_factory=list)


class Reads:
    """Judges the lookups of a process by what it has sent. `base` judges contacts without any."""

    def __init__(
        self, dataset: Dataset, deliveries: Deliveries, base: Check, stale_ns: int
    ) -> None:
        self._dataset = dataset
        self._deliveries = deliveries
        self._base = base
        self._stale_ns = stale_ns
        self._asked: dict[tuple[str, int], tuple[int, int]] = {}
        self._context = lru_cache(_CONTEXTS)(dataset.context)
        self.counts: dict[str, ReadCounts] = {}

    def begin(self, target: Target, key: int) -> int:
        """Note what is acknowledged as a lookup is about to be sent; return whom it asks for."""
        index = drawn(key)
        talk = self._deliveries.talks.get((target.name, index))
        if talk is not None:
            self._asked[target.name, key] = talk.known, monotonic_ns()
        return index

    def check(self, target: Target, key: int, reply: Reply) -> int:
        """Return the Outcome of an answer."""
        index = drawn(key)
        talk = self._deliveries.talks.get((target.name, index))
        known, asked_ns = self._asked.pop((target.name, key), (0, 0))
        if talk is None:
            return self._base(index, reply)
        if reply.status != 200:
            return Outcome.HTTP_STATUS
        try:
            answer = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            return Outcome.NOT_JSON
        must = talk.first_acknowledged(known)
        others = {id(one) for one in must}
        may = [one.message for one in talk.sent if id(one) not in others]
        base = self._context(index) if index < self._dataset.contacts else None
        workspace_id = self._dataset.workspace_id(index)
        is_right, missing = judge(
            base, [one.message for one in must], may, answer, workspace_id=workspace_id
        )
        missed = {message.id for message in missing}
        missed_ones = [one for one in must if one.message.id in missed]
        hidden = self._count(target.name, missed_ones, asked_ns, is_read=bool(must))
        if not is_right:
            return Outcome.WRONG_ANSWER
        return Outcome.STALE if hidden else Outcome.OK

    def _count(self, target: str, missing: list[Sent], asked_ns: int, *, is_read: bool) -> bool:
        """Count a lookup; return whether it missed a message for longer than is allowed."""
        counts = self.counts.setdefault(target, ReadCounts())
        counts.reads += is_read
        if not missing:
            return False
        age_ns = max(asked_ns - one.acknowledged_ns for one in missing)
        is_hidden = age_ns > self._stale_ns
        counts.stale += 1
        counts.hidden += is_hidden
        counts.stable_ns = max(counts.stable_ns, age_ns)
        at_s = time.time() - (monotonic_ns() - asked_ns) / 1e9
        push = heapq.heappush if len(counts.worst) < MOST_STALE_READS else heapq.heappushpop
        push(counts.worst, (age_ns / 1e6, at_s))
        return is_hidden


def judge(
    base: Context | None,
    must: Sequence[InboundMessage],
    may: Sequence[InboundMessage],
    answer: Any,
    *,
    workspace_id: str,
) -> tuple[bool, list[InboundMessage]]:
    """Return whether an answer is right but for the messages of `must` that it misses, and these.

    `base` is the contact as it was seeded, None for somebody unknown. All of `must` have to be in
    the answer, or below the ten newest; any of `may` can be.
    """
    recent = _recent(answer)
    if recent is None:
        return False, []
    shown = set(recent)
    oldest_ms = recent[-1][1] if len(recent) >= MESSAGES_ANSWERED else None
    missing = [
        one
        for one in must
        if one.shown not in shown and (oldest_ms is None or one.sent_at_ms > oldest_ms)
    ]
    missed = {one.id for one in missing}
    there = [one for one in must if one.id not in missed]
    there += [one for one in may if one.shown in shown]
    if base is None and there:
        # Whichever of them came first has created the contact.
        contact = answer.get("contact")
        first_ms = contact.get("first_contact_date") if isinstance(contact, dict) else None
        creators = [one for one in [*must, *may] if one.sent_at_ms == first_ms]
        base = new_contact((creators or there)[0], workspace_id)
    try:
        is_right = canonical(answer) == canonical(answer_to(with_messages(base, there)))
    except orjson.JSONEncodeError:
        is_right = False
    return is_right, missing


def _recent(answer: Any) -> list[tuple[str, int]] | None:
    """Return what is shown of each message, newest first; None where that is not of the form."""
    try:
        recent = [(one["content"], one["created_at"]) for one in answer["recent_messages"]]
    except (TypeError, KeyError):
        return None
    is_sound = all(isinstance(text, str) and isinstance(at, int) for text, at in recent)
    return recent if is_sound else None

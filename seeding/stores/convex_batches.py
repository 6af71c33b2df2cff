"""Contacts as Convex takes them, cut to what one transaction may do.

Convex lets one function read 4,096 index ranges, write 16,000 documents or 16 MiB, take 16 MiB of
arguments and compute for one second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from dragstrip.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seeding.dataset.model import Context

# Far below the limits on rows and bytes: the second of computing is reached first, and under a
# limit on bytes a second, small transactions come through where large ones are turned away.
ROWS = 1_000
_RANGES = 3_500
_BYTES = 2 * 2**20

# Looking for the contact, its children if it is there, and holders of what must be unique.
_RANGES_OF_CONTACT = 9


class Encoded(NamedTuple):
    """A context as JSON, ready to send, and what writing it costs."""

    seed_index: int
    contact_id: str
    workspace_id: str
    phone: str
    rows: int
    ranges: int
    json: bytes


def encode(contexts: Iterable[Context]) -> list[Encoded]:
    """Return the contexts ready to send.

    Raises BackendError for a number that Convex, which keeps doubles, could not hold exactly.
    """
    return [_encode(context) for context in contexts]


def _encode(context: Context) -> Encoded:
    contact = context["contact"]
    messages = len(context["messages"])
    try:
        json = orjson.dumps(context, option=orjson.OPT_STRICT_INTEGER)
    except TypeError as error:
        raise BackendError(
            f"contact {context['index']} cannot be stored in Convex: {error}",
            fix="keep whole numbers within ±2^53 and text in UTF-8",
        ) from None
    rows = 2 + messages + len(context["notes"])
    return Encoded(
        seed_index=context["index"],
        contact_id=contact["id"],
        workspace_id=contact["workspace_id"],
        phone=contact["phone"],
        rows=rows,
        ranges=_RANGES_OF_CONTACT + messages,
        json=json,
    )


def first_batch(contexts: Sequence[Encoded], rows: int) -> Sequence[Encoded]:
    """Return as many contexts from the front as fit into one transaction, one at the least."""
    ranges = size = 0
    for taken, context in enumerate(contexts):
        rows -= context.rows
        ranges += context.ranges
        size += len(context.json)
        if taken and (rows < 0 or ranges > _RANGES or size > _BYTES):
            return contexts[:taken]
    return contexts

"""What seeding and verifying need of a backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from seeding.dataset.model import Context, Manifest, Workspace


REMOVED_AT_ONCE = 500
"""How many messages one call removes: a transaction of Convex's may write some thousand rows."""


@dataclass(frozen=True, slots=True)
class RangeDigest:
    """The digest of the seeded contacts in one aligned range, and how many there are."""

    start: int
    contacts: int
    digest: str


@dataclass(frozen=True, slots=True)
class MessageRange:
    """The digest of a run's stored messages in one range of numbers, and how many there are."""

    start: int
    messages: int
    digest: str


class Store(Protocol):
    """A backend's side of the dataset.

    Ranges are of seed indices, start <= index < stop, at most `page` wide; they see seeded rows
    only. Every call may be repeated: writing what is there and deleting what is not change
    nothing. Calls come from several threads. All of them raise BackendError.
    """

    name: str
    """What messages call it."""

    concurrency: int
    """How many calls at once do it good."""

    page: int
    """How many contacts one unit of work holds: a multiple of RANGE, which bounds the memory."""

    def read_manifest(self) -> Manifest | None:
        """Return what the backend was seeded with, or None."""

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest."""

    def delete_manifest(self) -> None:
        """Remove the manifest."""

    def write_workspaces(self, workspaces: Sequence[Workspace]) -> None:
        """Insert or update workspaces and their members."""

    @staticmethod
    def encode(contexts: Iterable[Context]) -> Any:
        """Return the contacts in the form that `write` takes. Any process may do this part."""

    def write(self, batch: Any) -> None:
        """Insert or update contacts with all that hangs on them, as `encode` returned them.

        Raises TooMuch where fewer at once may pass.
        """

    def delete_contexts(self, start: int, stop: int) -> int:
        """Remove seeded contacts with all that hangs on them; return how many."""

    def delete_workspaces(self, ids: Sequence[str]) -> int:
        """Remove the workspaces in which no contact is left; return how many."""

    def next_index(self, start: int) -> int | None:
        """Return the smallest stored seed index from `start` on, or None."""

    def read_workspaces(self, ids: Sequence[str]) -> list[Workspace]:
        """Return what is stored of these, in their order, with members; absent ones left out."""

    def range_digests(self, start: int, stop: int) -> list[RangeDigest]:
        """Return the digests of the aligned ranges that hold a contact; `start` is aligned."""

    def contact_digests(self, start: int, stop: int) -> dict[int, str]:
        """Return the digest of every stored contact by its index."""

    def contexts(self, start: int, stop: int) -> list[Context]:
        """Return what is stored, by index."""

    def message_digests(self, prefix: str, start: int, stop: int) -> list[MessageRange]:
        """Return the digests of the ranges that hold a message of a run; `start` is aligned.

        Its messages have ids of one prefix and a number: start <= number < stop.
        """

    def message_ids(self, prefix: str, start: int, stop: int) -> list[str]:
        """Return the ids of a run's messages, as often as each is stored."""

    def state_digests(self, workspace_id: str, phones: Sequence[str]) -> dict[str, str]:
        """Return the digest of what is stored of each contact by phone number, as state_digest."""

    def remove_messages(self, prefix: str) -> int:
        """Remove messages whose ids begin so, and contacts that they alone made; return how many.

        What they changed in seeded conversations stays.
        """

    def stop(self) -> None:
        """End waits for the backend in other threads; their calls raise BackendError."""

    def close(self) -> None:
        """Close the connections."""


def remove_all(remove_some: Callable[[], Any]) -> int:
    """Call until nothing is left; return how many were removed. An answer: {deleted, more}."""
    removed, more = 0, True
    while more:
        answer = remove_some()
        removed, more = removed + int(answer["deleted"]), bool(answer["more"])
    return removed

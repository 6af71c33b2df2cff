"""What seeding and verifying need of a backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seeding.dataset.model import Context, Manifest, Workspace


@dataclass(frozen=True, slots=True)
class RangeDigest:
    """The digest of the seeded contacts in one aligned range, and how many there are."""

    start: int
    contacts: int
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
        """Insert or update contacts with all that hangs on them, as `encode` returned them."""

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

    def stop(self) -> None:
        """End waits for the backend in other threads; their calls raise BackendError."""

    def close(self) -> None:
        """Close the connections."""

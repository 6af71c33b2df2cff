"""Who is calling? One user class per path to the answer.

To test something else, write another subclass of Slot and add its kind here, or name it in
locustfile.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dragstrip.measure.plugin import Slot

if TYPE_CHECKING:
    from dragstrip.config import Kind
    from dragstrip.targets import Request
    from seeding.dataset import Dataset


class Lookup(Slot):
    """Asks for the context of a contact by phone number, at the target's own address."""

    abstract = True
    dataset: ClassVar[Dataset]
    api_key: ClassVar[str]
    requests_repeat = True

    def request(self, key: int) -> Request:
        """Return the lookup of the contact with index `key`."""
        return self.target.lookup(
            self.dataset.phone(key), self.dataset.workspace_id(key), api_key=self.api_key
        )


class ConvexHttpLookup(Lookup):
    """Convex HTTP action."""

    abstract = True


class NextSupabaseLookup(Lookup):
    """Next.js route over Supabase."""

    abstract = True


class NextConvexLookup(Lookup):
    """Next.js route over Convex."""

    abstract = True


BY_KIND: dict[Kind, type[Lookup]] = {
    "convex-http": ConvexHttpLookup,
    "next-supabase": NextSupabaseLookup,
    "next-convex": NextConvexLookup,
}

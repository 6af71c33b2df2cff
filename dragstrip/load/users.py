"""Who is calling? One user class per path to the answer.

To test something else, write another subclass of Slot and add its kind here, or name it in
locustfile.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from dragstrip.load.locust_user import Slot

if TYPE_CHECKING:
    from dragstrip.config.config import Kind
    from dragstrip.scenario import Request


class Numbers(Protocol):
    """Whom to ask for: the dataset's contacts, or numbers of one's own."""

    def phone(self, key: int, /) -> str:
        """Return the phone number of a key."""

    def workspace_id(self, key: int, /) -> str:
        """Return the workspace in which a key is looked up."""


class Lookup(Slot):
    """Asks for the context of a contact by phone number, at the target's own address."""

    abstract = True
    numbers: ClassVar[Numbers]
    api_key: ClassVar[str]
    requests_repeat = True

    def request(self, key: int) -> Request:
        """Return the lookup of a key: the contact with that index, or a number of one's own."""
        return self.target.lookup(
            self.numbers.phone(key), self.numbers.workspace_id(key), api_key=self.api_key
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

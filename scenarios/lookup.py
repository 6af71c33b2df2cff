"""Who is calling? The CRM's hot path: the context of a contact, by phone number.

The contacts are seeded ones, or the phone numbers of a file: two ways to fill one scenario.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.scenario import Finding, Operation
from dragstrip.scenario.kinds import kind_of, kinds
from scenarios.crm import requests
from scenarios.crm.lookup_kind import LookupKind, key_for, lookup_kind
from scenarios.crm.own_numbers import OwnNumbers
from scenarios.crm.scenario import CrmScenario
from scenarios.crm.seeded import SeededContacts
from seeding.dataset.dataset import GENERATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.config.config import Config
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Facts
    from dragstrip.scenario import Check, Progress, Request, Target


class Lookup(CrmScenario):
    """Asks for a contact's context; the answer must be the whole of what is known of it."""

    name = "lookup"
    version = GENERATOR
    operations = (Operation("lookup"),)
    kinds = tuple(name for name, kind in kinds().items() if isinstance(kind, LookupKind))
    in_lab = True

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        own = self.config.dataset.keys_file is not None
        self.contacts = OwnNumbers(self.config) if own else SeededContacts(self.config)
        self.has_misses = self.contacts.has_misses

    @property
    def keys(self) -> int:  # type: ignore[override]
        """How many contacts or numbers there are to ask for."""
        return self.contacts.keys

    def validate(self) -> None:
        """Check what the contacts come from. Raises ConfigError."""
        super().validate()
        self.contacts.validate()

    def variables(self) -> dict[str, str]:
        """Return the keys that the targets ask for. Raises ConfigError."""
        asked = [kind_of(target.kind) for target in self.config.targets.values()]
        names = {kind.key_variable for kind in asked if isinstance(kind, LookupKind)}
        keys = {name: self.config.environment.require(name.lower()) for name in sorted(names)}
        return super().variables() | keys

    def prepare(self, targets: Sequence[Target], progress: Progress) -> Facts:
        """Prove that both targets answer alike, from the same data."""
        return self.contacts.prepare(targets, progress)

    def request(self, target: Target, operation: Operation, key: int) -> Request:  # noqa: ARG002
        """Return the lookup of the contact or number of a key."""
        phone, workspace_id = self.contacts.phone(key), self.contacts.workspace_id(key)
        return requests.lookup(target, phone, workspace_id, api_key=key_for(self.config, target))

    def check(self, target: Target, operation: Operation) -> Check:  # noqa: ARG002
        """Return a check: a right answer is the same from either target."""
        return self.contacts.check_of(lookup_kind(target))

    def review(self, facts: Facts, run: RunFolder) -> list[Finding]:  # noqa: ARG002
        """Return how the data changed while the race ran, if it did."""
        difference = self.contacts.review(run)
        return [Finding(difference)] if difference else []

    def handoff(self) -> bytes | None:
        """Return the numbers of a keys file, which stand in no file of the run."""
        return self.contacts.handoff()

    def receive(self, handoff: bytes | None) -> None:
        """Take what `handoff` gave."""
        self.contacts.receive(handoff)

    def first_check_s(self) -> float:
        """Return what the first answer to a key costs to check, beyond later ones."""
        return self.contacts.first_check_s()

"""Messages come in and the same contacts are looked up: nothing acknowledged may be missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dragstrip.scenario import Operation
from scenarios.crm import requests, write_settings
from scenarios.crm.reads import Reads
from scenarios.crm.write_review import store_reads
from scenarios.inbound_message import MESSAGE, InboundMessages

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.config.config import Config
    from dragstrip.scenario import Check, Reply, Request, Target


class Conversations(InboundMessages):
    """Mixes lookups with messages; a lookup asks for whom a message was from a moment ago."""

    name = "conversation"
    form = write_settings.MixSettings

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self._reads: Reads | None = None

    @property
    def operations(self) -> tuple[Operation, ...]:  # type: ignore[override]
        """Lookups and messages, by `mix`."""
        asked = write_settings.read(write_settings.MixSettings, self.settings)
        follows = MESSAGE.name if asked.follow else None
        return (
            Operation("lookup", 1 - asked.mix, repeats=False, follows=follows),
            replace(MESSAGE, weight=asked.mix),
        )

    def request(self, target: Target, operation: Operation, key: int) -> Request:
        """Return the delivery of a message, or the lookup of the contact of a key."""
        if operation.name == MESSAGE.name:
            return super().request(target, operation, key)
        index = self.reads.begin(target, key)
        phone, workspace_id = self.dataset.phone(index), self.dataset.workspace_id(index)
        return requests.lookup(target, phone, workspace_id, api_key=self._api_key)

    def check(self, target: Target, operation: Operation) -> Check:
        """Return what holds an answer to the data and to the messages so far."""
        if operation.name == MESSAGE.name:
            return super().check(target, operation)
        reads = self.reads

        def check(key: int, reply: Reply) -> int:
            return reads.check(target, key, reply)

        return check

    def finish(self, folder: Path, process: int) -> None:
        """Store what the lookups of this process missed."""
        store_reads(folder, process, self.reads.counts)

    @property
    def reads(self) -> Reads:
        """What judges the lookups of this process."""
        if self._reads is None:
            self._reads = Reads(
                self.dataset, self.deliveries, self.contacts.check, self.config.rules.stale_ns
            )
        return self._reads

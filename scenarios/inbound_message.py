"""Messages come in: Kapso's webhook under load, and the proof that each is stored exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError
from dragstrip.scenario import Finding, Operation
from dragstrip.scenario.kinds import kind_of, kinds
from dragstrip.scenario.numbered import KEY_BITS, MOST_NUMBERS
from scenarios.crm import requests, write_settings
from scenarios.crm.deliveries import Deliveries
from scenarios.crm.messages import MessageMaker, body_of
from scenarios.crm.scenario import CrmScenario
from scenarios.crm.seeded import SeededContacts
from scenarios.crm.webhook_proof import require_webhook
from scenarios.crm.write_review import Reviewed, review
from seeding.dataset.dataset import GENERATOR, Dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.config.config import Config
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Facts, Writes
    from dragstrip.scenario import Check, Progress, Reply, Request, Target

MESSAGE = Operation("message", method="POST", repeats=False, writes=True, sent_again=True)

_UNCHANGED = (
    "After the race, both backends held what the dataset and the acknowledged messages predict, "
    "contact by contact; then the messages were removed, and the digests were compared again."
)
_KEPT = (
    "After the race, both backends held what the dataset and the acknowledged messages predict, "
    "contact by contact. The messages were left there."
)


_LEFT = (
    "The race was cut short, and its messages are still in both backends: `dragstrip seed` removes "
    "them, and so does the next race."
)


class InboundMessages(CrmScenario):
    """Delivers signed messages from known and, by race.miss, new senders."""

    name = "inbound-message"
    version = GENERATOR
    operations: Sequence[Operation] = (MESSAGE,)
    kinds = tuple(name for name, kind in kinds().items() if "message" in kind.paths)
    has_misses = True
    in_lab = True
    numbered = True
    form: type[write_settings.WriteSettings] = write_settings.WriteSettings

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        wanted = self.config.dataset
        self.contacts = SeededContacts(self.config)
        self.dataset = Dataset.of(wanted)
        self._reviewed: Reviewed | None = None
        self._deliveries: Deliveries | None = None

    @property
    def keys(self) -> int:  # type: ignore[override]
        """How many contacts there are to write."""
        return self.contacts.keys

    @property
    def asked(self) -> write_settings.WriteSettings:
        """The fields of [scenario]. Raises ConfigError."""
        return write_settings.read(self.form, self.settings)

    def validate(self) -> None:
        """Refuse what cannot be reconciled afterwards. Raises ConfigError."""
        super().validate()
        self.asked  # noqa: B018  it is checked
        race, dataset = self.config.race, self.config.dataset
        if dataset.keys_file is not None:
            raise ConfigError(
                f"dataset.keys_file: scenario {self.name} writes, to seeded contacts only",
                fix="leave dataset.keys_file out, and race backends that may be seeded",
            )
        if race.closed_model:
            raise ConfigError(
                f"race.rate = 0: scenario {self.name} sends both targets the same messages, and a "
                "closed model sends as many as each can take",
                fix="give --rate",
            )
        if race.ledger == "drop":
            raise ConfigError(
                f'race.ledger = "drop": scenario {self.name} compares the rows with what is stored',
                fix='use "keep" or "compress"',
            )
        if race.numbers >= MOST_NUMBERS or dataset.contacts + 1_000_000 >= 1 << KEY_BITS:
            raise ConfigError(
                f"race: scenario {self.name} cannot number so many messages",
                fix="lower --rate, --slice or --pairs",
            )
        stores = [kind_of(target.kind).store for target in self.config.targets.values()]
        if len(set(stores)) < len(stores):
            raise ConfigError(
                f"targets: scenario {self.name} needs a store of its own behind each target, and "
                f"two of them are in {max(stores, key=stores.count)}",
                fix="race two targets of different kinds",
            )

    def variables(self) -> dict[str, str]:
        """Return the keys that requests are signed with. Raises ConfigError."""
        keys = {"CRM_API_KEY": self._api_key, "KAPSO_WEBHOOK_SECRET": self._secret}
        return super().variables() | keys

    def prepare(self, targets: Sequence[Target], progress: Progress) -> Facts:
        """Prove that both targets answer alike, and that their webhooks check signatures."""
        facts = self.contacts.prepare(targets, progress)
        maker = MessageMaker(self.dataset, "preflight")
        nobody = body_of(maker(0)).replace(maker(0).kapso_phone_id.encode(), b"0")
        for target in targets:
            require_webhook(target, nobody, self._secret, self.config.race)
        values = {name: f"{value}" for name, value in self.asked if name != "keep_writes"}
        return facts.model_copy(
            update={
                "unchanged": _KEPT if self.asked.keep_writes else _UNCHANGED,
                "values": facts.values | values,
                "alike": [*facts.alike, *values],
            }
        )

    def request(self, target: Target, operation: Operation, key: int) -> Request:  # noqa: ARG002
        """Return the signed delivery of the message of a key."""
        message = self.deliveries.begin(target, key)
        return requests.message(
            target, body_of(message), secret=self._secret, idempotency_key=message.id
        )

    def check(self, target: Target, operation: Operation) -> Check:  # noqa: ARG002
        """Return what holds an answer to the contract, `duplicate` included."""
        deliveries = self.deliveries

        def check(key: int, reply: Reply) -> int:
            return deliveries.check(target, key, reply)

        return check

    def again(self, target: Target, operation: Operation, key: int, outcome: int) -> float | None:  # noqa: ARG002
        """Deliver again what failed, and a share of what did not, as Kapso does."""
        return self.deliveries.again(target, key, outcome)

    def handoff(self) -> bytes | None:
        """Return which names Faker made, if it did."""
        return self.contacts.handoff()

    def receive(self, handoff: bytes | None) -> None:
        """Refuse to run outside a race, or with other names. Raises ConfigError."""
        self.contacts.receive(handoff)
        if not self.run_id:
            raise ConfigError(
                f"scenario {self.name} runs in `dragstrip race` only: by plain `locust`, nothing "
                "would remove the messages",
                fix=f"run `dragstrip race --scenario {self.name}`",
            )

    def review(self, facts: Facts, run: RunFolder) -> list[Finding]:  # noqa: ARG002
        """Reconcile what is stored with what was acknowledged, and remove it."""
        names = [operation.name for operation in self.operations]
        self._reviewed = review(
            self.config,
            MessageMaker(self.dataset, run.path.name),
            run,
            operation=names.index(MESSAGE.name),
            keep_writes=self.asked.keep_writes,
        )
        return self._reviewed.findings

    def remarks(self, run: RunFolder) -> list[str]:  # noqa: ARG002
        """Say where the backends end unlike, or that a race was cut short and left messages."""
        return self._reviewed.remarks if self._reviewed else [_LEFT]

    def writes(self, run: RunFolder) -> dict[str, Writes]:  # noqa: ARG002
        """Return the accounts that `review` made."""
        return self._reviewed.writes if self._reviewed else {}

    def first_check_s(self) -> float:
        """Return what the first answer to a key costs to check, beyond later ones."""
        return self.contacts.first_check_s()

    @property
    def deliveries(self) -> Deliveries:
        """What this process has sent."""
        if self._deliveries is None:
            maker = MessageMaker(self.dataset, self.run_id)
            asked = self.asked
            self._deliveries = Deliveries(
                maker,
                redeliver=asked.redeliver,
                retry=asked.retry,
                for_lookups=len(self.operations) > 1,
            )
        return self._deliveries

    @property
    def _api_key(self) -> str:
        return self.config.environment.require("crm_api_key")

    @property
    def _secret(self) -> str:
        return self.config.environment.require("kapso_webhook_secret")

"""Ask targets for a sample of contacts, and compare what they answer with the dataset."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from dragstrip.concurrency import StopSignal, all_of
from dragstrip.errors import BackendError, DataDiffers
from dragstrip.load.http.untimed import UntimedClient
from dragstrip.redact import excerpt
from dragstrip.scenario import targets_of
from dragstrip.scenario.json_diff import first_difference
from dragstrip.scenario.target import address_of
from scenarios.crm.lookup_kind import NoAnswerError, key_for, lookup_kind
from scenarios.crm.requests import lookup
from scenarios.crm.target_refusals import known_refusal, refusal_error
from seeding.dataset.dataset import Dataset
from seeding.dataset.phones import PHONES
from seeding.diff import name_contact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.config.config import Config
    from dragstrip.load.http.untimed import UntimedAnswer
    from dragstrip.scenario import Target

SAMPLE = 100
_MISSES = 10  # one in so many


@dataclass(frozen=True, slots=True)
class AnswerProof:
    """Each of `targets` answered `lookups` lookups right, `misses` of them without a contact."""

    targets: list[str]
    lookups: int
    misses: int


def check_answers(
    config: Config, *, targets: Sequence[str] | None = None, sample: int = SAMPLE
) -> AnswerProof:
    """Ask every target (or those named) for the same `sample` contacts.

    The choice depends on the dataset alone, and one in ten is a number without a contact. Raises
    DataDiffers naming the first wrong field, BackendError for a target that cannot be asked.
    """
    chosen = [target for name, target in targets_of(config).items() if _is_among(name, targets)]
    keys = {target.name: key_for(config, target) for target in chosen}
    dataset = Dataset.of(config.dataset)
    indices = choose_indices(dataset, sample)
    stop = StopSignal()

    def ask_all(target: Target) -> None:
        with UntimedClient(target, config.race) as client:
            for index in indices:
                stop.check()
                _ask(client, target, dataset, index, keys[target.name])

    all_of(chosen, ask_all, stop)
    misses = sum(index >= dataset.contacts for index in indices)
    return AnswerProof([target.name for target in chosen], len(indices), misses)


def choose_indices(dataset: Dataset, sample: int) -> list[int]:
    """Return the indices to ask for: the same for the same dataset and sample size."""
    draw = random.Random(f"{dataset.seed}/{dataset.contacts}/{sample}")  # noqa: S311
    misses = -(-sample // _MISSES)
    hits = min(sample - misses, dataset.contacts)
    return [
        *draw.sample(range(dataset.contacts), hits),
        *draw.sample(range(dataset.contacts, PHONES), misses),
    ]


def _is_among(name: str, targets: Sequence[str] | None) -> bool:
    return targets is None or name in targets


def _ask(client: UntimedClient, target: Target, dataset: Dataset, index: int, api_key: str) -> None:
    phone = dataset.phone(index)
    request = lookup(target, phone, dataset.workspace_id(index), api_key=api_key)
    answer, kind = client.send(request), lookup_kind(target)
    if answer.reply.status != 200 or kind.refusal.matches(answer.reply):
        raise _refused(answer)
    try:
        found = kind.answer(orjson.loads(answer.reply.body))
    except NoAnswerError as error:
        raise BackendError(
            f"target {target.name} at {target.url} answered with an error: {excerpt(str(error))}",
            fix=f"correct {address_of(target)} if this is another service; otherwise see its log",
        ) from None
    except orjson.JSONDecodeError:
        raise refusal_error(answer) from None
    difference = first_difference(dataset.answer(index), found)
    if difference is not None:
        raise DataDiffers(
            f"target {target.name} answers {name_contact(dataset, index)} wrongly: {difference}",
            fix="run `dragstrip seed`; if it stays, the target's code is wrong",
        )


def _refused(answer: UntimedAnswer) -> BackendError:
    target = answer.target
    kind = lookup_kind(target)
    if kind.refusal.matches(answer.reply) and not known_refusal(answer):
        return BackendError(
            f"target {target.name} at {target.url} refused {kind.key_variable}",
            fix=f"give this command and the target the same {kind.key_variable}",
        )
    return refusal_error(answer)

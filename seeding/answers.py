"""Ask targets for a sample of contacts, and compare what they answer with the dataset."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import orjson

from dragstrip.config import ADDRESS_VARIABLE
from dragstrip.errors import BackendError, DataDiffers
from dragstrip.measure import http_tls
from dragstrip.redact import excerpt
from dragstrip.targets import targets_of
from seeding.dataset import Dataset
from seeding.differences import first_difference
from seeding.phones import PHONES
from seeding.side_by_side import Stop, all_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.config import Config
    from dragstrip.targets import Request, Target

SAMPLE = 100
_MISSES = 10  # one in so many


@dataclass(frozen=True, slots=True)
class AnswerProof:
    """Every one of `targets` gave the right answer to `lookups` lookups, `misses` of nobody."""

    targets: list[str]
    lookups: int
    misses: int


def check_answers(
    config: Config, *, targets: Sequence[str] | None = None, sample: int = SAMPLE
) -> AnswerProof:
    """Ask every target (or those named) for the same `sample` contacts.

    The choice depends on the dataset alone, and one in ten is a number that nobody has. Raises
    DataDiffers naming the first wrong field, BackendError for a target that cannot be asked.
    """
    api_key = config.environment.require("crm_api_key")
    chosen = [target for name, target in targets_of(config).items() if _is_among(name, targets)]
    dataset = Dataset(config.dataset.seed, config.dataset.contacts)
    indices = choose_indices(dataset, sample)
    stop = Stop()

    def ask_all(target: Target) -> None:
        with client_of(target, config.race.timeout) as client:
            for index in indices:
                stop.check()
                _ask(client, target, dataset, index, api_key)

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


def client_of(target: Target, timeout_s: float) -> httpx.Client:
    """Return a client for untimed requests to a target; no proxy of the environment is used.

    It trusts the certificates that timed lookups trust. Raises ConfigError for a bad `ca_file`.
    """
    verify = http_tls.trust(target.ca_file)
    return httpx.Client(base_url=target.url, timeout=timeout_s, trust_env=False, verify=verify)


def send(client: httpx.Client, target: Target, request: Request) -> httpx.Response:
    """Send one untimed request. Raises BackendError when no answer comes back."""
    try:
        return client.request(request.method, request.path, headers=request.headers)
    except httpx.HTTPError as error:
        raise BackendError(
            f"target {target.name} at {target.url} is unreachable: {error or type(error).__name__}",
            fix=f"start it, or correct {address_of(target)}",
        ) from None


def _is_among(name: str, targets: Sequence[str] | None) -> bool:
    return targets is None or name in targets


def _ask(client: httpx.Client, target: Target, dataset: Dataset, index: int, api_key: str) -> None:
    phone = dataset.phone(index)
    request = target.lookup(phone, dataset.workspace_id(index), api_key=api_key)
    response = send(client, target, request)
    if response.status_code != httpx.codes.OK:
        raise _refused(target, response)
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise BackendError(
            f"target {target.name} at {target.url} answered something that is no JSON",
            fix=f"correct {address_of(target)}",
        ) from None
    difference = first_difference(dataset.answer(index), found)
    if difference is not None:
        raise DataDiffers(
            f"target {target.name} answers {name_contact(dataset, index)} wrongly: {difference}",
            fix="run `dragstrip seed`; if it stays, the target's code is wrong",
        )


def _refused(target: Target, response: httpx.Response) -> BackendError:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return BackendError(
            f"target {target.name} at {target.url} refused CRM_API_KEY",
            fix="give this command and the target the same CRM_API_KEY",
        )
    said = excerpt(response.text)
    return BackendError(
        f"target {target.name} at {target.url} answered HTTP {response.status_code}: {said}",
        fix=f"correct {address_of(target)} if this is another service; otherwise see its log",
    )


def address_of(target: Target) -> str:
    """Return the names under which a target's address is configured."""
    return f"targets.{target.name}.url or {ADDRESS_VARIABLE[target.kind]}"


def name_contact(dataset: Dataset, index: int) -> str:
    """Return how messages call a contact."""
    phone = dataset.phone(index)
    if index >= dataset.contacts:
        return f"the unknown number {phone}"
    contact = dataset.context(index)["contact"]
    return f"contact {index} ({contact['name'] or contact['kapso_name'] or 'no name'}, {phone})"

"""What must hold before the first timed request: each target alive and keyed, the data the same."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import httpx

from dragstrip.errors import BackendError, DataDiffers, PreflightError
from dragstrip.scenario import targets_of
from scenarios.crm.answers import address_of, check_answers, client_of, send
from seeding.dataset.dataset import Dataset
from seeding.verify import check_data

if TYPE_CHECKING:
    from dragstrip.config.config import Config
    from dragstrip.scenario import Target
    from seeding.dataset.model import Manifest

_ANSWERS = 40
_UNAUTHORIZED = {"found": False, "error": "Unauthorized"}


def check(config: Config) -> Manifest:
    """Prove every configured target fit to be timed, and return what their backends hold.

    Raises PreflightError, BackendError or ConfigError.
    """
    try:
        # One lookup of a number that nobody has: it needs the target and the key, but no data.
        check_answers(config, sample=1)
        dataset = Dataset(config.dataset.seed, config.dataset.contacts)
        for target in targets_of(config).values():
            refuses_wrong_key(
                target, dataset.phone(0), dataset.workspace_id(0), config.race.timeout
            )
        proof = check_data(config)
        check_answers(config, sample=_ANSWERS)
    except DataDiffers as difference:
        raise PreflightError(difference.message, fix=difference.fix) from None
    return proof.manifest


def difference(config: Config) -> str | None:
    """Return how the backends' data differs from the dataset by now; None when it does not.

    A backend that cannot be asked any more has not proved that it held the data throughout.
    """
    try:
        check_data(config)
    except (DataDiffers, BackendError) as error:
        return error.message
    return None


def refuses_wrong_key(target: Target, phone: str, workspace_id: str, timeout_s: float) -> None:
    """Check that a target answers a wrong key with the contract's 401. Raises PreflightError."""
    # A key nobody can have chosen, so that none can be accepted by chance.
    request = target.lookup(phone, workspace_id, api_key=secrets.token_hex(24))
    with client_of(target, timeout_s) as client:
        answer = send(client, target, request)
    if answer.status_code != httpx.codes.UNAUTHORIZED:
        raise PreflightError(
            f"target {target.name} at {target.url} answered HTTP {answer.status_code} to a wrong "
            "key, not 401",
            fix="make the target check x-api-key against its CRM_API_KEY",
        )
    if _body(answer) != _UNAUTHORIZED:
        raise PreflightError(
            f"target {target.name} at {target.url} answered 401 with another body than the "
            "contract's",
            fix=f"correct {address_of(target)} if this is another service",
        )


def _body(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None

"""What a manifest found in a backend means for the dataset that is wanted there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.errors import BackendError

if TYPE_CHECKING:
    from seeding.model import Manifest

_RESET = "run `dragstrip seed --reset` to remove what it was seeded with, then seed again"


def require_growable(name: str, found: Manifest | None, wanted: Manifest) -> None:
    """Raise BackendError unless seeding can make `wanted` of what is there by adding to it."""
    if found is None:
        return
    if difference := _of_another_dataset(found, wanted):
        raise BackendError(f"{name} was seeded differently: {difference}", fix=_RESET)
    if found["contacts"] > wanted["contacts"]:
        raise BackendError(
            f"{name} was seeded with {found['contacts']} contacts, more than the "
            f"{wanted['contacts']} that dataset.contacts asks for",
            fix=f"{_RESET}; or set dataset.contacts to {found['contacts']}",
        )


def require_complete(name: str, found: Manifest | None, wanted: Manifest) -> None:
    """Raise BackendError unless the backend says that it holds `wanted`."""
    if found is None:
        raise BackendError(f"{name} is not seeded", fix="run `dragstrip seed`")
    if difference := _of_another_dataset(found, wanted):
        raise BackendError(
            f"{name} was seeded differently: {difference}",
            fix="set dataset.seed to what is there, or " + _RESET,
        )
    if found["state"] != "complete":
        raise BackendError(
            f"{name} is half seeded: a `dragstrip seed` was interrupted, or still runs",
            fix="run `dragstrip seed`: it continues from what is there",
        )
    if found["contacts"] != wanted["contacts"]:
        raise BackendError(
            f"{name} was seeded with {found['contacts']} contacts, dataset.contacts asks for "
            f"{wanted['contacts']}",
            fix=f"set dataset.contacts to {found['contacts']}, or "
            + ("run `dragstrip seed`" if found["contacts"] < wanted["contacts"] else _RESET),
        )


def _of_another_dataset(found: Manifest, wanted: Manifest) -> str | None:
    if found["seed"] != wanted["seed"]:
        return f"seed {found['seed']}, not {wanted['seed']}"
    if found["generator"] != wanted["generator"]:
        return f"generator {found['generator']}, not {wanted['generator']}"
    return None

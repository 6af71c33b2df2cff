"""What a manifest found in a backend means for the dataset that is wanted there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.errors import BackendError

if TYPE_CHECKING:
    from seeding.dataset.model import Manifest

_RESET = "run `dragstrip seed --reset` to remove what was seeded there"
_REPLACE = "run `dragstrip seed --replace` to remove what is not of this dataset, and seed"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Seeded contacts that are not of the dataset that is wanted: all from `start` on."""

    words: str
    start: int
    fix: str = f"{_REPLACE}; or {_RESET}"

    def error(self, name: str) -> BackendError:
        """Return what to raise where it must not be removed."""
        return BackendError(f"{name} {self.words}", fix=self.fix)


def obstacle(found: Manifest | None, wanted: Manifest) -> Obstacle | None:
    """Return what has to go before seeding can make `wanted` by adding to it."""
    if found is None:
        return None
    if difference := _of_another_dataset(found, wanted):
        return Obstacle(f"was seeded differently: {difference}", 0)
    if found["contacts"] > wanted["contacts"]:
        return Obstacle(
            f"was seeded with {found['contacts']} contacts, more than the {wanted['contacts']} "
            "that dataset.contacts asks for",
            wanted["contacts"],
            fix=f"set dataset.contacts to {found['contacts']}; or {_REPLACE}; or {_RESET}",
        )
    return None


def surplus(contacts: int) -> Obstacle:
    """Return the obstacle of seeded contacts that no manifest tells of."""
    return Obstacle(
        f"holds seeded contacts beyond number {contacts - 1}, the last of this dataset", contacts
    )


def unknown_dataset(index: int) -> Obstacle:
    """Return the obstacle of contacts of another dataset, where there is no manifest."""
    return Obstacle(
        f"holds seeded contacts, has no manifest, and contact {index} is not of this dataset", 0
    )


def require_complete(name: str, found: Manifest | None, wanted: Manifest) -> None:
    """Raise BackendError unless the backend says that it holds `wanted`."""
    if found is None:
        raise BackendError(f"{name} is not seeded", fix="run `dragstrip seed`")
    if difference := _of_another_dataset(found, wanted):
        raise BackendError(
            f"{name} was seeded differently: {difference}",
            fix=f"set dataset.seed to what is there; or {_REPLACE}; or {_RESET}, then seed",
        )
    if found["state"] != "complete":
        raise BackendError(
            f"{name} is half seeded: a `dragstrip seed` was interrupted, or still runs",
            fix="run `dragstrip seed`: it continues from what is there",
        )
    if found["contacts"] != wanted["contacts"]:
        more = "run `dragstrip seed`" if found["contacts"] < wanted["contacts"] else _REPLACE
        raise BackendError(
            f"{name} was seeded with {found['contacts']} contacts, dataset.contacts asks for "
            f"{wanted['contacts']}",
            fix=f"set dataset.contacts to {found['contacts']}; or {more}",
        )


def _of_another_dataset(found: Manifest, wanted: Manifest) -> str | None:
    if found["seed"] != wanted["seed"]:
        return f"seed {found['seed']}, not {wanted['seed']}"
    if found["generator"] != wanted["generator"]:
        return f"generator {found['generator']}, not {wanted['generator']}"
    return None

"""Compare what a store holds with what is expected, down to the field that differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.scenario.json_diff import first_difference
from seeding.dataset.digest import ranges

if TYPE_CHECKING:
    from seeding.dataset.dataset import Dataset
    from seeding.dataset.model import Workspace
    from seeding.expected_digests import Expected
    from seeding.stores import Store

Page = tuple[int, int]

FIX = "run `dragstrip seed`: it repairs what differs"


def stored_digests(store: Store, page: Page) -> dict[int, str]:
    """Return the digests of the ranges that hold a contact, by their starts."""
    return {one.start: one.digest for one in store.range_digests(*page)}


def wrong_ranges(expected: Expected, page: Page, stored: dict[int, str]) -> list[Page]:
    """Return the ranges of a page whose stored digests are not the expected ones."""
    wanted = expected.ranges(*page)
    return [bounds for bounds in ranges(*page) if stored.get(bounds[0]) != wanted[bounds[0]]]


def explain(store: Store, expected: Expected, bounds: Page) -> tuple[str, str]:
    """Walk from a range whose digest is wrong down to the first field; return words and a fix."""
    stored = store.contact_digests(*bounds)
    wanted = expected.contacts(*bounds)
    index = next((i for i in range(*bounds) if stored.get(i) != wanted[i]), None)
    if index is None:
        return (
            f"{store.name}: contacts {bounds[0]} to {bounds[1] - 1} changed while they were read",
            "let nothing write to them meanwhile, and verify again",
        )
    name = name_contact(expected.dataset, index)
    found = store.contexts(index, index + 1)
    if not found:
        return f"{store.name}: {name} is missing", FIX
    difference = first_difference(expected.dataset.context(index), found[0])
    if difference is None:
        return (
            f"{store.name}: the digest of {name} is wrong, yet every field reads right",
            "deploy the backend's functions of this version",
        )
    return f"{store.name}: {name}: {difference}", FIX


def explain_workspaces(store: Store, dataset: Dataset) -> tuple[str, str] | None:
    """Return what differs first in the workspaces and their members, and a fix; None if nothing."""
    wanted = dataset.workspaces()
    found = {one["id"]: one for one in store.read_workspaces([one["id"] for one in wanted])}
    for workspace in wanted:
        name = f'workspace "{workspace["name"]}" ({workspace["id"]})'
        if workspace["id"] not in found:
            return f"{store.name}: {name} is missing", FIX
        difference = first_difference(workspace, _of_ours(found[workspace["id"]], workspace))
        if difference is not None:
            return f"{store.name}: {name}: {difference}", FIX
    return None


def _of_ours(found: Workspace, wanted: Workspace) -> Workspace:
    """Return a workspace without members that others have added, the rest in our order."""
    order = {member["id"]: n for n, member in enumerate(wanted["members"])}
    ours = [member for member in found["members"] if member["id"] in order]
    return {**found, "members": sorted(ours, key=lambda member: order[member["id"]])}


def name_contact(dataset: Dataset, index: int) -> str:
    """Return how messages call a contact."""
    phone = dataset.phone(index)
    if index >= dataset.contacts:
        return f"the unknown number {phone}"
    contact = dataset.context(index)["contact"]
    return f"contact {index} ({contact['name'] or contact['kapso_name'] or 'no name'}, {phone})"

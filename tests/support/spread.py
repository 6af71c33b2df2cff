"""Spreads the tests over pytest-xdist's workers: a file, or files that share much, on one of them.

Tests of one file share what is costly to make (a recorded race, say), and so do some files: the
session's lab, or a PostgreSQL. Files that start labs on the usual ports would fight over these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer

# What takes longest stands first and is begun first. A name stands for all that begin with it.
TOGETHER = {
    "labs on the usual ports": (
        "tests/lab/test_lab_deaths.py",
        "tests/lab/test_lab_faults.py",
        "tests/lab/test_lab_of_a_race.py",
        "tests/lab/test_lab_users.py",
    ),
    "races on the lab": ("tests/lab/test_race_on_lab.py", "tests/lab/test_own_data_on_lab.py"),
    "the lab": (
        "tests/lab/test_locust_on_lab.py",
        "tests/browser/test_locust_web_ui.py",
        "tests/contract/",
        "tests/compose/",
        "tests/lab/test_lab_commands.py",
        "tests/lab/test_lab_up.py",
    ),
    "seeding a lab": ("tests/lab/test_seed_",),
    "races of a known outcome": (
        "tests/unit/race/test_known_targets.py",
        "tests/unit/race/test_recomputed_",
    ),
    "endpoints": ("tests/unit/race/test_endpoint_race.py",),
    "workers": ("tests/unit/race/test_workers.py",),
    "struck races": ("tests/unit/race/test_struck_races.py",),
    "known servers": ("tests/unit/capacity/test_known_servers.py",),
    "an installed wheel": ("tests/packaging/test_installed.py",),
    "PostgreSQL": ("tests/lab/test_supabase_", "tests/lab/test_postgres_store.py"),
}


def group(nodeid: str) -> str:
    """Return the group of a test: one worker runs all of a group, one after the other."""
    file = nodeid.split("::", 1)[0]
    return next((name for name, files in TOGETHER.items() if file.startswith(files)), file)


def order(items: list[pytest.Item]) -> None:
    """Put the groups that take longest first."""
    ranks = {name: rank for rank, name in enumerate(TOGETHER)}
    items.sort(key=lambda item: ranks.get(group(item.nodeid), len(ranks)))


class Spread(LoadFileScheduling):  # type: ignore[misc]
    """Gives a worker the next group whenever it is nearly through with its own."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        # Otherwise the groups with most tests would come first.
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)

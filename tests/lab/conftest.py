"""What several tests of the lab share: a PostgreSQL, and a lab that may be emptied and damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.postgres_fixture import Cluster, running_cluster
from tests.lab.seeding_backends import Backends, running_backends

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running PostgreSQL, without the rest of the lab."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def backends() -> Iterator[Backends]:
    """A lab for tests of seeding: each of them finds it as the one before has left it."""
    with running_backends() as backends:
        yield backends

"""One PostgreSQL for the whole session: every test of the SQL has databases of its own in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.postgres_fixture import Cluster, running_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running PostgreSQL, without the rest of the lab."""
    with running_cluster() as cluster:
        yield cluster

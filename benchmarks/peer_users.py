"""Locust's own users, for a comparison: FastHttpUser at a paced rate, as Locust's manual has it.

Loaded by `peers.run`, which says in environment variables where, how often and for which paths.
"""

import os
import random

from locust import FastHttpUser, constant_throughput, task

from benchmarks.lookups import API_KEY, DATASET, lookup_path


class Peer(FastHttpUser):
    """Looks a random contact up at an even pace of its own."""

    host = os.environ["PEER_URL"]
    wait_time = constant_throughput(float(os.environ["PEER_RATE_PER_USER"]))

    @task
    def lookup(self) -> None:
        """Ask for one contact."""
        key = random.randrange(DATASET.contacts)  # noqa: S311
        path = lookup_path(os.environ["PEER_PATH"], key)
        self.client.get(path, name="peer", headers={"x-api-key": API_KEY})

"""What a worker does not load: it is to be small, and to start soon."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_NOT_LOADED = {"convex", "faker", "httpx", "psycopg", "scipy", "supabase"}
# As `python -m dragstrip.load` begins, and as a worker goes on once it has its plan.
_WORKER = """
import json, sys
import locust, psutil
from dragstrip.load import bind, locust_compat, race_driver
from dragstrip.load.distributed import seal
from dragstrip.scenario.find import find
find(sys.argv[1])
print(json.dumps([sorted(sys.modules), psutil.Process().memory_info().rss]))
"""


@pytest.mark.parametrize("scenario", ["lookup", "endpoint"])
def test_a_worker_loads_neither_scipy_nor_a_seeding_client(scenario: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _WORKER, scenario], capture_output=True, text=True, check=True
    )
    modules, rss_bytes = json.loads(done.stdout)
    assert not _NOT_LOADED & set(modules)
    # 96 MB were seen.
    assert rss_bytes < 160_000_000

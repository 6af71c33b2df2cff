"""What other load generators say is read right, and only when each answer was a 200."""

from __future__ import annotations

import pytest

from benchmarks.speed_tools import read

HEY = """
Summary:
  Total:\t1.0004 secs
  Requests/sec:\t5455.6000

Status code distribution:
  [200]\t5458 responses
"""
H2LOAD = """
finished in 1.00s, 18579.00 req/s, 28.69MB/s
requests: 18579 total, 18583 started, 18579 done, 18579 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 18579 2xx, 0 3xx, 0 4xx, 0 5xx
"""
WRK = """
  6697 requests in 1.01s, 10.34MB read
Requests/sec:   6649.99
"""


@pytest.mark.parametrize(
    ("name", "said", "figures"),
    [
        ("hey", HEY, (5455.6, 5458)),
        ("h2load", H2LOAD, (18579, 18579)),
        ("wrk", WRK, (6649.99, 6697)),
    ],
)
def test_rate_and_answers(name: str, said: str, figures: tuple[float, float]) -> None:
    assert read(name, said) == figures


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hey", HEY.replace("[200]", "[404]")),
        ("hey", HEY + "  [500]\t1 responses\n"),
        ("hey", HEY + "\nError distribution:\n  [1]\tGet: connection refused\n"),
        ("h2load", H2LOAD.replace("0 4xx", "3 4xx")),
        ("h2load", H2LOAD.replace("0 timeout", "1 timeout")),
        ("wrk", WRK + "  Non-2xx or 3xx responses: 1\n"),
        ("wrk", WRK + "  Socket errors: connect 0, read 1, write 0, timeout 0\n"),
        ("hey", ""),
        ("h2load", "h2load: command not found"),
    ],
)
def test_nothing_is_read_from_a_run_with_failures(name: str, said: str) -> None:
    assert read(name, said) == (0, 0)

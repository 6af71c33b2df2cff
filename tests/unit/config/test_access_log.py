"""The times of access logs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.config.access_log import times_us

COMBINED = '192.0.2.1 - ann [{}] "GET /a?b=[1] HTTP/1.1" 200 12 "-" "curl/8"'


def _log(folder: Path, *lines: str) -> Path:
    path = folder / "access.log"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    "lines",
    [
        (
            COMBINED.format("10/Oct/2000:13:55:36 -0700"),
            COMBINED.format("10/Oct/2000:20:55:39 +0000"),
        ),
        ("2000-10-10T13:55:36-07:00", "2000-10-10T20:55:39Z"),
        ("2000-10-10 20:55:36", "2000-10-10T20:55:39"),
        ("971211336", "971211339.0"),
        (COMBINED.format("10/Oct/2000:13:55:36 -0700"), "971211339"),
    ],
)
def test_each_form_of_a_time_is_read(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert times_us(_log(tmp_path, *lines)).tolist() == [0, 3_000_000]


@given(
    st.lists(st.integers(0, 10**10), min_size=2, max_size=30, unique=True).filter(
        lambda times: any(one % 1_000_000 for one in times)
    )
)
def test_times_are_read_to_the_microsecond_and_sorted(
    tmp_path_factory: pytest.TempPathFactory, times: list[int]
) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [(since + timedelta(microseconds=one)).isoformat() for one in times]
    read = times_us(_log(tmp_path_factory.mktemp("log"), *lines))
    assert read.tolist() == sorted(one - min(times) for one in times)


def test_requests_of_a_log_with_whole_seconds_lie_evenly_in_theirs(tmp_path: Path) -> None:
    read = times_us(_log(tmp_path, "5", "5", "6", "9", "9", "9", "9"))
    assert read.tolist() == [0, 500_000, 1e6, 4e6, 4.25e6, 4.5e6, 4.75e6]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("5", "", "6"), "line 2: is empty"),
        (("5", "6", "noon"), "line 3: has no time that can be read"),
        ((COMBINED.format("31/Feb/2000:13:55:36 -0700"),), "line 1: has no time"),
        ((COMBINED.format("10/Okt/2000:13:55:36 -0700"),), "line 1: has no time"),
        (("2026-13-01T00:00:00Z",), "line 1: has no time"),
        (("5",), "no two requests at different times"),
        (("5.5", "5.5"), "no two requests at different times"),
    ],
)
def test_a_line_without_a_time_is_refused_by_its_number(
    tmp_path: Path, lines: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        times_us(_log(tmp_path, *lines))

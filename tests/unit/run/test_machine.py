from pathlib import Path

import pytest

from dragstrip.run.machine import cpu_quota, this_machine


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000\n", None), ("150000 100000\n", 1.5), ("100000 100000", 1), ("damaged", None)],
)
def test_the_quota_of_a_container(tmp_path: Path, text: str, cores: float | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_quota(tmp_path) == cores


def test_a_machine_without_groups_has_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    assert this_machine().cpus >= 1

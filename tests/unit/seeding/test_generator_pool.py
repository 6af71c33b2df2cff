"""Contacts made by other processes are the same, and these processes leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from dragstrip.errors import DragstripError
from seeding.dataset.dataset import Dataset
from seeding.expected_digests import Expected, digest_of
from seeding.generator_pool import maker_here, maker_of
from tests.support.races import command_line
from tests.unit.seeding.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seeding.generator_pool import Maker, Making

ROOT = Path(__file__).parents[3]
DATASET = Dataset(42, 700)


def test_two_processes_make_what_one_makes() -> None:
    with maker_of(DATASET, 2) as maker:
        for page in (range(256), range(512, 700), [3, 699, 5]):
            whole = isinstance(page, range)
            here = maker_here(DATASET).make(page, MemoryStore.encode, digests=whole).result()
            there = maker.make(page, MemoryStore.encode, digests=whole).result()
            assert there == here
            assert [context["index"] for context in there.batch] == list(page)
        assert Expected(DATASET, maker).digest() == DATASET.digest()


def test_a_digest_is_the_same_however_it_is_made() -> None:
    assert digest_of(Dataset(7, 3_000)) == Dataset(7, 3_000).digest()
    assert digest_of(Dataset(7, 3_000), processes=2) == Dataset(7, 3_000).digest()
    assert digest_of(Dataset(7, 0)) == Dataset(7, 0).digest()


def test_digests_are_made_once_and_take_little_room() -> None:
    asked: list[object] = []

    class Counting:
        def make(
            self, indices: range, encode: Callable[..., object] | None = None, *, digests: bool
        ) -> Making:
            asked.append(indices)
            return maker_here(DATASET).make(indices, encode, digests=digests)

    expected = Expected(DATASET, Counting())  # type: ignore[arg-type]
    by_hand = {at: DATASET.range_digest(at, min(at + 128, 700)) for at in range(0, 700, 128)}
    assert expected.ranges(128, 384) == {at: by_hand[at] for at in (128, 256)}
    assert expected.ranges(0, 700) == by_hand
    assert expected.digest() == DATASET.digest()
    assert asked == [range(128, 384), range(128), range(384, 700)]

    large = Expected(Dataset(42, 100_000_000))
    held = sum(sys.getsizeof(value) for value in vars(large).values())
    assert held < 27_000_000


def test_a_process_that_dies_is_named() -> None:
    with maker_of(DATASET, 2) as maker:
        maker.make(range(5)).result()
        for child in psutil.Process().children(recursive=True):
            # Whatever else this process has started may end meanwhile.
            if "spawn_main" in " ".join(command_line(child)):
                child.kill()
        with pytest.raises(DragstripError, match="a process that makes contacts has died"):
            _make_for_ever(maker)


def _make_for_ever(maker: Maker) -> None:
    while True:
        maker.make(range(50)).result()


@pytest.fixture
def seeding_process() -> Iterator[subprocess.Popen[str]]:
    """A `dragstrip seed` in a session of its own, at work with two more processes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.memory_seeding", "--processes", "2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_processes_end_with_the_one_that_is_killed(
    seeding_process: subprocess.Popen[str],
) -> None:
    children = psutil.Process(seeding_process.pid).children(recursive=True)
    assert len(children) >= 2
    seeding_process.kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_of_the_whole_group_is_one_clear_line(
    seeding_process: subprocess.Popen[str], number: signal.Signals
) -> None:
    children = psutil.Process(seeding_process.pid).children(recursive=True)
    os.killpg(seeding_process.pid, number)
    _, err = seeding_process.communicate(timeout=120)
    assert seeding_process.returncode == 130
    assert "Traceback" not in err
    *_, stopped, fix = err.splitlines()
    assert stopped.startswith("interrupted: ")
    for name in ("Convex", "Supabase"):
        assert f"{name} has " in stopped
    assert "of 1,000,000 contacts in place" in stopped
    assert fix == "  fix: run the same command again: it goes by what is stored"
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive

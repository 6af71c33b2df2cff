"""Targets are asked for own numbers gently, and once more where live data may have changed."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from dragstrip.concurrency import paced
from dragstrip.config.config import Config
from dragstrip.errors import BackendError, DataDiffers
from scenarios.crm import compare_targets
from scenarios.crm import keys_file as own_keys
from tests.support.own_data import FOREIGN, PHONES, keys_file, without_dataset
from tests.support.races import DATASET
from tests.support.stand_in import API_KEY, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scenarios.crm.references import CheckedKeys


@contextmanager
def stand_ins() -> Iterator[tuple[StandIn, StandIn]]:
    with StandIn(DATASET).serving() as old, StandIn(DATASET).serving() as new:
        yield old, new


def compare(folder: Path, old: StandIn, new: StandIn, said: list[str] | None = None) -> CheckedKeys:
    document = without_dataset(old, new, rate=2000) | {"dataset": {"keys_file": keys_file(folder)}}
    config = Config.model_validate(document).with_environment({"CRM_API_KEY": API_KEY})
    file = own_keys.read(config.dataset)
    assert file is not None
    return compare_targets.compare(config, file, (said if said is not None else []).append)


def test_no_target_has_more_than_a_few_lookups_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_targets, "_SAID_EVERY_S", 0.0)
    said: list[str] = []
    with stand_ins() as (old, new):
        old.delay_s = new.delay_s = lambda count: 0.002 * (count % 3)
        checked = compare(tmp_path, old, new, said)
    assert (len(checked.references), checked.found) == (len(PHONES), len(PHONES) - FOREIGN)
    assert said[-1] == f"{len(PHONES)} of {len(PHONES)} numbers were answered alike"
    for server in (old, new):
        assert len(server.served) == len(PHONES)
        begun = [(one.asked_ns, 1) for one in server.served]
        ended = [(one.answered_ns, -1) for one in server.served]
        level = highest = 0
        for _, step in sorted(begun + ended):
            level += step
            highest = max(highest, level)
        assert 1 <= highest <= compare_targets.AT_ONCE


@pytest.mark.parametrize(("known", "words"), [(0, ""), (2, "know only 2 of the 65 numbers")])
def test_numbers_that_hardly_a_target_knows_prove_little(
    tmp_path: Path, known: int, words: str
) -> None:
    said: list[str] = []
    with stand_ins() as (old, new):

        def forget(_: int, body: dict[str, object]) -> None:
            if body not in [DATASET.answer(index) for index in range(known)]:
                body.update(DATASET.answer(DATASET.contacts))

        old.misbehave = new.misbehave = forget
        if known:
            assert compare(tmp_path, old, new, said).found == known
            assert said[-1].startswith("warning: ")
            assert words in said[-1]
        else:
            with pytest.raises(BackendError, match=r"know none of its 65 numbers") as caught:
                compare(tmp_path, old, new, said)
            assert "as they are stored" in str(caught.value.fix)


def test_no_more_are_asked_for_in_a_second_than_in_a_race() -> None:
    started = time.monotonic()
    assert list(paced(range(21), 200)) == list(range(21))
    assert time.monotonic() - started >= 20 / 200


@pytest.mark.parametrize("times", [1, 2])
def test_what_differs_once_is_asked_for_again(tmp_path: Path, times: int) -> None:
    index, seen = 5, 0

    with stand_ins() as (old, new):

        def writes_meanwhile(_: int, body: dict[str, object]) -> None:
            nonlocal seen
            if body == DATASET.answer(index):
                seen += 1
                if seen <= times:
                    body["notes"] = ["just written"]

        new.misbehave = writes_meanwhile
        if times == 1:
            assert len(compare(tmp_path, old, new).references) == len(PHONES)
        else:
            with pytest.raises(DataDiffers, match=r"keys\.csv, line 8: notes"):
                compare(tmp_path, old, new)
    assert seen == 2

from __future__ import annotations

import httpx
import numpy as np
import orjson
import pytest

from benchmarks.form import cores
from benchmarks.known_delays import Delays, Running, Spec, serving
from benchmarks.lookups import DATASET, lookup_path
from benchmarks.quantiles import nearest_rank
from seeding.dataset.dataset import not_found

SEED = 3
SLOW = Delays("/slow", ((0.5, 2.0, 0.2), (0.5, 8.0, 0.2)))
AT_ONCE = Delays("/at-once")


def ask(server: Running, *paths: str) -> list[dict[str, object]]:
    with httpx.Client(base_url=server.url) as client:
        return [orjson.loads(client.get(path).raise_for_status().content) for path in paths]


def test_answers_are_the_datasets_and_leave_after_the_delay_that_was_drawn() -> None:
    keys = list(range(20))
    with serving(Spec(SEED, (SLOW, AT_ONCE), cores().server)) as server:
        slow = ask(server, *(lookup_path(SLOW.path, key) for key in keys))
        missed = ask(server, lookup_path(AT_ONCE.path, DATASET.contacts + 5))
    log = server.times

    assert slow == [DATASET.answer(key) for key in keys]
    assert missed == [not_found()]
    assert log.phone.tolist() == [int(DATASET.phone(key)) for key in [*keys, DATASET.contacts + 5]]
    assert log.stream.tolist() == [0] * 20 + [1]
    drawn = SLOW.draw_ns(np.random.default_rng([SEED, 0]), 16_384)[:20]
    assert (log.departure_ns[:20] - log.arrival_ns[:20] >= drawn).all()


def test_a_stall_holds_every_answer_of_its_path_back_until_it_is_over() -> None:
    stalling = Delays("/slow", stall_after=3, stall_s=0.2)
    with serving(Spec(SEED, (stalling, AT_ONCE), cores().server)) as server:
        ask(server, *(lookup_path("/slow", key) for key in range(5)))
    held_s = (server.times.departure_ns - server.times.arrival_ns) / 1e9
    assert held_s[2] >= 0.2
    assert held_s.min() < 0.2


def test_drawn_delays_have_the_medians_and_shares_that_were_asked_for() -> None:
    random = np.random.default_rng(1)
    apart = Delays("/", ((3, 1.0, 0.0), (1, 100.0, 0.5))).draw_ns(random, 40_000) / 1e6
    assert (apart == 1).mean() == pytest.approx(0.75, abs=0.01)
    assert nearest_rank(apart[apart != 1], 0.5) == pytest.approx(100, rel=0.03)
    assert np.log(apart[apart != 1]).std() == pytest.approx(0.5, rel=0.03)

"""Comparing during the race: what is known from before, and what was answered first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.errors import StorageError
from dragstrip.ledger.rows import Outcome
from dragstrip.scenario.answer_form import Mark
from scenarios.http.checks import compared, same
from scenarios.http.checks.same import Agreement, ComparedCounts, Noise, form_of, unpack
from tests.support.expectations import Expect, reply

if TYPE_CHECKING:
    from pathlib import Path

SECRET = b"s" * 32
EXPECT = Expect(same=True, ignore=("$.at",))


def agreement(known: dict[int, object] | None = None, expect: Expect = EXPECT) -> Agreement:
    form = form_of(expect, SECRET)
    marks = {}
    for key, body in (known or {}).items():
        made = form.mark(reply(body))
        assert isinstance(made, Mark)
        marks[key] = made
    return Agreement(form, SECRET, marks=marks)


def test_an_answer_to_a_known_key_is_compared_with_what_both_answered() -> None:
    agreed = agreement({7: {"id": 7, "at": 1}})
    for target in (0, 1):
        check = agreed.check(target)
        for _ in range(2):
            assert check(7, reply({"id": 7, "at": 99})) == Outcome.OK
            assert check(7, reply({"id": 8})) == Outcome.WRONG_ANSWER
            assert check(7, reply(b"{")) == Outcome.NOT_JSON
            assert check(7, reply({"id": 7}, kind="text/plain")) == Outcome.CONTENT_TYPE
            assert check(7, reply({"id": 7}, status=201)) == Outcome.HTTP_STATUS
        assert "against what both targets answered before the race to key 7" in check.explain(
            7, reply({"id": 8})
        )
        assert check.explain(7, reply({"id": 7})) == ""
    assert agreed.counts == ComparedCounts(answers=20, compared=20)


def test_a_key_that_was_not_compared_before_is_compared_with_the_other_targets_answer() -> None:
    agreed = agreement()
    baseline, challenger = agreed.check(0), agreed.check(1)
    assert baseline(1, reply({"id": 1, "at": 1})) == Outcome.OK
    assert challenger(1, reply({"id": 1, "at": 2})) == Outcome.OK
    assert baseline(2, reply({"id": 2})) == Outcome.OK
    assert challenger(2, reply({"id": 0})) == Outcome.WRONG_ANSWER
    assert "against what was answered first to key 2" in challenger.explain(2, reply({"id": 0}))
    assert challenger(3, reply({"id": 3})) == Outcome.OK
    assert baseline(3, reply({})) == Outcome.WRONG_ANSWER
    assert agreed.counts == ComparedCounts(answers=6, compared=6)


def test_answers_of_one_target_alone_are_not_counted_as_compared() -> None:
    agreed = agreement()
    baseline, challenger = agreed.check(0), agreed.check(1)
    for at in range(3):
        assert baseline(1, reply({"id": 1, "at": at})) == Outcome.OK
    assert baseline(1, reply({"id": 2})) == Outcome.WRONG_ANSWER
    assert agreed.counts == ComparedCounts(answers=4, compared=0)
    assert challenger(1, reply({"id": 1})) == Outcome.OK
    assert agreed.counts == ComparedCounts(answers=5, compared=5)
    assert challenger(2, reply({"id": 2})) == Outcome.OK
    assert agreed.counts == ComparedCounts(answers=6, compared=5)


def test_what_is_kept_of_first_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same, "_KEPT", 3)
    agreed = agreement({0: {"id": 0}})
    baseline, challenger = agreed.check(0), agreed.check(1)
    for key in range(1, 6):
        assert baseline(key, reply({"id": key})) == Outcome.OK
    # Keys 1 and 2 made room; key 0 is known from before.
    outcomes = [challenger(key, reply({"id": "x"})) for key in (0, 3, 4, 5)]
    assert outcomes == [Outcome.WRONG_ANSWER] * 4
    assert challenger(1, reply({"id": "x"})) == Outcome.OK
    assert agreed.counts.compared == 1 + 2 * 3


ANSWERS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(0, 2)), max_size=40)


@given(ANSWERS, st.sets(st.integers(0, 4)))
def test_an_answer_fails_just_where_it_differs_from_the_first_of_its_key(
    answers: list[tuple[int, int, int]], known: set[int]
) -> None:
    agreed = agreement({key: {"v": 0} for key in known})
    checks = [agreed.check(0), agreed.check(1)]
    first: dict[int, int] = dict.fromkeys(known, 0)
    for key, target, value in answers:
        right = first.setdefault(key, value) == value
        outcome = checks[target](key, reply({"v": value}))
        assert outcome == (Outcome.OK if right else Outcome.WRONG_ANSWER)
    sides: dict[int, set[int]] = {}
    for key, target, _ in answers:
        sides.setdefault(key, set()).add(target)
    expected = sum(key in known or len(sides[key]) == 2 for key, _, _ in answers)
    assert agreed.counts == ComparedCounts(len(answers), expected)


@pytest.mark.parametrize("tolerance", [None, 0.5])
def test_another_process_judges_alike(tolerance: float | None) -> None:
    expect = Expect(same=True, ignore=("$.at",), tolerance=tolerance)
    agreed = agreement({3: {"id": 3, "n": [1.5]}}, expect)
    agreed.noise.append(Noise("old", "$.nonce", 2))
    packed = orjson.dumps(agreed.pack())
    assert b"1.5" not in packed or tolerance is not None
    there = unpack(orjson.loads(packed), expect)
    assert there.noise == agreed.noise
    assert there.check(1)(3, reply({"id": 3, "n": [1.5], "nonce": 9, "at": 1})) == Outcome.OK
    assert there.check(1)(3, reply({"id": 3, "n": [2.5]})) == Outcome.WRONG_ANSWER
    near = Outcome.OK if tolerance else Outcome.WRONG_ANSWER
    assert there.check(1)(3, reply({"id": 3, "n": [1.6]})) == near


@pytest.mark.parametrize("packed", [{}, {"secret": "x", "noise": [], "marks": []}, {"secret": 1}])
def test_what_cannot_be_read_is_refused(packed: dict[str, object]) -> None:
    with pytest.raises(StorageError):
        unpack(packed, EXPECT)


def test_the_processes_counts_are_added_up(tmp_path: Path) -> None:
    compared.write(
        tmp_path, 0, {"search": ComparedCounts(6_000, 5_900), "order": ComparedCounts(10, 10)}
    )
    compared.write(
        tmp_path, 1, {"search": ComparedCounts(4_000, 3_912), "order": ComparedCounts(0, 0)}
    )
    counts = compared.read(tmp_path)
    assert counts == {"search": ComparedCounts(10_000, 9_812), "order": ComparedCounts(10, 10)}
    del counts["order"]
    words = "9,812 of 10,000 answers were compared with the other target's."
    assert compared.in_words(counts) == words
    assert compared.in_words(compared.read(tmp_path)) == (
        "9,812 of 10,000 answers of search, 10 of 10 answers of order were compared with the other "
        "target's."
    )
    assert compared.in_words({}) == ""

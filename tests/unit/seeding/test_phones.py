"""Phone numbers and indices are one and the same thing in two notations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeding.dataset.phones import PHONES, PhoneBook

SEEDS = st.integers(0, 2**63 - 1)
INDICES = st.integers(0, PHONES - 1)


@given(SEEDS, INDICES)
def test_a_phone_leads_back_to_its_index(seed: int, index: int) -> None:
    book = PhoneBook(seed)
    phone = book.phone(index)
    assert len(phone) == 13
    assert phone.startswith("628")
    assert phone.isascii()
    assert phone.isdigit()
    assert book.index(phone) == index


@given(SEEDS, INDICES)
def test_every_number_of_the_form_belongs_to_an_index(seed: int, number: int) -> None:
    book = PhoneBook(seed)
    phone = f"628{number:010d}"
    index = book.index(phone)
    assert index is not None
    assert book.phone(index) == phone


@given(SEEDS, INDICES)
def test_formatting_does_not_matter(seed: int, index: int) -> None:
    book = PhoneBook(seed)
    phone = book.phone(index)
    assert book.index(f"+{phone[:2]} ({phone[2:5]}) {phone[5:9]}-{phone[9:]}") == index


@pytest.mark.parametrize("phone", ["", "628", "62812345678", "62812345678901", "14155550100", "٦"])
def test_a_foreign_number_has_no_index(phone: str) -> None:
    assert PhoneBook(1).index(phone) is None


@pytest.mark.parametrize("index", [-1, PHONES])
def test_an_index_out_of_range_has_no_phone(index: int) -> None:
    with pytest.raises(ValueError, match="no phone number"):
        PhoneBook(1).phone(index)


def test_another_seed_gives_other_numbers() -> None:
    first = {PhoneBook(1).phone(index) for index in range(10_000)}
    second = {PhoneBook(2).phone(index) for index in range(10_000)}
    assert len(first) == 10_000
    assert len(first & second) < 10

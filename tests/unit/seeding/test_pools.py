"""The committed pools are what the locked Faker makes."""

from __future__ import annotations

import faker
import orjson

from seeding.dataset.dataset import GENERATOR
from seeding.dataset.make_pools import make_pools, serialise
from seeding.dataset.pools import POOLS_FILE, load_pools


def test_the_file_is_what_faker_makes() -> None:
    committed = orjson.loads(POOLS_FILE.read_bytes())
    assert committed["faker"] == faker.VERSION, (
        "Faker's locked version changed: run `python -m seeding.dataset.make_pools`, and if "
        f"more than the version differs, give the data a new GENERATOR (now {GENERATOR})"
    )
    assert POOLS_FILE.read_bytes() == serialise(make_pools())


def test_the_file_stays_small() -> None:
    assert POOLS_FILE.stat().st_size < 300_000


def test_names_come_in_several_scripts() -> None:
    names = "".join(name for locale in load_pools().locales for name, _ in locale.first)
    for script in ("A", "ü", "明", "ع", "지", "ก"):
        assert script in names


def test_mail_names_are_plain_letters() -> None:
    for locale in load_pools().locales:
        for _, slug in [*locale.first, *locale.last]:
            assert slug.isascii()
            assert slug.isalpha()
            assert slug.islower()


def test_any_step_through_the_tags_reaches_different_ones() -> None:
    count = len(load_pools().tags)
    assert all(count % divisor for divisor in range(2, count))
    assert len(set(load_pools().tags)) == count

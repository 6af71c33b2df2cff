"""Make `pools.json`, the names and sentences that the dataset draws from, with Faker.

Run `python -m seeding.dataset.make_pools` after changing the phrases or the locked Faker version.
That changes the data, so GENERATOR in `seeding/dataset/dataset.py` must change with it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, NamedTuple

import faker
import orjson

from seeding.dataset import phrases
from seeding.dataset.pools import POOLS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SEED = 2025


class LocaleSpec(NamedTuple):
    """What is made for a locale: its share, and how many first and last names."""

    code: str
    weight: int
    firsts: int
    lasts: int
    prefix: str | None = None

    @property
    def family_first(self) -> bool:
        """Whether a full name begins with the family's, and is written without a space."""
        return self.code[:2] in {"ja", "ko", "zh"}


_LOCALES = (
    LocaleSpec("id_ID", 68, 240, 140),
    LocaleSpec("en_US", 14, 140, 120),
    LocaleSpec("zh_CN", 6, 80, 60),
    LocaleSpec("ar_AA", 5, 60, 40),
    LocaleSpec("tr_TR", 3, 60, 40),
    LocaleSpec("ko_KR", 2, 60, 30),
    LocaleSpec("es_ES", 1, 60, 40),
    LocaleSpec("th_TH", 1, 60, 40),
)

_SENTENCES = 512
_MEDIA = 64


def make_pools(specs: Sequence[LocaleSpec] = _LOCALES) -> dict[str, Any]:
    """Return the pools: the same for the same Faker version, wherever it runs.

    Places and companies are of the first locale. Raises AttributeError for an unknown one.
    """
    fakes = {spec.code: _faker(spec.code, n) for n, spec in enumerate(specs)}
    local = fakes[specs[0].code]
    return {
        "faker": faker.VERSION,
        "locales": [_names(fakes[spec.code], spec) for spec in specs],
        "inbound": _sentences(local, phrases.INBOUND, _SENTENCES),
        "outbound": _sentences(local, phrases.OUTBOUND, _SENTENCES),
        "media": _media(local),
        "notes": _sentences(local, phrases.NOTES, _SENTENCES),
        "emoji": _distinct(fakes.get("en_US", local).emoji, 96),
        "companies": _distinct(lambda: _company(local), 64),
        "tags": list(phrases.TAGS),
        "mail_domains": list(phrases.MAIL_DOMAINS),
    }


def _faker(code: str, number: int) -> faker.Faker:
    # Weights in Faker's own lists would make a few names fill a pool that is to hold many.
    fake = faker.Faker(code, use_weighting=False)
    fake.seed_instance(_SEED + number)
    return fake


def _distinct(draw: Callable[[], str], count: int) -> list[str]:
    """Return `count` different values in the order drawn, fewer if there seem to be no more."""
    found: dict[str, None] = {}
    for _ in range(count * 50):
        found.setdefault(unicodedata.normalize("NFC", draw()))
        if len(found) == count:
            break
    return list(found)


def _names(fake: faker.Faker, spec: LocaleSpec) -> dict[str, Any]:
    first, last = _distinct(fake.first_name, spec.firsts), _distinct(fake.last_name, spec.lasts)
    return {
        "code": spec.code,
        "weight": spec.weight,
        **({"prefix": spec.prefix} if spec.prefix else {}),
        "family_first": spec.family_first,
        "separator": "" if spec.family_first else " ",
        "first": {name: _slug(name, fake) for name in first},
        "last": {name: _slug(name, fake) for name in last},
    }


def _slug(name: str, fake: faker.Faker) -> str:
    """Return the name as it stands in a mail address, or a made-up user name."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    # A mail address ends in the contact's index, so a slug must not end in a digit.
    slug = re.sub(r"[^a-z]", "", folded)
    return slug or re.sub(r"[^a-z]", "", fake.user_name()) or "kontak"


def _company(fake: faker.Faker) -> str:
    words = re.sub(r"\(.*?\)|\b(PT|CV|UD|PD|Perum|Tbk)\b", "", fake.company()).split()
    return f"{' '.join(words)} {fake.random_element(('Education', 'Study Abroad', 'Edukasi'))}"


def _sentences(fake: faker.Faker, templates: Sequence[str], count: int) -> list[str]:
    # A template without a placeholder would come up once in the pool; the draw evens that out.
    return [_fill(fake, templates[n % len(templates)]) for n in range(count)]


def _media(fake: faker.Faker) -> list[list[str]]:
    return [
        [kind, _fill(fake, template)]
        for n in range(_MEDIA)
        for kind, template in [phrases.MEDIA[n % len(phrases.MEDIA)]]
    ]


def _fill(fake: faker.Faker, template: str) -> str:
    country, other = fake.random_elements(phrases.COUNTRIES, length=2, unique=True)
    return template.format(
        name=fake.first_name(),
        city=fake.city(),
        country=country,
        country2=other,
        programme=fake.random_element(phrases.PROGRAMMES),
        intake=fake.random_element(phrases.INTAKES),
        day=fake.random_element(phrases.DAYS),
        hour=f"{fake.random_int(9, 17)}.{fake.random_element(('00', '30'))}",
        date=f"{fake.random_int(1, 28)}/{fake.random_int(1, 12)}",
        score=f"{fake.random_int(10, 16) / 2:.1f}",
        toefl=fake.random_int(420, 620),
        amount=fake.random_int(60, 480),
        days=fake.random_int(3, 60),
    )


def serialise(pools: dict[str, Any]) -> bytes:
    """Return the file's bytes: one entry a line, so that a change shows as a short diff."""
    return orjson.dumps(pools, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    POOLS_FILE.write_bytes(serialise(make_pools()))

"""Names and phone numbers of chosen countries."""

from __future__ import annotations

import hashlib
import json
import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.config.config import Config, DatasetConfig
from dragstrip.errors import ConfigError
from dragstrip.home import HOME_VARIABLE
from scenarios.inbound_message import InboundMessages
from scenarios.lookup import Lookup
from seeding.dataset import local_pools
from seeding.dataset.dataset import GENERATOR, Dataset
from seeding.dataset.local_pools import CALLING_PREFIXES, pools_file
from seeding.manifest import obstacle

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.scenario import Scenario
    from seeding.dataset.model import Manifest

LOCALES = ("id_ID", "en_US", "ja_JP", "pt_BR")


@given(st.integers(0, 2**40), st.integers(0, 10**10 - 1))
def test_a_number_leads_back_to_its_index(seed: int, index: int) -> None:
    dataset = Dataset(seed, 100, LOCALES)
    phone = dataset.phone(index)
    assert dataset.index(f"+{phone[:2]} {phone[2:]}") == index
    assert phone.startswith(tuple(CALLING_PREFIXES[code[-2:]] for code in LOCALES))
    assert len(phone) <= 15


@given(st.text("0123456789", max_size=16))
def test_a_foreign_number_has_no_index_or_is_its_indexs(phone: str) -> None:
    dataset = Dataset(1, 100, LOCALES)
    index = dataset.index(phone)
    assert index is None or dataset.phone(index) == phone


def test_contacts_are_of_every_country_and_no_two_share_a_number() -> None:
    dataset = Dataset(42, 2_000, LOCALES)
    contacts = [context["contact"] for context in dataset.contexts(0, 2_000)]
    phones = [contact["phone"] for contact in contacts]
    assert len(set(phones)) == 2_000
    assert phones == [dataset.phone(index) for index in range(2_000)]
    for code in LOCALES:
        prefix = CALLING_PREFIXES[code[-2:]]
        share = sum(phone.startswith(prefix) for phone in phones) / 2_000
        assert 0.2 < share < 0.3, code
    japanese = [c for c in contacts if c["phone"].startswith("81") and c["name"]]
    assert any("CJK" in unicodedata.name(str(c["name"])[0]) for c in japanese)


def test_the_default_is_what_it_was_and_needs_no_faker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    assert Dataset.of(DatasetConfig()).generator == GENERATOR
    assert Dataset(42, 10).phone(3).startswith("628")
    assert "locales" not in DatasetConfig().model_dump()


def test_names_are_made_once_and_are_part_of_the_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    file = pools_file.__wrapped__(("de_DE",))
    assert tmp_path in file.parents
    made = file.stat().st_mtime_ns
    assert pools_file.__wrapped__(("de_DE",)).stat().st_mtime_ns == made
    manifests: list[Manifest] = [
        {
            "seed": 1,
            "contacts": 5,
            "digest": "",
            "generator": Dataset(1, 5, locales).generator,
            "state": "complete",
        }
        for locales in ((), LOCALES, LOCALES[:2])
    ]
    assert len({manifest["generator"] for manifest in manifests}) == 3
    assert obstacle(manifests[1], manifests[1]) is None
    refused = obstacle(manifests[1], manifests[2])
    assert refused is not None
    assert "generator" in refused.words


@pytest.mark.parametrize("scenario", [Lookup, InboundMessages])
def test_a_worker_whose_names_another_faker_made_is_refused_and_told_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario: type[Scenario]
) -> None:
    config = Config(dataset=DatasetConfig(locales=LOCALES))
    handoff = scenario(config).handoff()
    worker = scenario(config)
    worker.run_id = "a-race"
    worker.receive(handoff)
    theirs = json.loads(pools_file(LOCALES).read_bytes())
    other = tmp_path / "pools.json"
    other.write_text(json.dumps(theirs | {"faker": "1.2.3"}))
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    monkeypatch.setattr("seeding.dataset.dataset.pools_digest", lambda _: digest)
    for module in ("seeding.dataset.local_pools", "scenarios.crm.seeded"):
        monkeypatch.setattr(f"{module}.pools_file", lambda _: other)
    with pytest.raises(ConfigError) as refused:
        worker.receive(handoff)
    assert f"by Faker 1.2.3 here, and by Faker {theirs['faker']} where" in refused.value.message
    assert f"faker=={theirs['faker']}" in str(refused.value.fix)


def test_without_faker_the_message_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setitem(sys.modules, "faker", None)
    monkeypatch.delitem(sys.modules, "seeding.dataset.make_pools", raising=False)
    with pytest.raises(ConfigError, match="needs Faker") as caught:
        local_pools.pools_file.__wrapped__(("de_DE",))
    assert 'pip install "dragstrip[seed]"' in str(caught.value.fix)


@pytest.mark.parametrize(("code", "words"), [("xx_ID", "dataset.locales"), ("en_AQ", "en_AQ")])
def test_a_locale_that_nobody_knows_is_named(code: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        pools_file((code,))


@pytest.mark.parametrize("locales", [["english"], ["id_ID", "id_ID"]])
def test_the_configuration_refuses_what_is_no_locale(locales: list[str]) -> None:
    with pytest.raises(ValueError, match=r"form|twice"):
        DatasetConfig.model_validate({"locales": locales})

"""The configuration says what is wrong, where, and all of it at once; secrets stay hidden."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.config import config as configuration
from dragstrip.config.text_file import MOST_BYTES, text_of
from dragstrip.errors import ConfigError
from dragstrip.scenario.target import url_of

if TYPE_CHECKING:
    from pathlib import Path


def load(tmp_path: Path, text: str, **environ: str) -> configuration.Config:
    path = tmp_path / "dragstrip.toml"
    path.write_text(text)
    return configuration.load(environ, path)


def test_nothing_configured_means_the_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = configuration.load({})
    assert config.uses_lab
    assert configuration.require_race_targets(config) == ("supabase", "convex")
    assert config.targets["convex"].kind == "convex-http"
    assert config.targets["supabase"].kind == "next-supabase"


def test_addresses_come_from_the_environment(tmp_path: Path) -> None:
    config = load(tmp_path, "", CONVEX_SITE_URL="https://a.convex.site/", NEXT_URL="http://h:3000")
    assert not config.uses_lab
    assert url_of(config, "convex") == "https://a.convex.site"
    assert url_of(config, "supabase") == "http://h:3000"


def test_the_file_wins_over_the_environment(tmp_path: Path) -> None:
    text = '[targets.convex]\nkind = "convex-http"\nurl = "http://file:1"\n'
    config = load(tmp_path, text, CONVEX_SITE_URL="http://environment:2")
    assert url_of(config, "convex") == "http://file:1"


def test_one_address_alone_names_the_missing_one(tmp_path: Path) -> None:
    config = load(tmp_path, "", CONVEX_SITE_URL="http://h:1")
    with pytest.raises(ConfigError, match=r"targets\.supabase\.url") as caught:
        url_of(config, "supabase")
    assert "NEXT_URL" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[race]\nratee = 5", r"race\.ratee: unknown field; did you mean rate\?"),
        ("[rase]\nrate = 5", r"rase: unknown field; did you mean race\?"),
        ("[race]\nrate = -1", r"race\.rate: .*greater than or equal to 0 \(got -1"),
        ("[race]\nrate = nan", r"race\.rate: [^;]*finite number$"),
        ("[race]\nrate = inf", r"race\.rate: [^;]*finite number \(got inf\)$"),
        ("[race]\nrate = -inf", r"race\.rate: [^;]*finite number \(got -inf\)$"),
        ("[race]\nconnect_timeout = 11", r"race: connect_timeout \(11\) must not exceed timeout"),
        ("[race]\ntimeout = 1\nfirst_byte_timeout = 2", r"race: first_byte_timeout \(2\) must not"),
        ("[race]\nfirst_byte_timeout = 0", r"race\.first_byte_timeout: .*greater than 0"),
        ('[race]\nledger = "burn"', r"race\.ledger"),
        (
            '[targets.a]\nkind = "convex-http"\nca_file = "/nowhere/ca.pem"',
            r"targets\.a\.ca_file: cannot read /nowhere/ca\.pem: No such file",
        ),
        (
            '[targets.a]\nkind = "convex-http"\nca_file = "/dev/null"',
            r"targets\.a\.ca_file: /dev/null holds no PEM certificates",
        ),
        ('[race]\nrate = "fast"', r"race\.rate"),
        ("[race]\nslice = 5\nwarmup = 5", r"race: warmup must be shorter than slice"),
        ('[race]\nkeys = "zipf"', r"race\.keys: .*zipf:S"),
        ('[race]\nkeys = "zipf:nan"', r"race\.keys"),
        ('[race]\nkeys = "hot:0"', r"race\.keys"),
        ("[race]\nmiss = 1.1", r"race\.miss"),
        ("[dataset]\ncontacts = 0", r"dataset\.contacts"),
        ("[rules]\nequivalent = [1.1, 1.25]", r"rules: equivalent"),
        ("[rules]\nadopt_ratio = 0.9", r"rules: adopt_ratio"),
        ('[rules]\nmetric = "mean"', r"rules\.metric"),
        ('[targets.a]\nkind = "convex-http"\nurl = "ftp://h"', r"targets\.a\.url: must be an http"),
        ('[targets.a]\nkind = "convex-http"\nurl = "http://u:p@h"', r"targets\.a\.url: .*password"),
        ('[targets.a]\nkind = "convex-http"\nurl = "http://h:99999"', r"targets\.a\.url: .*port"),
        ('[targets."a b"]\nkind = "convex-http"', r"targets\.a b: use letters"),
        ("[environment]\nnext_url = 'http://h'", r"unknown section \[environment\]"),
        ("race = 5", r"race"),
        ("[race", r"not valid TOML"),
    ],
)
def test_each_mistake_names_its_field(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert re.search(expected, caught.value.message), caught.value.message
    assert caught.value.fix
    assert caught.value.exit_code == 2


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "[race]\nrate = -1\npairs = 0\n[dataset]\nseed = -1\n")
    for field in ("race.rate", "race.pairs", "dataset.seed"):
        assert field in caught.value.message


def test_a_missing_file_is_an_error_only_when_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        configuration.load({}, tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("baseline", "challenger", "expected"),
    [("nobody", "convex", r"race\.baseline"), ("convex", "convex", "same target")],
)
def test_a_race_needs_two_known_targets(
    tmp_path: Path, baseline: str, challenger: str, expected: str
) -> None:
    text = f'[race]\nbaseline = "{baseline}"\nchallenger = "{challenger}"\n'
    with pytest.raises(ConfigError, match=expected):
        configuration.require_race_targets(load(tmp_path, text))


def test_the_command_line_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dragstrip.toml"
    path.write_text("[race]\nrate = 10\npairs = 3\n")
    config = configuration.load({}, path, {"race": {"rate": 99, "pairs": None}})
    assert (config.race.rate, config.race.pairs) == (99, 3)


def test_a_rate_of_0_is_the_closed_model(tmp_path: Path) -> None:
    assert load(tmp_path, "[race]\nrate = 0\n").race.closed_model
    assert not load(tmp_path, "").race.closed_model


def test_authorities_are_found_from_the_runs_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(certifi.where(), tmp_path / "ca.pem")
    monkeypatch.chdir(tmp_path)
    config = load(tmp_path, '[targets.a]\nkind = "convex-http"\nca_file = "ca.pem"\n')
    assert config.targets["a"].ca_file == tmp_path / "ca.pem"


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("s3cret\n")
    config = load(tmp_path, "", CRM_API_KEY_FILE=str(secret))
    assert config.environment.require("crm_api_key") == "s3cret"


def test_an_unreadable_secret_file_names_its_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CRM_API_KEY_FILE"):
        load(tmp_path, "", CRM_API_KEY_FILE=str(tmp_path / "absent"))


def test_an_unset_variable_is_named_when_it_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CRM_API_KEY is not set"):
        load(tmp_path, "").environment.require("crm_api_key")


@pytest.mark.parametrize(
    "name", ["CRM_API_KEY", "CONVEX_ADMIN_KEY", "SUPABASE_SERVICE_ROLE_KEY", "SEED_SECRET"]
)
def test_no_repr_shows_a_secret(tmp_path: Path, name: str) -> None:
    config = load(tmp_path, "", **{name: "tell-nobody"})
    assert "tell-nobody" not in repr(config) + str(config) + config.model_dump_json()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres:tell-nobody@db.example:5432/postgres",
        "postgres://postgres.ref:tell%40nobody@pooler.example:6543/postgres?sslmode=verify-full",
        "postgresql://u:tell-nobody@[::1]:5432,other:5433/db",
        "postgresql:///db?host=/run/postgresql",
    ],
)
def test_the_databases_address_is_a_secret_that_names_a_backend(tmp_path: Path, url: str) -> None:
    config = load(tmp_path, "", SUPABASE_DB_URL=url)
    assert config.environment.require("supabase_db_url") == url
    assert not config.uses_lab
    assert "nobody" not in repr(config) + str(config) + config.model_dump_json()


def test_a_file_without_end_is_refused_and_not_read_to_it(tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    with endless.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    for read in (configuration.read_document, lambda path: text_of(path, "field", "fix")):
        with pytest.raises(ConfigError, match="larger than 64 MiB"):
            read(endless)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://u:tell-nobody@h/db", "must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("postgresql:///tell-nobody", "must be postgresql://"),
        ("host=h user=u password=tell-nobody", "must be postgresql://"),
        ("postgresql://u:tell@nobody@h/db", "@ in the password as"),
        ("postgresql://u:tell/nobody@h/db", "@ in the password as"),
        ("postgresql://u:tell#nobody@h/db", "@ in the password as"),
        ("postgresql://u:tell?nobody@h/db", "@ in the password as"),
        ("postgresql://u:tell-nobody@h:65536/db", "a port between 1 and 65535"),
        ("postgresql://u:tell-nobody@a:1,b:nobody/db", "a port between 1 and 65535"),
    ],
)
def test_an_unsound_database_address_is_refused_and_not_repeated(
    tmp_path: Path, url: str, words: str
) -> None:
    with pytest.raises(ConfigError, match="SUPABASE_DB_URL") as error:
        load(tmp_path, "", SUPABASE_DB_URL=url)
    assert words in error.value.message
    assert "nobody" not in f"{error.value.message} {error.value.fix}"


@given(
    st.dictionaries(
        st.sampled_from(["targets", "dataset", "race", "rules", "other"]),
        st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8) | st.none()),
    )
)
def test_any_document_loads_or_is_refused_cleanly(document: dict[str, Any]) -> None:
    try:
        configuration.load({}, overrides=document)
    except ConfigError as error:
        assert error.fix  # noqa: PT017  the refusal is one of two allowed outcomes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("race = 5", "race must be a table, and is 5"),
        ("[[race]]", "race must be a table"),
        ("dataset = []", "dataset must be a table"),
        ('scenario = "lookup"', "scenario must be a table, and is 'lookup'"),
        ("targets = 3", "targets must be a table, and is 3"),
        ("[targets]\nold = 3", "targets.old"),
        ("[[targets.old]]", "targets.old"),
        ("environment = 3", "unknown section [environment]"),
        (f"a = {'[' * 5000}", "nested too deeply"),
        (f"a = {'1' * 5000}", "not valid TOML"),
    ],
)
def test_a_section_of_another_form_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "other.toml"
    file.write_text(text)
    flags = {section: {"pairs": 3} for section in ("race", "dataset", "scenario")}
    with pytest.raises(ConfigError) as refused:
        configuration.load({}, file, flags)
    assert says in refused.value.message
    assert refused.value.fix


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("CONVEX_URL", "https://happy-otter-1.eu-west-1.convex.site", "is CONVEX_SITE_URL"),
        ("CONVEX_SITE_URL", "https://happy-otter-1.convex.cloud", "is CONVEX_URL"),
    ],
)
def test_the_two_addresses_of_convex_are_not_taken_for_each_other(
    name: str, url: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=f"{name}: .*{words}"):
        configuration.read_environment({name: url})

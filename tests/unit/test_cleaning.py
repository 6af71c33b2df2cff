"""What is left around a value is taken away; what cannot be meant is refused, and not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip.cleaning import clean
from dragstrip.config import config as configuration
from dragstrip.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

BOM = "\ufeff"


@pytest.mark.parametrize(
    "value", ["key\n", "key\r\n", " key\t", f"{BOM}key", f" {BOM} key\u200b\n", "\u2060key"]
)
def test_edges_are_taken_away(value: str) -> None:
    assert clean(value) == "key"


@pytest.mark.parametrize(
    "value", ["a'b", "it's", '"', "'a\"", "pass phrase", "schlüssel", "a\u200db"]
)
def test_what_can_be_meant_stays(value: str) -> None:
    assert clean(value) == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("tell\nnobody", "line break"),
        ("tell\x00nobody", "control character"),
        ("tell\u2028nobody", "line break"),
        ('"tell-nobody"', "quotes around it"),
        ("'tell-nobody'\n", "quotes around it"),
        ("tell-nobody\udcff", "not UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_the_value(value: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        clean(value)
    assert "nobody" not in str(caught.value)


def test_a_header_holds_ascii() -> None:
    with pytest.raises(ValueError, match="not ASCII"):
        clean("schlüssel", for_header=True)


@pytest.mark.parametrize("name", ["CRM_API_KEY", "SEED_SECRET", "NEXT_URL"])
@pytest.mark.parametrize("edges", ["{}\n", f"{BOM}{{}}", " {}\r\n"])
def test_every_variable_is_cleaned(tmp_path: Path, name: str, edges: str) -> None:
    value = "http://127.0.0.1:1"
    file = tmp_path / "value"
    file.write_bytes(edges.format(value).encode())
    for environ in ({name: edges.format(value)}, {f"{name}_FILE": f"{file}\n"}):
        assert configuration.read_environment(environ).require(name.lower()) == value


def test_a_secret_of_several_lines_is_refused_by_the_variable_that_names_its_file(
    tmp_path: Path,
) -> None:
    file = tmp_path / "key"
    file.write_text("tell\nnobody\n")
    with pytest.raises(ConfigError, match="CRM_API_KEY_FILE: holds a line break") as caught:
        configuration.read_environment({"CRM_API_KEY_FILE": str(file)})
    assert "nobody" not in caught.value.message


def test_all_unsound_variables_are_named_at_once() -> None:
    environ = {"CRM_API_KEY": "a\nb", "SEED_SECRET": "'s'", "NEXT_URL": "ftp://h"}
    with pytest.raises(ConfigError) as caught:
        configuration.read_environment(environ)
    assert all(f"{name}: " in caught.value.message for name in environ)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:\r1", "line break"),
        ("http://a b", "no space"),
        ("'http://h'", "quotes around it"),
        ("http://[h", "brackets around an IPv6 address"),
    ],
)
def test_an_address_is_refused_by_name(tmp_path: Path, url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"NEXT_URL: .*{words}"):
        configuration.read_environment({"NEXT_URL": url})
    file = tmp_path / "dragstrip.toml"
    escaped = url.replace("\r", "\\r")
    file.write_text(f'[targets.a]\nkind = "convex-http"\nurl = "{escaped}"\n')
    with pytest.raises(ConfigError, match=rf"targets\.a\.url: .*{words}"):
        configuration.load({}, file)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:[nobody]@h/db", "%5B and %5D"),
        ("postgresql://u:no[body@h/db", "%5B and %5D"),
        ("postgresql://u:no body@h/db", "%20"),
        ("postgresql://u:nobody%@h/db", "%25"),
        ("postgresql://u:nobody%zz@h/db", "%25"),
        ("postgresql://u:nobody@[h/db", "IPv6 address"),
        ('"postgresql://u:nobody@h/db"', "quotes around it"),
    ],
)
def test_a_database_address_is_refused_with_the_fix(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"SUPABASE_DB_URL: .*{words}") as caught:
        configuration.read_environment({"SUPABASE_DB_URL": url})
    assert "body" not in f"{caught.value.message} {caught.value.fix}"


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "dragstrip.toml"
    file.write_bytes(f"{BOM}[race]\nrate = 99\n".encode())
    assert configuration.load({}, file).race.rate == 99


def test_a_file_in_utf_16_is_refused_with_the_fix(tmp_path: Path) -> None:
    file = tmp_path / "dragstrip.toml"
    file.write_text("[race]\nrate = 99\n", encoding="utf-16")
    with pytest.raises(ConfigError, match="UTF-16, not UTF-8; save it as UTF-8"):
        configuration.load({}, file)

"""A keys file of any kind is read in full, or refused with one error that quotes no number."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.config import config as configuration
from dragstrip.config.config import Config, DatasetConfig
from dragstrip.errors import ConfigError, StorageError
from dragstrip.race.setup import Options, Setup, bind
from dragstrip.run.model import Facts
from scenarios.crm import keys_file
from scenarios.crm import references as own_data
from scenarios.crm.keys_file import KeysFile
from scenarios.crm.references import CheckedKeys, References

ONE = "4f1c2b0e-8a3d-4c57-9d1e-2b6f0a7c9e15"
OTHER = "00000000-0000-4000-8000-000000000001"


def read(folder: Path, content: str | bytes, workspace_id: str | None = None) -> KeysFile:
    path = folder / "keys.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    default = UUID(workspace_id) if workspace_id else None
    found = keys_file.read(DatasetConfig(keys_file=path, workspace_id=default))
    assert found is not None
    return found


def test_comments_blank_lines_and_a_header_are_passed_over(tmp_path: Path) -> None:
    text = f'\n# mine\nPhone, Workspace_ID\n +62 812-1,{ONE}\r\n\r\n"62,812,2",\n  # more\n62 812 3'
    found = read(tmp_path, b"\xef\xbb\xbf" + text.encode(), OTHER)
    assert found.numbers.phones == ["+62 812-1", "62,812,2", "62 812 3"]
    assert found.numbers.workspace_ids == [ONE, OTHER, OTHER]
    assert [found.place(key) for key in range(3)] == [
        "keys.csv, line 4",
        "keys.csv, line 6",
        "keys.csv, line 8",
    ]
    assert found.sha256 == hashlib.sha256((tmp_path / "keys.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "phone",
    [
        "+62 812-3456-7890",
        "(+62) 812 3456 7890",
        "030/1234567",
        "62.812.345.678",
        "01.23.45.67.89",
        "+1 (415) 555\u20110100",
        "\u202a+62\xa0812\u202c",
        '"62,812,2"',
        "2024-0105-77",
        "0000-00-00",
        "00628123456789",
        "1",
    ],
)
def test_however_a_number_is_written_it_is_read(tmp_path: Path, phone: str) -> None:
    assert read(tmp_path, f"{phone},{ONE}").numbers.phones == [phone.strip('"')]


def test_one_number_may_stand_in_several_workspaces(tmp_path: Path) -> None:
    assert len(read(tmp_path, f"62812,{ONE}\n62812,{OTHER}\n")) == 2


def configured(tmp_path: Path, text: str) -> Config:
    """Return a configuration of a race over a keys file of one number."""
    (tmp_path / "keys.csv").write_text("62812\n")
    path = tmp_path / "dragstrip.toml"
    path.write_text(
        f'[dataset]\nkeys_file = "{tmp_path}/keys.csv"\nworkspace_id = "{ONE.upper()}"\n{text}'
    )
    return configuration.load({"CONVEX_SITE_URL": "http://h:1", "NEXT_URL": "http://h:2"}, path)


@pytest.mark.parametrize("text", ["", "[race]\nmiss = 0\n", "[race]\nrate = 10\n"])
def test_beside_a_keys_file_nothing_is_missed_by_default(tmp_path: Path, text: str) -> None:
    config = configured(tmp_path, text)
    assert str(config.dataset.workspace_id) == ONE
    bound, _ = bind(config)
    assert bound.race.miss == 0
    # What was bound once may be bound again, as it is when addresses are known.
    assert bind(bound)[0].race.miss == 0
    path = tmp_path / "dragstrip.toml"
    path.write_text("")
    assert bind(configuration.load({}, path))[0].race.miss == 0.05


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("seed = 42", "seed is of seeded data"),
        ("contacts = 5", "contacts is of seeded data"),
        ('workspace_id = "kapso"', "dataset.workspace_id: "),
    ],
)
def test_what_contradicts_a_keys_file_is_refused(tmp_path: Path, dataset: str, words: str) -> None:
    path = tmp_path / "dragstrip.toml"
    path.write_text(f'[dataset]\nkeys_file = "keys.csv"\n{dataset}\n')
    with pytest.raises(ConfigError) as caught:
        configuration.load({}, path)
    assert words in caught.value.message


@pytest.mark.parametrize("miss", [0.05, 0.1])
def test_misses_beside_a_keys_file_are_refused_before_a_race(tmp_path: Path, miss: float) -> None:
    with pytest.raises(ConfigError, match=rf"race\.miss = {miss:g}: .*keys file") as caught:
        bind(configured(tmp_path, f"[race]\nmiss = {miss}\n"))
    assert "--miss 0" in str(caught.value.fix)
    # A race may be set otherwise than the configuration says, in the web UI.
    config, _ = bind(configured(tmp_path, ""))
    later = config.race.model_copy(update={"miss": miss})
    with pytest.raises(ConfigError, match=rf"race\.miss = {miss:g}"):
        bind(config.model_copy(update={"race": later}))


def test_a_plan_over_a_keys_file_is_read_back(tmp_path: Path) -> None:
    config, scenario = bind(configured(tmp_path, ""))
    setup = Setup(config, scenario, Facts(data="a number"), Options(out=tmp_path / "runs"))
    plan, folder, run = setup.store()
    assert folder.read_plan() == plan
    kept = {"keys_file": str(tmp_path / "keys.csv"), "workspace_id": ONE}
    assert json.loads(folder.plan_file.read_text())["dataset"] == kept
    assert folder.read_run().config["dataset"] == run.config["dataset"] == kept


def test_a_workspace_without_a_keys_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dragstrip.toml"
    path.write_text(f'[dataset]\nworkspace_id = "{ONE}"\n')
    with pytest.raises(ConfigError, match="needs a keys_file"):
        configuration.load({}, path)


def numbered(text: str) -> str:
    """Return a file with a field that is no phone number in its second line."""
    return f"62812,{ONE}\n{text},{OTHER}"


HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "scientific": (numbered("6.28123E+12"), "line 2: a number in scientific notation"),
    "scientific, German": (numbered('"6,28123e12"'), "line 2: a number in scientific notation"),
    "decimal": (numbered("6281234567890.0"), "line 2: a decimal number"),
    "decimal, German": (numbered('"6281234567890,00"'), "line 2: a decimal number"),
    "date": (numbered("2024-01-05"), "line 2: a date"),
    "date and time": (numbered("2024-01-05 10:00:00"), "line 2: a date"),
    "date, American": (numbered("1/31/2024"), "line 2: a date"),
    "date, German": (numbered("31.1.2024"), "line 2: a date"),
    "extension": (numbered("+1 415 555 0100 ext. 42"), "line 2: a number with an extension"),
    "extension x": (numbered("4155550100x42"), "line 2: a number with an extension"),
    "extension #": (numbered("4155550100 #42"), "line 2: a number with an extension"),
    "extension by RFC 3966": (numbered("+1-415-555-0100;ext=42"), "line 2: a number with an ext"),
    "float of a data frame": (numbered("6281234567890.000000"), "line 2: a decimal number"),
    "IP address": (numbered("192.168.100.20"), "line 2: an IP address"),
    "vanity": (numbered("1-800-FLOWERS"), "line 2: letters"),
    "e-mail": (numbered("budi99@example.com"), "line 2: an e-mail address"),
    "a failed formula": (numbered("#REF!"), "line 2: an error of a spreadsheet"),
    "a column too narrow": (numbered("########"), "line 2: an error of a spreadsheet"),
    "not available": (numbered(" #N/A"), "line 2: an error of a spreadsheet"),
    "a formula": (numbered('="6281"'), "line 2: a character that no phone number has"),
    "an apostrophe": (numbered("'6281"), "line 2: a character that no phone number has"),
    "two numbers": (numbered("+6281 / +6282"), "line 2: more than one number"),
    "negative": (numbered("-6281"), "line 2: a negative number"),
    "a name": (numbered("tel:6281"), "line 2: letters"),
    "only zeros of a quote": (numbered('""'), "line 2: no digits"),
    "empty": ("", "keys.csv holds no phone number"),
    "only a header": ("phone,workspace_id\n# nobody\n", "keys.csv holds no phone number"),
    "no digits": (f"call me,{ONE}", "line 1: no digits"),
    "a late header": (f"62812,{ONE}\nphone,workspace_id", "line 2: no digits"),
    "too many digits": (f"{'7' * 21},{ONE}", "line 1: 21 digits"),
    "no workspace": ("62812", "line 1: no workspace"),
    "a bad workspace": ("62812,kapso", "line 1: a workspace_id that is not a UUID"),
    "three fields": (f"62812,{ONE},Siti", "line 1: 3 fields"),
    "twice": (f"# a\n+62 812,{ONE}\n\n62812,{ONE.upper()}", "line 4: the same number as in line 2"),
    "semicolons": (f"62812;{ONE}", "line 1: a tab, a semicolon"),
    "tabs": (f"62812\t{ONE}", "line 1: a tab, a semicolon"),
    "other digits": (f"٦٢٨١٢,{ONE}", "line 1: digits other than 0 to 9"),
    "NUL": (f"62812\0,{ONE}", "line 1: "),
    "an open quote": (f'"62812,{ONE}', "line 1: a quote that does not end"),
    "not UTF-8": (f"62812,{ONE}\n\xff".encode("latin-1"), "line 2: not UTF-8 text"),
    "UTF-16": (f"62812,{ONE}\n".encode("utf-16"), "line 1: not UTF-8 text"),
}


@pytest.mark.parametrize("what", list(HOSTILE))
def test_what_is_no_keys_file_is_refused_by_line(tmp_path: Path, what: str) -> None:
    content, words = HOSTILE[what]
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, content)
    assert words in caught.value.message
    assert caught.value.fix
    assert "62812" not in f"{caught.value.message} {caught.value.fix}"


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.csv", tmp_path, Path("/dev/zero")):
        with pytest.raises(ConfigError, match=r"dataset\.keys_file: ") as caught:
            keys_file.read(DatasetConfig(keys_file=path))
        assert str(path) in caught.value.message


def test_as_many_numbers_as_are_allowed_are_read_and_no_more(tmp_path: Path) -> None:
    lines = [f"{n}" for n in range(1, keys_file.MOST_KEYS + 1)]
    assert len(read(tmp_path, "\n".join(lines), ONE)) == keys_file.MOST_KEYS
    with pytest.raises(ConfigError, match=r"line 100001: more than 100,000 numbers"):
        read(tmp_path, "\n".join([*lines, "999999"]), ONE)


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = read(Path(folder), text.encode("utf-8", "surrogatepass"), ONE)
        except ConfigError:
            return
        for key in range(len(found)):
            assert 1 <= sum(one in "0123456789" for one in found.numbers.phone(key)) <= 20


ANSWERS = st.dictionaries(st.text(), st.one_of(st.integers(0, 2**53), st.text(), st.none()))


@given(st.lists(st.tuples(st.text(), st.sampled_from([ONE, OTHER]), ANSWERS), min_size=1))
def test_other_processes_get_what_was_checked(entries: list[tuple[str, str, object]]) -> None:
    references = References()
    for _, _, answer in entries:
        references.append(references.mark(answer))
    phones, workspace_ids = [one[0] for one in entries], [one[1] for one in entries]
    file = KeysFile("keys.csv", "", keys_file.Numbers(phones, workspace_ids), [])
    packed = CheckedKeys(file, references, 0).handover()

    got = own_data.unpack(packed)
    assert (got.numbers.phones, got.numbers.workspace_ids) == (phones, workspace_ids)
    for key, (_, _, answer) in enumerate(entries):
        assert got.references.expected(key) == got.references.mark(answer)
        assert got.references.mark([answer]) != got.references.expected(key)
    for broken in (b"", packed[:-1], b"\xff" + packed):
        with pytest.raises(StorageError):
            own_data.unpack(broken)


def test_the_hash_of_an_answer_is_of_one_run_only() -> None:
    answer = {"found": True, "lead_score": 62}
    assert References().mark(answer) != References().mark(answer)
    one = References()
    assert one.mark(answer) != one.mark(answer | {"lead_score": 62.0})
    assert one.mark(answer) == one.mark(dict(reversed(answer.items())))


def test_nothing_that_is_printed_by_mistake_shows_a_number(tmp_path: Path) -> None:
    found = read(tmp_path, f"62812345,{ONE}")
    checked = CheckedKeys(found, References(), 1)
    assert "62812345" not in repr((found, checked, own_data.unpack(_packed(checked))))


def _packed(checked: CheckedKeys) -> bytes:
    checked.references.append(checked.references.mark({}))
    return checked.handover()

from __future__ import annotations

import io
import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from dragstrip import schemas
from dragstrip.cli import completion
from dragstrip.cli.init import init, text_of
from dragstrip.cli.main import main
from dragstrip.config import config
from dragstrip.errors import UsageError

URLS = ("https://old.test/a?q=%7B", "https://new.test:8443/b")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("answers", "kind", "uses_lab"),
    [
        ("lab\n20\n", "convex-http", True),
        ("backends\nhttps://next.test\nhttps://convex.test\n20\n", "convex-http", False),
        (f"endpoints\n{URLS[0]}\n{URLS[1]}\n20\n", "http", False),
    ],
)
def test_at_most_four_answers_make_a_configuration(
    place: Path, answers: str, kind: str, uses_lab: bool
) -> None:
    assert answers.count("\n") <= 4
    done = CliRunner().invoke(init, input=answers, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    read = config.load({})
    assert read.race.rate == 20
    assert config.require_race_targets(read)
    assert read.targets[read.race.challenger].kind == kind
    assert read.uses_lab is uses_lab
    text = (place / "dragstrip.toml").read_text()
    first = text.splitlines()[0]
    assert first.startswith("#:schema ./")
    schema = json.loads((place / first.removeprefix("#:schema ./")).read_text())
    Draft202012Validator(schema).validate(tomllib.loads(text))


def test_flags_ask_nothing_and_what_is_there_stays(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--for", "endpoints", "--baseline", URLS[0], "--challenger", URLS[1], "--defaults")
    assert _code("init", *flags) == 0
    read = config.load({})
    assert (read.targets["baseline"].url, read.targets["baseline"].path) == (
        "https://old.test",
        "/a?q=%7B",
    )
    before = (place / "dragstrip.toml").read_text()
    assert _code("init", "--defaults") == 2
    assert "--force" in capsys.readouterr().err
    assert (place / "dragstrip.toml").read_text() == before
    assert _code("init", "--defaults", "--force") == 0
    assert config.load({}).uses_lab


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--for", "endpoints", "--defaults"), "--baseline"),
        (("--for", "lab", "--baseline", URLS[0], "--defaults"), "--baseline"),
        (("--for", "endpoints", "--baseline", "ftp://x", "--challenger", URLS[1]), "targets"),
        (("--for", "lab", "--rate", "1e9"), "rate"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    place: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], named: str
) -> None:
    assert _code("init", *flags, "--defaults") == 2
    assert named in capsys.readouterr().err
    assert list(place.iterdir()) == []


def test_without_answers_it_says_what_it_needs(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("lab\n"))
    assert _code("init") == 2
    said = capsys.readouterr().err
    assert "standard input ended" in said
    assert "--defaults" in said
    assert list(place.iterdir()) == []


def test_the_schema_knows_the_fields_of_the_example() -> None:
    example = tomllib.loads((Path(__file__).parents[3] / "dragstrip.example.toml").read_text())
    validator = Draft202012Validator(schemas.schema_of_config())
    validator.validate(example)
    assert not validator.is_valid({"race": {"pears": 3}})
    assert not validator.is_valid({"environment": {"crm_api_key": "x"}})
    assert json.loads(schemas.text_of("config"))["title"] == "dragstrip.toml"
    assert text_of("lab", (), 50).startswith("#:schema")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_written_where_the_shell_looks(
    place: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("SHELL", f"/bin/{shell}")
    assert _code("--install-completion") == 0
    script = completion.place(shell, {}).read_text()
    assert "_DRAGSTRIP_COMPLETE" in script
    assert "dragstrip" in script


def test_an_unknown_shell_is_named() -> None:
    with pytest.raises(UsageError, match="tcsh"):
        completion.place("tcsh", {})


def test_the_completion_that_is_installed_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_DRAGSTRIP_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "dragstrip sche")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert _code() == 0
    assert "schema" in capsys.readouterr().out


def _code(*argv: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(argv))
    assert isinstance(left.value.code, int)
    return left.value.code

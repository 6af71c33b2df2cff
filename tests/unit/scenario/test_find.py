"""A scenario is found by name, by entry point or in a file; what is wrong is one clear error."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

import pytest

from dragstrip.calibrate.null_scenario import NullScenario
from dragstrip.errors import ConfigError
from dragstrip.scenario import find as finding
from dragstrip.scenario import targets_of
from dragstrip.scenario.find import absolute, built_in, find, version_of
from scenarios.lookup import Lookup

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "from dragstrip.scenario import Request, Scenario\n\n"
NULL = "dragstrip.calibrate.null_scenario"


def page(name: str, path: str = "/") -> str:
    """Return the text of a scenario."""
    return (
        f"class {name}(Scenario):\n"
        f"    def request(self, target, operation, key):\n"
        f'        return Request("GET", "{path}", {{}})\n\n'
    )


def write(folder: Path, text: str) -> Path:
    path = folder / "pages.py"
    path.write_text(HEAD + text)
    return path


@pytest.mark.parametrize("name", ["lookup", "scenarios.lookup:Lookup"])
def test_one_that_comes_with_dragstrip_is_found_by_its_name(name: str) -> None:
    assert find(name) is Lookup
    assert "lookup" in built_in()


def test_one_in_a_module_is_found_by_module_and_class() -> None:
    assert find(f"{NULL}:NullScenario") is NullScenario


@pytest.mark.parametrize("name", ["pages", "lookup"])
def test_an_installed_package_adds_one_or_takes_a_name(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    installed = importlib.metadata.EntryPoint(name, f"{NULL}:NullScenario", finding.GROUP)

    def entry_points(*, group: str, name: str) -> importlib.metadata.EntryPoints:
        return importlib.metadata.EntryPoints([installed]).select(group=group, name=name)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    monkeypatch.setattr(finding, "entry_points", entry_points)
    assert find(name) is NullScenario


def test_one_in_a_file_is_found_by_path_and_class(tmp_path: Path) -> None:
    path = write(tmp_path, page("Pages") + page("Others", "/others"))
    found = find(f"{path}:Others")
    assert found.__name__ == "Others"
    config = found().config
    target = targets_of(
        config.model_validate({"targets": {"a": {"kind": "http", "url": "http://h"}}})
    )["a"]
    assert found().request(target, found.operations[0], 0).path == "/others"
    # Every part of a process that asks gets the same class.
    assert find(f"{path}:Others") is found


def test_the_only_one_in_a_file_needs_no_name(tmp_path: Path) -> None:
    # Neither what is imported nor what is abstract is meant.
    text = "from scenarios.lookup import Lookup\n\nclass Base(Scenario):\n    pass\n\n"
    assert find(str(write(tmp_path, text + page("Pages")))).__name__ == "Pages"


def test_a_file_may_import_what_stands_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_the_pages.py").write_text('PATH = "/beside"\n')
    text = "from beside_the_pages import PATH\n\n" + page("Pages")
    assert find(f"{write(tmp_path, text)}:Pages").__name__ == "Pages"


def test_a_path_is_the_same_file_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, page("Pages"))
    monkeypatch.chdir(tmp_path)
    assert absolute("pages.py:Pages") == f"{path}:Pages"
    assert absolute("pages.py") == str(path)
    assert absolute("lookup") == "lookup"
    assert absolute(f"{NULL}:NullScenario") == f"{NULL}:NullScenario"


WRONG = {
    "no such name": (
        "lookups",
        "",
        'there is no scenario "lookups"',
        "use conversation, endpoint, inbound-message, lookup",
    ),
    "no such module": ("nowhere.at_all:Pages", "", "cannot be imported", "correct the name"),
    "no class in a module": (f"{NULL}:Pages", "", "not a subclass", "name a class that is"),
    "no such file": ("{folder}/absent.py", "", "there is no file", "correct the path"),
    "a folder": ("{folder}/folder.py", "", "there is no file", "correct the path"),
    "syntax": ("{file}:Pages", "class Pages(", "SyntaxError", "python {file}"),
    "fails": ("{file}", "1 / 0\n", "ZeroDivisionError", "python {file}"),
    "no such class": ("{file}:Absent", page("Pages"), "not a subclass", "name a class that is"),
    "not a scenario": ("{file}:Pages", "class Pages:\n    pass\n", "not a subclass", "class that"),
    "not a class": ("{file}:Pages", "Pages = 1\n", "not a subclass", "name a class that is"),
    "abstract": (
        "{file}:Pages",
        "class Pages(Scenario):\n    pass\n",
        "does not define `request`",
        "define it",
    ),
    "two": ("{file}", page("One") + page("Two"), "one scenario, and has One, Two", "after a colon"),
    "none": ("{file}", "", "one scenario, and has none", "after a colon"),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_what_cannot_be_found_is_one_error_with_a_fix(tmp_path: Path, what: str) -> None:
    name, text, problem, fix = WRONG[what]
    (tmp_path / "folder.py").mkdir()
    file = write(tmp_path, text)
    places = {"folder": tmp_path, "file": file}
    with pytest.raises(ConfigError) as caught:
        find(name.format(**places))
    assert caught.value.message.startswith("scenario: ")
    assert "\n" not in caught.value.message
    assert problem in caught.value.message
    assert fix.format(**places) in str(caught.value.fix)
    assert caught.value.exit_code == 2


def test_a_file_that_failed_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, "1 / 0\n")
    with pytest.raises(ConfigError):
        find(str(path))
    write(tmp_path, page("Pages"))
    assert find(str(path)).__name__ == "Pages"


def test_another_text_of_a_file_is_another_version(tmp_path: Path) -> None:
    found = find(str(write(tmp_path, page("Pages"))))
    before = version_of(found)
    assert version_of(found) == before
    write(tmp_path, page("Pages", "/other"))
    after = version_of(found)
    assert after != before
    assert before.startswith(f"{found.version} ")
    write(tmp_path, page("Pages"))
    assert version_of(found) == before


def test_the_version_of_an_installed_one_is_what_it_says() -> None:
    assert version_of(Lookup) == Lookup.version

"""What Locust does not document stands in one file, and the installed Locust still has it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
LOAD = ROOT / "dragstrip" / "load"
COMPAT = LOAD / "locust_compat.py"

AMBIGUOUS = {"all", "app", "data", "errors", "greenlet", "id", "main", "quit", "running"} | {
    *("spawning", "state", "stats", "stop")
}
"""Names that other objects have, too: a search for them would find what is not Locust's."""


_LOCUSTFILE = """
import json
import sys
from locust import events

print(json.dumps(sys.path))

@events.init_command_line_parser.add_listener
def show(**_):
    print(json.dumps(sys.path))
    sys.exit()
"""


@cache
def relied_on() -> dict[str, list[str]]:
    """Return each part that a docstring of locust_compat names, and the functions that use it."""
    parts: dict[str, list[str]] = {}
    for node in ast.parse(COMPAT.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            for name in parts_of(ast.get_docstring(node) or ""):
                parts.setdefault(name, []).append(node.name)
    return parts


def parts_of(docstring: str) -> list[str]:
    found = re.search(r"Relies on (.*?)\(Locust \d+\.\d+\)\.", docstring, re.DOTALL)
    return re.findall(r"`([^`]+)`", found[1]) if found else []


@pytest.fixture(scope="module")
def tried() -> tuple[str, dict[str, str]]:
    """Return Locust's version and what is wrong with each part."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.support.locust_parts"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    return answer["version"], answer["problems"]


@pytest.mark.parametrize("name", sorted(relied_on()))
def test_the_installed_locust_has(name: str, tried: tuple[str, dict[str, str]]) -> None:
    version, problems = tried
    users = ", ".join(relied_on()[name])
    problem = problems.get(name, "is checked by nothing in tests/support/locust_parts.py")
    assert not problem, f"Locust {version}: {name} {problem}; used by {users} in {COMPAT.name}"


def test_what_is_checked_is_used(tried: tuple[str, dict[str, str]]) -> None:
    assert set(tried[1]) == set(relied_on())


def test_each_function_names_what_it_relies_on() -> None:
    functions = [n for n in ast.parse(COMPAT.read_text()).body if isinstance(n, ast.FunctionDef)]
    silent = [one.name for one in functions if not parts_of(ast.get_docstring(one) or "")]
    assert not silent


def test_locust_leaves_the_path_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    locustfile = tmp_path / "folder" / "any.py"
    locustfile.write_text(_LOCUSTFILE)
    program = (
        "from pathlib import Path; from dragstrip.load import locust_compat; "
        f"locust_compat.run_command_line(Path({str(locustfile)!r}), [])"
    )
    told = subprocess.check_output(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, text=True, timeout=60
    )
    during, after = told.splitlines()
    assert all(str(place) in json.loads(during) for place in (tmp_path, locustfile.parent))
    assert not any(str(tmp_path) in place for place in json.loads(after))


@pytest.mark.parametrize(
    "file",
    [path for path in sorted(LOAD.rglob("*.py")) if path != COMPAT],
    ids=lambda path: str(path.relative_to(LOAD)),
)
def test_no_other_file_touches_locusts_private_parts(file: Path) -> None:
    assert not list(touched(file.read_text()))


@pytest.mark.parametrize(
    "line",
    [
        "master.clients.get(worker)",
        "node.heartbeat = 3",
        "getattr(runner, 'worker_index', 0)",
        "from locust.runners import HEARTBEAT_LIVENESS",
        "from locust.user.task import LOCUST_STATE_WAITING as WAITING",
        "self._state = 'waiting'",
    ],
)
def test_a_touch_is_found(line: str) -> None:
    assert list(touched(line))


def touched(source: str) -> Iterator[str]:
    """Yield each name of a private part of Locust that a program mentions."""
    views = {part for part in relied_on() if part.startswith("locust.")}
    names = {part.rpartition(".")[2] for part in relied_on() if part not in views} - AMBIGUOUS
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in names:
            yield f"line {node.lineno}: .{node.attr}"
        elif isinstance(node, ast.Constant) and node.value in names | views:
            yield f"line {node.lineno}: {node.value!r}"
        elif isinstance(node, ast.ImportFrom):
            yield from (
                f"line {node.lineno}: {one.name}" for one in node.names if one.name in names
            )

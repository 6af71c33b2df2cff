"""One name, one thing: no two modules of the project define a class of one name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("dragstrip", "scenarios", "seeding", "benchmarks", "tests")


def test_no_two_modules_have_a_class_of_one_name() -> None:
    modules = defaultdict(list)
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.ClassDef):
                    modules[node.name].append(str(path.relative_to(ROOT)))
    assert len(modules) > 300
    assert {name: where for name, where in modules.items() if len(where) > 1} == {}

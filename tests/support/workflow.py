"""Runs a GitHub Actions job's scripts on this machine, as its runner would.

Of the expression language it knows what the example workflow uses, and fails at anything else.
Steps that use an action are left to the caller.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAME = re.compile(r"\b(?:github|inputs|steps|secrets)(?:\.[\w-]+)+")
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_ALWAYS = "always()"
_TRUE = re.compile(r"(?<!')\btrue\b(?!')")


@dataclass
class Ran:
    """A script step that ran."""

    name: str
    code: int
    output: str


@dataclass
class Job:
    """A job in a folder. `context` has the values of github.*, `path` the programs in front."""

    steps: list[dict[str, Any]]
    place: Path
    path: Path
    context: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    """The actions whose turn came."""

    @property
    def summary(self) -> str:
        file = self.place / "summary.md"
        return file.read_text() if file.exists() else ""

    @property
    def failed(self) -> bool:
        return any(one.code for one in self.ran)

    def run(self) -> Job:
        for step in self.steps:
            condition = step.get("if", "true")
            if self.failed and _ALWAYS not in condition:
                continue
            if not self._holds(condition):
                continue
            if "uses" in step:
                self.used.append(step["uses"])
            else:
                self._run(step)
        return self

    def _run(self, step: dict[str, Any]) -> None:
        output, added = self.place / "output", self.place / "added-path"
        output.write_text("")
        environment = {name: self._filled(text) for name, text in step.get("env", {}).items()}
        files = {
            "GITHUB_OUTPUT": str(output),
            "GITHUB_PATH": str(added),
            "GITHUB_STEP_SUMMARY": str(self.place / "summary.md"),
        }
        path = os.pathsep.join([str(self.path), os.environ["PATH"]])
        # The variables of a `make test PYTHON=... VENV=...` around it are not the job's.
        outer = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith("MAKE") and name not in {"PYTHON", "VENV"}
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.place,
            env={**outer, **self.variables, "PATH": path, **files, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self.ran.append(Ran(step.get("name", "?"), done.returncode, done.stdout))
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.outputs[f"steps.{step['id']}.outputs.{name}"] = value

    def _holds(self, condition: str) -> bool:
        text = _TRUE.sub("True", condition.replace(_ALWAYS, "True"))
        text = _NAME.sub(lambda found: repr(self._value(found[0])), text)
        return bool(eval(text.replace("&&", " and ").replace("||", " or ").strip()))

    def _filled(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self._value(found[1]), str(text))

    def _value(self, name: str) -> str:
        # GitHub gives an empty string for the output of a step that did not run.
        return self.outputs.get(name, "") if name.startswith("steps.") else self.context[name]

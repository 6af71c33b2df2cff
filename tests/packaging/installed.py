"""An environment that holds a wheel of this project and what the wheel asks for, nothing else.

The packages are links to the files that this environment installed from the lock file: what a
wheel forgets to name is missing there, and nothing is downloaded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

from benchmarks.worker import closure

ROOT = Path(__file__).parents[2]
NOBODY = 65_534


@dataclass(frozen=True)
class Installed:
    """An environment. Commands run in a folder of its own, as a user without rights elsewhere."""

    folder: Path
    python: str

    @property
    def site(self) -> Path:
        """Where the packages are."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "venv" / "lib" / version / "site-packages"

    @property
    def place(self) -> Path:
        """The working directory of commands."""
        return self.folder / "place"

    @property
    def home(self) -> Path:
        """The user's home."""
        return self.folder / "home"

    @property
    def bytes_on_disk(self) -> int:
        """What the packages need on disk."""
        return sum(path.stat().st_size for path in self.site.rglob("*") if path.is_file())

    def run(
        self, *arguments: str, limit_s: float = 60, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's programs."""
        program, *rest = arguments
        return subprocess.run(
            [str(self.folder / "venv" / "bin" / program), *rest],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd=self.place,
            env={"PATH": os.defpath, "HOME": str(self.home), **variables},
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )


def python_for_all() -> str | None:
    """Return a Python of this version that an ordinary user may run; None where there is none."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys._base_executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):  # type: ignore[attr-defined]
        try:
            done = subprocess.run([python, "-c", "pass"], user=NOBODY, cwd="/", check=False)
        except OSError:
            continue
        if done.returncode == 0:
            return str(python)
    return None


def build_wheel(folder: Path) -> Path:
    """Build the project's wheel into a folder."""
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path, python: str, extras: set[str]) -> Installed:
    """Make the environment, and folders that its user owns."""
    made = Installed(folder, python)
    subprocess.run([python, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    metadata = next(p for p in zipfile.Path(wheel).iterdir() if p.name.endswith(".dist-info"))
    for name in closure(PathDistribution(metadata), extras):
        _link(name, made.site)
    pip("--python", str(folder / "venv"), "install", "--no-deps", "--no-index", str(wheel))
    for owned in (made.place, made.home):
        owned.mkdir()
        os.chown(owned, NOBODY, NOBODY)
    return made


def pip(*arguments: str) -> None:
    """Run pip, quietly."""
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        check=True,
        capture_output=True,
    )


def _link(name: str, site: Path) -> None:
    for file in distribution(name).files or ():
        source = Path(str(file.locate()))
        # Programs stand beside the folder, and each starts with the path of its own Python.
        if ".." in file.parts or file.suffix == ".pyc" or not source.is_file():
            continue
        target = site / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            os.link(source, target)

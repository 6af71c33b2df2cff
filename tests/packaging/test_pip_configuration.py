"""The user's pip configuration does not decide where `make` installs, or whether it does."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAID = """\
[global]
index-url = http://127.0.0.1:9/simple
[install]
user = true
target = {elsewhere}
require-hashes = true
no-binary = :all:
"""
SHELL = {"PIP_DRY_RUN": "1", "PIP_PREFIX": "elsewhere", "PIP_REQUIRE_VIRTUALENV": "0"}
MAKEFILE = "include Makefile\nprobe: ; @$(PIP) install --no-deps $(WHEEL)\n"


def wheel(folder: Path) -> Path:
    """Make a wheel with a module `probe`."""
    path = folder / "probe-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("probe.py", "")
        archive.writestr("probe-1.dist-info/METADATA", "Name: probe\nVersion: 1\n")
        archive.writestr("probe-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("probe-1.dist-info/RECORD", "")
    return path


def test_make_installs_where_it_looks_for_packages(tmp_path: Path) -> None:
    home, venv = tmp_path / "home", tmp_path / "venv"
    (home / ".config" / "pip").mkdir(parents=True)
    said = SAID.format(elsewhere=tmp_path / "elsewhere")
    (home / ".config" / "pip" / "pip.conf").write_text(said)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "with_pip.pth").write_text(sysconfig.get_path("purelib"))
    # A module that the shell shows Python passes for an installed one.
    (home / "probe-1.dist-info").mkdir()
    (home / "probe-1.dist-info" / "METADATA").write_text("Name: probe\nVersion: 1\n")
    made = subprocess.run(
        ["make", "-s", "-f", "-", f"VENV={venv}", f"WHEEL={wheel(tmp_path)}", "probe"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(home), **SHELL},
        input=MAKEFILE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert (site / "probe.py").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_it_learns_where_packages_come_from(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(SAID.format(elsewhere="elsewhere"))
    program = "import run_pip; print(run_pip.in_files(), [*run_pip.in_shell()])"
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT / "requirements",
        env={
            "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
            "PIP_EXTRA_INDEX_URL": "x",
            "PIP_USER": "1",
            "PATH": "/bin",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'PIP_INDEX_URL': 'http://127.0.0.1:9/simple'" in found.stdout
    assert "PIP_EXTRA_INDEX_URL" in found.stdout
    assert "PIP_USER" not in found.stdout

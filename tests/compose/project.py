"""docker-compose.yml as one project of the tests' own, gone with its volumes at the end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.compose import engine

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE_IMAGE = "python:3.11-slim-bookworm"
IMAGE = "dragstrip-harness"
_FILES = ("docker-compose.yml", "deploy/compose/secrets.yml", "tests/compose/override.yml")
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_BUILD_S = 900


@dataclass(frozen=True)
class Project:
    """A Compose project. `variables` are what `.env` would hold."""

    name: str
    variables: dict[str, str]
    options: tuple[str, ...] = ()

    def compose(self, *arguments: str, limit_s: float = 120) -> str:
        """Run Compose on the project's files."""
        files = [word for path in _FILES for word in ("-f", path)]
        argv = (*engine.compose_command(), "-p", self.name, *files, *self.options, *arguments)
        return engine.run(*argv, limit_s=limit_s, env={**os.environ, **self.variables})

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, ended ones included."""
        return engine.docker(
            "ps", "--all", "--quiet",
            "--filter", f"label=com.docker.compose.project={self.name}",
            "--filter", f"label=com.docker.compose.service={service}",
        ).split()  # fmt: skip

    def addresses(self, service: str) -> list[str]:
        """Return the address of each of a service's containers in the project's network."""
        return [
            network["IPAddress"]
            for container in self.containers(service)
            for network in engine.inspect(container)["NetworkSettings"]["Networks"].values()
        ]

    def logs(self) -> str:
        """Return what every container has printed."""
        return self.compose("logs", "--no-color")


@contextlib.contextmanager
def project(variables: dict[str, str], *options: str) -> Iterator[Project]:
    """Build the image and yield a project that is removed at the end, whatever happens."""
    engine.run("tests/compose/base_image.sh", BASE_IMAGE, limit_s=_BUILD_S)
    name = f"dragstrip-test-{uuid.uuid4().hex[:8]}"
    made = Project(name, variables | _build_variables(), options)
    made.compose("build", "master", limit_s=_BUILD_S)
    try:
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "5")


def _build_variables() -> dict[str, str]:
    """What pip needs in the builder where this machine's index or certificates are its own."""
    variables = {}
    index = _pip_setting("global.index-url")
    if index and index.startswith(("http://", "https://")):
        variables["PIP_INDEX_URL"] = index
    labels = engine.inspect(BASE_IMAGE)["Config"]["Labels"] or {}
    if labels.get("dragstrip.stand-in"):
        variables["PIP_CERT"] = _CERTIFICATES
    return variables


def _pip_setting(name: str) -> str | None:
    done = subprocess.run(
        ["python3", "-m", "pip", "config", "get", name],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None

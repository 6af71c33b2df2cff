"""One lab for the whole session: every test that needs backends shares it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from dragstrip import lab as embedded
from dragstrip import redact
from dragstrip.home import HOME_VARIABLE
from dragstrip.lab import lifecycle
from tests.support import spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer

# How long an example takes says more about the machine's load than about the code.
settings.register_profile("dragstrip", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dragstrip")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    spread.order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> spread.Spread:
    return spread.Spread(config, log)


@pytest.fixture(autouse=True)
def _no_secret_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test's secrets be starred out of another's messages."""
    monkeypatch.setattr(redact, "_secrets", set(redact._secrets))


@pytest.fixture(scope="session", autouse=True)
def _no_calibration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what this machine was calibrated to out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def lab() -> Iterator[embedded.LabState]:
    """A running lab in a temporary home, on free ports; it dies with this process at the latest."""
    home = Path(tempfile.mkdtemp(prefix="dragstrip-lab-"))
    # PostgreSQL's own user must get through.
    home.chmod(0o711)
    try:
        yield lifecycle.up(home, reporter=print, owner_pid=os.getpid(), fallback_ports_only=True)
    finally:
        lifecycle.down(home, purge=True)
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def lab_environment(lab: embedded.LabState) -> dict[str, str]:
    """The addresses and keys of the session's lab, as environment variables."""
    return embedded.environment(lab.home)

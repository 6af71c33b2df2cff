"""A soak of two real servers, hours in half a minute: one stays as it is, one becomes slower."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import pytest

from dragstrip.analysis.soak import TIMES, conclude, window_of
from dragstrip.analysis.soak_model import Soak
from dragstrip.cli.main import main
from dragstrip.ledger.layout import HEADER, ROW_BYTES
from dragstrip.ledger.rows import SEGMENT_ROWS
from dragstrip.race.locust_process import LAUNCHER
from dragstrip.report import soak as words
from dragstrip.run.folder import RunFolder
from tests.support.async_server import serving
from tests.support.races import command_line, homes, popen

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.async_server import Serve

_GROWS_S = 0.006
"""Each second, beside 5 ms: over the soak to thirty times as much."""
_SEGMENT_BYTES = HEADER.size + SEGMENT_ROWS * ROW_BYTES
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


def _server(grows_s: float) -> Serve:
    began = time.monotonic()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(0.005 + grows_s * (time.monotonic() - began))
                writer.write(_ANSWER)
                await writer.drain()
        writer.close()

    return serve


@dataclass
class Soaked:
    """A soak that is over, and what was seen of the generator and its disk meanwhile."""

    place: Path
    code: int
    output: str
    memory_bytes: list[int] = field(default_factory=list)
    ledger_bytes: list[int] = field(default_factory=list)

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.place / "runs" / "soak" / "latest")

    @property
    def soak(self) -> Soak:
        return Soak.model_validate_json((self.folder.path / "soak.json").read_bytes())

    def again(self, *, anyhow: bool) -> Soak:
        """Conclude from what is stored; `anyhow` as if this machine had had nothing else to do."""
        plan, before = self.folder.read_plan(), self.soak
        windows = [window_of(plan, report) for report in self.folder.read_slices()]
        if anyhow:
            windows = [one.model_copy(update={"void": None}) for one in windows]
        return conclude(plan, before, windows, interrupted=False)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soaked]:
    place = tmp_path_factory.mktemp("soak")
    (place / "dragstrip.toml").write_text(
        '[race]\nrate = 60\n[rules]\nmetric = "p50"\nequivalent = [0.5, 9.0]\nadopt_ratio = 0.4\n'
    )
    with ExitStack() as stack:
        ports = [stack.enter_context(serving(_server(each))) for each in (0.0, _GROWS_S)]
        urls = [f"{name}=http://127.0.0.1:{port}/" for name, port in zip("ab", ports, strict=True)]
        command = [sys.executable, "-m", "dragstrip", "soak", *urls]
        soak = popen(
            place,
            [*command, "--for", "26s", "--window", "0.5s"],
            homes(place) | {"CRM_API_KEY": "k"},
        )
        stack.callback(soak.kill)
        memory, ledger = _watch(soak, place)
        said = soak.communicate(timeout=60)
        yield Soaked(place, soak.returncode, "\n".join(said), memory, ledger)


def _watch(soak: subprocess.Popen[str], place: Path) -> tuple[list[int], list[int]]:
    memory: list[int] = []
    ledger: list[int] = []
    folder = place / "runs" / "soak" / "latest"
    done = 0
    while soak.poll() is None:
        time.sleep(0.02)
        with suppress(OSError, psutil.Error):
            windows = (folder / "slices.jsonl").read_bytes().count(b"\n")
            if windows == done:
                continue
            done = windows
            memory += [
                child.memory_info().rss
                for child in psutil.Process(soak.pid).children(recursive=True)
                if LAUNCHER in command_line(child)
            ]
            ledger.append(sum(file.stat().st_size for file in (folder / "ledger").iterdir()))
    return memory, ledger


def test_the_server_that_becomes_slower_degrades_and_the_other_is_steady(soaked: Soaked) -> None:
    assert soaked.code in {0, 3}, soaked.output
    found = soaked.again(anyhow=True)
    assert found.targets["a"].verdict == "steady", found.targets["a"]
    slower = found.targets["b"]
    assert (found.verdict, slower.verdict) == ("degrades", "degrades")
    # Which quantile shows it first, a busy machine decides.
    first = slower.rising[0]
    assert first in TIMES
    trend = slower.trends[first]
    assert trend.low is not None
    assert trend.low > 0
    assert words.headline(found).startswith(f"b degrades: {first} changes by +")


def test_what_is_stored_gives_the_same_again(soaked: Soaked) -> None:
    before = soaked.soak
    assert soaked.again(anyhow=False) == before
    assert len(before.windows) == 52
    assert sum(one.requests for one in before.windows) == sum(
        one.requests for one in before.targets.values()
    )


def test_memory_and_disk_stay_as_they_are(soaked: Soaked) -> None:
    settled, last = soaked.memory_bytes[10], soaked.memory_bytes[-1]
    assert last < settled + 4 * 2**20
    assert max(soaked.ledger_bytes) <= 3 * _SEGMENT_BYTES
    slices = (soaked.folder.path / "slices.jsonl").stat().st_size
    assert slices < 20_000 * len(soaked.soak.windows)
    assert not list((soaked.folder.path / "ledger").iterdir())


def test_a_stored_soak_is_shown_in_every_form(
    soaked: Soaked, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("terminal", "markdown", "junit", "html"):
        with pytest.raises(SystemExit) as left:
            main(["report", str(soaked.folder.path), "--format", form])
        assert left.value.code == 0
        assert "p50" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["report", str(soaked.folder.path), "--require", "better"])
    assert left.value.code == 2
    assert json.loads((soaked.folder.path / "soak.json").read_text())["schema_version"] == 1

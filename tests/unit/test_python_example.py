"""The examples of docs/python.md and docs/scenarios.md run as they stand on the page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dragstrip.analysis import calibration
from dragstrip.run.folder import RunFolder
from tests.support.byte_server import ByteServer, Peer, answer

if TYPE_CHECKING:
    import pytest

DOCS = Path(__file__).parents[2] / "docs"
_PATIENCE_S = 180
_MOST_LINES = 60


def block(page: str) -> str:
    """Return the only Python example of a page."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert isinstance(code, str)
    return code


def shop() -> ByteServer:
    """Return a server that answers searches and orders as the page's check wants it."""

    def script(peer: Peer, _: int) -> None:
        while True:
            request = peer.request()
            sku = re.findall(rb"item-\d+", request)[0].decode()
            peer.send(answer(json.dumps({"sku": sku}).encode()))

    return ByteServer(script)


def test_the_examples_run_between_two_servers(tmp_path: Path) -> None:
    (tmp_path / "checkout.py").write_text(block("scenarios.md"))
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environ[calibration.HOME_VARIABLE] = str(tmp_path / "none")
    with shop().serving() as baseline, shop().serving() as challenger:
        code = block("python.md")
        for documented, server in (("8001", baseline), ("8002", challenger)):
            assert f"http://127.0.0.1:{documented}" in code
            code = code.replace(f"http://127.0.0.1:{documented}", server.url)
        (tmp_path / "example.py").write_text(code)
        done = subprocess.run(
            [sys.executable, "example.py"],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        orders = [one for one in baseline.requests if one.startswith(b"POST /orders")]
    assert done.returncode == 0, done.stdout + done.stderr
    run = RunFolder(tmp_path / "runs" / "latest").read_run()
    assert all(total.verified == total.requests > 0 for total in run.targets.values())
    assert orders
    verdict, *_ = done.stdout.splitlines()
    assert verdict.split()[0] in {"adopt", "better", "equivalent", "worse", "inconclusive"}


def test_the_page_on_scenarios_is_short() -> None:
    lines = (DOCS / "scenarios.md").read_text().splitlines()
    assert len(lines) <= _MOST_LINES

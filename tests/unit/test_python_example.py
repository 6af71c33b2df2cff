"""The examples of docs/python.md and docs/scenarios.md run as they stand on the page."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tests.support.byte_server import ByteConnection, ByteServer, answer
from tests.support.locust_runs import ROOT
from tests.support.races import OF_THE_MACHINE, Raced, homes, popen

DOCS = Path(__file__).parents[2] / "docs"
_MOST_LINES = 60


def block(page: str) -> str:
    """Return the only Python example of a page."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert isinstance(code, str)
    return code


def shop() -> ByteServer:
    """Return a server that answers searches and orders as the page's check wants it."""

    def script(peer: ByteConnection, _: int) -> None:
        while True:
            request = peer.request()
            sku = re.findall(rb"item-\d+", request)[0].decode()
            peer.send(answer(json.dumps({"sku": sku}).encode()))

    return ByteServer(script)


def run_example(place: Path, code: str) -> Raced:
    """Run a script in a folder, without a calibration of this machine."""
    (place / "example.py").write_text(code)
    variables = {"PYTHONPATH": str(ROOT), **homes(place)}
    return Raced(place, popen(place, [sys.executable, "example.py"], variables)).wait()


def test_the_examples_run_between_two_servers(tmp_path: Path) -> None:
    (tmp_path / "checkout.py").write_text(block("scenarios.md"))
    code = block("python.md")
    with shop().serving() as baseline, shop().serving() as challenger:
        for documented, server in (("8001", baseline), ("8002", challenger)):
            assert f"http://127.0.0.1:{documented}" in code
            code = code.replace(f"http://127.0.0.1:{documented}", server.url)
        done = run_example(tmp_path, code)
        orders = [one for one in baseline.requests if one.startswith(b"POST /orders")]
    assert all(one.verified == one.requests > 0 for one in done.run.targets.values())
    assert orders
    failed = {gate for gate in OF_THE_MACHINE if f"fails {gate}" in done.errors}
    if failed:
        # A busy machine made the run invalid; it is stored all the same, for the second half.
        assert "InvalidRun" in done.errors
        imports, load, reading = code.partition("run = load_run")
        done = run_example(tmp_path, imports.partition("\n\n")[0] + "\n\n" + load + reading)
    else:
        word, *_ = done.output.split()
        assert word in {"adopt", "better", "equivalent", "worse", "inconclusive"}
    assert done.code == 0, done.said


def test_the_page_on_scenarios_is_short() -> None:
    lines = (DOCS / "scenarios.md").read_text().splitlines()
    assert len(lines) <= _MOST_LINES

"""A race against a target that repeats the key: no file, output or process list holds a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.races import DATASET, command_line, racing, sections
from tests.support.stand_in import StandIn, response

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary7Zq"
SECRETS = {
    "CRM_API_KEY": f"{CANARY}-crm-api-key",
    "CONVEX_ADMIN_KEY": f"name|{CANARY}-admin-key",
    "SUPABASE_SERVICE_ROLE_KEY": f"sb_secret_{CANARY}-role-key",
    "SUPABASE_DB_URL": f"postgresql://postgres:{CANARY}-db@127.0.0.1:1/postgres",
    "SEED_SECRET": f"{CANARY}-seed-secret",
    "KAPSO_WEBHOOK_SECRET": f"{CANARY}-kapso-secret",
    "PREVIEW_BYPASS": f"{CANARY}-preview-bypass",
}


def _repeating(count: int, body: dict[str, object]) -> bytes | None:
    key = SECRETS["CRM_API_KEY"]
    if count % 20 == 0:
        return response({"error": f"unknown key {key}"}, 503)
    if count % 20 == 10:
        return f"HTTP/1.1 {key} {key}\r\nconnection: close\r\n{key}\r\n\r\n".encode()
    body["notes"] = [key]
    return response(body) if count % 20 == 5 else None


def _protection(headers: dict[str, str]) -> bytes | None:
    is_let_in = headers.get("x-vercel-protection-bypass") == SECRETS["PREVIEW_BYPASS"]
    return None if is_let_in else response({}, 401)


def test_no_file_no_output_and_no_command_line_holds_a_secret(tmp_path: Path) -> None:
    key = SECRETS["CRM_API_KEY"]
    seen: set[str] = set()
    server = StandIn(DATASET, misbehave=_repeating, api_key=key, guard=_protection)
    with server.serving():
        configuration = sections(server.url, server.url)
        for target in configuration["targets"].values():
            target["headers"] = {"x-vercel-protection-bypass": "env:PREVIEW_BYPASS"}
        with racing(tmp_path, configuration, "--processes", "2", environ=SECRETS) as raced:
            while raced.process.poll() is None and not raced.slices_done():
                for process in raced.processes():
                    seen.add(" ".join(command_line(process)))
            raced.wait()
    assert server.lookups, raced.errors
    assert server.kept_out == 0
    assert any("locust" in line for line in seen)
    written = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert {"run.json", "locust.log", "report.html", "junit.xml"} <= {file.name for file in written}
    assert not [str(file) for file, content in written.items() if CANARY.encode() in content]
    assert CANARY not in raced.output + raced.errors
    assert not [line for line in seen if CANARY in line]

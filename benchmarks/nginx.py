"""A local nginx of one's own that answers lookups from files, one for each phone number."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dragstrip.run.ipc import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_CONFIG = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  keepalive_timeout 3600;
  open_file_cache max=10000 inactive=1h;
  open_file_cache_errors on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port}{http2};
    root {folder}/files;
    {locations}
  }}
}}
"""
_LOCATION = "location = %s { try_files /$arg_phone.json /nobody.json =404; }"
_START_LIMIT_S = 10


class NginxMissing(Exception):
    """nginx is not installed, or does not start."""


@contextmanager
def serving(
    answers: Mapping[str, bytes], nobody: bytes, paths: Sequence[str], *, http2: bool = False
) -> Iterator[str]:
    """Answer lookups of `phone` at each of `paths` until the end of the block; yield the address.

    `nobody` is the answer for a phone number that is not in `answers`; `http2` is spoken without
    TLS. Raises NginxMissing.
    """
    # Debian keeps it where only root's PATH looks.
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise NginxMissing("nginx is not installed: apt-get install nginx")
    with tempfile.TemporaryDirectory(prefix="dragstrip-nginx-") as name:
        folder = Path(name)
        # nginx's worker runs under a user of its own.
        folder.chmod(0o755)
        files = folder / "files"
        files.mkdir()
        for phone, body in {**answers, "nobody": nobody}.items():
            (files / f"{phone}.json").write_bytes(body)
        port = free_port()
        config = folder / "nginx.conf"
        locations = "\n    ".join(_LOCATION % path for path in paths)
        config.write_text(
            _CONFIG.format(folder=folder, port=port, locations=locations, http2=" http2" * http2)
        )
        command = [program, "-p", name, "-c", str(config), "-e", str(folder / "error.log")]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                _wait_until_up(process, port, folder / "error.log")
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    words = log.read_text().strip() if log.exists() else "no log"
    raise NginxMissing(f"nginx did not start: {words[-500:]}")

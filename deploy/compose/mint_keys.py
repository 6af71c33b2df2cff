"""Make the keys of the profile `backends`, each once: `mint_keys.py FOLDER`.

A key that is there already is kept, so that a restart changes nothing. The folder is a volume that
only the services that need a key mount; they run as different users, hence the mode.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sys
from pathlib import Path

_MODE = 0o444


def main(folder: Path) -> None:
    """Write every key that is missing in `folder`, without a final newline."""
    for name in ("crm_api_key", "kapso_webhook_secret", "postgres_password", "jwt_secret"):
        _write_once(folder / name, secrets.token_hex(32))
    password = _write_once(folder / "authenticator_password", secrets.token_hex(32))
    _write_once(
        folder / "postgrest_uri", f"postgres://authenticator:{password}@postgres:5432/postgres"
    )
    jwt_secret = (folder / "jwt_secret").read_text()
    _write_once(folder / "service_role_key", service_role_token(jwt_secret))


def service_role_token(secret: str) -> str:
    """Return a JSON Web Token (HS256) that lets PostgREST take the role service_role."""
    header = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = _encode(json.dumps({"iss": "dragstrip", "role": "service_role"}).encode())
    signed = f"{header}.{claims}"
    signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_encode(signature)}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _write_once(path: Path, value: str) -> str:
    if path.exists():
        return path.read_text()
    new = path.with_name(path.name + ".new")
    new.write_text(value)
    new.chmod(_MODE)
    new.replace(path)
    return value


if __name__ == "__main__":
    main(Path(sys.argv[1]))

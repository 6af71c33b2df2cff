"""A user's home and shell that would steer every tool that dragstrip uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOAD = {
    "LOCUST_USERS": "1",
    "LOCUST_LOCUSTFILE": "nowhere.py",
    "LOCUST_RUN_TIME": "1s",
    "LOCUST_CONFIG": "hostile.conf",
    "GEVENT_LOOP": "nothing",
    "GEVENT_RESOLVER": "ares",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONINTMAXSTRDIGITS": "640",
    "PYTHONIOENCODING": "ascii",
    "PYTHONOPTIMIZE": "2",
}
SLOW = {"PYTHONTRACEMALLOC": "25", "PYTHONDEVMODE": "1", "PYTHONMALLOC": "debug"}
OTHERS = {
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "LC_ALL": "xx_XX.ISO-8859-1",
    "LANG": "tr_TR",
    "TZ": "Pacific/Apia",
    "TERM": "dumb",
    "COLUMNS": "0",
    "SSL_CERT_FILE": "/nowhere",
    "PGHOSTADDR": "10.255.255.1",
    "PGPORT": "9",
    "PGDATA": "/nowhere",
    "PGUSER": "somebody",
    "PGSERVICE": "nothing",
    "PGOPTIONS": "-c statement_timeout=1",
    "PGSSLMODE": "require",
    "PGCLIENTENCODING": "SQL_ASCII",
    "npm_config_registry": "http://127.0.0.1:9",
    "npm_config_global": "true",
    "NODE_ENV": "development",
    "NODE_OPTIONS": "--require=/nowhere.js",
    "NODE_EXTRA_CA_CERTS": "/nowhere",
    "HOSTNAME": "elsewhere",
    "PORT": "9",
    "CONVEX_DEPLOYMENT": "prod:somebody-elses-1",
    "PIP_INDEX_URL": "http://127.0.0.1:9",
}
FILES = {
    ".locust.conf": "users = 1\nrun-time = 1s\nheadless = false\nlogfile = /nowhere\n",
    ".npmrc": "registry = http://127.0.0.1:9\nprefix = /nowhere\nignore-scripts = true\n",
    ".pgpass": "*:*:*:*:wrong\n",
    ".pg_service.conf": "[nothing]\nhost = 10.255.255.1\n",
    ".psqlrc": "\\quit\n",
    ".config/pip/pip.conf": "[install]\nuser = true\n",
}


def make(home: Path) -> dict[str, str]:
    """Fill a home with such files; return the variables of its shell."""
    for name, text in FILES.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
        (home / name).chmod(0o600)
    return {**LOAD, **OTHERS, "HOME": str(home)}

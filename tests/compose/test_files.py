"""What can be said of the Compose files and their scripts without the images of the backends."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jwt
import psycopg
import pytest
import yaml

from tests.compose import engine
from tests.lab.postgres_fixture import MIGRATIONS, PASSWORD, running_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.postgres_fixture import Cluster

ROOT = engine.ROOT
COMPOSE = ROOT / "deploy" / "compose"
_KEYS = {
    "authenticator_password",
    "crm_api_key",
    "jwt_secret",
    "kapso_webhook_secret",
    "postgres_password",
    "postgrest_uri",
    "service_role_key",
}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    found: dict[str, Any] = document["services"]
    return found


def test_every_foreign_image_is_pinned(services: dict[str, Any]) -> None:
    foreign = {s["image"] for s in services.values() if "build" not in s}
    assert len(foreign) == 4
    for image in foreign:
        assert re.fullmatch(r".+(@sha256:[0-9a-f]{64}|:v?\d+\.\d+[\w.-]*)", image), image


def test_one_port_is_published_on_loopback(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 1
    assert published[0].startswith("127.0.0.1:")


def test_the_harness_starts_without_the_profile(services: dict[str, Any]) -> None:
    default = {name for name, service in services.items() if "profiles" not in service}
    assert default == {"ready", "seed", "master", "worker"}
    profiles = {tuple(s["profiles"]) for s in services.values() if "profiles" in s}
    assert profiles == {("backends",), ("race",)}


def test_every_file_that_is_mounted_is_there(services: dict[str, Any]) -> None:
    mounted = {v.split(":")[0] for s in services.values() for v in s.get("volumes", [])}
    folders = {path for path in mounted if path.startswith("./")}
    assert folders
    for path in folders:
        assert (ROOT / path).exists(), path


def test_no_key_stands_in_a_committed_file() -> None:
    for path in [ROOT / "docker-compose.yml", *COMPOSE.iterdir()]:
        text = re.sub(r"@sha256:[0-9a-f]{64}", "", path.read_text())
        assert not re.search(r"\b[0-9A-Fa-f]{24,}\b|\beyJ|://\w+:\w+@", text), path


@pytest.mark.parametrize("script", sorted(COMPOSE.glob("*.sh")), ids=lambda p: p.name)
def test_the_scripts_parse(script: Path) -> None:
    shell = script.read_text().splitlines()[0].rsplit("/", 1)[-1].split()[-1]
    subprocess.run([shell, "-n", str(script)], check=True)


@pytest.mark.compose
@pytest.mark.parametrize(
    "options",
    [(), ("--profile", "race"), ("--profile", "backends")],
    ids=["harness", "race", "backends"],
)
def test_compose_accepts_the_files(options: tuple[str, ...]) -> None:
    engine.require()
    engine.run(*engine.compose_command(), *options, "config", "--quiet", limit_s=60)


@pytest.mark.compose
def test_compose_accepts_the_addresses_of_the_profile() -> None:
    engine.require()
    given = ("--env-file", "deploy/compose/backends.env", "--profile", "backends")
    told = engine.run(*engine.compose_command(), *given, "config", limit_s=60)
    worker = yaml.safe_load(told)["services"]["worker"]["environment"]
    assert worker["CONVEX_SITE_URL"] == "http://convex:3210/http"
    assert worker["CRM_API_KEY_FILE"] == "/keys/crm_api_key"


# ---- keys ----


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    _mint(tmp_path)
    return tmp_path


def test_every_key_is_made_once(keys: Path) -> None:
    before = {path.name: path.read_text() for path in keys.iterdir()}
    assert set(before) == _KEYS
    assert all(text and text == text.strip() for text in before.values())
    _mint(keys)
    assert {path.name: path.read_text() for path in keys.iterdir()} == before


def test_no_two_deployments_share_a_key(keys: Path, tmp_path_factory: Any) -> None:
    other: Path = tmp_path_factory.mktemp("other")
    _mint(other)
    for name in _KEYS:
        assert (keys / name).read_text() != (other / name).read_text()


def test_keys_cannot_be_changed_by_who_reads_them(keys: Path) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()} == {0o444}


def test_the_service_role_key_is_what_postgrest_expects(keys: Path) -> None:
    token, secret = ((keys / name).read_text() for name in ("service_role_key", "jwt_secret"))
    claims = jwt.decode(token, secret, algorithms=["HS256"])
    assert claims == {"iss": "dragstrip", "role": "service_role"}
    assert len(secret) >= 32


def test_a_command_finds_the_keys_in_its_environment(keys: Path) -> None:
    (keys / "convex_admin_key").write_text("convex-self-hosted|0123\n")
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    environment = {"PATH": os.environ["PATH"], "KEYS": str(keys)}
    told = engine.run(
        "sh", str(COMPOSE / "with_keys.sh"), sys.executable, "-c", show,
        limit_s=30, env=environment,
    )  # fmt: skip
    found = json.loads(told)
    for name in ("crm_api_key", "kapso_webhook_secret"):
        assert found[name.upper()] == (keys / name).read_text()
    assert found["SUPABASE_SERVICE_ROLE_KEY"] == (keys / "service_role_key").read_text()


# ---- migrations ----


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.mark.compose
def test_the_migrations_are_applied_and_postgrest_can_log_in(cluster: Cluster, keys: Path) -> None:
    engine.require()
    first = _migrate(cluster, keys)
    assert first.count("applying") == len(MIGRATIONS)
    # Again: nothing is applied twice, and a new password is taken.
    (keys / "authenticator_password").unlink()
    _mint(keys)
    assert _migrate(cluster, keys).count("applying") == 0

    password = (keys / "authenticator_password").read_text()
    url = cluster.url(user="authenticator").replace(PASSWORD, password)
    with psycopg.connect(url) as connection:
        connection.execute("set role service_role")
        question = "select get_contact_context_by_phone(%s::uuid, %s)"
        row = connection.execute(
            question, ["00000000-0000-4000-8000-000000000000", "62811"]
        ).fetchone()
    assert row
    assert row[0]["found"] is False


@pytest.mark.compose
def test_a_migration_that_fails_leaves_nothing(
    cluster: Cluster, keys: Path, tmp_path_factory: Any
) -> None:
    engine.require()
    migrations: Path = tmp_path_factory.mktemp("migrations")
    (migrations / "1_bad.sql").write_text("create table half_done (); select no_such_column;")
    with pytest.raises(AssertionError, match="no_such_column"):
        _migrate(cluster, keys, migrations)
    with psycopg.connect(cluster.url()) as connection:
        found = connection.execute("select to_regclass('half_done')").fetchone()
    assert found == (None,)


def _migrate(
    cluster: Cluster, keys: Path, migrations: Path = ROOT / "backends" / "supabase" / "migrations"
) -> str:
    assert shutil.which("psql"), "psql is missing"
    password = keys / "postgres_password"
    password.chmod(0o644)
    password.write_text(PASSWORD)
    environment = {
        "PATH": os.environ["PATH"],
        "PGHOST": "127.0.0.1",
        "PGPORT": str(cluster.port),
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
        "KEYS": str(keys),
        "MIGRATIONS": str(migrations),
    }
    script = str(COMPOSE / "migrate.sh")
    return engine.run("bash", script, limit_s=120, env=environment)


# ---- waiting ----


def test_waiting_ends_once_every_target_answers(lab_environment: dict[str, str]) -> None:
    done = _wait_for_targets(lab_environment, "20")
    assert (done.returncode, done.stdout) == (0, "every target answers\n")


def test_waiting_in_vain_names_every_target(lab_environment: dict[str, str]) -> None:
    wrong = {"CRM_API_KEY": "wrong", "CONVEX_SITE_URL": "http://127.0.0.1:1"}
    done = _wait_for_targets(lab_environment | wrong, "0")
    assert done.returncode == 2
    assert "target convex: http://127.0.0.1:1: " in done.stderr
    assert f"target supabase: {lab_environment['NEXT_URL']}: status 401" in done.stderr
    assert "wrong" not in done.stderr


def test_waiting_without_a_key_says_which(lab_environment: dict[str, str]) -> None:
    keyless = {k: v for k, v in lab_environment.items() if k != "CRM_API_KEY"}
    done = _wait_for_targets(keyless, "0")
    assert done.returncode == 2
    assert "CRM_API_KEY is not set" in done.stderr


def _wait_for_targets(
    environment: dict[str, str], seconds: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(COMPOSE / "wait_for_targets.py"), seconds],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def _mint(folder: Path) -> None:
    subprocess.run([sys.executable, str(COMPOSE / "mint_keys.py"), str(folder)], check=True)

"""The manifests: of the API's form, hardened, and running what the compose tests run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml")


def documents() -> list[dict[str, Any]]:
    return [one for path in FILES for one in yaml.safe_load_all(path.read_text())]


def jobs() -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"] for one in documents() if one["kind"] == "Job"}


def containers() -> dict[str, dict[str, Any]]:
    found = {}
    for name, spec in jobs().items():
        (found[name],) = spec["template"]["spec"]["containers"]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_manifests_are_of_the_apis_form(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        kubernetes_validate.validate(document, "1.31", strict=True)


@pytest.mark.parametrize("overlay", ["race", "web"])
def test_kustomize_puts_them_together(overlay: str) -> None:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / "overlays" / overlay)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    for document in made:
        kubernetes_validate.validate(document, "1.31", strict=True)
    kinds = sorted(one["kind"] for one in made)
    assert kinds == [
        *("ConfigMap", "Job", "Job", "NetworkPolicy", "NetworkPolicy"),
        *("PersistentVolumeClaim", "Service"),
    ]
    (configuration,) = (one["metadata"]["name"] for one in made if one["kind"] == "ConfigMap")
    mounted = {
        volume["configMap"]["name"]
        for one in made
        if one["kind"] == "Job"
        for volume in one["spec"]["template"]["spec"]["volumes"]
        if "configMap" in volume
    }
    assert mounted == {configuration}


def test_jobs_run_what_the_compose_tests_run() -> None:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    commands = {name: one["command"] for name, one in containers().items()}
    assert _without_number(commands["dragstrip-race"]) == _without_number(
        composed["race"]["command"]
    )
    assert commands["dragstrip-racers"][:-1] == composed["racer"]["command"][:-1]
    assert commands["dragstrip-workers"][:-1] == composed["worker"]["command"][:-1]
    services = [one["metadata"]["name"] for one in documents() if one["kind"] == "Service"]
    assert services == [commands["dragstrip-racers"][-1]] == [commands["dragstrip-workers"][-1]]
    workers = commands["dragstrip-race"][commands["dragstrip-race"].index("--workers") + 1]
    racers = jobs()["dragstrip-racers"]
    assert int(workers) == racers["parallelism"] == racers["completions"]


def _without_number(command: list[str]) -> list[str]:
    place = command.index("--workers") + 1
    return command[:place] + command[place + 1 :]


def test_nothing_runs_with_rights_that_it_does_not_need() -> None:
    for name, spec in jobs().items():
        pod, container = spec["template"]["spec"], containers()[name]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert not pod["automountServiceAccountToken"], name
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"], name
        assert rights["capabilities"] == {"drop": ["ALL"]}, name
        # A generator with less than it may use is throttled, and measures itself.
        assert container["resources"]["requests"] == container["resources"]["limits"], name
        assert int(container["resources"]["limits"]["cpu"]) >= 1, name


def test_keys_come_from_a_secret_and_only_workers_reach_the_port() -> None:
    for container in containers().values():
        assert all("secretKeyRef" in one["valueFrom"] for one in container["env"])
    assert not [one for one in documents() if one["kind"] == "Secret"]
    policies = {one["metadata"]["name"]: one["spec"] for one in documents()
                if one["kind"] == "NetworkPolicy"}  # fmt: skip
    (allowed,) = policies["dragstrip-conductor"]["ingress"]
    assert allowed["from"] == [
        {"podSelector": {"matchLabels": {"app": "dragstrip", "role": "worker"}}}
    ]
    assert [port["port"] for port in allowed["ports"]] == [5557]
    assert policies["dragstrip-workers"]["ingress"] == []

"""Targets, the kinds they are of, and where their addresses come from."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from dragstrip.config.config import Config, TargetConfig
from dragstrip.errors import ConfigError
from dragstrip.scenario import Target, targets_of
from dragstrip.scenario.kinds import kind_of, kinds
from dragstrip.scenario.target import address_of, url_of


def config_of(environ: dict[str, str] | None = None, **targets: TargetConfig) -> Config:
    return Config(targets=targets).with_environment(environ or {})


def test_two_targets_may_be_of_one_kind() -> None:
    config = config_of(
        old=TargetConfig(kind="convex-http", url="http://old"),
        new=TargetConfig(kind="convex-http", url="http://new"),
    )
    assert {n: t.url for n, t in targets_of(config).items()} == {
        "old": "http://old",
        "new": "http://new",
    }


def test_a_target_knows_whom_to_trust() -> None:
    target = TargetConfig(kind="convex-http", url="https://a", ca_file=Path(certifi.where()))
    assert targets_of(config_of(a=target))["a"].tls_files.ca_file == Path(certifi.where())


def test_every_kind_is_found_by_its_name() -> None:
    routes, direct = (
        {"convex-http", "next-convex", "next-supabase"},
        {"convex-query", "supabase-rpc"},
    )
    assert set(kinds()) == {"http"} | routes | direct
    for name, kind in kinds().items():
        assert kind.name == name
        assert kind_of(name) is kind
        assert all(path.startswith("/") for path in kind.paths.values())


def test_an_unknown_kind_is_refused_with_the_ones_there_are() -> None:
    config = config_of(a=TargetConfig(kind="mysql", url="http://h"))
    with pytest.raises(ConfigError, match=r"targets\.a\.kind: .*mysql") as caught:
        targets_of(config)
    assert "convex-http" in str(caught.value.fix)
    assert caught.value.exit_code == 2


def test_a_target_answers_at_the_paths_of_its_kind() -> None:
    assert Target("t", "next-supabase", "http://h").paths["lookup"] == "/api/contacts/by-phone"
    assert not Target("t", "http", "http://h").paths


def test_an_address_that_only_the_environment_could_name_says_its_variable() -> None:
    config = config_of({"NEXT_URL": "http://h:3"}, a=TargetConfig(kind="next-convex"))
    assert url_of(config, "a") == "http://h:3"
    with pytest.raises(ConfigError, match=r"targets\.a\.url is not set") as caught:
        url_of(config_of(a=TargetConfig(kind="next-convex")), "a")
    assert "NEXT_URL" in str(caught.value.fix)
    with pytest.raises(ConfigError, match=r"targets\.a\.url is not set") as caught:
        url_of(config_of({"NEXT_URL": "http://h:3"}, a=TargetConfig(kind="http")), "a")
    assert "set it in dragstrip.toml" in str(caught.value.fix)


def test_the_names_of_an_address_are_those_that_can_be_set() -> None:
    assert address_of(Target("a", "http", "http://h")) == "targets.a.url"
    assert address_of(Target("a", "convex-http", "http://h")) == "targets.a.url or CONVEX_SITE_URL"

"""The session's lab with a small dataset in it, for tests that look contacts up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.config.config import Config, DatasetConfig
from seeding.seed import seed

if TYPE_CHECKING:
    from pathlib import Path

CONTACTS = 300


def seeded_config(variables: dict[str, str]) -> Config:
    """Seed the lab unless it is seeded, and return a configuration that fits it."""
    config = Config(dataset=DatasetConfig(contacts=CONTACTS)).with_environment(variables)
    seed(config)
    return config


def write_toml(folder: Path, **race: float | str) -> Path:
    """Write a dragstrip.toml for the lab's dataset."""
    lines = ["[dataset]", f"contacts = {CONTACTS}", "[race]"]
    lines += [f"{name} = {value!r}" for name, value in race.items()]
    path = folder / "dragstrip.toml"
    path.write_text("\n".join(lines) + "\n")
    return path

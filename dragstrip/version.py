"""The version of dragstrip, written once: pyproject.toml reads it from here."""

VERSION = "0.1.0"

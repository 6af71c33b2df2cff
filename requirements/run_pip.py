"""pip for the Makefile: the user's configuration says where packages come from, and no more.

With `user`, `target` or `require-hashes` in pip.conf, or PIP_DRY_RUN in the shell, the packages
would not be where the next command looks for them.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

# Isolated: what PYTHONPATH has would pass for installed.
PIP = [sys.executable, "-I", "-m", "pip"]
FETCHES = re.compile(
    r"(extra-)?index-url|no-index|find-links|trusted-host|(client-)?cert|proxy|use-feature"
    r"|(default-)?timeout|retries|(no-)?cache-dir|keyring-provider"
)


def variable(option: str) -> str:
    """Return the name of the variable that sets an option."""
    return f"PIP_{option.upper().replace('-', '_')}"


def _is_option(name: str) -> bool:
    return name.startswith("PIP_") and name != "PIP_CONFIG_FILE"


def in_files() -> dict[str, str]:
    """Return the options of the user's files that fetch; those of `install` come before others."""
    # PIP_USER would have it list the user's file alone.
    environ = {name: value for name, value in os.environ.items() if not _is_option(name)}
    listed = subprocess.run(
        [*PIP, "config", "list"], stdout=subprocess.PIPE, env=environ, text=True, check=False
    )
    found: dict[tuple[bool, str], str] = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in {"global", "install"} and FETCHES.fullmatch(option):
            found[section == "install", option] = " ".join(str(ast.literal_eval(value)).split())
    return {variable(option): value for (_, option), value in sorted(found.items())}


def in_shell() -> dict[str, str]:
    """Return the environment without variables of pip's, but for those that fetch."""
    return {
        name: value
        for name, value in os.environ.items()
        if not _is_option(name)
        or FETCHES.fullmatch(name.removeprefix("PIP_").lower().replace("_", "-"))
    }


if __name__ == "__main__":
    flags = ["--quiet", "--disable-pip-version-check", *sys.argv[1:]]
    environ = in_files() | in_shell() | {"PIP_CONFIG_FILE": os.devnull}
    os.execve(sys.executable, [*PIP, *flags], environ)  # noqa: S606

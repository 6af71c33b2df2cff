"""`dragstrip --install-completion`: tab completion for the shell in use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from dragstrip.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME, VARIABLE = "dragstrip", "_DRAGSTRIP_COMPLETE"

_FILES = {
    "bash": ("XDG_DATA_HOME", ".local/share", "bash-completion/completions/dragstrip"),
    "zsh": ("ZDOTDIR", "", ".zfunc/_dragstrip"),
    "fish": ("XDG_CONFIG_HOME", ".config", "fish/completions/dragstrip.fish"),
}
_NEXT = {
    "bash": "open a new shell (it needs the package bash-completion)",
    "zsh": "add `fpath+=({folder}); autoload -Uz compinit; compinit` to .zshrc",
    "fish": "open a new shell",
}


def install(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Write the script to where the shell named by $SHELL looks for it, and end the command."""
    if not wanted:
        return
    shell = Path(os.environ.get("SHELL", "")).name
    path = place(shell, os.environ)
    script = get_completion_class(shell)
    assert script is not None  # noqa: S101
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script(context.command, {}, NAME, VARIABLE).source(), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from None
    click.echo(
        f"completion for {shell}: {path}\n  next: " + _NEXT[shell].format(folder=path.parent)
    )
    context.exit()


def place(shell: str, environ: Mapping[str, str]) -> Path:
    """Return the file in which a shell looks for completions. Raises UsageError."""
    if shell not in _FILES:
        raise UsageError(
            f"--install-completion: SHELL names {shell or 'no shell'}",
            fix=f"set SHELL to one of: {', '.join(_FILES)}",
        )
    variable, folder, file = _FILES[shell]
    return Path(environ.get(variable) or Path.home() / folder) / file

"""A command whose output goes to a disk of its own that is small and can be filled.

The disk is a tmpfs in a mount namespace, so that it takes no privilege and is gone with the
command; what was stored on it is copied out first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_SCRIPT = """
mount -t tmpfs -o size="$1" tmpfs "$2" || exit 99
disk=$2 copy=$3
shift 3
"$@"
code=$?
rm -f "$disk/ballast"
cp -a "$disk/." "$copy"
exit $code
"""


class TinyDisk:
    """A mount point that `wrapper` puts the disk under; `copy` holds its contents afterwards."""

    def __init__(self, folder: Path, size: str) -> None:
        self.mount = folder / "disk"
        self.copy = folder / "copy"
        for place in (self.mount, self.copy):
            place.mkdir(parents=True)
        own = ["--mount"] if os.geteuid() == 0 else ["--mount", "--user", "--map-root-user"]
        places = (size, str(self.mount), str(self.copy))
        self.wrapper = ("unshare", *own, "sh", "-c", _SCRIPT, "sh", *places)

    def path(self, process: int) -> Path:
        """Return where the disk is seen from outside, by a process that runs on it."""
        return Path(f"/proc/{process}/root{self.mount.resolve()}")

    def fill(self, process: int) -> None:
        """Leave no byte free."""
        with (self.path(process) / "ballast").open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(1 << 16))
            except OSError:
                pass


def unavailable() -> str | None:
    """Say why no such disk can be made here; None when it can."""
    if shutil.which("unshare") is None:
        return "there is no unshare(1)"
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    tried = subprocess.run(
        ["unshare", "--mount", *own, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return tried.stderr.strip() or None if tried.returncode else None

"""What depends on the operating system. Linux is supported and tested; this says what else differs.

- Timers: Linux has timerfd, which wakes a process to a few microseconds. Elsewhere the event loop's
  own timers serve.
- Fork: `--processes` forks. Linux does so whatever else a process has loaded; macOS's own libraries
  may refuse to work in a fork.
- Processes: Linux gives each a time of birth that no clock shifts. Elsewhere it is wall time.
- Containers: limits are read from Linux's control groups. Elsewhere there are none.
"""

from __future__ import annotations

import sys

IS_LINUX = sys.platform == "linux"


def require_posix() -> None:
    """End the program on Windows, before anything is imported that is not there."""
    if sys.platform == "win32":
        sys.stderr.write(
            "error: dragstrip does not run on Windows\n"
            "  fix: install it in WSL, the Windows Subsystem for Linux\n"
        )
        raise SystemExit(2)


def remark(*, is_linux: bool = IS_LINUX) -> str | None:
    """Return what a race says where the system is another than Linux."""
    if is_linux:
        return None
    return (
        "dragstrip is tested on Linux alone: here its timers are coarser, and --processes forks, "
        "which some libraries of macOS do not survive; run `dragstrip calibrate` first"
    )

"""What runs here, and on what: how a stored figure says which machine it is true of.

No name of the machine, its owner or its network is part of it.
"""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

from dragstrip.run import cgroup
from dragstrip.run.model import Machine, Versions
from dragstrip.version import VERSION


def this_machine() -> Machine:
    """Describe this machine; two of one make with one kernel are the same."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        architecture=platform.machine(),
        processor=_processor(),
        cpus=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        cpu_quota=cgroup.cpu_quota(),
    )


def these_versions() -> Versions:
    """Return the versions of what measures."""
    return Versions(dragstrip=VERSION, locust=version("locust"), python=platform.python_version())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())

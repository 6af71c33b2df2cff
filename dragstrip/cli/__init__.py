"""The command line: a file a command; flags in, text and exit code out."""

from dragstrip import bundled, operating_system

operating_system.require_posix()
bundled.load()

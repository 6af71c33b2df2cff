"""The command line: a file a command; flags in, text and exit code out."""

from dragstrip import bundled

bundled.load()

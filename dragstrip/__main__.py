"""`python -m dragstrip`: the same as `dragstrip`."""

import sys

if not sys.flags.safe_path:
    # The working directory: a file http.py or signals.py there would be taken for Python's own.
    del sys.path[0]

from dragstrip.cli.entry import dragstrip

dragstrip()

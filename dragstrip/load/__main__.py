"""Runs Locust for a race: `python -P -m dragstrip.load` with Locust's options.

Locust puts the working directory and the folder of its locustfile at the front of Python's path
before it loads the locustfile. A folder `scenarios` there, or `http` beside the locustfile, would
be taken for this project's or for Python's own. So all that a race needs is loaded here, before.
"""

from __future__ import annotations

import sys
from pathlib import Path

# It comes first: it patches what the others import.
import locust  # noqa: F401

from dragstrip.load import bind, locust_compat, race_driver  # noqa: F401
from dragstrip.load.distributed import seal

seal.seal_messages()
locust_compat.run_command_line(Path(__file__).with_name("locustfile.py"), sys.argv[1:])

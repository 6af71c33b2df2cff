#!/bin/sh
# A race in any CI system: installs, races, leaves runs/, and exits as the race does. See docs/ci.md.
set -eu
python3 -m venv .dragstrip-venv
.dragstrip-venv/bin/pip install --quiet "dragstrip[lab]"
exec .dragstrip-venv/bin/dragstrip race --require not-worse "$@"

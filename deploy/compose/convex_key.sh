#!/usr/bin/env bash
# Write the deployment's admin key where the other services read it. Runs in the backend's image,
# with its data volume.
set -euo pipefail
cd /convex
# Some revisions print a title first.
./generate_admin_key.sh | tail -n 1 >/keys/convex_admin_key.new
grep --quiet '|' /keys/convex_admin_key.new || { echo "error: no admin key was generated" >&2; exit 1; }
chmod 0444 /keys/convex_admin_key.new
mv /keys/convex_admin_key.new /keys/convex_admin_key

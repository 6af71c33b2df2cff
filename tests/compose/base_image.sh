#!/usr/bin/env bash
# Make sure that deploy/Dockerfile's base image is at hand: base_image.sh TAG
#
# Where no registry can be reached, Debian's own Python takes its place under the same tag: enough
# to build and run the harness, though it is not the published image. It trusts the certificate
# authorities that this machine trusts.
set -euo pipefail

readonly TAG=$1
readonly SUITE=bookworm
# Unless it is named here, debootstrap takes its own default.
readonly MIRROR=${DEBIAN_MIRROR:-}
readonly CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

if docker image inspect "$TAG" >/dev/null 2>&1; then
  exit 0
fi
if timeout 120 docker pull --quiet "$TAG" >/dev/null 2>&1; then
  exit 0
fi

if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
  echo "error: $TAG cannot be pulled, and making a stand-in takes root and debootstrap" >&2
  exit 2
fi
echo "$TAG cannot be pulled: making a stand-in from Debian $SUITE"

root=$(mktemp -d /var/tmp/dragstrip-base.XXXXXX)
trap 'rm -rf "$root"' EXIT
timeout 400 debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv \
  "$SUITE" "$root" ${MIRROR:+"$MIRROR"} >"$root.log" 2>&1 ||
  { tail -20 "$root.log" >&2; exit 2; }
rm -rf "$root.log" "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
for name in python python3 python3.11; do
  ln -s /usr/bin/python3.11 "$root/usr/local/bin/$name"
done
if [ -f "$CERTIFICATES" ]; then
  cp "$CERTIFICATES" "$root$CERTIFICATES"
fi
tar -C "$root" -c . | docker import --change 'CMD ["python3"]' --change 'LABEL dragstrip.stand-in=true' - "$TAG" >/dev/null

#!/usr/bin/env bash
# Run a command with a Docker engine at hand: engine.sh COMMAND [ARGUMENT...]
#
# An engine that answers is used as it is. Otherwise, on Debian as root, this installs one, starts
# it on a socket of its own for as long as the command runs, and stops it again. Its images stay in
# /var/lib/docker, so the next run finds them. Under this script the compose tests must run: they
# fail where they would otherwise be skipped.
set -euo pipefail

readonly START_SECONDS=40
readonly PACKAGES=(docker.io docker-compose debootstrap postgresql-client)

fail() {
  echo "error: $1" >&2
  echo "  fix: $2" >&2
  exit 2
}

engine_answers() { timeout 20 docker info >/dev/null 2>&1; }

compose_answers() {
  timeout 20 docker compose version >/dev/null 2>&1 ||
    timeout 20 docker-compose version >/dev/null 2>&1
}

packages_present() {
  command -v docker && command -v dockerd && command -v debootstrap && command -v psql &&
    compose_answers
} >/dev/null

install_packages() {
  packages_present && return
  command -v apt-get >/dev/null || fail "no Docker engine answers" "start one, then run this again"
  [ "$(id -u)" = 0 ] || fail "installing a Docker engine takes root" "start an engine, or use sudo"
  echo "installing ${PACKAGES[*]}"
  export DEBIAN_FRONTEND=noninteractive
  timeout 300 apt-get -qq update
  timeout 600 apt-get -qq install --yes --no-install-recommends "${PACKAGES[@]}" >/dev/null
}

# Starts an engine with the given options; fails when it does not answer in time.
start_engine() {
  # In a session of its own, so that Ctrl-C lets the tests clean up first; and it ends when this
  # script does, however that comes about.
  setsid setpriv --pdeathsig TERM \
    dockerd --host "unix://$state/docker.sock" --exec-root "$state/exec" --pidfile "$state/pid" \
    "$@" >"$state/log" 2>&1 &
  engine=$!
  local deadline=$((SECONDS + START_SECONDS))
  while [ $SECONDS -lt $deadline ] && kill -0 "$engine" 2>/dev/null; do
    engine_answers && return 0
    sleep 0.2
  done
  stop_engine
  return 1
}

stop_engine() {
  [ -n "$engine" ] || return 0
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  engine=""
}

clean_up() {
  stop_engine
  # The engine leaves its network namespace mounted.
  umount "$state"/exec/netns/* 2>/dev/null || true
  rm -rf "$state"
}

[ $# -gt 0 ] || fail "no command was given" "engine.sh COMMAND [ARGUMENT...]"
export DRAGSTRIP_REQUIRE_COMPOSE=1
engine=""

if engine_answers && compose_answers; then
  exec "$@"
fi

install_packages
# Installing may have started the system's own engine.
if engine_answers; then
  exec "$@"
fi
[ "$(id -u)" = 0 ] || fail "starting a Docker engine takes root" "start an engine, or use sudo"

# Two engines cannot share /var/lib/docker: a second call waits for the first.
exec 9>/var/lock/dragstrip-engine.lock
flock --timeout 900 9 || fail "another run holds the Docker engine" "wait for it to end"

state=$(mktemp -d /tmp/dragstrip-engine.XXXXXX)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export DOCKER_HOST="unix://$state/docker.sock"

# Some sandboxes lack overlay mounts, some lack netfilter.
start_engine 9>&- ||
  start_engine --storage-driver=vfs 9>&- ||
  start_engine --storage-driver=vfs --iptables=false 9>&- ||
  { tail -20 "$state/log" >&2; fail "the Docker engine does not start" "see its log above"; }

"$@" 9>&-

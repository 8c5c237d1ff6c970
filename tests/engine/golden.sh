#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes the golden cases' checkpoints, converts them as a user would, and runs golden_test over the bundle.
# usage: golden.sh TEST CACHE SOURCE_ROOT [NAME]     NAME: the tests to run, by a part of their name
# The checkpoints (1.3 GB) are deleted after the conversion; the bundle stays in CACHE until its makers change.
set -eu
test=$1 cache=$2 root=$3 name=${4-}
golden=${ANOMALY_SHARED:-$root/../shared}/golden

skip() {
  echo "1..0 # SKIP $1"
  exit 0
}

[ -f "$golden/make_checkpoints.py" ] || skip "no golden cases at $golden (set ANOMALY_SHARED)"
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import numpy' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || skip "no python3 with numpy (Debian: python3-numpy)"

mkdir -p "$cache"
stamp=$(cat "$golden"/*.py "$root"/models/*.py | cksum)
(
  flock 9
  if [ ! -f "$cache/golden.safetensors" ] || [ "$(cat "$cache/stamp" 2>/dev/null)" != "$stamp" ]; then
    rm -rf "$cache/checkpoints" "$cache/golden.safetensors"
    "$python" "$golden/make_checkpoints.py" 7 "$cache/checkpoints" >&2
    "$python" "$root/models/convert.py" "$cache/checkpoints" "$cache/golden.safetensors" >&2
    rm -rf "$cache/checkpoints"
    echo "$stamp" >"$cache/stamp"
  fi
) 9>"$cache/lock"

ANOMALY_GOLDEN_BUNDLE=$cache/golden.safetensors
export ANOMALY_GOLDEN_BUNDLE
if [ -n "$name" ]; then
  exec "$test" "$name"
fi
exec "$test"

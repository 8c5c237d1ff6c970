#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sets up (Debian packages, LibTorch, build) and runs every test. The last line is "N passed, N failed, N skipped".
#
# usage: tests/run.sh [SUITE...]     suites: kernels, engine, eval, tools, gst, pipelines (default: all)
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=${ANOMALY_BUILD_DIR:-$root/build}
"$root/pipelines/setup.sh" --tests --build-dir "$build"

suites=()
for suite in "$@"; do suites+=(--suite "$suite"); done
status=0
# One test at a time: the engine uses every core by itself.
meson test -C "$build" --no-rebuild --num-processes 1 --print-errorlogs "${suites[@]}" || status=$?
python3 "$root/tests/summary.py" "$build/meson-logs/testlog.json" "$status"

#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sets up (Debian packages, LibTorch, build) and runs every test. The last line is "N passed, N failed, N skipped".
#
# usage: tests/run.sh [--no-sanitizers] [SUITE...]
#   --no-sanitizers   without the second half: a build under AddressSanitizer and UndefinedBehaviorSanitizer, which runs the
#                     suites that do not spend their time inside LibTorch (tests/sanitize.sh --quick asan)
#   SUITE             lint, kernels, engine, eval, fuzz, tools, gst, server, pipelines, golden, docs, install (default: all);
#                     with one, no sanitizers
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=${ANOMALY_BUILD_DIR:-$root/build}
sanitizers=1
suites=()
for argument in "$@"; do
  case $argument in
    --no-sanitizers) sanitizers=0 ;;
    -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) echo "run.sh: unknown option $argument (see --help)" >&2; exit 2 ;;
    *) suites+=(--suite "$argument") ;;
  esac
done
"$root/pipelines/setup.sh" --tests --build-dir "$build"

run_suites() {
  local status=0
  # One test at a time: the engine uses every core by itself.
  meson test -C "$build" --no-rebuild --num-processes 1 --print-errorlogs "${suites[@]}" || status=$?
  python3 "$root/tests/summary.py" "$build/meson-logs/testlog.json" "$status"
}
if [ $sanitizers = 0 ] || [ ${#suites[@]} -gt 0 ]; then
  run_suites
  exit
fi
. "$root/tests/stages.sh"
stage run_suites
stage env ANOMALY_BUILD_DIR="$build" "$root/tests/sanitize.sh" --quick asan
finish_stages

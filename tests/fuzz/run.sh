#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzzes what reads hostile input, under AddressSanitizer and UndefinedBehaviorSanitizer, from the kept corpora on.
#
# usage: tests/fuzz/run.sh [--build DIR] [--no-build] (MINUTES | --runs N) [TARGET...]
#   TARGET    bundle: safetensors, JSON, description of a bundle      meta: serialised metadata
#             ingest: format, size, strides, offsets, crop of a frame      nvmm: surfaces of a buffer (default: all)
#   MINUTES   for each target; --runs: that many inputs for each, the same ones every time
#   --build   a configured build folder (default: build)
# Prints TAP. A finding is left in DIR/tests/fuzz/findings; inputs that reached new code in DIR/tests/fuzz/found/TARGET. To
# keep those: DIR/tests/fuzz/fuzz_TARGET -merge=1 tests/fuzz/corpus/TARGET DIR/tests/fuzz/found/TARGET
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build compile=1 minutes='' runs=''
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=${2:?--build needs a folder}; shift ;;
    --no-build) compile=0 ;;
    --runs) runs=${2:?--runs needs a number}; shift ;;
    -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) echo "run.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
    *) if [ -z "$minutes$runs" ]; then minutes=$1; else break; fi ;;
  esac
  shift
done
case ${minutes:-$runs} in '' | *[!0-9]*) echo "run.sh: how long? MINUTES or --runs N, whole numbers (see --help)" >&2; exit 2 ;; esac
[ $# -gt 0 ] || set -- $(cd "$root/tests/fuzz/corpus" && ls)
build=$(cd "$build" && pwd)

if [ $compile = 1 ]; then
  ninja -C "$build" fuzzers >&2 ||
    { echo "run.sh: no fuzz targets in $build: they need clang (Debian: clang libclang-rt-dev), then meson configure" >&2; exit 1; }
fi

work=$build/tests/fuzz
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$work/findings"
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$root/tests/lsan.supp:print_suppressions=0
export G_SLICE=always-malloc OMP_NUM_THREADS=1

number=0 status=0
echo "1..$#"
for target in "$@"; do
  number=$((number + 1))
  case $target in bundle) length=65536 ;; meta) length=4096 ;; ingest) length=128 ;; nvmm) length=512 ;; *) length=4096 ;; esac
  options=(-max_len=$length -timeout=20 -rss_limit_mb=4096 -verbosity=1 -artifact_prefix="$work/findings/$target-")
  if [ -n "$runs" ]; then
    found=$scratch/$target
    options+=(-runs="$runs" -seed=1)
  else
    found=$work/found/$target
    options+=(-max_total_time=$((minutes * 60)))
  fi
  mkdir -p "$found"
  log=$work/$target.log
  if "$work/fuzz_$target" "${options[@]}" "$found" "$root/tests/fuzz/corpus/$target" >"$log" 2>&1; then
    result=ok
  else
    result="not ok" status=1
    grep -v -E '^#[0-9]+\s+(NEW|REDUCE|RELOAD|pulse)' "$log" | tail -60 | sed 's/^/# /' >&2
  fi
  summary=$(grep -E '^#[0-9]+\s+(DONE|INITED|NEW|REDUCE)' "$log" | tail -1 | sed -E 's/^#([0-9]+)\s+\S+\s+cov: ([0-9]+).*/\1 inputs, \2 edges/')
  echo "$result $number - fuzz $target: ${summary:-did not start}"
done
exit $status

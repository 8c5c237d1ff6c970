#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the suites under a tool that watches memory, arithmetic or threads.
#
# usage: tests/sanitize.sh [--quick] (asan | tsan | valgrind | leaks)...
#   asan       AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer over all of our code, in build-asan
#   tsan       ThreadSanitizer over what works in several threads: engine, elements, in build-tsan
#   valgrind   Memcheck over the metadata's library      leaks   GStreamer's leaks tracer over every element
#   --quick    asan without the suites that spend their time inside LibTorch: what CI runs
#
# Environment: TORCH_DIR, MESON_OPTIONS as for pipelines/setup.sh; ANOMALY_BUILD_DIR: the ordinary build (default: build),
# which valgrind and leaks run in. The last line is "N passed, N failed, N skipped".
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=${ANOMALY_BUILD_DIR:-$root/build}
quick=0
tools=()
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    asan | tsan | valgrind | leaks) tools+=("$argument") ;;
    -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) echo "sanitize.sh: unknown argument $argument (see --help)" >&2; exit 2 ;;
  esac
done
[ ${#tools[@]} -gt 0 ] || { echo "sanitize.sh: which tool? (see --help)" >&2; exit 2; }

# The ordinary build's LibTorch, unless TORCH_DIR names one.
torch=${TORCH_DIR:-}
if [ -z "$torch" ] && [ -e "$build/meson-info/intro-buildoptions.json" ]; then
  torch=$(python3 -c '
import json, sys
print(next(o["value"] for o in json.load(open(sys.argv[1])) if o["name"] == "torch_dir"))' "$build/meson-info/intro-buildoptions.json")
fi

configure() {  # FOLDER SANITIZERS
  local options=(-Dtests=enabled -Dfuzzers=disabled -Dcuda=disabled -Dintrospection=disabled -Dbuildtype=debug -Doptimization=1
    -Db_lundef=false -Db_ndebug=false "-Db_sanitize=$2")
  [ -z "$torch" ] || options+=("-Dtorch_dir=$torch")
  # shellcheck disable=SC2206  # words are wanted
  options+=(${MESON_OPTIONS:-})
  # What LibTorch was built without cannot be looked into: its types' run-time information is hidden.
  if [ ! -e "$1/build.ninja" ]; then
    CXXFLAGS='-fno-sanitize=vptr -fno-sanitize-recover=undefined' CFLAGS=-fno-sanitize-recover=undefined \
      meson setup "$1" "$root" "${options[@]}" >"$1.log" 2>&1 || { cat "$1.log" >&2; rm -rf "$1"; exit 1; }
    mv "$1.log" "$1/setup.log"
  fi
}

# Names of a build's tests, without the second runs under other tools.
names() { meson test -C "$1" --list 2>/dev/null | sed -n 's,^[^:]*:\([^ ]*\) / \(.*\)$,\1/\2,p' | grep -vE -- '-(leaks|valgrind)$'; }

run() {  # FOLDER TEST...
  local folder=$1 status=0
  shift
  # meson builds only what these tests need, and runs them one at a time: some use every core.
  meson test -C "$folder" --num-processes 1 --timeout-multiplier 10 --print-errorlogs "$@" || status=$?
  python3 "$root/tests/summary.py" "$folder/meson-logs/testlog.json" "$status"
}

. "$root/tests/stages.sh"
export GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384 G_SLICE=always-malloc
for tool in "${tools[@]}"; do
  echo "== $tool"
  case $tool in
    asan)
      configure "$root/build-asan" address,undefined
      left_out='^(lint|docs|install|pipelines|golden)/'
      [ $quick = 0 ] || left_out="$left_out|^(tools|eval)/|^engine/(networks|framework|gpu_framework|gpu script|convert|scene)|^gst/(testsrc|outofmemory)"
      mapfile -t chosen < <(names "$root/build-asan" | grep -vE "$left_out" | sed 's,^[^/]*/,,')
      # A small quarantine: some tests watch how much memory the process takes. Others ask for more than there is.
      # Without intercept_tls_get_addr=0, gcc 12's LeakSanitizer reads thread-local memory of libraries loaded late at wrong addresses.
      export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:quarantine_size_mb=16:allocator_may_return_null=1:intercept_tls_get_addr=0
      export LSAN_OPTIONS=suppressions=$root/tests/lsan.supp:print_suppressions=0 UBSAN_OPTIONS=print_stacktrace=1
      stage run "$root/build-asan" "${chosen[@]}"
      ;;
    tsan)
      configure "$root/build-tsan" thread
      # Not publishkafka: librdkafka starts its threads with thrd_create(), which gcc's ThreadSanitizer does not know.
      mapfile -t chosen < <(names "$root/build-tsan" | grep -v publishkafka | grep -E '^engine/(engine|batching|sharing)$|^gst/(detect|publish|overlay)' | sed 's,^[^/]*/,,')
      ninja -C "$root/build-tsan" tests/libtsan-glib.so >&2
      # The checks fork, and go on with threads in the child; some ask for more memory than there is.
      export TSAN_OPTIONS=suppressions=$root/tests/tsan.supp:halt_on_error=0:second_deadlock_stack=1:die_after_fork=0:allocator_may_return_null=1
      export OMP_NUM_THREADS=1
      stage run "$root/build-tsan" "${chosen[@]}"
      ;;
    valgrind | leaks)
      mapfile -t chosen < <(meson test -C "$build" --list 2>/dev/null | sed -n "s,^[^:]*:[^ ]* / \(.*-$tool\)\$,\1,p")
      [ ${#chosen[@]} -gt 0 ] || { echo "sanitize.sh: no test of $build runs under $tool; is it installed?" >&2; exit 1; }
      stage run "$build" "${chosen[@]}"
      ;;
  esac
done
finish_stages

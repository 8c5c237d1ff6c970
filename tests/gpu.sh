#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds, checks and measures on a machine with a GPU: nvcc, a LibTorch for CUDA (the torch package of the running
# Python, or TORCH_DIR), meson and ninja; no GStreamer, no OpenCV. Prints a table for docs/performance.md.
#
# usage: tests/gpu.sh [OPTION]...
#   --emulated         the same on the CPU, through the emulated module, at small sizes: checks this script and what it
#                      runs, and measures nothing
#   --build-dir DIR    default: build-gpu beside this folder
#   --bundle FILE      the published networks' bundle; default: made from the golden cases where they are, else random weights
#   --peer FOLDER      the published code with its checkpoints, timed beside ours
#   --golden           with --emulated: the small golden case in float32, too, from the bundle that the suite "golden" leaves
#                      in the build folder
#   --no-checks        only measures
#   --no-build         takes the build folder as it is
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build-gpu emulated= published= peer= checks=yes make=yes golden_too=
while [ $# -gt 0 ]; do
  case $1 in
    --emulated) emulated=yes ;;
    --build-dir) build=${2:?--build-dir needs a folder} && shift ;;
    --bundle) published=${2:?--bundle needs a file} && shift ;;
    --peer) peer=${2:?--peer needs a folder} && shift ;;
    --golden) golden_too=yes ;;
    --no-checks) checks= ;;
    --no-build) make= ;;
    *) sed -n '/^# usage/,/^set/s/^# \?//p' "$0" >&2 && exit 2 ;;
  esac
  shift
done

if [ -n "$make" ]; then
  [ -f "$build/build.ninja" ] || meson setup "$build" "$root" -Dgst=disabled -Dtools=disabled -Dfuzzers=disabled \
    ${TORCH_DIR:+-Dtorch_dir="$TORCH_DIR"} $([ -n "$emulated" ] || echo -Dcuda=enabled -Dgpu_graphs=enabled) >&2
  ninja -C "$build" >&2
fi
build=$(cd "$build" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bench() { "$build/tests/engine/bench_gpu" "$@"; }
full=(frames=50) matrix=(size=8192) compact=(batch=8 frames=100 frame-width=960 frame-height=540) batch=4
if [ -n "$emulated" ]; then
  export GST_ANOMALY_CUDA_MODULE=$build/tests/kernels/libanomaly-cuda-emulated.so
  full=(frames=2 warmup=3 frame-width=192 frame-height=108 height=64 width=128) matrix=(size=128 frames=2) batch=2
  compact=(batch=2 frames=1 warmup=1 frame-width=96 frame-height=54 height=64 width=128)
else
  unset GST_ANOMALY_CUDA_MODULE
  export GST_ANOMALY_CUDA_MODULE=$build/kernels/cuda/libanomaly-cuda.so
fi

# Each step counts, and the next one runs all the same; the status says whether all went well.
failed=0
step() {
  echo "== $*" >&2
  "$@" || { echo "== failed: $*" >&2 && failed=1; }
}

golden=${ANOMALY_SHARED:-$root/../shared}/golden
golden_bundle() {
  [ -f "$golden/make_checkpoints.py" ] && python3 -c 'import numpy' 2>/dev/null || return 1
  python3 "$golden/make_checkpoints.py" 7 "$work/checkpoints" >&2
  python3 "$root/models/convert.py" "$work/checkpoints" "$work/golden.safetensors" >&2
  rm -rf "$work/checkpoints"
}

# golden_cases BUNDLE [NAME]: NAME, the cases to run by a part of their name
golden_cases() {
  mkdir -p "$work/pictures"
  python3 "$root/tests/png_to_ppm.py" "$work/pictures" "$golden"/*.png
  ANOMALY_GOLDEN_BUNDLE=$1 ANOMALY_GOLDEN_PICTURES=$work/pictures ANOMALY_TEST_DEVICE=cuda \
    ANOMALY_SHARED=$(dirname "$golden") "$build/tests/engine/gpu_golden_test" ${2:+"$2"} >&2
}

if [ -n "$checks" ] && [ -n "$emulated" ]; then
  step env GST_ANOMALY_CUDA_MODULE="$GST_ANOMALY_CUDA_MODULE" "$build/tests/kernels/cuda_emulated_test" >&2
elif [ -n "$checks" ]; then
  step "$build/tests/kernels/cuda_test" >&2
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck initcheck synccheck; do
      step compute-sanitizer --tool "$tool" --error-exitcode 1 "$build/tests/kernels/cuda_test" >&2
    done
  else
    echo "== compute-sanitizer is not on PATH: left out" >&2 && failed=1
  fi
fi
if [ -z "$published" ] && [ -z "$emulated" ] && golden_bundle; then
  published=$work/golden.safetensors
  [ -z "$checks" ] || step golden_cases "$published"
elif [ -z "$published" ]; then
  step bench bundle bundle="$work/random.safetensors" features="$([ -n "$emulated" ] && echo 4 || echo 64)" >&2
  published=$work/random.safetensors
  if [ -n "$golden_too" ]; then
    step golden_cases "$build/tests/engine/golden/golden.safetensors" small_float32
  fi
fi

echo
echo "$(date -u +%Y-%m-%d), commit $(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown), $0 ${emulated:+--emulated}"
if [ -n "$emulated" ]; then
  echo "EMULATED on the CPU: these figures say nothing about any GPU."
else
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
fi
echo
echo "| what | time | rate | more |"
echo "| --- | --- | --- | --- |"
for precision in $([ -n "$emulated" ] && echo float32 || echo bfloat16 float16 float32); do
  step bench engine bundle="$published" precision="$precision" batch=1 "${full[@]}"
done
step bench engine bundle="$published" batch="$batch" "${full[@]}"
# From compute capability 8.9 on; an older GPU says so.
step bench engine bundle="$published" trunk=fp8 batch=1 "${full[@]}"
step bench segmentation bundle="$published" "${full[@]}" "${matrix[@]}"
step bench segmentation bundle="$published" trunk=fp8 "${full[@]}" "${matrix[@]}"
step bench engine bundle="$root/models/compact.safetensors" "${compact[@]}"
echo
echo "| operations of a frame at the reference size | counted from shapes |"
echo "| --- | --- |"
step bench flops
if [ -x "$build/tests/kernels/bench_cuda" ]; then
  echo
  step "$build/tests/kernels/bench_cuda"
fi
if [ -n "$peer" ]; then
  step python3 "$root/tests/gpu_peer.py" "$peer"
fi
exit $failed

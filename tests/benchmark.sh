#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Prints every figure of docs/performance.md, with the machine they were measured on. Takes about eleven minutes with the
# published networks' bundle, three without.
#
# usage: tests/benchmark.sh [VIDEO [PUBLISHED_BUNDLE]]
#   VIDEO             default: the dashcam video of the shared test data
#   PUBLISHED_BUNDLE  default: the golden bundle that tests/run.sh leaves in the build folder, if it is there
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=${ANOMALY_BUILD_DIR:-$root/build}
video=${1:-${ANOMALY_SHARED:-$root/../shared}/data/dashcam/highway-960x540-25fps.mp4}
published=${2:-$build/tests/engine/golden/golden.safetensors}
compact=$root/models/compact.safetensors
"$root/pipelines/setup.sh" --tests --build-dir "$build"
export GST_PLUGIN_PATH=$build/gst/plugin

echo "# $(date -u +%Y-%m-%d), commit $(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)"
lscpu | sed -n 's/^Model name: */# /p'
echo "# $(nproc) cores; $(grep -o -w -E 'avx2|avx512f|avx_vnni|avx512_bf16|amx_tile' /proc/cpuinfo | sort -u | tr '\n' ' ')"
echo "# load before: $(cut -d' ' -f1-3 /proc/loadavg)"

section() { printf '\n## %s\n' "$*"; }
section "kernels (milliseconds)"
"$build/tests/kernels/bench_kernels"
"$build/tests/kernels/bench_uncertainty"

section "compact bundle, one frame, by stage"
"$build/tests/engine/bench_framework" "$compact" 20

section "anomalydetect beyond resize and networks"
"$build/tests/gst/bench_element" "$build/tests/gst/test.safetensors"

section "metadata and drawing"
"$build/tests/gst/bench_overlay"

if [ -e "$video" ]; then
  section "decode, detect, overlay: $(basename "$video")"
  for properties in "" "max-in-flight=2" "method=softmax-entropy"; do
    echo "anomalydetect $properties"
    "$build/tests/gst/bench_pipeline" "$video" "$compact" "$properties"
  done
  section "four streams on one engine, one live stream: $(basename "$video")"
  "$build/tests/gst/bench_streams" "$video" "$compact"
  section "normalization over time: $(basename "$video"), drawn drives"
  for method in synboost "synboost --ensemble 0.75,0.25,0,0" softmax-entropy perceptual-difference; do
    echo "--method $method"
    # shellcheck disable=SC2086
    "$build/tests/gst/bench_temporal" --method $method "$compact" "$video"
  done
fi

if [ -e "$published" ]; then
  section "published networks at segmentation 256x512, float32"
  "$build/tests/engine/bench_framework" "$published" 2 256 512
fi

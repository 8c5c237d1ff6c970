#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Annotates a dashcam video: installs what is missing, builds, and runs anomaly-annotate.
#
# usage: pipelines/dashcam.sh [VIDEO] [OUTPUT.mp4] [options]
#   VIDEO        a file of any container, or a URI; without it a built-in sample drive is filmed
#   OUTPUT.mp4   default: VIDEO-anomalies.mp4 beside VIDEO; the sample goes to anomaly-sample.mp4 in this folder
#   options      --model FILE --device auto|cpu|cuda[:N] --threshold T --method M --roi X,Y,W,H and more: see --help-all
# Writes OUTPUT.mp4 with a heatmap over what does not belong on the road, and OUTPUT.jsonl with a JSON object per frame.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-} in -h | --help) sed -n '3,10s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

build=${ANOMALY_BUILD_DIR:-$root/build}
"$root/pipelines/setup.sh" --build-dir "$build"

export GST_PLUGIN_PATH=$build/gst/plugin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}
export GST_REGISTRY_UPDATE=${GST_REGISTRY_UPDATE:-yes}
if [ "${1:-}" = --help-all ]; then exec "$build/pipelines/anomaly-annotate" --help; fi

exec "$build/pipelines/anomaly-annotate" "$@"

#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# One HTML page about a video, score over time and each anomaly event with a picture: installs what is missing, builds,
# and runs anomaly-report.
#
# usage: pipelines/report.sh [VIDEO] [OUTPUT.html] [options]
#   VIDEO         a file of any container, a folder of pictures, or a URI; without it a built-in sample drive is filmed
#   OUTPUT.html   default: VIDEO-anomalies.html beside VIDEO; of the sample, anomaly-sample.html in this folder
#   options       --model FILE --device auto|cpu|cuda[:N] --threshold T --method M --roi X,Y,W,H and more: see --help-all
# The page is complete in itself: it can be sent on, and opens in any browser.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-} in -h | --help) sed -n '3,10s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

build=${ANOMALY_BUILD_DIR:-$root/build}
"$root/pipelines/setup.sh" --build-dir "$build"

export GST_PLUGIN_PATH=$build/gst/plugin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}
export GST_REGISTRY_UPDATE=${GST_REGISTRY_UPDATE:-yes}
if [ "${1:-}" = --help-all ]; then exec "$build/pipelines/anomaly-report" --help; fi

exec "$build/pipelines/anomaly-report" "$@"

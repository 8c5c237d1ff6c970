#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Keeps a clip of each anomaly event, from 5 s before to 5 s after it: installs what is missing, builds, and runs
# anomaly-record.
#
# usage: pipelines/record-events.sh SOURCE [FOLDER] [options]
#   SOURCE    a file of any container, a folder of pictures, /dev/videoN, rtsp:// or another URI, or a synthetic
#             drive: "test://?frames=300"
#   FOLDER    default: events in this folder
#   options   --before S --after S --on-score T --min-duration S --model FILE --overlay and more: see --help-all
# Writes event-0001.mp4, event-0001.json with its times and scores, event-0001.jpg with its highest frame, and so on.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-} in
  -h | --help) sed -n '3,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
  "") sed -n '6,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

build=${ANOMALY_BUILD_DIR:-$root/build}
"$root/pipelines/setup.sh" --build-dir "$build"

export GST_PLUGIN_PATH=$build/gst/plugin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}
export GST_REGISTRY_UPDATE=${GST_REGISTRY_UPDATE:-yes}
if [ "${1:-}" = --help-all ]; then exec "$build/pipelines/anomaly-record" --help; fi

exec "$build/pipelines/anomaly-record" "$@"

#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Fits the built-in bundle, or another compact one, to a camera, from a video of ordinary driving with it. No labels.
#
# usage: pipelines/adapt-camera.sh VIDEO OUTPUT.safetensors [--model BUNDLE] [--frames N] [--steps N]
#   VIDEO      any file that GStreamer decodes; at least 8 frames, better some minutes, with nothing strange in them
#   --model    the bundle to start from (default: models/compact.safetensors)
#   --frames   how many frames to take, evenly spread (default: 400)
#   --steps    of training (default: 300)
# Prints the false regions on the last quarter of the frames before and after, and writes the new bundle: use it with
# anomalydetect's model=OUTPUT.safetensors or dashcam.sh --model.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
usage() { sed -n '3,11s/^# \{0,1\}//p' "$0"; }
fail() { echo "adapt-camera: $*" >&2; exit 2; }

model=$root/models/compact.safetensors frames=400 steps=300
positional=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --model) model=${2:?--model needs a file}; shift ;;
    --frames) frames=${2:?--frames needs a number}; shift ;;
    --steps) steps=${2:?--steps needs a number}; shift ;;
    -*) fail "$1: no such option; see --help" ;;
    *) positional+=("$1") ;;
  esac
  shift
done
[ ${#positional[@]} -eq 2 ] || { usage >&2; exit 2; }
video=${positional[0]} output=${positional[1]}
[ -f "$video" ] || fail "$video: no such file"
[ -f "$model" ] || fail "$model: no such bundle"
[[ $frames =~ ^[1-9][0-9]{0,4}$ ]] || fail "--frames $frames: expected 1 to 99999"

build=${ANOMALY_BUILD_DIR:-$root/build}
"$root/pipelines/setup.sh" --build-dir "$build"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
seconds=$(gst-discoverer-1.0 "$video" 2>/dev/null |
  awk '/Duration:/ { split($2, t, ":"); print t[1] * 3600 + t[2] * 60 + t[3]; exit }')
[ -n "$seconds" ] && awk "BEGIN { exit !($seconds > 0) }" || fail "$video: holds no video that GStreamer can read"
# At most so many frames in so many seconds; never more than the video has.
rate=$(awk "BEGIN { r = int(1000 * $frames / $seconds); print (r < 1 ? 1 : r > 1000000 ? 1000000 : r) }")
echo "adapt-camera: taking frames from $video ($seconds s)"
gst-launch-1.0 -q filesrc location="$video" ! decodebin ! videorate drop-only=true ! "video/x-raw,framerate=[1/1000,$rate/1000]" ! \
  videoconvert ! jpegenc quality=95 ! multifilesink location="$folder/%06d.jpg"
echo "adapt-camera: $(find "$folder" -name '*.jpg' | wc -l) frames"
"$build/src/train/anomaly-train" --adapt "$model" --data "$folder" --bundle "$output" --steps "$steps"

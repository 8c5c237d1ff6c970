#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Fits the built-in bundle, or another compact one, to a camera, from a video of ordinary driving with it. No labels.
#
# usage: pipelines/adapt-camera.sh VIDEO OUTPUT.safetensors [--model BUNDLE] [--rate N] [--steps N]
#   VIDEO      any file that GStreamer decodes; at least 8 frames, better some minutes, with nothing strange in them
#   --model    the bundle to start from (default: models/compact.safetensors)
#   --rate     frames to take a second (default: 2; of many, 600 evenly spread ones are learnt from)
#   --steps    of training (default: 300)
# Prints the false regions on the last quarter of the frames before and after, and writes the new bundle: use it with
# anomalydetect's model=OUTPUT.safetensors or dashcam.sh --model.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
usage() { sed -n '3,11s/^# \{0,1\}//p' "$0"; }
fail() { echo "adapt-camera: $*" >&2; exit 2; }

model=$root/models/compact.safetensors rate=2 steps=300
positional=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --model) model=${2:?--model needs a file}; shift ;;
    --rate) rate=${2:?--rate needs a number}; shift ;;
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
[[ $rate =~ ^[1-9][0-9]?$ ]] || fail "--rate $rate: expected 1 to 99"

build=${ANOMALY_BUILD_DIR:-$root/build}
"$root/pipelines/setup.sh" --build-dir "$build"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "adapt-camera: taking $rate frames a second from $video"
gst-launch-1.0 -q filesrc location="$video" ! decodebin ! videorate drop-only=true ! "video/x-raw,framerate=$rate/1" ! \
  videoconvert ! jpegenc quality=95 ! multifilesink location="$folder/%06d.jpg"
echo "adapt-camera: $(find "$folder" -name '*.jpg' | wc -l) frames"
"$build/src/train/anomaly-train" --adapt "$model" --data "$folder" --bundle "$output" --steps "$steps"

#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# anomaly-annotate on recordings as cameras make them: what comes out is looked at with ffprobe.
# usage: annotate_test.sh ANOMALY-ANNOTATE
set -u
. "$(dirname "$0")/tap.sh"
annotate=$(realpath "$1") || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

if [ ! -e "$ANOMALY_SOURCE_ROOT/models/compact.safetensors" ]; then
  skip "annotate" "the built-in bundle is not there"
  finish
  exit
fi
run() { "$annotate" --quiet --method softmax-entropy --threads 1 "$@"; }
probe() { ffprobe -v error "$@"; }
media() { ffmpeg -v error -nostdin -y "$@"; }
frames() { probe -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0 "$1"; }
pts() { probe -select_streams "$2" -show_entries packet=pts_time -of csv=p=0 "$1" | sort -n; }
same() { [ "$1" = "$2" ] || { echo "\"$1\" is not \"$2\""; return 1; }; }

json_lines() {  # FILE COUNT
  python3 - "$1" "$2" <<'PY'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert len(lines) == int(sys.argv[2]), len(lines)
assert [line["frame"] for line in lines] == list(range(len(lines)))
for line in lines:
    assert line["schema"] == 1 and line["age"] == 0, line
    assert 0 <= line["mean"] <= line["max"] and isinstance(line["regions"], list), line
PY
}

# The sample drive.
check "the built-in sample is annotated" run --frames 8
check "sample: eight frames" same "$(frames anomaly-sample.mp4)" 8
check "sample: eight lines of JSON" json_lines anomaly-sample.jsonl 8
check "sample: nothing else is left" same "$(ls)" "anomaly-sample.jsonl
anomaly-sample.mp4"

# Audio and timestamps: variable frame rate, AAC.
media -f lavfi -i testsrc=s=320x180:r=25 -f lavfi -i sine=r=48000 -t 1.2 -vf "select='not(eq(mod(n,5),2))'" -vsync vfr \
  -c:v libx264 -pix_fmt yuv420p -c:a aac vfr.mp4
check "a recording with sound" run vfr.mp4 vfr-out.mp4
check "timestamps of a variable rate are kept" same "$(pts vfr-out.mp4 v)" "$(pts vfr.mp4 v)"
# An AAC encoder's priming packet lies before the presentation, its last may lie behind it: demuxers drop those two.
hashes() { probe -select_streams a -show_data_hash md5 -show_entries packet=data_hash -of csv=p=0 "$1" | grep -o 'MD5:[0-9a-f]*'; }
contiguous() {
  python3 -c 'import sys; a, b = (t.split() for t in sys.argv[1:3]); assert a and len(b) - len(a) <= 2 and any(b[i:i + len(a)] == a for i in range(3)), (len(a), len(b))' "$1" "$2"
}
check "sound is kept packet for packet" contiguous "$(hashes vfr-out.mp4)" "$(hashes vfr.mp4)"
check "colours and size are the video's" same \
  "$(probe -select_streams v -show_entries stream=width,height,codec_name -of csv=p=0 vfr-out.mp4)" "h264,320,180"

# Sound that MP4 does not hold becomes AAC; two audio tracks are kept.
media -f lavfi -i testsrc=s=160x90:r=25 -f lavfi -i sine=r=48000 -f lavfi -i sine=f=300:r=48000 -map 0 -map 1 -map 2 -t 0.6 \
  -c:v mpeg4 -c:a:0 pcm_s16le -c:a:1 libmp3lame pcm.mkv
check "Matroska with PCM and MP3 sound" run pcm.mkv pcm-out.mp4
check "PCM became AAC, MP3 was kept" same \
  "$(probe -select_streams a -show_entries stream=codec_name -of csv=p=0 pcm-out.mp4 | sort | tr '\n' ' ')" "aac mp3 "

# A recording tagged as rotated plays as before.
media -f lavfi -i "color=red:s=64x48:r=25,drawbox=0:0:64:24:blue:fill" -t 0.4 -c:v libx264 -pix_fmt yuv420p flat.mp4
media -display_rotation 90 -i flat.mp4 -c copy turned.mp4 2>/dev/null ||
  media -i flat.mp4 -metadata:s:v:0 rotate=270 -c copy turned.mp4
picture() { media -i "$1" -frames:v 1 -vf scale=8:8 -pix_fmt rgb24 -f rawvideo - | od -An -tu1 -v; }
near() {  # two dumps of bytes within 40 of each other
  python3 -c 'import sys; a, b = (list(map(int, t.split())) for t in sys.argv[1:3]); assert a and len(a) == len(b), (len(a), len(b)); assert max(abs(x - y) for x, y in zip(a, b)) < 40, (a, b)' "$1" "$2"
}
check "a rotated recording" run --opacity 0 --threshold 1000000 turned.mp4 turned-out.mp4
check "it plays in the same position" near "$(picture turned-out.mp4)" "$(picture turned.mp4)"
check "the frames were turned upright" same \
  "$(probe -select_streams v -show_entries stream=width,height -of csv=p=0 turned-out.mp4)" "48,64"

# Odd sizes, a name without extension, default output name.
media -f lavfi -i testsrc=s=161x91:r=25 -t 0.2 -c:v ffv1 odd.mkv
check "odd sizes" run odd.mkv
check "odd sizes: default name beside the video" same "$(frames odd-anomalies.mp4)" 5

# A recording that breaks off is annotated as far as it goes.
media -f lavfi -i testsrc=s=320x180:r=25 -t 2 -c:v libx264 -g 10 -pix_fmt yuv420p whole.mkv
head -c $(($(stat -c %s whole.mkv) * 2 / 3)) whole.mkv >broken.mkv
run broken.mkv broken-out.mp4 >broken.log 2>&1
check "a truncated recording gives what it holds" test "$(frames broken-out.mp4)" -gt 10
check "and as many lines" json_lines broken-out.jsonl "$(frames broken-out.mp4)"

# A disk that fills up: no half of a video takes the place of a whole one.
check "a full disk" fails "could not be finished" \
  eval '(trap "" XFSZ; ulimit -f 32; run --quality 0 --threshold 1000000 vfr.mp4 vfr-out.mp4)'
check "a full disk: the video of before is still there" same "$(pts vfr-out.mp4 v)" "$(pts vfr.mp4 v)"
check "a full disk: nothing of the new one is left" test ! -e vfr-out.mp4.partial
rm -f vfr-out.jsonl.partial

# What cannot work says why, and leaves nothing behind.
: >empty.mp4
echo "not a video" >text.mp4
media -f lavfi -i sine -t 0.2 sound.m4a
: >foreign.safetensors
before=$(ls)
check "a missing file" fails "no such file" run nowhere.mp4 out.mp4
check "an empty file" fails "anomaly-annotate:" run empty.mp4 out.mp4
check "a text file" fails "anomaly-annotate:" run text.mp4 out.mp4
check "sound only" fails "no video" run sound.m4a out.mp4
check "an output folder that is not there" fails "does not exist" run vfr.mp4 nowhere/out.mp4
check "the input as output" fails "is the input" run vfr.mp4 vfr.mp4
check "the name of the lines as output" fails "JSON Lines" run vfr.mp4 out.jsonl
check "a malformed region" fails "roi" run --roi 1,2,3 vfr.mp4 out.mp4
check "a class that does not exist" fails "sidewalk" run --classes lava vfr.mp4 out.mp4
check "a mask that does not exist" fails "none.png" run --ignore-mask none.png vfr.mp4 out.mp4
check "an unknown method" fails "--method" "$annotate" --method guess vfr.mp4 out.mp4
check "an unusable bundle" fails "foreign.safetensors" run --model foreign.safetensors vfr.mp4 out.mp4
if [ ! -e /dev/nvidia0 ]; then
  check "a GPU that is not there" fails "cuda" run --device cuda vfr.mp4 out.mp4
else
  skip "a GPU that is not there" "there is one"
fi
check "an unknown option" fails "see --help" run --nonsense vfr.mp4
check "nothing was left behind" same "$(ls)" "$before"
finish

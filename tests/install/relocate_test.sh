#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# `meson install`, and the prefix moved to another place afterwards: everything still finds everything.
# usage: relocate_test.sh BUILD MESON
set -u
. "$(dirname "$0")/../pipelines/tap.sh"
build=$(cd "$1" && pwd) || exit 1
meson=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset LD_LIBRARY_PATH GST_PLUGIN_PATH GST_ANOMALY_BUNDLE GST_ANOMALY_CUDA_MODULE
export GST_REGISTRY=$work/registry.bin OMP_NUM_THREADS=1

stage() { DESTDIR=$work/stage "$meson" install -C "$build" --no-rebuild --quiet; }
check "meson install" stage
prefix=$("$meson" introspect --buildoptions "$build" | python3 -c '
import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
moved="$work/another place"
mv "$work/stage$prefix" "$moved"
libdir=$(dirname "$(find "$moved" -name gstreamer-1.0 -type d -path '*lib*' | head -1)")
plugins=$libdir/gstreamer-1.0

# Another name in the moved bundle: what reads it reads that one, not the source tree's.
python3 - "$moved/share/gst-anomaly/compact.safetensors" <<'PY'
import sys
data = open(sys.argv[1], "rb").read()
name = rb'\"name\":\"compact\"'
assert data.count(name) == 1, "the built-in bundle's name is not where this test expects it"
open(sys.argv[1], "wb").write(data.replace(name, rb'\"name\":\"movaway\"'))
PY

inspect() { GST_PLUGIN_PATH=$plugins gst-inspect-1.0 "$@"; }
elements() { inspect anomaly | grep -c '^  anomaly[a-z]*: '; }
check "the moved plugin loads, with every element" test "$(elements)" -ge 4
detects() {
  GST_PLUGIN_PATH=$plugins gst-launch-1.0 -q anomalytestsrc num-buffers=2 ! video/x-raw,width=96,height=64 ! \
    anomalydetect method=softmax-entropy ! anomalypublish location="$1" ! fakesink
}
check "the moved plugin detects" detects lines.jsonl
check "by the bundle that moved along" grep -q '"model":"movaway"' lines.jsonl
check "anomaly-annotate finds the plugin beside itself" \
  "$moved/bin/anomaly-annotate" --quiet --frames 2 --method softmax-entropy --threads 1
check "and its bundle" grep -q '"model":"movaway"' anomaly-sample.jsonl

libraries() {  # every library is found, and ours in the moved place
  local found
  found=$(ldd "$1")
  printf '%s\n' "$found"
  ! grep -q 'not found' <<<"$found" && ! grep -E 'lib(gst)?anomaly' <<<"$found" | grep -vqF "$moved"
}
for program in "$moved"/bin/*; do check "$(basename "$program"): its libraries" libraries "$program"; done
check "the plugin: its libraries" libraries "$plugins/libgstanomaly.so"
check "no library of ours outside our folder but the public one" \
  test "$(cd "$libdir" && find . -maxdepth 1 -name '*.so*' ! -name 'libgstanomaly-1.0.so*')" = ""

cat >reader.c <<'C'
#include <gst/anomaly/gstanomalymeta.h>

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  GstBuffer* buffer = gst_buffer_new();
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  return meta != NULL && gst_buffer_get_anomaly_meta(buffer) == meta ? 0 : 1;
}
C
export PKG_CONFIG_PATH=$libdir/pkgconfig
compiles() {
  local flags
  flags=$(pkg-config --cflags --libs gstreamer-anomaly-1.0) || return 1
  eval "cc -o reader reader.c $flags" && LD_LIBRARY_PATH=$libdir ./reader
}
check "pkg-config and the header: a program compiles and runs" compiles
if /usr/bin/python3 -c "import gi" 2>/dev/null && [ -e "$libdir/girepository-1.0/GstAnomaly-1.0.typelib" ]; then
  check "the typelib" env GI_TYPELIB_PATH="$libdir/girepository-1.0" LD_LIBRARY_PATH="$libdir" /usr/bin/python3 -c '
import gi
gi.require_version("GstAnomaly", "1.0")
from gi.repository import Gst, GstAnomaly
Gst.init(None)
assert GstAnomaly.buffer_get_anomaly_meta(Gst.Buffer.new()) is None'
else
  skip "the typelib" "it was not built, or this Python has no gi"
fi
finish

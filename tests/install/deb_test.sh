#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The Debian packages: made of this build, installed into a throwaway root whose other packages are this machine's, used
# from there, and purged without a trace.
# usage: deb_test.sh BUILD MESON
set -u
. "$(dirname "$0")/../pipelines/tap.sh"
build=$(cd "$1" && pwd) || exit 1
PATH=$(dirname "$2"):$PATH:/usr/sbin:/sbin
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(fakeroot); fi
for tool in dh dh_girepository dpkg-deb make "${as_root[@]}"; do
  if ! command -v "$tool" >/dev/null; then
    skip "the Debian packages" "$tool is missing (Debian: apt-get install debhelper dpkg-dev gobject-introspection fakeroot)"
    finish
    exit
  fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LD_LIBRARY_PATH GST_PLUGIN_PATH GST_ANOMALY_BUNDLE GST_ANOMALY_CUDA_MODULE
export OMP_NUM_THREADS=1 DPKG_DEB_COMPRESSOR_TYPE=gzip DPKG_DEB_COMPRESSOR_LEVEL=1

# debhelper writes beside what it packs.
mkdir "$work/source" "$work/root"
cp -r "$ANOMALY_SOURCE_ROOT"/{debian,docs,README.md,COPYING} "$work/source/"
cd "$work/source" || exit 1
pack() {
  env ANOMALY_BUILD_DIR="$build" DEB_BUILD_OPTIONS=noautodbgsym DEB_BUILD_PROFILES= "${as_root[@]}" make -f debian/rules binary
}
check "the packages are made" pack
cd "$work" || exit 1
packages=(gstreamer1.0-anomaly gst-anomaly-model gst-anomaly-tools libgstanomaly-1.0-0 libgstanomaly-1.0-dev gir1.2-gstanomaly-1.0)
check "all of them" test "$(ls ./*.deb | sed 's,./\([^_]*\)_.*,\1,' | sort | tr '\n' ' ')" = "$(printf '%s\n' "${packages[@]}" | sort | tr '\n' ' ')"
for deb in ./*.deb; do dpkg-deb -c "$deb"; done >contents
contents() { cat "$work/contents"; }
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
unpacked() {
  (cd source/debian/tmp && find . -type f -o -type l) | while read -r file; do grep -qE " $file( |$)" contents || echo "$file"; done
}
check "each installed file is in one of them" test "$(unpacked)" = ""
check "nothing outside /usr" test "$(contents | awk '{print $6}' | grep -vE '^\./(usr/.*)?$')" = ""
check "libraries in the folder of their architecture" test "$(contents | grep -E '\.so( |\.|$)' | grep -vc "/usr/lib/$multiarch/")" = 0
field() { dpkg-deb -f ./"$1"_*.deb "$2"; }
check "GStreamer is a dependency, found by its libraries" grep -q 'libgstreamer1.0-0 (>= 1.22' <<<"$(field gstreamer1.0-anomaly Depends)"
check "so is our library" grep -q 'libgstanomaly-1.0-0 (>= 0.1' <<<"$(field gstreamer1.0-anomaly Depends)"
check "the typelib's namespaces" grep -q 'gir1.2-gstreamer-1.0' <<<"$(field gir1.2-gstanomaly-1.0 Depends)"
check "non-free weights are not in main" test "$(field gst-anomaly-model Section)" = non-free/video

# A root of its own with this machine's list of packages: dependencies are checked against what is installed here.
root=$work/root
mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers}
cp /var/lib/dpkg/status "$root/var/lib/dpkg/status"
files() { (cd "$root" && find . -path ./var/lib/dpkg -prune -o -print | sort); }
dpkg_root() { "${as_root[@]}" dpkg --root="$root" --force-not-root "$@" </dev/null; }
before=$(files)
status_of() { dpkg-query --admindir="$root/var/lib/dpkg" -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null; }
check "they are installed, with every dependency met by this machine's packages" dpkg_root -i "$work"/*.deb
for package in "${packages[@]}"; do check "$package: configured" test "$(status_of "$package")" = "ii "; done

export GST_REGISTRY=$work/registry.bin GST_PLUGIN_PATH=$root/usr/lib/$multiarch/gstreamer-1.0
detects() {
  gst-launch-1.0 -q anomalytestsrc num-buffers=1 ! video/x-raw,width=96,height=64 ! anomalydetect method=softmax-entropy ! \
    anomalypublish location="$1" ! fakesink
}
check "the installed plugin detects" detects "$work/lines.jsonl"
check "by the installed model" grep -q '"model":"compact"' "$work/lines.jsonl"
check "the installed programs start" "$root/usr/bin/anomaly-run" --help

check "they are purged" dpkg_root -P "${packages[@]}"
check "nothing is left" test "$(files)" = "$before"
check "nor known to dpkg" test "$(status_of gstreamer1.0-anomaly)" = ""
finish

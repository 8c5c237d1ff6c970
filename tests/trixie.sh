#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the project in a Debian 13 root, whose GStreamer is 1.26, and runs there the suites that newer GStreamers concern:
# the metadata, its serialisation by GStreamer, analytics metadata, the elements that attach or read them.
# The root is made when it is missing (1.8 GB, some minutes); it sees the source tree and LibTorch, whose mounts nothing
# outside sees. The build is in build-trixie. Needs root, for debootstrap and chroot. The last line is "N passed, N failed, N skipped".
#
# usage: tests/trixie.sh [TEST...]     TEST: names of meson's tests instead of the chosen ones
#
# Environment: ANOMALY_TRIXIE_ROOT   where the root is (default: ~/.cache/gst-anomaly/trixie)
#              DEBIAN_MIRROR         where Debian comes from (default: debootstrap's)
#              TORCH_DIR             as for pipelines/setup.sh (default: the ordinary build's)
#              ANOMALY_BUILD_DIR     the ordinary build (default: build)
set -euo pipefail

tree=$(cd "$(dirname "$0")/.." && pwd)
build=${ANOMALY_BUILD_DIR:-$tree/build}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gst-anomaly
root=${ANOMALY_TRIXIE_ROOT:-$cache/trixie}
say() { printf '==> %s\n' "$*" >&2; }
die() { printf 'trixie.sh: %s\n' "$*" >&2; exit 1; }

tests=(abi analytics analytics-leaks badframes detect detectevents detectflow detectlatency detectlive detectnvmm detectregions detectshare
  detectstandard detectstandard-leaks detectswap devicemap docexample meta meta-leaks metabytes metabytes-leaks metaflow metaflow-leaks onvif
  overlay overlaymemory overlaysides overlaystyle publish source)
case ${1:-} in
  -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
  -*) echo "trixie.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
  ?*) tests=("$@") ;;
esac
[ "$(id -u)" = 0 ] || die "debootstrap and chroot need root: sudo $0"

# --- The root --------------------------------------------------------------------------------------------------------
if [ ! -e "$root/.complete" ]; then
  command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null ||
    die "debootstrap is missing: apt-get install debootstrap"
  say "Making a Debian 13 root in $root"
  mkdir -p "$root"
  debootstrap --variant=minbase trixie "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; die "debootstrap failed; remove $root and try again"; }
  touch "$root/.complete"
fi

# --- LibTorch --------------------------------------------------------------------------------------------------------
torch=${TORCH_DIR:-}
if [ -z "$torch" ] && [ -e "$build/meson-info/intro-buildoptions.json" ]; then
  torch=$(python3 -c '
import json, sys
print(next(o["value"] for o in json.load(open(sys.argv[1])) if o["name"] == "torch_dir"))' "$build/meson-info/intro-buildoptions.json")
fi
if [ -z "$torch" ]; then
  torch=$cache/libtorch-2.11.0-cpu/torch
  "$tree/pipelines/libtorch.sh" "$cache/libtorch-2.11.0-cpu"
fi
[ -e "$torch/lib/libtorch_cpu.so" ] || die "no LibTorch in $torch: set TORCH_DIR to the folder that holds include/ and lib/"

# In the root, with the tree at /src, test data beside it and LibTorch, with what lies beside it, at /torch.
inside() {
  # shellcheck disable=SC2016  # expanded by the shell within
  unshare --mount --propagation private bash -euc '
    root=$1 tree=$2 torch=$3
    shift 3
    mkdir -p "$root/src" "$root/torch" "$root/shared"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --bind "$tree" "$root/src"
    mount --bind "$(dirname "$torch")" "$root/torch"
    [ ! -d "$tree/../shared" ] || mount --bind "$tree/../shared" "$root/shared"
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
      ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"' \
    bash "$root" "$tree" "$(realpath "$torch")" "$@"
}

packages=(g++ meson ninja-build pkg-config python3 ca-certificates
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad)
installed=$(inside dpkg-query -W -f='${Status}\n' "${packages[@]}" 2>/dev/null | grep -c 'ok installed') || true
if [ "$installed" != ${#packages[@]} ]; then
  say "Installing in it: ${packages[*]}"
  # dpkg first ends what was broken off before.
  inside sh -c 'dpkg --configure -a; apt-get update -qq && apt-get install -y -qq -f --no-install-recommends "$@"' sh \
    "${packages[@]}" >>"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; die "packages could not be installed in $root"; }
fi

# --- Build and tests -------------------------------------------------------------------------------------------------
if [ ! -e "$tree/build-trixie/build.ninja" ]; then
  say "Configuring in build-trixie"
  inside meson setup /src/build-trixie /src -Dtorch_dir="/torch/$(basename "$(realpath "$torch")")" -Dgst=enabled \
    -Danalytics=enabled -Dtests=enabled -Dcuda=disabled -Drtsp=disabled -Dfuzzers=disabled >"$root.log" 2>&1 ||
    { cat "$root.log" >&2; die "meson setup failed"; }
fi
status=0
log=$tree/build-trixie/meson-logs/testlog.json
rm -f "$log"
# meson builds only what these tests need, and runs them one at a time: the engine uses every core by itself.
inside meson test -C /src/build-trixie --num-processes 1 --print-errorlogs "${tests[@]}" || status=$?
if [ ! -e "$log" ]; then
  say "The build failed"
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi
python3 "$tree/tests/summary.py" "$log" "$status"

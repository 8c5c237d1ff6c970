#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing and builds the plugin. Run it, or let dashcam.sh and tests/run.sh run it.
#
# usage: pipelines/setup.sh [--tests] [--gpu] [--no-build] [--build-dir DIR]
#   --tests        also install and build what the test suites need
#   --gpu          LibTorch with its GPU libraries: 4.9 GB instead of 1.3 GB
#   --no-build     install only
#   --build-dir    where to build (default: build, beside meson.build)
#
# Environment: TORCH_DIR       a LibTorch 2.11 of your own: the folder that holds include/ and lib/
#              GST_ANOMALY_GPU 1: as --gpu
#              MESON_OPTIONS   more options for meson setup
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build
tests=0 compile=1 gpu=${GST_ANOMALY_GPU:-0}
while [ $# -gt 0 ]; do
  case $1 in
    --tests) tests=1 ;;
    --gpu) gpu=1 ;;
    --no-build) compile=0 ;;
    --build-dir) build=${2:?--build-dir needs a folder}; shift ;;
    -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) echo "setup.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done

say() { printf '==> %s\n' "$*" >&2; }
die() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }

# --- Debian packages -------------------------------------------------------------------------------------------------
packages=(g++ meson ninja-build pkg-config python3 python3-pip ca-certificates
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev libgstrtspserver-1.0-dev
  libmosquitto-dev librdkafka-dev
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libopencv-videoio-dev
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-ugly gstreamer1.0-libav)
if [ $tests = 1 ]; then
  packages+=(python3-numpy python3-sklearn ffmpeg openssl gobject-introspection libgirepository1.0-dev gir1.2-gstreamer-1.0 python3-gi
    clang-format clang libclang-rt-dev debhelper dpkg-dev fakeroot mosquitto mosquitto-clients
    chromium fonts-dejavu-core)
fi
if command -v dpkg-query >/dev/null; then
  missing=()
  for p in "${packages[@]}"; do
    dpkg-query -W -f='${Status}\n' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    say "Installing Debian packages: ${missing[*]}"
    as_root=()
    if [ "$(id -u)" != 0 ]; then
      command -v sudo >/dev/null || die "these packages are missing and neither root nor sudo is at hand: apt-get install ${missing[*]}"
      as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
else
  say "Not a Debian system: make sure that what these packages hold is installed: ${packages[*]}"
fi

# --- LibTorch --------------------------------------------------------------------------------------------------------
if [ -z "${TORCH_DIR:-}" ]; then
  flavour=cpu
  [ "$gpu" = 1 ] && flavour=gpu
  prefix=${XDG_CACHE_HOME:-$HOME/.cache}/gst-anomaly/libtorch-2.11.0-$flavour
  [ -e "$prefix/.complete" ] && [ -e "$prefix/torch/lib/libtorch_cpu.so" ] ||
    "$root/pipelines/libtorch.sh" $([ $flavour = cpu ] || echo --gpu) "$prefix"
  TORCH_DIR=$prefix/torch
fi
[ -e "$TORCH_DIR/lib/libtorch_cpu.so" ] || die "no LibTorch in TORCH_DIR=$TORCH_DIR: it must hold include/ and lib/libtorch_cpu.so"

# --- Build -----------------------------------------------------------------------------------------------------------
[ $compile = 1 ] || exit 0
options=("-Dtorch_dir=$TORCH_DIR" -Dgst=enabled -Dtools=enabled)
# A build folder that has the tests keeps them.
if [ $tests = 1 ]; then
  options+=(-Dtests=enabled)
elif [ ! -e "$build/build.ninja" ]; then
  options+=(-Dtests=disabled)
fi
# shellcheck disable=SC2206  # words are wanted
options+=(${MESON_OPTIONS:-})
if [ -e "$build/build.ninja" ]; then
  meson configure "$build" "${options[@]}" >/dev/null || die "meson configure failed in $build; remove that folder and try again"
else
  say "Configuring in $build"
  meson setup "$build" "$root" "${options[@]}" >"$root/.setup.log" 2>&1 || { cat "$root/.setup.log" >&2; die "meson setup failed"; }
  mv "$root/.setup.log" "$build/setup.log"
fi
say "Building in $build"
ninja -C "$build" >&2

#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The set-up scripts' own errors. That they install and build is shown by every run of tests/run.sh.
set -u
. "$(dirname "$0")/tap.sh"
cd "$ANOMALY_SOURCE_ROOT" || exit 1
check "setup: unknown option" fails "unknown option" pipelines/setup.sh --nonsense
check "setup: a TORCH_DIR without LibTorch" fails "no LibTorch in TORCH_DIR" env TORCH_DIR=/nonexistent pipelines/setup.sh --no-build

# Which LibTorch: on a machine with a GPU, by a pip that only says what it was asked for.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
cat >"$work/bin/python3" <<'STUB'
#!/bin/sh
echo "$@" >>"$PIP_LOG"
while [ $# -gt 0 ]; do
  if [ "$1" = --target ]; then mkdir -p "$2/torch/lib" && touch "$2/torch/lib/libtorch_cpu.so"; fi
  shift
done
STUB
printf '#!/bin/sh\necho "GPU 0: a stand-in"\n' >"$work/bin/nvidia-smi"
chmod +x "$work/bin"/*
torch() { env PATH="$work/bin:$PATH" PIP_LOG="$work/log" "$@"; }
setup() { torch env -u TORCH_DIR -u GST_ANOMALY_GPU XDG_CACHE_HOME="$work" pipelines/setup.sh --no-build "$@"; }
asked() { grep -c -- "$1" "$work/log"; }
check "setup: LibTorch is installed" setup
check "setup: without its GPU libraries, GPU or not" test "$(asked --no-deps)" = 1
check "setup: with them where --gpu asks" setup --gpu
check "setup: the GPU libraries come as dependencies" test "$(asked --no-deps)-$(asked torch==)" = 1-2
check "setup: what is there is not fetched again" eval 'setup && setup --gpu && test "$(asked torch==)" = 2'
check "libtorch: another flavour in its place" eval 'torch pipelines/libtorch.sh "$work/one" && torch pipelines/libtorch.sh --gpu "$work/one" && grep -q gpu "$work/one/.complete"'
mkdir "$work/mine"
touch "$work/mine/precious"
check "libtorch: a folder of something else" fails "name another folder" torch pipelines/libtorch.sh "$work/mine"
check "libtorch: it is left alone" test -e "$work/mine/precious"
check "libtorch: unknown option" fails "unknown option" pipelines/libtorch.sh --nonsense
check "libtorch: --help" grep -q "usage: libtorch.sh" <(pipelines/libtorch.sh --help)

check "setup: --help" grep -q "usage: pipelines/setup.sh" <(pipelines/setup.sh --help)
check "dashcam: --help" grep -q "usage: pipelines/dashcam.sh" <(pipelines/dashcam.sh --help)
check "report: --help" grep -q "usage: pipelines/report.sh" <(pipelines/report.sh --help)
check "record-events: --help" grep -q "usage: pipelines/record-events.sh" <(pipelines/record-events.sh --help)
check "record-events: without a source" fails "usage: pipelines/record-events.sh" pipelines/record-events.sh
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs LibTorch from PyPI's wheel of PyTorch, with pip; Python plays no part in what uses it.
#
# usage: libtorch.sh [--gpu] [FOLDER]
#   FOLDER   gets torch/ (libraries, headers) and nvidia/ (the CUDA libraries that LibTorch is linked with); default:
#            /usr/local/lib/gst-anomaly, where the Debian package looks for it
#   --gpu    with the GPU libraries: 4.9 GB instead of 1.3 GB
set -euo pipefail

version=2.11.0
folder=/usr/local/lib/gst-anomaly gpu=0
while [ $# -gt 0 ]; do
  case $1 in
    --gpu) gpu=1 ;;
    -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) echo "libtorch.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
    *) folder=$1 ;;
  esac
  shift
done
# .complete names what this script put there; anything else is not its to replace.
flavour=$version-$([ "$gpu" = 1 ] && echo gpu || echo cpu)
if [ -e "$folder/.complete" ]; then
  if [ "$(cat "$folder/.complete")" = "$flavour" ] && [ -e "$folder/torch/lib/libtorch_cpu.so" ]; then exit 0; fi
elif [ -n "$(ls -A "$folder" 2>/dev/null)" ]; then
  echo "libtorch.sh: $folder holds something else; name another folder" >&2
  exit 1
fi
python3 -m pip --version >/dev/null 2>&1 || { echo "libtorch.sh: pip is missing (Debian: apt-get install python3-pip)" >&2; exit 1; }

echo "==> Installing LibTorch $flavour into $folder" >&2
partial=$folder.partial
rm -rf "$partial"
mkdir -p "$partial"
pip=(python3 -m pip install --disable-pip-version-check --root-user-action=ignore --no-compile
  --target "$partial" --python-version 3.11 --implementation cp --only-binary=:all:)
if [ "$gpu" = 1 ]; then
  "${pip[@]}" "torch==$version" >&2
else
  "${pip[@]}" --no-deps "torch==$version" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 >&2
fi
echo "$flavour" >"$partial/.complete"
rm -rf "$folder"
mv "$partial" "$folder"

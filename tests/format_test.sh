#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every source is formatted as .clang-format says, by the release that the tree is formatted by.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/pipelines/tap.sh

if ! command -v clang-format-14 > /dev/null; then
  skip "sources are formatted" "clang-format-14 is not installed (Debian: apt-get install clang-format-14)"
elif ! git rev-parse --git-dir > /dev/null 2>&1; then
  skip "sources are formatted" "not a git checkout: which files are ours is not known"
else
  check "sources are formatted" tests/lint.sh --format-only
fi
finish

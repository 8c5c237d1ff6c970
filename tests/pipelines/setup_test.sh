#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The set-up scripts' own errors. That they install and build is shown by every run of tests/run.sh.
set -u
. "$(dirname "$0")/tap.sh"
cd "$ANOMALY_SOURCE_ROOT" || exit 1
check "setup: unknown option" fails "unknown option" pipelines/setup.sh --nonsense
check "setup: a TORCH_DIR without LibTorch" fails "no LibTorch in TORCH_DIR" env TORCH_DIR=/nonexistent pipelines/setup.sh --no-build
check "setup: --help" grep -q "usage: pipelines/setup.sh" <(pipelines/setup.sh --help)
check "dashcam: --help" grep -q "usage: pipelines/dashcam.sh" <(pipelines/dashcam.sh --help)
finish

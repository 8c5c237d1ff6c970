#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The metadata library exports what abi.symbols lists: nothing less, so that programs go on working, and nothing
# more, so that nobody comes to rely on it.
#
# usage: abi.sh LIBRARY
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../pipelines/tap.sh"

# Names that begin with an underscore are the toolchain's.
exported() { nm -D --defined-only "$1" | awk '$3 !~ /^_/ {print $3}' | LC_ALL=C sort; }
same_symbols() { diff <(exported "$1") "$here/abi.symbols"; }
documented() {
  local missing=0
  while read -r symbol; do
    # A documentation comment of the function with its version; types' own functions need none.
    case $symbol in *_get_type) continue ;; esac
    if ! grep -hA40 "^ \* $symbol:" "$here"/../../gst/lib/*.c | sed '/\*\//q' | grep -q 'Since: '; then
      echo "$symbol has no documentation with a Since tag"
      missing=1
    fi
  done <"$here/abi.symbols"
  return $missing
}
named_soname() { [ "$(objdump -p "$1" | awk '$1 == "SONAME" {print $2}')" = libgstanomaly-1.0.so.0 ]; }

check "exported functions" same_symbols "$1"
check "each documented, with the version it came in" documented
check "soname" named_soname "$1"
finish

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Formatting (clang-format, .clang-format) and static analysis (clang-tidy, .clang-tidy) of our sources.
#
#   tests/lint.sh [--all] [--format-only] [--jobs N] [BUILD] [FILE...]
#
# BUILD: a configured build folder, whose compile_commands.json says how files are compiled (default: the newest
# build*/). FILE: only these. clang-tidy leaves out what includes LibTorch, which takes it most of a minute a file,
# unless --all is given, and what the build does not compile. Exit status 1 if anything is found, 2 if it cannot run.
set -euo pipefail
cd "$(dirname "$0")/.."

all=false tidy=true build='' jobs=$(nproc)
files=()
while [ $# -gt 0 ]; do
  case $1 in
    --all) all=true ;;
    --format-only) tidy=false ;;
    --jobs) jobs=${2:?--jobs needs a number}; shift ;;
    -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) echo "lint: unknown option $1 (--help tells the known ones)" >&2; exit 2 ;;
    *) if [ -d "$1" ]; then build=$1; else files+=("${1#./}"); fi ;;
  esac
  shift
done
if [ ${#files[@]} -eq 0 ]; then
  mapfile -t files < <(git ls-files '*.c' '*.cpp' '*.h' '*.cu' '*.cuh' | while read -r f; do [ -e "$f" ] && echo "$f"; done)
fi

# Releases of clang-format disagree on details; the tree is formatted by 14, Debian 12's.
pick() {
  local tool
  for tool in "$1-14" "$1"; do
    if command -v "$tool" > /dev/null; then echo "$tool"; return; fi
  done
  echo "lint: $1 is not installed (Debian: apt-get install $1)" >&2
  exit 2
}
format=$(pick clang-format)
version=$("$format" --version | sed 's/.*version \([0-9]*\).*/\1/')
[ "$version" = 14 ] || echo "lint: clang-format $version formats in places otherwise than 14, which the tree is formatted by" >&2

status=0
said=$(printf '%s\0' "${files[@]}" | xargs -0 "$format" --dry-run -Werror 2>&1) || status=1
mapfile -t unformatted < <(sed -n 's/^\(.*\):[0-9]*:[0-9]*: error: code should be clang-formatted.*/\1/p' <<< "$said" | sort -u)
if [ $status = 1 ] && [ ${#unformatted[@]} -eq 0 ]; then
  printf '%s\n' "$said" "lint: $format failed" >&2
  exit 2
fi
if [ ${#unformatted[@]} -gt 0 ]; then
  status=1
  printf 'lint: not formatted: %s\n' "${unformatted[@]}"
  echo "lint: to format: $format -i ${unformatted[*]}"
fi
echo "lint: clang-format: ${#files[@]} files, ${#unformatted[@]} not formatted"
$tidy || exit $status

checker=$(pick clang-tidy)
if [ -z "$build" ]; then
  build=$(ls -td build*/compile_commands.json 2> /dev/null | head -1 | xargs -r dirname)
fi
if [ -z "$build" ] || [ ! -e "$build/compile_commands.json" ]; then
  echo "lint: clang-tidy needs a configured build folder: meson setup build" >&2
  exit 2
fi

# Files that are compiled in a group (meson's unity) get the group's command each.
database=$(mktemp -d) findings=$(mktemp)
trap 'rm -rf "$database" "$findings"' EXIT
python3 - "$build/compile_commands.json" "$database/compile_commands.json" << 'END'
import json, os, re, sys
commands = []
for entry in json.load(open(sys.argv[1])):
    path = os.path.join(entry["directory"], entry["file"])
    if re.search(r"-unity\d+\.c(pp)?$", path):
        included = re.findall(r'^#include[ <"]+([^>"]+)', open(path).read(), re.MULTILINE)
    else:
        included = [path]
    for source in included:
        source = os.path.realpath(os.path.join(entry["directory"], source))
        commands.append(dict(entry, file=source, command=entry["command"].replace(entry["file"], source)))
json.dump(commands, open(sys.argv[2], "w"), indent=0)
END

# Sources that include LibTorch, directly or through headers of ours.
heavy=$(git grep -lE '^#include <(ATen|torch|c10)/' -- '*.cpp' '*.h' || true)
while true; do
  headers=$(grep '\.h$' <<< "$heavy" | sed 's/[.[\*^$]/\\&/g' | paste -sd'|' || true)
  [ -n "$headers" ] || break
  more=$(printf '%s\n%s\n' "$heavy" "$(git grep -lE "^#include \"($headers)\"" -- '*.cpp' '*.h' || true)" | sort -u)
  [ "$more" != "$(sort -u <<< "$heavy")" ] || break
  heavy=$more
done

chosen=() left=0
for f in "${files[@]}"; do
  case $f in *.c | *.cpp) ;; *) continue ;; esac
  grep -qF "/$f\"" "$database/compile_commands.json" || { left=$((left + 1)); continue; }
  if ! $all && grep -qxF "$f" <<< "$heavy"; then left=$((left + 1)); continue; fi
  chosen+=("$f")
done
if [ ${#chosen[@]} -gt 0 ]; then
  printf '%s\0' "${chosen[@]}" |
    xargs -0 -n 1 -P "$jobs" "$checker" -p "$database" --quiet --extra-arg=-Wno-unknown-warning-option \
      --extra-arg=-Wno-ignored-optimization-argument > "$findings" 2> /dev/null || status=1
fi
# One header is seen from many files.
grep -E '^[^ ]+:[0-9]+:[0-9]+: (warning|error):' "$findings" | sed "s|^$PWD/||" | sort -u || true
echo "lint: clang-tidy: ${#chosen[@]} files, $left left out, $(grep -cE ': (warning|error):' "$findings" || true) findings"
exit $status

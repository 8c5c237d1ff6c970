# SPDX-License-Identifier: LGPL-2.1-or-later
# TAP for shell suites: check "what" command...   skip "what" "why"   finish
number=0
failures=0

# Runs the command; the check passes where it succeeds. Its output is shown where it does not.
check() {
  local what=$1 log
  shift
  number=$((number + 1))
  if log=$("$@" 2>&1); then
    echo "ok $number - $what"
  else
    failures=$((failures + 1))
    echo "not ok $number - $what"
    printf '%s\n' "$*" "$log" | sed 's/^/# /' >&2
  fi
}

skip() {
  number=$((number + 1))
  echo "ok $number - $1 # SKIP $2"
}

finish() {
  echo "1..$number"
  [ "$failures" = 0 ]
}

# fails TEXT command...: succeeds where the command fails with TEXT in what it prints and dies of no signal.
fails() {
  local text=$1 log status=0
  shift
  log=$("$@" 2>&1) || status=$?
  printf '%s\n' "$log"
  [ "$status" -gt 0 ] && [ "$status" -lt 126 ] && printf '%s' "$log" | grep -qF -- "$text"
}

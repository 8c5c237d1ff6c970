# SPDX-License-Identifier: LGPL-2.1-or-later
# For scripts that run several stages, each ending in "N passed, N failed, N skipped": stage command...   finish_stages
stage_totals=$(mktemp)
trap 'rm -f "$stage_totals" "$stage_totals.log"' EXIT

# A stage that fails, or breaks off before its last line, is a failure of the whole.
stage() {
  local status=0
  "$@" | tee "$stage_totals.log" || status=1
  { tail -n 1 "$stage_totals.log"; echo "status $status"; } >>"$stage_totals"
}

finish_stages() {
  awk '/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { passed += $1; failed += $3; skipped += $5; bad = $3; lines++ }
       /^status / { stages++; if (lines < stages || ($2 && !bad)) { failed++; lines = stages } bad = 0 }
       END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 || passed == 0 }' "$stage_totals"
}

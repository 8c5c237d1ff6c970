#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up meson's test log by single checks (TAP lines, gst-check and unittest summaries) and lists what was skipped.

usage: summary.py TESTLOG.JSON [STATUS]     STATUS: exit status of meson test, kept if no failure was counted
"""
import json
import re
import sys


def count(entry):
    """(passed, failed, skipped lines) of one test program."""
    out = entry.get("stdout") or ""
    err = entry.get("stderr") or ""
    good = entry["result"] in ("OK", "EXPECTEDFAIL")
    tap = re.findall(r"^(not ok|ok) \d+\b(.*)$", out, re.M)
    if tap:
        skipped = [text.strip(" -") for state, text in tap if state == "ok" and "# SKIP" in text]
        passed = sum(state == "ok" for state, _ in tap) - len(skipped)
        failed = sum(state != "ok" for state, _ in tap)
    elif sums := re.findall(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", out, re.M):
        checks, failures, errors = (sum(int(s[i]) for s in sums) for i in range(3))
        passed, failed, skipped = checks - failures - errors, failures + errors, []
    elif ran := re.search(r"^Ran (\d+) tests? in", err, re.M):
        end = re.search(r"^(?:OK|FAILED)(?: \((.*)\))?$", err, re.M)
        marks = dict(re.findall(r"(\w+)=(\d+)", (end and end.group(1)) or ""))
        failed = int(marks.get("failures", 0)) + int(marks.get("errors", 0))
        skipped = re.findall(r"^(\S+ .*skipped .*)$", err, re.M) or ["?"] * int(marks.get("skipped", 0))
        passed = int(ran.group(1)) - failed - len(skipped)
    elif entry["result"] == "SKIP":
        passed, failed, skipped = 0, 0, [((out + err).strip().splitlines() or ["no reason given"])[-1]]
    else:
        passed, failed, skipped = int(good), int(not good), []
    if not good and entry["result"] != "SKIP" and failed == 0:
        failed = 1  # a crash or time-out after the last check
    return passed, failed, skipped


def main():
    totals = [0, 0, 0]
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            entry = json.loads(line)
            passed, failed, skipped = count(entry)
            for why in skipped:
                print(f"skipped: {entry['name']}: {why}")
            if failed:
                print(f"FAILED: {entry['name']} ({failed})")
            totals = [totals[0] + passed, totals[1] + failed, totals[2] + len(skipped)]
    status = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    if status and not totals[1]:
        totals[1] = 1
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    sys.exit(1 if totals[1] or not totals[0] else 0)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: LGPL-2.1-or-later
"""TAP for suites in Python."""
import sys
import traceback

number = 0
failures = 0


def result(what, problem=None, skip=None):
    """One check: passed where `problem` is empty."""
    global number, failures
    number += 1
    failures += bool(problem)
    print(f"{'not ok' if problem else 'ok'} {number} - {what}{f' # SKIP {skip}' if skip else ''}", flush=True)
    if problem:
        print("\n".join(f"# {line}" for line in str(problem).splitlines()), file=sys.stderr, flush=True)


def check(what, test, *arguments):
    """Passes where the function returns nothing (or nothing false) and raises nothing."""
    try:
        result(what, test(*arguments))
    except Exception:  # pylint: disable=broad-except
        result(what, traceback.format_exc())


def equal(value, expected):
    return None if value == expected else f"{value!r}, not {expected!r}"


def finish():
    print(f"1..{number}")
    sys.exit(1 if failures or not number else 0)

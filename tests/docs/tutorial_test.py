#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Follows a tutorial as a reader would: writes its files, runs its commands in order, compares what they print. Prints TAP.

usage: tutorial_test.py TUTORIAL.md HEADERS LIBRARIES     the folders of the metadata's header and library, in a build

In the tutorial: `<!-- file: NAME -->` before a block names the file that it is; a block `sh` is run, in one folder and one
shell; a block `output` is what the block before it prints, line by line, where an ellipsis stands for anything. Lines of the
an `output` may come in any order where the text says "(The order may differ.)".
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)^```$(?P<after>\n\n\(The order may differ\.\))?",
                   re.S | re.M)


def matches(expected, printed):
    return re.fullmatch(".*".join(map(re.escape, expected.split("…"))), printed) is not None


def differences(expected, printed):
    if len(expected) != len(printed):
        return [f"{len(printed)} lines, not {len(expected)}:", *printed]
    return [f"\"{p}\" is not \"{e}\"" for e, p in zip(expected, printed) if not matches(e, p)]


def use_uninstalled(folder, headers, libraries):
    """pkg-config finds the build's library as if it were installed."""
    include = Path(folder, "include/gst")
    include.mkdir(parents=True)
    (include / "anomaly").symlink_to(headers)
    Path(folder, "gstreamer-anomaly-1.0.pc").write_text(
        f"Name: gstreamer-anomaly-1.0\nDescription: uninstalled\nVersion: 0\nRequires: gstreamer-1.0 gstreamer-video-1.0\n"
        f"Cflags: -I{folder}/include\nLibs: -L{libraries} -lgstanomaly-1.0\n", encoding="utf-8")
    return {**os.environ, "PKG_CONFIG_PATH": folder, "LD_LIBRARY_PATH": str(libraries)}


def main():
    tutorial, headers, libraries = (Path(argument).resolve() for argument in sys.argv[1:4])
    steps, number, failed = [], 0, 0
    for block in BLOCK.finditer(tutorial.read_text(encoding="utf-8")):
        steps.append(block.groupdict())
    with tempfile.TemporaryDirectory() as top:
        environment = use_uninstalled(top, headers, libraries)
        folder, state = Path(top, "work"), Path(top, "state")
        folder.mkdir()
        printed, commands = None, 0
        for step in steps:
            problems, what = [], None
            if step["file"]:
                Path(folder, step["file"]).write_text(step["body"], encoding="utf-8")
            elif step["kind"] == "sh":
                # One shell's variables go on to the next block.
                script = f"set -eo pipefail; [ ! -e {state} ] || . {state}\n{step['body']}\nexport -p >{state}\n"
                run = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=240,
                                     env=environment)
                commands += 1
                what, printed = f"command {commands} succeeds", run.stdout.splitlines()
                if run.returncode:
                    problems = [step["body"], run.stdout, run.stderr]
            elif step["kind"] == "output":
                what = f"command {commands} prints what the text says"
                expected = step["body"].splitlines()
                problems = differences(sorted(expected), sorted(printed)) if step["after"] else differences(expected, printed)
            if what:
                number += 1
                failed += bool(problems)
                print(f"{'not ok' if problems else 'ok'} {number} - {tutorial.stem}: {what}")
                for problem in problems:
                    print(f"# {problem}", file=sys.stderr)
    print(f"1..{number}")
    sys.exit(1 if failed or not number else 0)


if __name__ == "__main__":
    main()

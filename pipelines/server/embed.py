#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A page as an array in C, with the hashes of its one style and its one script as a Content-Security-Policy names them.

usage: embed.py PAGE.html PAGE.h
"""
import base64
import hashlib
import re
import sys
from pathlib import Path


def main():
    page = Path(sys.argv[1]).read_bytes()
    lines = ["/* Made of page.html by embed.py. */"]
    for tag in ("style", "script"):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>".encode(), page, re.S)
        if len(found) != 1:
            sys.exit(f"{sys.argv[1]}: {len(found)} times <{tag}>, not once")
        digest = base64.b64encode(hashlib.sha256(found[0]).digest()).decode()
        lines.append(f"#define PAGE_{tag.upper()}_HASH \"'sha256-{digest}'\"")
    lines.append("static const unsigned char page_html[] = {")
    lines += [",".join(str(byte) for byte in page[start:start + 32]) + "," for start in range(0, len(page), 32)]
    Path(sys.argv[2]).write_text("\n".join(lines) + "};\n", encoding="ascii")


main()

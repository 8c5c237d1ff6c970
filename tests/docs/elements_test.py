#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The documentation against the code: docs/elements.md against the registry, docs/metadata.md against the header. Prints TAP.

usage: elements_test.py DESCRIBE SOURCE_ROOT     DESCRIBE: the program of describe.c
"""
import re
import subprocess
import sys
from pathlib import Path

# Properties of base classes that mean here what they mean everywhere.
COMMON = {"name", "parent", "blocksize", "do-timestamp", "typefind", "num-buffers", "qos"}
failures = []
number = 0


def check(what, problems):
    global number
    number += 1
    print(f"{'not ok' if problems else 'ok'} {number} - {what}")
    for problem in problems:
        print(f"# {what}: {problem}", file=sys.stderr)
    failures.extend(problems)


def quoted(text):
    """What stands in backticks."""
    return re.findall(r"`([^`]*)`", text)


def tables(section):
    """Every table of a section: a list of rows, each a dict by the names of the columns."""
    found, header = [], None
    for line in section.splitlines():
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if header is None:
            header = cells
            found.append([])
        elif not re.fullmatch(r"[-: |]+", line.replace("|", "").strip() or "-"):
            found[-1].append(dict(zip(header, cells + [""] * (len(header) - len(cells)))))
    return [table for table in found if table]


def sections(text, marks="## "):
    parts = re.split(rf"(?m)^{marks}", text)
    return {part.split("\n", 1)[0].strip(): part for part in parts[1:]}


def first(cell):
    """The literal at a cell's beginning: in backticks, or its first word."""
    match = re.match(r"`([^`]*)`|([^\s:,;]*)", cell)
    return match.group(1) if match.group(1) is not None else match.group(2)


class Facts:
    def __init__(self, lines):
        self.elements, self.pads, self.properties, self.signals = [], {}, {}, {}
        for line in lines:
            kind, *rest = line.split("\t")
            if kind == "element":
                self.elements.append(rest[0])
            elif kind == "pad":
                self.pads.setdefault(rest[0], {})[rest[1]] = rest[2:]
            elif kind == "property":
                self.properties.setdefault(rest[0], {})[rest[1]] = rest[2:]
            elif kind == "signal":
                self.signals.setdefault(rest[0], set()).add(rest[1])


def rows_of(section, column):
    """Rows of the section's tables that have this first column, by each name in it."""
    rows = {}
    for table in tables(section):
        if next(iter(table[0])) != column:
            continue
        for row in table:
            for name in quoted(row[column]):
                rows[name] = row
    return rows


def check_properties(element, facts, section):
    rows, known = rows_of(section, "property"), facts.properties[element]
    own = {name for name, fact in known.items() if fact[2] != "inherited"}
    check(f"{element}: every property is documented", [f"`{name}` is not" for name in sorted(own - rows.keys())])
    check(f"{element}: every documented property is there",
          [f"`{name}` is not" for name in sorted(rows.keys() - (own | (COMMON & known.keys())))])
    wrong = {"type": [], "default": [], "change": [], "values": [], "blurb": []}
    for name, (kind, default, change, values, blurb) in known.items():
        if change != "inherited" and (len(blurb) < 8 or blurb.endswith(".")):
            wrong["blurb"].append(f"`{name}`: {blurb!r}")
        if name not in rows:
            continue
        row = rows[name]
        if row.get("type") != kind:
            wrong["type"].append(f"`{name}` is \"{kind}\", not \"{row.get('type')}\"")
        default = "empty" if default == '""' else default.strip('"')
        if first(row.get("default", "")) != default:
            wrong["default"].append(f"`{name}` defaults to {default or 'nothing'}, not \"{row.get('default')}\"")
        said = row.get("change while playing", "") or "no"
        if change not in (said, "inherited"):
            wrong["change"].append(f"`{name}`: \"{change}\", not \"{said}\"")
        missing = set(filter(None, values.split(","))) - set(quoted(" ".join(row.values())))
        wrong["values"] += [f"`{name}`: `{value}` is not explained" for value in sorted(missing)]
    check(f"{element}: types and ranges", wrong["type"])
    check(f"{element}: defaults", wrong["default"])
    check(f"{element}: what can change while playing", wrong["change"])
    check(f"{element}: values of enums, flags and structures", wrong["values"])
    check(f"{element}: what gst-inspect-1.0 says of each property", wrong["blurb"])


def check_pads(element, facts, section, formats):
    rows, known = rows_of(section, "pad"), facts.pads[element]
    problems = [f"`{name}` is not documented" for name in known.keys() - rows.keys()]
    problems += [f"`{name}` does not exist" for name in rows.keys() - known.keys()]
    for name in known.keys() & rows.keys():
        direction, presence, listed = known[name]
        if rows[name].get("direction") != direction or rows[name].get("presence") != presence:
            problems.append(f"`{name}` is a {presence} {direction} pad")
        listed = {f for f in listed.split(",") if f}
        if listed and listed != formats:
            problems.append(f"`{name}`: formats differ by {sorted(listed ^ formats)}")
    check(f"{element}: pads", problems)


def check_messages(root, text):
    """Element messages: their names and fields as the sources build them."""
    built = {}
    for source in sorted((root / "gst/plugin").glob("*.cpp")):
        code = source.read_text(encoding="utf-8")
        for call in re.findall(r"gst_structure_new(?:_empty)?\((.*?)\);", code, re.S):
            name = re.match(r"\s*\"([^\"]+)\"", call)
            if not name or "stats" in name.group(1) or name.group(1) == "options":  # of a converter
                continue
            added = re.findall(r"gst_structure_set\((.*?)\);", code, re.S)
            built.setdefault(name.group(1), set()).update(re.findall(r"\"([a-z][a-z-]*)\",\s*G_TYPE_", " ".join([call, *added])))
    fields = {}
    for name in re.findall(r"(?i)element messages? named `([^`]+)`", text):
        after = text[re.search(rf"(?i)element messages? named `{name}`", text).end():]
        fields[name] = set(re.findall(r"`([^`]+)`", " ".join(
            row["field"] for row in tables(after.split("\n## ")[0])[0] if "field" in row)))
    check("element messages: names", [f"{name}: on one side only" for name in sorted(built.keys() ^ fields.keys())])
    check("element messages: fields", [f"{name}: {sorted(built[name] ^ fields[name])}" for name in built.keys() & fields.keys()
                                       if built[name] != fields[name]])


def check_metadata(root):
    """Fields of the public structures, and the functions' documentation."""
    header = (root / "gst/lib/gstanomalymeta.h").read_text(encoding="utf-8")
    text = (root / "docs/metadata.md").read_text(encoding="utf-8")
    documented = set()
    for table in tables(text):
        if next(iter(table[0])) in ("field", "name"):
            documented |= {name for row in table for name in quoted(next(iter(row.values())))}
    for struct in ("GstAnomalyMeta", "GstAnomalyRegion"):
        body = re.search(rf"struct _{struct}\s*{{(.*?)\n}};", header, re.S).group(1)
        public = re.sub(r"/\*.*?\*/", "", body.split("/*< private >*/")[0], flags=re.S)
        names = {re.search(r"(\w+)(\[\w*\])?$", part.strip()).group(1) for line in public.split(";") if line.strip()
                 for part in line.split(",")}
        names -= {"meta"}
        check(f"{struct}: fields", [f"`{name}` is not documented" for name in sorted(names - documented)] or
              (["no field was found in the header"] if not names else []))


def main():
    describe, root = sys.argv[1], Path(sys.argv[2])
    facts = Facts(subprocess.run([describe, "anomaly"], check=True, capture_output=True, text=True).stdout.splitlines())
    text = (root / "docs/elements.md").read_text(encoding="utf-8")
    by_name = sections(text)
    formats = set(quoted(by_name.get("Formats", "").split("\n\n", 2)[1])) if "Formats" in by_name else set()
    check("every element has its section", sorted(set(facts.elements) - by_name.keys()) or
          (["the registry knows of none"] if not facts.elements else []))
    check("every section is an element's", sorted(n for n in by_name if n.startswith("anomaly") and n not in facts.elements))
    for element in facts.elements:
        section = by_name.get(element, "")
        check_pads(element, facts, section, formats)
        check_properties(element, facts, section)
        check(f"{element}: signals", sorted(facts.signals.get(element, set()) ^ rows_of(section, "signal").keys()))
    check_messages(root, text)
    check_metadata(root)
    print(f"1..{number}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Registers, spills and widths of memory accesses of the CUDA module's kernels, read from its machine code.

usage: sass_widths.py MODULE [ARCHITECTURE]      default: sm_90

Needs cuobjdump (and nvdisasm, which it calls) on PATH. Prints a line a kernel: registers, bytes of stack, then
instructions that load from and store to global memory, by bits of a thread's access. An instruction in a loop
counts once.
"""
import collections
import re
import subprocess
import sys

WIDTHS = (128, 64, 32, 16, 8)


def run(*command, stdin=None):
    return subprocess.run(command, check=True, capture_output=True, text=True, input=stdin).stdout


def width_of(instruction):
    """Bits of LDG.E.128.CONSTANT, STG.E.U8 and so on."""
    parts = instruction.split(".")
    for bits in (128, 64):
        if str(bits) in parts:
            return bits
    for part in parts:
        if part in ("U8", "S8"):
            return 8
        if part in ("U16", "S16"):
            return 16
    return 32


def short(name):
    """The kernel structure of grid_kernel<...>."""
    inside = re.search(r"grid_kernel<(.*)>\(", name)
    name = inside.group(1) if inside else name
    return re.sub(r"anomaly::cuda::|anomaly::|\(int\)|\(bool\)|\(AnomalyCudaType\)", "", name).strip()


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    module, architecture = sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "sm_90"
    kernels = collections.defaultdict(lambda: {"load": collections.Counter(), "store": collections.Counter()})
    current = None
    for line in run("cuobjdump", "-sass", "-arch", architecture, module).splitlines():
        if found := re.search(r"Function : (\S+)", line):
            current = kernels[found.group(1)]
        elif current is not None and (found := re.search(r"\b(LDG|STG|LD|ST)(\.\S*)?\s", line)):
            kind = "load" if found.group(1).startswith("LD") else "store"
            current[kind][width_of(found.group(1) + (found.group(2) or ""))] += 1
    usage = run("cuobjdump", "-res-usage", "-arch", architecture, module)
    for name, registers, stack in re.findall(r"Function (\S+):\s+REG:(\d+) STACK:(\d+)", usage):
        kernels[name]["registers"], kernels[name]["stack"] = int(registers), int(stack)
    names = run("c++filt", stdin="\n".join(kernels)).splitlines()
    print("kernel | registers | stack | loads 128/64/32/16/8 | stores 128/64/32/16/8")
    for name, (_, kernel) in sorted(zip(map(short, names), kernels.items())):
        counts = [" / ".join(str(kernel[kind][bits]) for bits in WIDTHS) for kind in ("load", "store")]
        print(f"{name} | {kernel.get('registers')} | {kernel.get('stack')} | {counts[0]} | {counts[1]}")


if __name__ == "__main__":
    main()

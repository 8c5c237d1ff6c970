# SPDX-License-Identifier: LGPL-2.1-or-later
# Takes the C example out of docs/metadata.md, so that a test compiles and runs what readers copy.
import re
import sys

source, target = sys.argv[1:]
with open(source, encoding="utf-8") as page:
    blocks = re.findall(r"^```c\n(.*?)^```$", page.read(), re.S | re.M)
if len(blocks) != 1:
    sys.exit(f"{source}: one example in C was expected, {len(blocks)} were found")
with open(target, "w", encoding="utf-8") as out:
    # The installed name of the header is not there before it is installed.
    out.write(blocks[0].replace("<gst/anomaly/gstanomalymeta.h>", '"gst/lib/gstanomalymeta.h"'))

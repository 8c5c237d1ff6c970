#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples in Python: what they print against what anomalypublish writes, and that no map is copied. Prints TAP.

usage: python_test.py EXAMPLES BUNDLE     EXAMPLES: the folder pipelines/python
"""
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "server"))
from tap import check, equal, finish, result  # noqa: E402  pylint: disable=wrong-import-position

EXAMPLES, BUNDLE = (Path(argument).resolve() for argument in sys.argv[1:3])
DRIVE = "test://?frames=6&width=64&height=48&framerate=10"
PATIENCE = 120


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE, check=False)


def example(name, *arguments):
    return run(sys.executable, EXAMPLES / name, *arguments)


def lines_of_json():
    with tempfile.NamedTemporaryFile() as file:
        run("gst-launch-1.0", "-q", "anomalysource", f"location={DRIVE}", "!", "videoconvert", "!", "anomalydetect", f"model={BUNDLE}",
            "threads=1", "!", "anomalypublish", f"location={file.name}", "!", "fakesink")
        return [json.loads(line) for line in Path(file.name).read_text(encoding="utf-8").splitlines()]


def maps():
    told, done = lines_of_json(), example("maps_to_numpy.py", DRIVE, f"model={BUNDLE}", "threads=1", "attach=labels+entropy")
    if done.returncode or len(told) != 6:
        return f"{done.returncode}: {done.stderr}, {len(told)} lines of JSON"
    found = re.findall(r"(?m)^(\S+) s: (\d+)x(\d+) max (\S+) at (\d+),(\d+) mean (\S+) (labels=\(\d+, \d+\)) (entropy=\(\d+, \d+\))$", done.stdout)
    if len(found) != 6:
        return done.stdout
    for frame, (time, width, height, most, column, row, mean, *_) in zip(told, found):
        if (abs(float(time) - frame["pts"] / 1e9) > 0.006 or abs(float(most) - frame["max"]) > 2e-6 or
                abs(float(mean) - frame["mean"]) > 2e-6 or int(column) >= int(width) or int(row) >= int(height)):
            return f"{found}\n{told}"
    return None


def events():
    done = example("print_events.py", DRIVE, f"model={BUNDLE}", "threads=1", "event-on-score=0", "event-update-interval=200000000")
    kinds = [line.split()[0] for line in done.stdout.splitlines()]
    scores = [frame["score"] for frame in lines_of_json()]
    last = done.stdout.splitlines()[-1]
    return (equal((done.returncode, done.stderr), (0, "")) or equal(kinds, ["start", "update", "update", "end"]) or
            (None if f"peak {max(scores):.3f} " in last and last.endswith("lasted 0.50 s (eos)") else last))


def no_copy():
    import numpy  # pylint: disable=import-outside-toplevel
    from gi.repository import Gst, GstAnomaly  # pylint: disable=import-outside-toplevel
    spec = importlib.util.spec_from_file_location("maps_to_numpy", EXAMPLES / "maps_to_numpy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    Gst.init(None)
    values = numpy.arange(6, dtype=numpy.float32)
    buffer = Gst.Buffer.new()
    meta = GstAnomaly.buffer_add_anomaly_meta(buffer)
    meta.set_map(3, 2, Gst.Buffer.new_wrapped(values.tobytes()))
    meta.add_plane("labels", GstAnomaly.AnomalyPlaneType.U8, 2, 1, 1, Gst.Buffer.new_wrapped(b"ab"))
    meta.add_plane("synthesis", GstAnomaly.AnomalyPlaneType.U8, 1, 1, 3, Gst.Buffer.new_wrapped(b"rgb"))
    array, again = module.plane_array(meta.map), module.plane_array(meta.map)
    if not numpy.shares_memory(array, again) or array.flags.writeable or array.flags.owndata:
        return f"copied, or writable: {array.flags}"
    others = module.planes(meta)
    problem = (equal(sorted(others), ["anomaly", "labels", "synthesis"]) or equal(others["labels"].tolist(), [[97, 98]]) or
               equal(others["synthesis"].shape, (1, 1, 3)))
    # The frame goes, the array stays.
    del meta, again, others
    buffer = None
    for _ in range(100):
        Gst.Buffer.new_wrapped(b"\xff" * 24)
    return problem or equal(array.tolist(), [[0, 1, 2], [3, 4, 5]])


def wrong(name):
    nothing, missing = example(name), example(name, "/nonexistent.mp4")
    return (equal((nothing.returncode, "usage:" in nothing.stderr), (2, True)) or
            equal((missing.returncode, missing.stderr), (1, '"/nonexistent.mp4" does not exist.\n')))


try:
    import gi
    gi.require_version("GstAnomaly", "1.0")
    MISSING = None
except (ImportError, ValueError) as error:
    MISSING = f"{error} (Debian: apt-get install python3-gi gir1.2-gstreamer-1.0)"
if MISSING:
    result("the examples in Python", skip=MISSING)
else:
    check("print_events.py: start, updates, end", events)
    check("print_events.py: what is wrong is said", wrong, "print_events.py")
    if importlib.util.find_spec("numpy") is None:
        result("maps_to_numpy.py", skip="NumPy is missing (Debian: apt-get install python3-numpy)")
    else:
        check("maps_to_numpy.py: each frame's map is anomalypublish's", maps)
        check("no map is copied, and each outlives its frame", no_copy)
        check("maps_to_numpy.py: what is wrong is said", wrong, "maps_to_numpy.py")
finish()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Anomaly maps as NumPy arrays, without a copy: prints where each frame's highest score is.

usage: maps_to_numpy.py SOURCE [PROPERTY=VALUE...]
    SOURCE     what anomalysource takes: a file, /dev/video0, rtsp://camera/stream, test://?frames=300
    PROPERTY   of anomalydetect: model=my.safetensors attach=labels
Needs python3-gi and python3-numpy; where the plugin is not installed, GST_PLUGIN_PATH, and GI_TYPELIB_PATH and
LD_LIBRARY_PATH to the folder of GstAnomaly-1.0.typelib.
"""
import sys

import gi
import numpy

gi.require_version("Gst", "1.0")
gi.require_version("GstAnomaly", "1.0")
from gi.repository import Gst, GstAnomaly  # noqa: E402  pylint: disable=wrong-import-position


class _Values:
    """What NumPy makes an array of; the array holds this, and this the memory."""

    def __init__(self, plane, data):
        shape = (plane.height, plane.width) if plane.channels == 1 else (plane.height, plane.width, plane.channels)
        kind = numpy.dtype(numpy.uint8 if plane.type == GstAnomaly.AnomalyPlaneType.U8 else numpy.float32).str
        self.data = data
        self.__array_interface__ = {"version": 3, "shape": shape, "typestr": kind,
                                    "data": (data.get_region(1, 0, data.get_size()), True)}


def plane_array(plane):
    """The plane's values, height x width (x channels), read-only: its own memory, which lives as long as the array. None where
    it has none."""
    data = plane.ref_bytes()
    return None if data is None else numpy.asarray(_Values(plane, data))


def planes(meta):
    """Every map of a frame's metadata by its name; "anomaly" is the map of scores."""
    found = {"anomaly": plane_array(meta.map)}
    for index in range(meta.n_planes()):
        plane = meta.get_nth_plane(index)
        found[plane.name] = plane_array(plane)
    return found


def show(buffer):
    meta = GstAnomaly.buffer_get_anomaly_meta(buffer)
    scores = plane_array(meta.map) if meta else None
    if scores is None:
        print("no map", flush=True)
        return
    row, column = numpy.unravel_index(numpy.argmax(scores), scores.shape)
    others = "".join(f" {name}={array.shape}" for name, array in planes(meta).items() if name != "anomaly")
    print(f"{buffer.pts / Gst.SECOND:.2f} s: {scores.shape[1]}x{scores.shape[0]} max {scores[row, column]:.6f} at {column},{row} "
          f"mean {scores.mean():.6f}{others}", flush=True)


def main(arguments):
    if not arguments or any("=" not in argument for argument in arguments[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    Gst.init(None)
    pipeline = Gst.parse_launch("anomalysource name=source ! videoconvert ! anomalydetect name=detector ! "
                                "appsink name=sink sync=false max-buffers=2")
    pipeline.get_by_name("source").set_property("location", arguments[0])
    for argument in arguments[1:]:
        Gst.util_set_object_arg(pipeline.get_by_name("detector"), *argument.split("=", 1))
    sink, bus = pipeline.get_by_name("sink"), pipeline.get_bus()
    if pipeline.set_state(Gst.State.PLAYING) != Gst.StateChangeReturn.FAILURE:
        while sample := sink.emit("pull-sample"):  # None at the end, and after an error
            show(sample.get_buffer())
    error = bus.pop_filtered(Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if error:
        print(error.parse_error()[0].message, file=sys.stderr)
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

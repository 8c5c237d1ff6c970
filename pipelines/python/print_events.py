#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the anomaly events of a recording or a camera, one line each.

usage: print_events.py SOURCE [PROPERTY=VALUE...]
    SOURCE     what anomalysource takes: a file, /dev/video0, rtsp://camera/stream, test://?frames=300
    PROPERTY   of anomalydetect: threshold=0.6 event-min-duration=200000000
Needs python3-gi, and GST_PLUGIN_PATH where the plugin is not installed. The events are messages on the bus, which come in
the main loop: whatever is done with them does not hold the video up.
"""
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402  pylint: disable=wrong-import-position


def build(source, properties):
    """The pipeline. Names and values go in as properties, not as text of a launch line."""
    pipeline = Gst.parse_launch("anomalysource name=source ! videoconvert ! anomalydetect name=detector ! fakesink sync=false")
    pipeline.get_by_name("source").set_property("location", source)
    for name, value in properties:
        Gst.util_set_object_arg(pipeline.get_by_name("detector"), name, value)
    return pipeline


def seconds(event, name):
    time = event.get_value(name)
    return "?" if time == Gst.CLOCK_TIME_NONE else f"{time / Gst.SECOND:.2f} s"


def print_event(event):
    line = f"{event.get_value('event'):6} {event.get_value('id')} at {seconds(event, 'running-time')}: score {event.get_value('score'):.3f}, "
    line += f"peak {event.get_value('peak'):.3f} at {seconds(event, 'peak-running-time')}, {event.get_value('regions')} regions"
    if event.get_value("event") == "end":
        line += f", lasted {seconds(event, 'duration')} ({event.get_value('reason')})"
    print(line, flush=True)


def main(arguments):
    if not arguments or any("=" not in argument for argument in arguments[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    Gst.init(None)
    pipeline = build(arguments[0], [argument.split("=", 1) for argument in arguments[1:]])
    loop, failures = GLib.MainLoop(), []

    def on_message(_bus, message):
        if message.type == Gst.MessageType.ELEMENT and message.get_structure().get_name() == "anomaly":
            print_event(message.get_structure())
        elif message.type == Gst.MessageType.ERROR:
            if not failures:
                failures.append(message.parse_error()[0].message)
            loop.quit()
        elif message.type == Gst.MessageType.EOS:
            loop.quit()

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message)
    pipeline.set_state(Gst.State.PLAYING)
    try:
        loop.run()
    except KeyboardInterrupt:
        pass
    pipeline.set_state(Gst.State.NULL)
    bus.remove_signal_watch()
    if failures:
        print(failures[0], file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

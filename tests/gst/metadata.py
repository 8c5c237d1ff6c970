# SPDX-License-Identifier: LGPL-2.1-or-later
# GstAnomalyMeta from Python, as the documentation shows it. Prints TAP.
import struct

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstAnomaly", "1.0")
from gi.repository import GLib, Gst, GstAnomaly  # noqa: E402

Gst.init(None)
checks = []


def check(name, holds):
    checks.append(holds)
    print(f"{'ok' if holds else 'not ok'} {len(checks)} - {name}")


def filled(buffer):
    meta = GstAnomaly.buffer_add_anomaly_meta(buffer)
    meta.set_names("synboost", "bundle")
    meta.score = 0.5
    meta.width, meta.height = 4, 2
    meta.set_map(2, 1, Gst.Buffer.new_wrapped(struct.pack("=2f", 0.25, 0.75)))
    meta.add_plane("labels", GstAnomaly.AnomalyPlaneType.U8, 2, 1, 1, Gst.Buffer.new_wrapped(b"ab"))
    region = GstAnomaly.AnomalyRegion()
    region.id, region.width, region.first_seen, region.age = 4, 9, 40000000, 3
    meta.add_region(region)
    return meta


buffer = Gst.Buffer.new()
check("a buffer without metadata", GstAnomaly.buffer_get_anomaly_meta(buffer) is None)
filled(buffer)
meta = GstAnomaly.buffer_get_anomaly_meta(buffer)
check("fields", (meta.score, meta.method, meta.model) == (0.5, "synboost", "bundle"))
check("map", struct.unpack("=2f", meta.map.dup_bytes().get_data()) == (0.25, 0.75))
mapped = meta.map.ref_bytes()
check("map without a copy", struct.unpack("=2f", mapped.get_data()) == (0.25, 0.75))
check("it is the buffer's own memory", mapped.get_region(1, 0, 8) == meta.map.ref_bytes().get_region(1, 0, 8))
check("a further map", meta.get_plane("labels").dup_bytes().get_data() == b"ab")
check("no such map", meta.get_plane("entropy") is None)
check("region", meta.get_region(0).width == 9 and meta.get_region(0).label is None)
check("since when", (meta.get_region(0).first_seen, meta.get_region(0).age) == (40000000, 3))
check("a map that is not there", GstAnomaly.buffer_add_anomaly_meta(Gst.Buffer.new()).map.ref_bytes() is None)
check("no such region", meta.n_regions() == 1 and meta.get_region(1) is None)
check("score at a pixel", meta.get_score_at(3, 1) == (True, 0.75))
check("score beside the map", not meta.get_score_at(4, 0)[0])

other = Gst.Buffer.new()
back = GstAnomaly.buffer_add_anomaly_meta_from_bytes(other, meta.serialize())
check("as bytes and back", back.get_region(0).id == 4 and back.model == "bundle")
try:
    GstAnomaly.buffer_add_anomaly_meta_from_bytes(Gst.Buffer.new(), GLib.Bytes.new(b"abc"))
    check("wrong bytes raise", False)
except GLib.Error as error:
    check("wrong bytes raise", "too early" in error.message)

print(f"1..{len(checks)}")
raise SystemExit(0 if all(checks) else 1)

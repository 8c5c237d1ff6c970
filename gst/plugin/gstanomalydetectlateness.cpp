// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectlateness.h"

namespace anomaly {

std::optional<GstClockTime> DetectLateness::of(GstElement* element, GstPad* pad, GstClockTime running_time) {
  // A source that has no answer yet, as before it is connected, is asked with the next frame once more.
  if (!known_.exchange(true)) {
    GstQuery* query = gst_query_new_latency();
    gboolean live = FALSE;
    const bool answered = gst_pad_peer_query(pad, query);
    if (answered) gst_query_parse_latency(query, &live, &upstream_, nullptr);
    gst_query_unref(query);
    live_ = live;
    if (!answered) known_ = false;
  }
  if (!live_) return std::nullopt;
  GstClock* clock = gst_element_get_clock(element);
  if (!clock) return 0;
  const GstClockTime now = gst_clock_get_time(clock), base = gst_element_get_base_time(element);
  gst_object_unref(clock);
  if (!GST_CLOCK_TIME_IS_VALID(running_time) || !GST_CLOCK_TIME_IS_VALID(base)) return 0;
  const GstClockTime due = base + running_time + upstream_;
  return now > due ? now - due : 0;
}

}  // namespace anomaly

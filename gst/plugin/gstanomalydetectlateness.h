// SPDX-License-Identifier: LGPL-2.1-or-later
// How late the frames of a live source are when they come.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <optional>

namespace anomaly {

class DetectLateness {
 public:
  // Upstream's latency may have changed: it is asked for again. Any thread.
  void ask_again() noexcept { known_ = false; }

  // For the streaming thread. How long after its time a frame of this running time comes, which is its
  // running time and upstream's latency: 0 where it is in time or that is not known; nothing where upstream
  // is not live. pad: the sink pad of `element`.
  std::optional<GstClockTime> of(GstElement* element, GstPad* pad, GstClockTime running_time);

 private:
  std::atomic<bool> known_{false};
  bool live_ = false;
  GstClockTime upstream_ = 0;
};

}  // namespace anomaly

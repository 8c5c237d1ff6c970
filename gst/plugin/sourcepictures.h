// SPDX-License-Identifier: LGPL-2.1-or-later
// Picture files as a video: a file a buffer, with the times that a frame rate gives them.
#pragma once

#include <gst/gst.h>

#include <string>
#include <vector>

namespace anomaly {

class SourcePictures {
 public:
  // fps_n, fps_d: above 0. loop: after the last comes the first, and time goes on.
  SourcePictures(const std::vector<std::string>& paths, gint fps_n, gint fps_d, bool loop)
      : paths_(paths), fps_n_(fps_n), fps_d_(fps_d), loop_(loop) {}

  // The next file; null at the end, and, with *error set, where it cannot be read, is no picture, is larger
  // than 256 MiB, or is of another type than those before it.
  GstBuffer* next(GError** error);
  // Of all of them, once next() has returned the first. Transfer full.
  GstCaps* caps() const;

 private:
  GstClockTime time_of(guint64 number) const;

  const std::vector<std::string>& paths_;
  const gint fps_n_, fps_d_;
  const bool loop_;
  size_t at_ = 0;
  guint64 number_ = 0;
  std::string type_;
};

}  // namespace anomaly

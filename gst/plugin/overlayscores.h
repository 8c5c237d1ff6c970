// SPDX-License-Identifier: LGPL-2.1-or-later
// The score map of a frame's metadata.
#pragma once

#include <algorithm>

#include "gst/lib/gstanomalymeta.h"

namespace anomaly {

// Mapped for reading while this lives. Empty where there is none.
class Scores {
 public:
  explicit Scores(const GstAnomalyMeta& meta) : meta_(meta) {
    mapped_ = gst_anomaly_meta_map_scores(&meta, &info_, &values_, &width_, &height_);
  }
  ~Scores() {
    if (mapped_) gst_anomaly_meta_unmap_scores(&meta_, &info_);
  }
  Scores(const Scores&) = delete;
  Scores& operator=(const Scores&) = delete;

  const gfloat* values() const { return values_; }
  int width() const { return static_cast<int>(width_); }
  int height() const { return static_cast<int>(height_); }
  bool reach(float threshold) const {
    const gsize count = static_cast<gsize>(width_) * height_;
    return std::any_of(values_, values_ + count, [=](gfloat score) { return score >= threshold; });
  }

 private:
  const GstAnomalyMeta& meta_;
  GstMapInfo info_ = {};
  const gfloat* values_ = nullptr;
  guint width_ = 0, height_ = 0;
  gboolean mapped_ = FALSE;
};

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// What the suites of standard metadata share: several regions on a frame, and metas counted and compared.
#pragma once

#include <gst/video/video.h>

#include <vector>

#include "tests/gst/detect_common.h"

inline constexpr int kFrameWidth = 96, kFrameHeight = 54;  // kCaps

// The regions of the frame's GstAnomalyMeta.
inline std::vector<GstAnomalyRegion> regions_of(GstBuffer* buffer) {
  std::vector<GstAnomalyRegion> regions;
  const GstAnomalyMeta* meta = meta_of(buffer);
  for (guint i = 0; i < gst_anomaly_meta_n_regions(meta); ++i)
    regions.push_back(*gst_anomaly_meta_get_region(meta, i));
  return regions;
}

inline std::vector<GstVideoRegionOfInterestMeta*> rois_of(GstBuffer* buffer) {
  std::vector<GstVideoRegionOfInterestMeta*> metas;
  gpointer state = nullptr;
  while (GstMeta* meta =
             gst_buffer_iterate_meta_filtered(buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))
    metas.push_back(reinterpret_cast<GstVideoRegionOfInterestMeta*>(meta));
  return metas;
}

inline guint count_metas(GstBuffer* buffer) {
  guint count = 0;
  gpointer state = nullptr;
  while (gst_buffer_iterate_meta(buffer, &state)) ++count;
  return count;
}

// Between the smallest and the largest score of frame `index`, so that several regions reach it.
inline double middle_threshold(const std::string& properties = "", guint index = 0) {
  Detect detect("threshold=0 " + properties);
  GstBuffer* out = detect.through(detect.frame(index));
  const double threshold = meta_of(out)->mean;
  fail_unless(threshold < meta_of(out)->max);
  gst_buffer_unref(out);
  return threshold;
}

inline std::string with_threshold(double threshold) {
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];
  return std::string("threshold=") + g_ascii_dtostr(text, sizeof text, threshold) + " ";
}

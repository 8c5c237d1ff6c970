// SPDX-License-Identifier: LGPL-2.1-or-later
// What the suites of standard metadata share: several regions on a frame, and metas counted and compared.
#pragma once

#include <gst/video/video.h>

#include <algorithm>
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

// A frame of kCaps through other elements.
inline GstBuffer* through(const char* launch, GstBuffer* frame, GstCaps** caps = nullptr) {
  GstHarness* harness = gst_harness_new_parse(launch);
  gst_harness_set_src_caps(harness, gst_caps_from_string(kCaps));
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  fail_unless(out != nullptr, "%s gave nothing", launch);
  if (caps) *caps = gst_pad_get_current_caps(harness->sinkpad);
  gst_harness_teardown(harness);
  return out;
}

// The same, and then through a detector that stands behind them.
inline GstBuffer* through(const char* launch, GstBuffer* frame, Detect& behind) {
  GstCaps* caps = nullptr;
  GstBuffer* out = through(launch, frame, &caps);
  gchar* text = gst_caps_to_string(caps);
  behind.set_caps(text);
  g_free(text);
  gst_caps_unref(caps);
  return behind.through(out);
}

// tells(frame): checks it, and returns of how many regions it is told. On one of four frames there are
// several.
template <typename Tells>
void tells_several_regions(Detect& detect, Tells tells) {
  size_t most = 0;
  for (guint i = 0; i < 4; ++i) {
    GstBuffer* out = detect.through(detect.frame(i));
    most = std::max<size_t>(most, tells(out, i * 40 * GST_MSECOND));
    gst_buffer_unref(out);
  }
  fail_unless(most > 1, "no frame has more than one region");
}

// Frames of one picture (of others, there would be a cut), of which every third is computed: tells(frame,
// when its map was computed).
template <typename Tells>
void tells_repeated_maps(Tells tells) {
  Detect detect("interval=2 threshold=0 roi=10,10,20,20");
  for (guint i = 0; i < 7; ++i) {
    GstBuffer* frame = detect.frame(0);
    GST_BUFFER_PTS(frame) = i * 40 * GST_MSECOND;
    GstBuffer* out = detect.through(frame);
    fail_unless_equals_int(meta_of(out)->age, i % 3);
    fail_unless_equals_int(regions_of(out).size(), 1);
    tells(out, (i - i % 3) * 40 * GST_MSECOND);
    gst_buffer_unref(out);
  }
}

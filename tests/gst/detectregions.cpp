// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect over time and place: which pixels count, regions followed, bounds smoothed, maps in pooled
// buffers. Before gst-check, whose macro `fail` the standard headers do not expect.
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

#include "tests/gst/detect_common.h"

namespace {

constexpr int kWidth = 96, kHeight = 54;  // kCaps

// A grey map of the frame's size, or of a half, with a white rectangle (frame pixels).
class Mask {
 public:
  Mask(int x, int y, int width, int height, int shrink = 1) {
    char name[] = "/tmp/anomaly-detect-mask-XXXXXX";
    close(mkstemp(name));
    path = name;
    const int columns = kWidth / shrink, rows = kHeight / shrink;
    std::string bytes = "P5 " + std::to_string(columns) + " " + std::to_string(rows) + " 255\n";
    for (int row = 0; row < rows; ++row)
      for (int column = 0; column < columns; ++column) {
        const bool white = column >= x / shrink && column < (x + width) / shrink && row >= y / shrink &&
                           row < (y + height) / shrink;
        bytes += static_cast<char>(white ? 255 : 0);
      }
    std::FILE* file = std::fopen(path.c_str(), "wb");
    fail_unless(file != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
    std::fclose(file);
  }
  ~Mask() { unlink(path.c_str()); }
  Mask(const Mask&) = delete;
  Mask& operator=(const Mask&) = delete;
  std::string path;
};

void set_mask(Detect& detect, const std::string& path) {
  g_object_set(detect.element, "ignore-mask", path.c_str(), nullptr);
}

std::string text_of(GstElement* element, const char* property) {
  gchar* text = nullptr;
  g_object_get(element, property, &text, nullptr);
  const std::string out = text;
  g_free(text);
  return out;
}

// Always the same picture, so that nothing but the mask changes.
GstBuffer* still(Detect& detect, guint index) {
  GstBuffer* buffer = detect.frame(0);
  GST_BUFFER_PTS(buffer) = index * 40 * GST_MSECOND;
  return buffer;
}

// The one region of the next frame, where everything that counts reaches the threshold: the mask's shape.
GstAnomalyRegion only_region(Detect& detect, guint index) {
  GstBuffer* out = detect.through(still(detect, index));
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(out)), 1);
  const GstAnomalyRegion region = *gst_anomaly_meta_get_region(meta_of(out), 0);
  gst_buffer_unref(out);
  return region;
}

std::vector<guint8> plane_bytes(GstBuffer* buffer, const char* name) {
  const GstAnomalyPlane* plane = gst_anomaly_meta_get_plane(meta_of(buffer), name);
  fail_unless(plane != nullptr, "no map %s", name);
  GBytes* bytes = gst_anomaly_plane_dup_bytes(plane);
  gsize size = 0;
  const auto* data = static_cast<const guint8*>(g_bytes_get_data(bytes, &size));
  std::vector<guint8> out(data, data + size);
  g_bytes_unref(bytes);
  return out;
}

}  // namespace

GST_START_TEST(test_mask_limits_everything) {
  const Mask whole(20, 10, 40, 30), half(20, 10, 40, 30, 2);
  for (const Mask* mask : {&whole, &half}) {
    Detect detect("threshold=0 ignore-mask=\"" + mask->path + "\"");
    GstBuffer* out = detect.through(detect.frame(0));
    test_region_equals(gst_anomaly_meta_get_region(meta_of(out), 0), 1, 20, 10, 40, 30, 40 * 30);
    fail_unless_equals_float(meta_of(out)->share, 1);
    gst_buffer_unref(out);
    // Beside a region of interest: both hold.
    g_object_set(detect.element, "roi", "0,0,30,20", nullptr);
    out = detect.through(detect.frame(1));
    const GstAnomalyRegion* region = gst_anomaly_meta_get_region(meta_of(out), 0);
    fail_unless(region->x == 20 && region->y == 10 && region->area == 100);
    gst_buffer_unref(out);
  }
}
GST_END_TEST

GST_START_TEST(test_mask_while_playing) {
  const Mask one(0, 0, 30, 20), other(50, 20, 40, 30);
  Detect detect("threshold=0");
  fail_unless_equals_uint64(only_region(detect, 0).area, kWidth * kHeight);
  set_mask(detect, one.path);
  fail_unless_equals_uint64(only_region(detect, 1).area, 600);
  set_mask(detect, other.path);
  fail_unless_equals_uint64(only_region(detect, 2).area, 1200);
  // What cannot be read changes nothing.
  set_mask(detect, "/nowhere/mask.png");
  fail_unless_contains(
      bus_text(detect.bus, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS),
      "/nowhere/mask.png");
  fail_unless(text_of(detect.element, "ignore-mask") == other.path);
  fail_unless_equals_uint64(only_region(detect, 3).area, 1200);
  // Other caps, the same mask.
  detect.set_caps("video/x-raw,format=RGB,width=192,height=108,framerate=25/1");
  fail_unless_equals_uint64(only_region(detect, 4).area, 4800);
  set_mask(detect, "");
  fail_unless_equals_uint64(only_region(detect, 5).area, 192 * 108);
}
GST_END_TEST

GST_START_TEST(test_what_cannot_be_refuses_to_start) {
  refuses("ignore-mask=/nowhere/mask.png", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          "/nowhere/mask.png");
  refuses("ignore-mask=\"" + test_bundle() + "\"", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          "no picture");
  refuses("classes=road,pavement", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "\"pavement\"");
  refuses("classes=Road", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "sidewalk, building");
}
GST_END_TEST

GST_START_TEST(test_classes) {
  Detect detect("threshold=0");
  // The whole frame is one region: it stands on what it covers most of.
  GstBuffer* out = detect.through(detect.frame(0));
  const std::string label = gst_anomaly_meta_get_region(meta_of(out), 0)->label;
  const gdouble score = meta_of(out)->score;
  fail_unless(score > 0);
  gst_buffer_unref(out);

  const std::string other = label == "road" ? "sky" : "road";
  for (const std::string& classes : {label, other + " , " + label, "," + label + ","}) {
    g_object_set(detect.element, "classes", classes.c_str(), nullptr);
    out = detect.through(detect.frame(0));
    fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(out)), 1);
    fail_unless_equals_float(meta_of(out)->share, 1);
    fail_unless_equals_float(meta_of(out)->score, score);
    gst_buffer_unref(out);
  }
  g_object_set(detect.element, "classes", other.c_str(), nullptr);
  out = detect.through(detect.frame(0));
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(out)), 0);
  fail_unless_equals_float(meta_of(out)->share, 0);
  fail_unless_equals_float(meta_of(out)->score, 0);
  gst_buffer_unref(out);

  g_object_set(detect.element, "classes", "lava", nullptr);
  const std::string text =
      bus_text(detect.bus, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS);
  fail_unless_contains(text, "\"lava\"");
  fail_unless_contains(text, "bicycle");
  fail_unless(text_of(detect.element, "classes") == other);
  g_object_set(detect.element, "classes", "", nullptr);
  fail_unless_equals_uint64(only_region(detect, 0).area, kWidth * kHeight);
}
GST_END_TEST

GST_START_TEST(test_regions_are_followed) {
  Detect detect("threshold=0");
  for (guint i = 0; i < 6; ++i) {
    const Mask mask(10 + static_cast<int>(i) * 4, 10, 30, 20 + static_cast<int>(i));
    set_mask(detect, mask.path);
    const GstAnomalyRegion region = only_region(detect, i + 2);
    fail_unless_equals_int(region.x, 10 + i * 4);
    fail_unless_equals_int(region.id, 1);
    fail_unless_equals_int(region.age, i);
    fail_unless_equals_uint64(region.first_seen, 2 * 40 * GST_MSECOND);
  }
  // Somewhere else: another one.
  const Mask away(0, 48, 20, 6);
  set_mask(detect, away.path);
  const GstAnomalyRegion region = only_region(detect, 8);
  fail_unless_equals_int(region.id, 2);
  fail_unless_equals_int(region.age, 0);
  fail_unless_equals_uint64(region.first_seen, 8 * 40 * GST_MSECOND);
}
GST_END_TEST

GST_START_TEST(test_a_region_survives_missed_frames) {
  const Mask white(10, 10, 30, 20), black(0, 0, 0, 0);
  for (const guint missed : {5u, 6u}) {
    Detect detect("threshold=0");
    set_mask(detect, white.path);
    fail_unless_equals_int(only_region(detect, 0).id, 1);
    set_mask(detect, black.path);
    for (guint i = 1; i <= missed; ++i) {
      GstBuffer* out = detect.through(still(detect, i));
      fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(out)), 0);
      gst_buffer_unref(out);
    }
    set_mask(detect, white.path);
    const GstAnomalyRegion region = only_region(detect, missed + 1);
    fail_unless_equals_int(region.id, missed <= 5 ? 1 : 2);
    fail_unless_equals_int(region.age, missed <= 5 ? missed + 1 : 0);
  }
}
GST_END_TEST

// Skipped frames count in a region's age, and so do gaps.
GST_START_TEST(test_age_counts_frames) {
  Detect detect("threshold=0 interval=2 max-in-flight=2");
  for (guint i = 0; i < 7; ++i) {
    GstBuffer* buffer = still(detect, i);
    if (i == 4) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_GAP);
    fail_unless_equals_int(gst_harness_push(detect.harness, buffer), GST_FLOW_OK);
  }
  gst_harness_push_event(detect.harness, gst_event_new_eos());
  for (guint i = 0; i < 7; ++i) {
    GstBuffer* out = detect.pull();
    const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(out);
    fail_unless_equals_int(meta != nullptr, i != 4);
    if (meta) {
      fail_unless_equals_int(gst_anomaly_meta_get_region(meta, 0)->id, 1);
      fail_unless_equals_int(gst_anomaly_meta_get_region(meta, 0)->age, i);
    }
    gst_buffer_unref(out);
  }
}
GST_END_TEST

GST_START_TEST(test_jumps_begin_anew) {
  const std::vector<std::function<void(Detect&)>> jumps = {
      [](Detect& detect) {
        gst_harness_push_event(detect.harness, gst_event_new_flush_start());
        gst_harness_push_event(detect.harness, gst_event_new_flush_stop(TRUE));
        GstSegment segment;
        gst_segment_init(&segment, GST_FORMAT_TIME);
        gst_harness_push_event(detect.harness, gst_event_new_segment(&segment));
      },
      [](Detect& detect) {
        GstSegment segment;
        gst_segment_init(&segment, GST_FORMAT_TIME);
        gst_harness_push_event(detect.harness, gst_event_new_segment(&segment));
      },
      [](Detect& detect) { detect.set_caps("video/x-raw,format=RGB,width=100,height=60,framerate=25/1"); },
  };
  for (const auto& jump : jumps) {
    Detect detect("threshold=0");
    fail_unless_equals_int(only_region(detect, 0).id, 1);
    fail_unless_equals_int(only_region(detect, 1).id, 1);
    jump(detect);
    const GstAnomalyRegion region = only_region(detect, 2);
    fail_unless_equals_int(region.id, 2);
    fail_unless_equals_int(region.age, 0);
  }
  // So does a cut in the picture.
  Detect detect("threshold=0");
  fail_unless_equals_int(only_region(detect, 0).id, 1);
  GstBuffer* out = detect.through(detect.frame(6));
  fail_unless_equals_int(gst_anomaly_meta_get_region(meta_of(out), 0)->id, 2);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(test_unknown_times) {
  Detect detect("threshold=0 normalization=temporal method=softmax-entropy");
  for (guint i = 0; i < 2; ++i) {
    GstBuffer* buffer = detect.frame(i);
    GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE;
    GstBuffer* out = detect.through(buffer);
    const GstAnomalyRegion* region = gst_anomaly_meta_get_region(meta_of(out), 0);
    fail_unless_equals_uint64(region->first_seen, GST_CLOCK_TIME_NONE);
    fail_unless_equals_int(region->age, i);
    gst_buffer_unref(out);
  }
}
GST_END_TEST

namespace {

// The same pattern, darker from frame to frame, by less than a cut: every value of a map changes a little.
GstBuffer* darker(Detect& detect, guint index) {
  GstBuffer* buffer = still(detect, index);
  GstMapInfo map;
  fail_unless(gst_buffer_map(buffer, &map, GST_MAP_READWRITE));
  for (gsize i = 0; i < map.size; ++i)
    map.data[i] = static_cast<guint8>((i * 31 + i / 251) % 256 * (256 - 20 * index) / 256);
  gst_buffer_unmap(buffer, &map);
  return buffer;
}

// The maps of frames 0, 1, 2, 3 under a normalization, with what `between` does before the third.
std::vector<std::vector<guint8>> differences(const std::string& properties,
                                             const std::function<void(Detect&)>& between = {}) {
  Detect detect("method=perceptual-difference attach=perceptual " + properties);
  std::vector<std::vector<guint8>> maps;
  for (guint i = 0; i < 4; ++i) {
    if (i == 2 && between) between(detect);
    fail_unless_equals_int(gst_harness_push(detect.harness, darker(detect, i)), GST_FLOW_OK);
  }
  gst_harness_push_event(detect.harness, gst_event_new_eos());
  for (guint i = 0; i < 4; ++i) {
    GstBuffer* out = detect.pull();
    maps.push_back(plane_bytes(out, "perceptual"));
    gst_buffer_unref(out);
  }
  return maps;
}

}  // namespace

GST_START_TEST(test_temporal_bounds_follow_the_stream) {
  const auto own = differences("normalization=frame"), smoothed = differences("normalization=temporal");
  fail_unless(smoothed[0] == own[0]);
  fail_unless(smoothed[1] != own[1] && smoothed[2] != own[2]);
  // The same at every run, however many frames are inside.
  fail_unless(differences("normalization=temporal") == smoothed);
  fail_unless(differences("normalization=temporal max-in-flight=3") == smoothed);
  // A segment begins the bounds anew.
  const auto cut = differences("normalization=temporal", [](Detect& detect) {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_harness_push_event(detect.harness, gst_event_new_segment(&segment));
  });
  fail_unless(cut[1] == smoothed[1]);
  fail_unless(cut[2] == own[2]);
  fail_unless(cut[3] != own[3]);
}
GST_END_TEST

// As many buffers as are held, and no more with time.
GST_START_TEST(test_maps_are_pooled) {
  Detect detect("attach=labels+entropy+distance+perceptual+dissimilarity+synthesis interval=1");
  const auto pass = [&](guint frames) {
    for (guint i = 0; i < frames; ++i) gst_buffer_unref(detect.through(detect.frame(i % 4)));
    return detect.count("map-buffers");
  };
  const guint64 few = pass(6);
  fail_unless(few >= 7, "%" G_GUINT64_FORMAT, few);
  fail_unless_equals_uint64(pass(60), few);

  // What the application holds is its own, and costs buffers once.
  std::vector<GstBuffer*> held;
  std::vector<std::vector<guint8>> bytes;
  for (guint i = 0; i < 3; ++i) {
    held.push_back(detect.through(detect.frame(2 * i)));
    gst_buffer_unref(detect.through(detect.frame(2 * i + 1)));
    bytes.push_back(plane_bytes(held.back(), "dissimilarity"));
  }
  const guint64 more = pass(20);
  fail_unless(more > few);
  fail_unless_equals_uint64(pass(60), more);
  for (guint i = 0; i < 3; ++i) {
    fail_unless(plane_bytes(held[i], "dissimilarity") == bytes[i]);
    gst_buffer_unref(held[i]);
  }
  fail_unless_equals_uint64(pass(20), more);
}
GST_END_TEST

// Maps outlive the element, and the application reads them in place.
GST_START_TEST(test_maps_outlive_the_element) {
  GstBuffer* out = nullptr;
  std::vector<guint8> bytes;
  {
    Detect detect("attach=synthesis");
    out = detect.through(detect.frame(0));
    bytes = plane_bytes(out, "synthesis");
  }
  fail_unless(plane_bytes(out, "synthesis") == bytes);
  const GstAnomalyPlane* plane = gst_anomaly_meta_get_plane(meta_of(out), "synthesis");
  fail_unless_equals_int(gst_buffer_n_memory(plane->data), 1);
  GstMapInfo first, second;
  fail_unless(gst_buffer_map(plane->data, &first, GST_MAP_READ) &&
              gst_buffer_map(plane->data, &second, GST_MAP_READ));
  fail_unless(first.data == second.data);
  gst_buffer_unmap(plane->data, &first);
  gst_buffer_unmap(plane->data, &second);
  gst_buffer_unref(out);
}
GST_END_TEST

// Everything that may be set while playing, set by another thread while frames flow.
GST_START_TEST(test_properties_from_another_thread) {
  const Mask mask(10, 10, 60, 30);
  Detect detect("threshold=0");
  std::atomic<bool> done{false};
  std::thread setter([&] {
    for (guint i = 0; !done; ++i) {
      g_object_set(detect.element, "ignore-mask", i % 2 ? mask.path.c_str() : "", "classes",
                   i % 3 ? "" : "road, sidewalk", "roi", i % 5 ? "" : "0,0,50,50", "threshold", i % 2 * 0.5,
                   "interval", static_cast<gint>(i % 2), "min-area", static_cast<guint64>(i % 7), nullptr);
      gst_util_set_object_arg(G_OBJECT(detect.element), "attach", i % 2 ? "labels+entropy" : "");
      text_of(detect.element, "ignore-mask");
      g_usleep(500);
    }
  });
  for (guint i = 0; i < 60; ++i) gst_buffer_unref(detect.through(detect.frame(i % 4)));
  done = true;
  setter.join();
  fail_unless(gst_bus_pop_filtered(detect.bus, GST_MESSAGE_WARNING) == nullptr);
}
GST_END_TEST

static Suite* detectregions_suite() {
  Suite* suite = suite_create("detectregions");
  TCase* tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_mask_limits_everything);
  tcase_add_test(tc, test_mask_while_playing);
  tcase_add_test(tc, test_what_cannot_be_refuses_to_start);
  tcase_add_test(tc, test_classes);
  tcase_add_test(tc, test_regions_are_followed);
  tcase_add_test(tc, test_a_region_survives_missed_frames);
  tcase_add_test(tc, test_age_counts_frames);
  tcase_add_test(tc, test_jumps_begin_anew);
  tcase_add_test(tc, test_unknown_times);
  tcase_add_test(tc, test_temporal_bounds_follow_the_stream);
  tcase_add_test(tc, test_maps_are_pooled);
  tcase_add_test(tc, test_maps_outlive_the_element);
  tcase_add_test(tc, test_properties_from_another_thread);
  return suite;
}

GST_CHECK_MAIN(detectregions);

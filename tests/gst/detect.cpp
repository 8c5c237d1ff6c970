// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect: properties, and what a frame carries after it.
#include "src/engine/engine.h"
#include "tests/gst/detect_common.h"

#include <cmath>
#include <cstring>

using namespace anomaly;

GST_START_TEST(test_defaults) {
  GstElement* element = gst_element_factory_make("anomalydetect", nullptr);
  fail_unless(element != nullptr);
  gchar *model, *device, *roi;
  gint method, height, width, interval, threads, in_flight;
  guint attach;
  gdouble threshold;
  guint64 min_area;
  g_object_get(element, "model", &model, "device", &device, "roi", &roi, "method", &method,
               "segmentation-height", &height, "segmentation-width", &width, "interval", &interval, "threads",
               &threads, "max-in-flight", &in_flight, "attach", &attach, "threshold", &threshold, "min-area",
               &min_area, nullptr);
  fail_unless_equals_string(model, "");
  fail_unless_equals_string(device, "auto");
  fail_unless_equals_string(roi, "");
  fail_unless_equals_int(method, -1);
  fail_unless_equals_int(height, 0);
  fail_unless_equals_int(width, 0);
  fail_unless_equals_int(interval, 0);
  fail_unless_equals_int(threads, 0);
  fail_unless_equals_int(in_flight, 1);
  fail_unless_equals_int(attach, 0);
  fail_unless_equals_float(threshold, -1);
  fail_unless_equals_uint64(min_area, 0);
  g_free(model);
  g_free(device);
  g_free(roi);
  gst_object_unref(element);
}
GST_END_TEST

// Every property as text, as gst-launch sets it, and back.
GST_START_TEST(test_properties_from_text) {
  static const struct {
    const char *name, *text, *back;
  } table[] = {
      {"model", "a b.safetensors", "a\\ b.safetensors"},
      {"device", "cuda:1", "cuda:1"},
      {"trunk-precision", "fp8", "fp8"},
      {"trunk-precision", "same", "same"},
      {"method", "synboost", "synboost"},
      {"method", "resynthesis", "resynthesis"},
      {"method", "softmax-entropy", "softmax-entropy"},
      {"method", "softmax-distance", "softmax-distance"},
      {"method", "perceptual-difference", "perceptual-difference"},
      {"method", "bundle", "bundle"},
      {"ensemble-weights", "<0.75,0.25,0,0>", "<\\ 0.75\\,\\ 0.25\\,\\ 0\\,\\ 0\\ >"},
      {"ensemble-weights", "<1,2,0,1>", "<\\ 1\\,\\ 2\\,\\ 0\\,\\ 1\\ >"},
      {"normalization", "fixed", "fixed"},
      {"normalization", "temporal", "temporal"},
      {"ignore-mask", "a b.png", "a\\ b.png"},
      {"classes", "road,traffic light", "road\\,traffic\\ light"},
      {"latent", "draw", "draw"},
      {"seed", "18446744073709551615", "18446744073709551615"},
      {"interval", "7", "7"},
      {"threshold", "0.25", "0.25"},
      {"min-area", "100", "100"},
      {"threads", "3", "3"},
      {"max-in-flight", "64", "64"},
      {"segmentation-height", "128", "128"},
      {"segmentation-width", "8192", "8192"},
  };
  GstElement* element = gst_element_factory_make("anomalydetect", nullptr);
  for (const auto& row : table) {
    GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), row.name);
    fail_unless(spec != nullptr, "no property %s", row.name);
    gst_util_set_object_arg(G_OBJECT(element), row.name, row.text);
    GValue value = G_VALUE_INIT;
    g_value_init(&value, spec->value_type);
    g_object_get_property(G_OBJECT(element), row.name, &value);
    if (GST_VALUE_HOLDS_ARRAY(&value)) {
      fail_unless_equals_int(gst_value_array_get_size(&value), 4);
      gdouble sum = 0;
      for (guint i = 0; i < 4; ++i) sum = sum * 10 + g_value_get_double(gst_value_array_get_value(&value, i));
      fail_unless_equals_float(sum, row.text[1] == '1' ? 1201.0 : 775.0);
    } else {
      gchar* text = gst_value_serialize(&value);
      gchar* plain = g_strcompress(text);
      gchar* wanted = g_strcompress(row.back);
      const gsize skip = plain[0] == '"' ? 1 : 0;
      fail_unless(strncmp(plain + skip, wanted, strlen(wanted)) == 0, "%s: %s", row.name, text);
      g_free(wanted);
      g_free(plain);
      g_free(text);
    }
    g_value_unset(&value);
  }
  gst_object_unref(element);
}
GST_END_TEST

// GObject refuses a value with a warning, in newer releases with what it calls critical.
#define ASSERT_REFUSED(code)                                                              \
  do {                                                                                    \
    _gst_check_expecting_log = TRUE;                                                      \
    _gst_check_raised_warning = _gst_check_raised_critical = FALSE;                       \
    code;                                                                                 \
    _gst_check_expecting_log = FALSE;                                                     \
    fail_unless(_gst_check_raised_warning || _gst_check_raised_critical, "nobody warns"); \
  } while (0)

// GObject refuses numbers of another type before the element sees them; it must not end up with other
// weights.
GST_START_TEST(test_weights_of_another_type) {
  GstElement* element = gst_element_factory_make("anomalydetect", nullptr);
  GValue array = G_VALUE_INIT;
  g_value_init(&array, GST_TYPE_ARRAY);
  for (gint i = 0; i < 4; ++i) {
    GValue item = G_VALUE_INIT;
    g_value_init(&item, G_TYPE_INT);
    g_value_set_int(&item, i);
    gst_value_array_append_and_take_value(&array, &item);
  }
  ASSERT_REFUSED(g_object_set_property(G_OBJECT(element), "ensemble-weights", &array));
  g_value_unset(&array);
  g_value_init(&array, GST_TYPE_ARRAY);
  g_object_get_property(G_OBJECT(element), "ensemble-weights", &array);
  fail_unless_equals_int(gst_value_array_get_size(&array), 0);
  g_value_unset(&array);
  gst_object_unref(element);
}
GST_END_TEST

GST_START_TEST(test_attach_from_text) {
  GstElement* element = gst_element_factory_make("anomalydetect", nullptr);
  gst_util_set_object_arg(G_OBJECT(element), "attach",
                          "labels+entropy+distance+perceptual+dissimilarity+synthesis");
  guint attach = 0;
  g_object_get(element, "attach", &attach, nullptr);
  fail_unless_equals_int(
      attach, kMapLabels | kMapEntropy | kMapDistance | kMapPerceptual | kMapDissimilarity | kMapSynthesis);
  gst_object_unref(element);
}
GST_END_TEST

// What lies outside a param spec's range is refused by it, and so is NaN: the value before stays.
GST_START_TEST(test_values_out_of_range) {
  static const struct {
    const char* name;
    gint value, stays;
  } table[] = {{"interval", -2, 0},      {"threads", -1, 0},
               {"threads", 1025, 0},     {"max-in-flight", 0, 1},
               {"max-in-flight", 65, 1}, {"segmentation-width", -5, 0},
               {"normalization", 3, 0},  {"segmentation-height", 8193, 0}};
  GstElement* element = gst_element_factory_make("anomalydetect", nullptr);
  for (const auto& row : table) {
    gint now = -77;
    ASSERT_REFUSED(g_object_set(element, row.name, row.value, nullptr));
    g_object_get(element, row.name, &now, nullptr);
    fail_unless_equals_int(now, row.stays);
  }
  gdouble threshold = 0;
  g_object_set(element, "threshold", 0.25, nullptr);
  ASSERT_REFUSED(g_object_set(element, "threshold", static_cast<gdouble>(NAN), nullptr));
  g_object_get(element, "threshold", &threshold, nullptr);
  fail_unless_equals_float(threshold, 0.25);
  gst_object_unref(element);
}
GST_END_TEST

GST_START_TEST(test_mutability) {
  static const struct {
    const char* name;
    guint flag;
  } table[] = {{"threshold", GST_PARAM_MUTABLE_PLAYING},
               {"min-area", GST_PARAM_MUTABLE_PLAYING},
               {"roi", GST_PARAM_MUTABLE_PLAYING},
               {"ignore-mask", GST_PARAM_MUTABLE_PLAYING},
               {"classes", GST_PARAM_MUTABLE_PLAYING},
               {"interval", GST_PARAM_MUTABLE_PLAYING},
               {"attach", GST_PARAM_MUTABLE_PLAYING},
               {"model", GST_PARAM_MUTABLE_PLAYING},
               {"device", GST_PARAM_MUTABLE_READY},
               {"trunk-precision", GST_PARAM_MUTABLE_READY},
               {"method", GST_PARAM_MUTABLE_READY},
               {"ensemble-weights", GST_PARAM_MUTABLE_READY},
               {"normalization", GST_PARAM_MUTABLE_READY},
               {"segmentation-width", GST_PARAM_MUTABLE_READY},
               {"segmentation-height", GST_PARAM_MUTABLE_READY},
               {"latent", GST_PARAM_MUTABLE_READY},
               {"seed", GST_PARAM_MUTABLE_READY},
               {"threads", GST_PARAM_MUTABLE_READY},
               {"engine-id", GST_PARAM_MUTABLE_READY},
               {"batch-size", GST_PARAM_MUTABLE_PLAYING},
               {"batch-timeout", GST_PARAM_MUTABLE_PLAYING},
               {"max-latency", GST_PARAM_MUTABLE_PLAYING},
               {"max-in-flight", GST_PARAM_MUTABLE_READY}};
  GstElement* element = gst_element_factory_make("anomalydetect", nullptr);
  for (const auto& row : table) {
    GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), row.name);
    fail_unless(spec != nullptr && (spec->flags & row.flag) != 0, "%s", row.name);
  }
  GParamSpec* stats = g_object_class_find_property(G_OBJECT_GET_CLASS(element), "stats");
  fail_unless(stats != nullptr && (stats->flags & G_PARAM_WRITABLE) == 0);
  gst_object_unref(element);
}
GST_END_TEST

GST_START_TEST(test_properties_that_cannot_be) {
  const GQuark domain = GST_RESOURCE_ERROR;
  for (const char* roi : {"1,2,3", "1,2,3,4,5", "a,b,c,d", "-1,0,4,4", "0,0,0,4", "0,0,4,-4", "1 2 3 4",
                          "1,2,3,4 ", "99999999999,0,1,1"})
    refuses(std::string("roi=\"") + roi + "\"", domain, GST_RESOURCE_ERROR_SETTINGS, roi);
  refuses("ensemble-weights=\"<1,2,3>\"", domain, GST_RESOURCE_ERROR_SETTINGS, "four");
  refuses("ensemble-weights=\"<1,2,3,4,5>\"", domain, GST_RESOURCE_ERROR_SETTINGS, "four");
  refuses("segmentation-height=31", domain, GST_RESOURCE_ERROR_SETTINGS, "31");
  refuses("device=gpu", domain, GST_RESOURCE_ERROR_SETTINGS, "\"gpu\"");
  refuses("method=resynthesis", domain, GST_RESOURCE_ERROR_SETTINGS, "baseline");
  refuses("normalization=fixed", domain, GST_RESOURCE_ERROR_SETTINGS, "perceptual");
}
GST_END_TEST

// A region that cannot be, set while frames flow, is refused with a warning, and what was set before stays.
GST_START_TEST(test_bad_roi_while_playing) {
  Detect detect("roi=1,2,3,4");
  g_object_set(detect.element, "roi", "nonsense", nullptr);
  fail_unless_contains(
      bus_text(detect.bus, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS), "nonsense");
  gchar* roi;
  g_object_get(detect.element, "roi", &roi, nullptr);
  fail_unless_equals_string(roi, "1,2,3,4");
  g_free(roi);
  gst_buffer_unref(detect.through(detect.frame(0)));
}
GST_END_TEST

static void plane_equals(const GstAnomalyPlane* plane, const Plane& expected) {
  fail_unless(plane != nullptr, "no map %s", expected.name.c_str());
  fail_unless_equals_string(plane->name, expected.name.c_str());
  fail_unless_equals_int(plane->width, expected.width);
  fail_unless_equals_int(plane->height, expected.height);
  fail_unless_equals_int(plane->channels, expected.channels);
  fail_unless_equals_int(plane->type == GST_ANOMALY_PLANE_F32, expected.type == Plane::Type::F32);
  fail_unless_equals_uint64(gst_buffer_get_size(plane->data), expected.bytes());
  fail_unless(gst_buffer_memcmp(plane->data, 0, expected.data.get(), expected.bytes()) == 0, "%s differs",
              plane->name);
}

// The element's word against the engine's, for the same pixels.
GST_START_TEST(test_metadata_is_the_engines_result) {
  Detect detect(
      "attach=labels+entropy+distance+perceptual+dissimilarity+synthesis threshold=0.5 min-area=3 "
      "roi=5,3,60,40");
  GstBuffer* input = detect.frame(0);

  EngineOptions options;
  options.bundle = test_bundle();
  options.device = "cpu";
  options.threads = 2;
  auto engine = Engine::open(options);
  GstVideoFrame frame;
  fail_unless(gst_video_frame_map(&frame, &detect.info, input, GST_MAP_READ));
  Request request;
  FrameView view;
  view.format = PixelFormat::RGB;
  view.width = 96;
  view.height = 54;
  view.plane[0] = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
  view.stride[0] = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
  request.frame = engine->ingest(view);
  gst_video_frame_unmap(&frame);
  request.threshold = 0.5f;
  request.min_area = 3;
  request.roi = {5, 3, 60, 40};
  request.maps = ~0u;
  const Result result = engine->submit(request).get();

  GstBuffer* output = detect.through(input);
  const GstAnomalyMeta* meta = meta_of(output);
  plane_equals(&meta->map, result.map);
  fail_unless_equals_int(gst_anomaly_meta_n_planes(meta), 6);
  fail_unless_equals_int(result.further.size(), 6);
  for (const Plane& plane : result.further)
    plane_equals(gst_anomaly_meta_get_plane(meta, plane.name.c_str()), plane);
  fail_unless_equals_float(meta->score, result.statistics.score);
  fail_unless_equals_float(meta->max, result.statistics.max);
  fail_unless_equals_float(meta->mean, result.statistics.mean);
  fail_unless_equals_float(meta->share, result.statistics.share);
  fail_unless_equals_float(meta->threshold, 0.5);
  test_rectangle_equals(meta, 0, 0, 96, 54);
  fail_unless_equals_string(meta->method, "synboost");
  fail_unless_equals_string(meta->model, "test");
  fail_unless_equals_int(meta->age, 0);
  fail_unless(meta->inference_ms > 0);
  fail_unless(!result.statistics.regions.empty(), "the test needs a region");
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta), result.statistics.regions.size());
  for (guint i = 0; i < result.statistics.regions.size(); ++i) {
    const Region& region = result.statistics.regions[i];
    const GstAnomalyRegion* found = gst_anomaly_meta_get_region(meta, i);
    test_region_equals(found, region.id, region.x, region.y, region.width, region.height, region.area);
    fail_unless_equals_float(found->mean, region.mean);
    fail_unless_equals_float(found->max, region.max);
    fail_unless_equals_string(found->label, engine->model().classes[region.label].c_str());
  }
  gst_buffer_unref(output);
}
GST_END_TEST

// The same memories come out, with the same bytes, even where somebody else holds the buffer.
GST_START_TEST(test_pixels_are_neither_copied_nor_changed) {
  for (const bool shared : {false, true}) {
    Detect detect;
    GstBuffer* input = detect.frame(3);
    GstBuffer* copy = gst_buffer_copy_deep(input);
    GstMemory* memory = gst_buffer_peek_memory(input, 0);
    if (shared) gst_buffer_ref(input);
    GstBuffer* output = detect.through(input);
    fail_unless(gst_buffer_n_memory(output) == 1 && gst_buffer_peek_memory(output, 0) == memory);
    fail_unless_equals_int(output != input, shared);
    fail_unless_equals_uint64(GST_BUFFER_PTS(output), 3 * 40 * GST_MSECOND);
    GstMapInfo map;
    fail_unless(gst_buffer_map(copy, &map, GST_MAP_READ));
    fail_unless(gst_buffer_memcmp(output, 0, map.data, map.size) == 0);
    gst_buffer_unmap(copy, &map);
    meta_of(output);
    if (shared) {
      fail_unless(gst_buffer_get_anomaly_meta(input) == nullptr);
      gst_buffer_unref(input);
    }
    gst_buffer_unref(copy);
    gst_buffer_unref(output);
  }
}
GST_END_TEST

GST_START_TEST(test_every_format) {
  Detect detect;
  GstPadTemplate* pad = gst_element_get_pad_template(detect.element, "sink");
  GstCaps* caps = gst_pad_template_get_caps(pad);
  const GValue* formats = gst_structure_get_value(gst_caps_get_structure(caps, 0), "format");
  fail_unless(gst_value_list_get_size(formats) >= 10);
  for (guint i = 0; i < gst_value_list_get_size(formats); ++i)
    for (const char* size : {"width=33,height=17", "width=64,height=48"}) {
      const std::string text = std::string("video/x-raw,framerate=25/1,format=") +
                               g_value_get_string(gst_value_list_get_value(formats, i)) + "," + size;
      detect.set_caps(text.c_str());
      GstBuffer* input = detect.frame(i);
      GstBuffer* copy = gst_buffer_copy_deep(input);
      GstBuffer* output = detect.through(input);
      test_rectangle_equals(meta_of(output), 0, 0, GST_VIDEO_INFO_WIDTH(&detect.info),
                            GST_VIDEO_INFO_HEIGHT(&detect.info));
      GstMapInfo map;
      fail_unless(gst_buffer_map(copy, &map, GST_MAP_READ));
      fail_unless(gst_buffer_memcmp(output, 0, map.data, map.size) == 0, "%s", text.c_str());
      gst_buffer_unmap(copy, &map);
      gst_buffer_unref(copy);
      gst_buffer_unref(output);
    }
  gst_caps_unref(caps);
}
GST_END_TEST

// Whatever its number is by now.
static void only_region_equals(GstBuffer* buffer, gint x, gint y, gint width, gint height, guint64 area) {
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(buffer)), 1);
  const GstAnomalyRegion* region = gst_anomaly_meta_get_region(meta_of(buffer), 0);
  test_region_equals(region, region->id, x, y, width, height, area);
}

GST_START_TEST(test_threshold_area_and_roi_while_playing) {
  Detect detect;
  GstBuffer* out = detect.through(detect.frame(0));
  fail_unless_equals_float(meta_of(out)->threshold, 0.625);  // the bundle's
  gst_buffer_unref(out);

  g_object_set(detect.element, "threshold", 0.0, nullptr);
  out = detect.through(detect.frame(0));
  fail_unless_equals_float(meta_of(out)->share, 1);
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(out)), 1);
  only_region_equals(out, 0, 0, 96, 54, 96 * 54);
  gst_buffer_unref(out);

  g_object_set(detect.element, "roi", "10,20,30,100", nullptr);
  out = detect.through(detect.frame(0));
  only_region_equals(out, 10, 20, 30, 34, 30 * 34);
  gst_buffer_unref(out);

  g_object_set(detect.element, "min-area", G_GUINT64_CONSTANT(1021), nullptr);
  out = detect.through(detect.frame(0));
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(out)), 0);
  fail_unless_equals_float(meta_of(out)->share, 1);
  gst_buffer_unref(out);

  g_object_set(detect.element, "roi", "96,0,5,5", nullptr);  // beside the frame
  out = detect.through(detect.frame(0));
  fail_unless_equals_float(meta_of(out)->score, 0);
  fail_unless_equals_float(meta_of(out)->share, 0);
  gst_buffer_unref(out);

  g_object_set(detect.element, "roi", "", "threshold", 1000.0, nullptr);
  out = detect.through(detect.frame(0));
  fail_unless(meta_of(out)->score > 0);
  fail_unless_equals_float(meta_of(out)->share, 0);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(test_attach) {
  Detect detect("method=softmax-entropy");
  for (const char* attach : {"", "entropy", "labels+entropy", "synthesis+labels"}) {
    gst_util_set_object_arg(G_OBJECT(detect.element), "attach", attach);
    GstBuffer* out = detect.through(detect.frame(0));
    const GstAnomalyMeta* meta = meta_of(out);
    // softmax-entropy computes no synthesis.
    for (const char* name : {"labels", "entropy", "synthesis"}) {
      const bool wanted = strstr(attach, name) != nullptr && strcmp(name, "synthesis") != 0;
      fail_unless_equals_int(gst_anomaly_meta_get_plane(meta, name) != nullptr, wanted);
    }
    fail_unless_equals_string(meta->method, "softmax-entropy");
    gst_buffer_unref(out);
  }
}
GST_END_TEST

GST_START_TEST(test_interval) {
  Detect detect("interval=2");
  GstBuffer* latest = nullptr;
  for (guint i = 0; i < 8; ++i) {
    GstBuffer* out = detect.through(detect.frame(i));
    const GstAnomalyMeta* meta = meta_of(out);
    fail_unless_equals_int(meta->age, i % 3);
    if (i % 3 == 0) {
      if (latest) {
        // Another frame, another map: the ages would mean nothing otherwise.
        GBytes* now = gst_anomaly_plane_dup_bytes(&meta->map);
        GBytes* before = gst_anomaly_plane_dup_bytes(&meta_of(latest)->map);
        fail_unless(!g_bytes_equal(now, before));
        g_bytes_unref(now);
        g_bytes_unref(before);
      }
      gst_clear_buffer(&latest);
      latest = gst_buffer_ref(out);
    } else {
      const GstAnomalyMeta* computed = meta_of(latest);
      test_planes_equal(&meta->map, &computed->map);
      fail_unless_equals_float(meta->score, computed->score);
    }
    gst_buffer_unref(out);
  }
  gst_clear_buffer(&latest);
  fail_unless_equals_uint64(detect.count("frames"), 8);
  fail_unless_equals_uint64(detect.count("computed"), 3);
  fail_unless_equals_uint64(detect.count("skipped"), 5);
  g_object_set(detect.element, "interval", 0, nullptr);
  for (guint i = 0; i < 2; ++i) {
    GstBuffer* out = detect.through(detect.frame(i));
    fail_unless_equals_int(meta_of(out)->age, 0);
    gst_buffer_unref(out);
  }
}
GST_END_TEST

// On the CPU, too: another map, and the statistics say of what.
GST_START_TEST(test_trunk_precision) {
  Detect plain, detect("trunk-precision=fp8");
  GstBuffer* without = plain.through(plain.frame(1));
  GstBuffer* with = detect.through(detect.frame(1));
  GstStructure* stats = detect.stats();
  fail_unless_equals_string(gst_structure_get_string(stats, "trunk-precision"), "fp8");
  gst_structure_free(stats);
  fail_unless(meta_of(with)->score != meta_of(without)->score);
  gst_buffer_unref(without);
  gst_buffer_unref(with);
}
GST_END_TEST

GST_START_TEST(test_stats) {
  Detect detect;
  for (guint i = 0; i < 3; ++i) gst_buffer_unref(detect.through(detect.frame(i)));
  GstStructure* stats = detect.stats();
  fail_unless_equals_string(gst_structure_get_string(stats, "model"), "test");
  fail_unless_equals_string(gst_structure_get_string(stats, "license"), "none: random numbers");
  fail_unless_equals_string(gst_structure_get_string(stats, "device"), "cpu");
  fail_unless_equals_string(gst_structure_get_string(stats, "precision"), "float32");
  fail_unless_equals_string(gst_structure_get_string(stats, "trunk-precision"), "same");
  fail_unless_equals_string(gst_structure_get_string(stats, "method"), "synboost");
  const std::string bundle = test_bundle();
  fail_unless_equals_string(gst_structure_get_string(stats, "model-path"), bundle.c_str());
  gdouble mean = 0, last = 0;
  fail_unless(gst_structure_get(stats, "mean-inference-ms", G_TYPE_DOUBLE, &mean, "last-inference-ms",
                                G_TYPE_DOUBLE, &last, nullptr));
  fail_unless(mean > 0 && last > 0 && last <= 3 * mean + 1e-9);
  gst_structure_free(stats);
  fail_unless_equals_uint64(detect.count("frames"), 3);
}
GST_END_TEST

// A detector behind a detector replaces the metadata: a frame carries one.
GST_START_TEST(test_metadata_of_another_detector_is_replaced) {
  Detect detect("threshold=0.125");
  GstBuffer* input = detect.frame(0);
  test_meta_add(input, 96, 54);
  GstBuffer* out = detect.through(input);
  fail_unless_equals_float(meta_of(out)->threshold, 0.125);
  fail_unless_equals_int(gst_buffer_get_n_meta(out, GST_ANOMALY_META_API_TYPE), 1);
  gst_buffer_unref(out);
}
GST_END_TEST

static Suite* detect_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("content");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_defaults);
  tcase_add_test(tc, test_properties_from_text);
  tcase_add_test(tc, test_weights_of_another_type);
  tcase_add_test(tc, test_attach_from_text);
  tcase_add_test(tc, test_values_out_of_range);
  tcase_add_test(tc, test_mutability);
  tcase_add_test(tc, test_properties_that_cannot_be);
  tcase_add_test(tc, test_bad_roi_while_playing);
  tcase_add_test(tc, test_metadata_is_the_engines_result);
  tcase_add_test(tc, test_pixels_are_neither_copied_nor_changed);
  tcase_add_test(tc, test_every_format);
  tcase_add_test(tc, test_threshold_area_and_roi_while_playing);
  tcase_add_test(tc, test_attach);
  tcase_add_test(tc, test_interval);
  tcase_add_test(tc, test_trunk_precision);
  tcase_add_test(tc, test_stats);
  tcase_add_test(tc, test_metadata_of_another_detector_is_replaced);
  return suite;
}

GST_CHECK_MAIN(detect);

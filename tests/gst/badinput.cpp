// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect on what it should not be given: bundles that cannot be used, devices that are not there,
// frames of the smallest and largest sizes, buffers that are not what their caps say.
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>

#include "tests/gst/detect_common.h"

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  fail_unless(in.good(), "%s", path.c_str());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// A file of these bytes in a folder of its own, until it goes.
struct TemporaryFile {
  std::string folder, path;
  explicit TemporaryFile(const std::string& bytes) {
    gchar* made = g_dir_make_tmp("anomaly-XXXXXX", nullptr);
    fail_unless(made != nullptr);
    folder = made;
    g_free(made);
    path = folder + "/bundle.safetensors";
    std::ofstream(path, std::ios::binary) << bytes;
  }
  ~TemporaryFile() {
    unlink(path.c_str());
    rmdir(folder.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
};

// Replaces the first `what`, which must be there, by as many bytes of `with`.
std::string replaced(std::string bytes, const std::string& what, const std::string& with) {
  fail_unless_equals_int(what.size(), with.size());
  const size_t at = bytes.find(what);
  fail_unless(at != std::string::npos, "the test's bundle holds no %s", what.c_str());
  return bytes.replace(at, what.size(), with);
}

// Refused on starting, in words that name the file and `part`.
void refuses_bundle(const std::string& bytes, const std::string& part) {
  const TemporaryFile file(bytes);
  GstElement* element = detect_new();
  g_object_set(element, "model", file.path.c_str(), nullptr);
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  fail_unless(gst_element_set_state(element, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE,
              "accepted; expected: %s", part.c_str());
  const std::string text = bus_text(bus, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ);
  fail_unless_contains(text, file.path);
  fail_unless_contains(text, part);
  // Another bundle, and the element works.
  g_object_set(element, "model", test_bundle().c_str(), nullptr);
  fail_unless_equals_int(gst_element_set_state(element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  fail_unless(gst_element_set_state(element, GST_STATE_PAUSED) != GST_STATE_CHANGE_FAILURE);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_element_set_bus(element, nullptr);
  gst_object_unref(bus);
  gst_object_unref(element);
}

}  // namespace

GST_START_TEST(test_missing_bundle) {
  refuses("model=/nowhere/at/all.safetensors", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
          "/nowhere/at/all.safetensors");
}
GST_END_TEST

GST_START_TEST(test_folder_as_bundle) {
  GstElement* element = detect_new("model=/tmp");
  fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_object_unref(element);
}
GST_END_TEST

GST_START_TEST(test_broken_bundles) {
  const std::string good = read_file(test_bundle());
  refuses_bundle("", "");
  refuses_bundle(good.substr(0, 5), "");
  refuses_bundle(good.substr(0, good.size() / 2), "");
  refuses_bundle(good.substr(0, good.size() - 1), "");
  refuses_bundle(good + "x", "");
  refuses_bundle("\x89PNG\r\n\x1a\n" + std::string(1000, 'p'), "");
  refuses_bundle("PK\x03\x04" + std::string(1000, '\0'), "");
  refuses_bundle(std::string(7, '\xff') + "\x7f" + good.substr(8), "");  // a header of exabytes
}
GST_END_TEST

GST_START_TEST(test_lying_bundles) {
  const std::string good = read_file(test_bundle());
  // A tensor that is missing (and one that is too much), wrongly typed, wrongly shaped.
  refuses_bundle(replaced(good, "\"segmentation.classifier.weight\"", "\"segmentation.classifier.weighs\""),
                 "segmentation.classifier.weigh");
  refuses_bundle(replaced(good, "\"generator.paint.bias\"", "\"generator.paint.bits\""),
                 "generator.paint.bi");
  refuses_bundle(replaced(good, "\"F32\"", "\"F16\""), ".");
  refuses_bundle(replaced(good, "\\\"decoder\\\":16", "\\\"decoder\\\":24"), "segmentation.");
  refuses_bundle(replaced(good, "\\\"latent\\\":8", "\\\"latent\\\":9"), "encoder.");
  refuses_bundle(replaced(good, "\"format_version\":\"1\"", "\"format_version\":\"9\""), "9");
  refuses_bundle(replaced(good, "\\\"segmentation_height\\\":64", "\\\"segmentation_height\\\":-4"),
                 "segmentation_height");
}
GST_END_TEST

GST_START_TEST(test_gpu_that_is_not_there) {
  GstElement* element = detect_new("device=cuda:31");
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  const std::string text = bus_text(bus, GST_MESSAGE_ERROR, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT);
  fail_unless_contains(text, "cuda:31");
  fail_unless_contains(text, "Use device auto or cpu");
  gst_element_set_state(element, GST_STATE_NULL);
  gst_element_set_bus(element, nullptr);
  gst_object_unref(bus);
  gst_object_unref(element);
}
GST_END_TEST

GST_START_TEST(test_frame_sizes) {
  Detect detect("threshold=0");
  for (const char* format : {"RGB", "NV12", "I420", "YUY2", "GRAY8"})
    for (const char* size : {"width=1,height=1", "width=2,height=1", "width=1,height=3",
                             "width=5,height=4096", "width=4096,height=5", "width=4096,height=4096"}) {
      detect.set_caps((std::string("video/x-raw,framerate=25/1,format=") + format + "," + size).c_str());
      GstBuffer* out = detect.through(detect.frame(0));
      const gint width = GST_VIDEO_INFO_WIDTH(&detect.info), height = GST_VIDEO_INFO_HEIGHT(&detect.info);
      test_rectangle_equals(meta_of(out), 0, 0, width, height);
      fail_unless_equals_float(meta_of(out)->share, 1);
      fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(out)), 1);
      const GstAnomalyRegion* region = gst_anomaly_meta_get_region(meta_of(out), 0);
      test_region_equals(region, region->id, 0, 0, width, height, static_cast<guint64>(width) * height);
      gst_buffer_unref(out);
    }
}
GST_END_TEST

static void refuses_frame(const char* flight, const std::function<GstBuffer*(Detect&)>& make) {
  Detect detect(flight);
  gst_buffer_unref(detect.through(detect.frame(0)));
  fail_unless_equals_int(gst_harness_push(detect.harness, make(detect)), GST_FLOW_ERROR);
  const std::string text =
      bus_text(detect.bus, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
  fail_unless_contains(text, "96x");
  fail_unless_equals_int(gst_harness_buffers_in_queue(detect.harness), 0);
}

GST_START_TEST(test_buffers_too_small_for_their_caps) {
  for (const gsize size : {gsize{0}, gsize{1}, gsize{96 * 54 * 3 - 1}})
    refuses_frame("interval=0", [size](Detect&) { return gst_buffer_new_allocate(nullptr, size, nullptr); });
}
GST_END_TEST

// Video metadata that promises more than the buffer holds.
GST_START_TEST(test_lying_video_meta) {
  refuses_frame("interval=0", [](Detect& detect) {
    GstBuffer* buffer = detect.frame(1);
    gst_buffer_add_video_meta(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 96, 55);
    return buffer;
  });
  refuses_frame("interval=0", [](Detect& detect) {
    GstBuffer* buffer = detect.frame(1);
    gsize offsets[GST_VIDEO_MAX_PLANES] = {0};
    gint strides[GST_VIDEO_MAX_PLANES] = {96 * 3 + 8};
    gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 96, 54, 1,
                                   offsets, strides);
    return buffer;
  });
}
GST_END_TEST

// Padding in front of and behind the rows, as decoders leave it: the same map as without.
GST_START_TEST(test_strides_and_offsets_of_video_meta) {
  Detect detect;
  GstBuffer* tight = detect.frame(2);
  GstBuffer* loose = gst_buffer_new_allocate(nullptr, 100 + 54 * 320, nullptr);
  gst_buffer_memset(loose, 0, 0xee, gst_buffer_get_size(loose));
  GstMapInfo from, to;
  fail_unless(gst_buffer_map(tight, &from, GST_MAP_READ) && gst_buffer_map(loose, &to, GST_MAP_WRITE));
  for (int y = 0; y < 54; ++y) memcpy(to.data + 100 + y * 320, from.data + y * 96 * 3, 96 * 3);
  gst_buffer_unmap(tight, &from);
  gst_buffer_unmap(loose, &to);
  gsize offsets[GST_VIDEO_MAX_PLANES] = {100};
  gint strides[GST_VIDEO_MAX_PLANES] = {320};
  gst_buffer_add_video_meta_full(loose, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 96, 54, 1, offsets,
                                 strides);
  GstBuffer* a = detect.through(tight);
  GstBuffer* b = detect.through(loose);
  test_planes_equal(&meta_of(a)->map, &meta_of(b)->map);
  gst_buffer_unref(a);
  gst_buffer_unref(b);
}
GST_END_TEST

static Suite* badinput_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("bad input");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_missing_bundle);
  tcase_add_test(tc, test_folder_as_bundle);
  tcase_add_test(tc, test_broken_bundles);
  tcase_add_test(tc, test_lying_bundles);
  tcase_add_test(tc, test_gpu_that_is_not_there);
  tcase_add_test(tc, test_frame_sizes);
  tcase_add_test(tc, test_buffers_too_small_for_their_caps);
  tcase_add_test(tc, test_lying_video_meta);
  tcase_add_test(tc, test_strides_and_offsets_of_video_meta);
  return suite;
}

GST_CHECK_MAIN(badinput);

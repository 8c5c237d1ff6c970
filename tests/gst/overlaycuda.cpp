// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalyoverlay on GStreamer's CUDA memory, with a stand-in of the driver and the CUDA module compiled for
// the CPU: the same pixels as in system memory, in place, and nothing copied to the host.
#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudamemory.h>
#include <gst/cuda/gstcudautils.h>

#include <iterator>
#include <string>
#include <vector>

#include "gst/plugin/cudabuffer.h"
#include "gst/plugin/cudaprimary.h"
#include "tests/gst/cuda_common.h"
#include "tests/gst/launched.h"
#include "tests/gst/overlayframes.h"

namespace {

constexpr gint kWidth = 150, kHeight = 230;  // high enough for labels

std::vector<std::string> cuda_formats() {
  std::vector<std::string> names;
  GstCaps* caps = anomaly::cuda_caps();
  const GValue* list = gst_structure_get_value(gst_caps_get_structure(caps, 0), "format");
  for (guint i = 0; i < gst_value_list_get_size(list); ++i)
    names.emplace_back(g_value_get_string(gst_value_list_get_value(list, i)));
  gst_caps_unref(caps);
  return names;
}

GstCaps* cuda_caps_of(const GstVideoInfo& info) {
  GstCaps* caps = gst_video_info_to_caps(const_cast<GstVideoInfo*>(&info));
  gst_caps_set_features(caps, 0, gst_caps_features_new("memory:CUDAMemory", nullptr));
  return caps;
}

GstHarness* cuda_overlay(const GstVideoInfo& info, const char* properties) {
  GstHarness* harness = gst_harness_new_parse((std::string("anomalyoverlay ") + properties).c_str());
  gst_harness_set_src_caps(harness, cuda_caps_of(info));
  return harness;
}

// The frame's pixels in CUDA memory. Takes `frame`.
GstBuffer* uploaded(GstCudaContext* context, const GstVideoInfo& info, GstBuffer* frame) {
  GstBufferPool* pool = gst_cuda_buffer_pool_new(context);
  GstCaps* caps = cuda_caps_of(info);
  GstStructure* config = gst_buffer_pool_get_config(pool);
  GstBuffer* buffer = nullptr;
  GstVideoFrame from, to;
  gst_buffer_pool_config_set_params(config, caps, static_cast<guint>(info.size), 0, 0);
  gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  fail_unless(gst_buffer_pool_set_config(pool, config) && gst_buffer_pool_set_active(pool, TRUE));
  fail_unless_equals_int(gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr), GST_FLOW_OK);
  fail_unless(gst_video_frame_map(&from, &info, frame, GST_MAP_READ));
  fail_unless(gst_video_frame_map(&to, &info, buffer, GST_MAP_WRITE));
  fail_unless(gst_video_frame_copy(&to, &from));
  gst_video_frame_unmap(&to);
  gst_video_frame_unmap(&from);
  // On the device, before anybody counts copies.
  fail_unless(gst_video_frame_map(&to, &info, buffer, static_cast<GstMapFlags>(GST_MAP_READ | GST_MAP_CUDA)));
  gst_video_frame_unmap(&to);
  GST_BUFFER_PTS(buffer) = 0;
  gst_buffer_unref(frame);
  gst_buffer_pool_set_active(pool, FALSE);
  gst_object_unref(pool);
  gst_caps_unref(caps);
  return buffer;
}

GstAnomalyMeta* add_meta(GstBuffer* buffer) {
  GstAnomalyMeta* meta = add_halves(buffer, kWidth - 20, kHeight);
  for (gint i = 0; i < 3; ++i) {
    GstAnomalyRegion region = {};
    region.id = static_cast<guint>(i + 1);
    region.x = 55 * i - 15;
    region.y = 71 * i;
    region.width = 61;
    region.height = 47;
    region.area = 99;
    region.max = 0.7 + 0.1 * i;
    region.label = "road";
    gst_anomaly_meta_add_region(meta, &region);
  }
  return meta;
}

// What the element makes of the frame in system memory. Takes `frame`.
std::vector<uint8_t> drawn(const GstVideoInfo& info, const GstVideoInfo& out_info, const char* properties,
                           GstBuffer* frame) {
  GstHarness* harness = overlay_new(&info, properties);
  add_meta(frame);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  std::vector<uint8_t> pixels = mapped_pixels(out_info, out);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
  return pixels;
}

// Expects one error that contains `part`.
void fail_unless_refused(const GstVideoInfo& info, const char* properties, GstBuffer* buffer,
                         const char* part) {
  GstHarness* harness = cuda_overlay(info, properties);
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(overlay, bus);
  fail_unless_equals_int(gst_harness_push(harness, buffer), GST_FLOW_ERROR);
  GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  GError* error = nullptr;
  fail_unless(message != nullptr);
  gst_message_parse_error(message, &error, nullptr);
  fail_unless(strstr(error->message, part) != nullptr, "%s", error->message);
  g_clear_error(&error);
  gst_message_unref(message);
  fail_unless(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR) == nullptr);
  gst_element_set_bus(overlay, nullptr);
  gst_object_unref(bus);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}

}  // namespace

// In the GPU's primary context, and in one of somebody else's.
GST_START_TEST(test_same_as_in_system_memory) {
  GstCudaContext* contexts[] = {GST_CUDA_CONTEXT(gst_object_ref(anomaly::primary_cuda_context(0))),
                                gst_cuda_context_new(0)};
  size_t next = 0;
  for (const std::string& format : cuda_formats())
    for (size_t i = next++, left = format == "NV12" ? std::size(kStyles) : 1; left > 0; --left, ++i) {
      const char* style = kStyles[i % std::size(kStyles)];  // one a format, all of the one that is met most
      const GstVideoInfo info = make_info(format.c_str(), kWidth, kHeight);
      GstBuffer* frame = test_frame_new(&info);
      const std::vector<uint8_t> expected = drawn(info, info, style, gst_buffer_copy_deep(frame));
      for (GstCudaContext* context : contexts) {
        GstBuffer* buffer = uploaded(context, info, gst_buffer_ref(frame));
        GstMemory* memory = gst_buffer_peek_memory(buffer, 0);
        add_meta(buffer);
        GstHarness* harness = cuda_overlay(info, style);
        const int downloads = standin_cuda_copies("DtoH");
        GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
        fail_unless(out == buffer && gst_buffer_peek_memory(out, 0) == memory);
        fail_unless_equals_int(standin_cuda_copies("DtoH"), downloads);
        fail_unless(mapped_pixels(info, out) == expected, "%s %s", format.c_str(), style);
        gst_buffer_unref(out);
        gst_harness_teardown(harness);
      }
      gst_buffer_unref(frame);
    }
  for (GstCudaContext* context : contexts) gst_object_unref(context);
}
GST_END_TEST;

GST_START_TEST(test_side_by_side) {
  for (const char* format : {"NV12", "I420", "RGBA", "RGB", "P010_10LE", "YUY2"}) {
    const GstVideoInfo info = make_info(format, kWidth, kHeight),
                       wide = make_info(format, 2 * kWidth, kHeight);
    GstBuffer* frame = test_frame_new(&info);
    const char* style = "mode=side-by-side legend=true";
    const std::vector<uint8_t> expected = drawn(info, wide, style, gst_buffer_copy_deep(frame));
    GstBuffer* buffer = uploaded(anomaly::primary_cuda_context(0), info, frame);
    add_meta(buffer);
    GstHarness* harness = cuda_overlay(info, style);
    const int downloads = standin_cuda_copies("DtoH");
    GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
    fail_unless(out != nullptr && gst_is_cuda_memory(gst_buffer_peek_memory(out, 0)));
    fail_unless_equals_int(standin_cuda_copies("DtoH"), downloads);
    fail_unless(gst_buffer_get_anomaly_meta(out) != nullptr);
    fail_unless(mapped_pixels(wide, out) == expected, "%s", format);
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

// Somebody else holds the buffer, or its memory: a copy on the GPU is drawn on.
GST_START_TEST(test_shared_frame) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  for (int i = 0; i < 2; ++i) {
    GstBuffer* frame = test_frame_new(&info);
    const std::vector<uint8_t> before = mapped_pixels(info, frame);
    const std::vector<uint8_t> expected = drawn(info, info, "", gst_buffer_copy_deep(frame));
    GstBuffer* buffer = uploaded(anomaly::primary_cuda_context(0), info, frame);
    add_meta(buffer);
    GstBuffer* other = i == 0 ? gst_buffer_ref(buffer) : gst_buffer_copy(buffer);
    GstHarness* harness = cuda_overlay(info, "");
    GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
    fail_unless(out != nullptr);
    fail_unless(mapped_pixels(info, out) == expected);
    fail_unless(mapped_pixels(info, other) == before);
    gst_buffer_unref(other);
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

// Without metadata nothing is touched, nor the module missed.
GST_START_TEST(test_nothing_to_draw) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  g_setenv("GST_ANOMALY_CUDA_MODULE", "/nonexistent/libanomaly-cuda.so", TRUE);
  GstBuffer* frame = test_frame_new(&info);
  const std::vector<uint8_t> before = mapped_pixels(info, frame);
  GstBuffer* buffer = uploaded(anomaly::primary_cuda_context(0), info, frame);
  GstMemory* memory = gst_buffer_peek_memory(buffer, 0);
  GstHarness* harness = cuda_overlay(info, "legend=true");
  GstBuffer* out = gst_harness_push_and_pull(harness, gst_buffer_ref(buffer));
  fail_unless(out == buffer && gst_buffer_peek_memory(out, 0) == memory);
  fail_unless(mapped_pixels(info, out) == before);
  gst_buffer_unref(out);
  gst_buffer_unref(buffer);
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_no_module) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  g_setenv("GST_ANOMALY_CUDA_MODULE", "/nonexistent/libanomaly-cuda.so", TRUE);
  GstBuffer* buffer = uploaded(anomaly::primary_cuda_context(0), info, test_frame_new(&info));
  add_meta(buffer);
  fail_unless_refused(info, "", buffer, "/nonexistent/libanomaly-cuda.so");
}
GST_END_TEST;

// The module's one device is GPU 0.
GST_START_TEST(test_no_such_gpu) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  GstBuffer* buffer = uploaded(anomaly::primary_cuda_context(1), info, test_frame_new(&info));
  add_meta(buffer);
  fail_unless_refused(info, "", buffer, "GPU 1");
}
GST_END_TEST;

// System memory under caps that promise CUDA's: a warning, and the frame as it was.
GST_START_TEST(test_other_memory) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  GstBuffer* frame = test_frame_new(&info);
  const std::vector<uint8_t> before = mapped_pixels(info, frame);
  add_meta(frame);
  GstHarness* harness = cuda_overlay(info, "");
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(overlay, bus);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  fail_unless(out == frame);
  fail_unless(mapped_pixels(info, out) == before);
  GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING);
  fail_unless(message != nullptr);
  gst_message_unref(message);
  gst_buffer_unref(out);
  gst_element_set_bus(overlay, nullptr);
  gst_object_unref(bus);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}
GST_END_TEST;

// Upstream is offered a pool of CUDA memory of the pipeline's context, in place and side by side.
GST_START_TEST(test_pools) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  for (const char* style : {"", "mode=side-by-side"}) {
    GstHarness* harness = gst_harness_new_parse((std::string("anomalyoverlay ") + style).c_str());
    GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
    GstContext* context = gst_context_new_cuda_context(anomaly::primary_cuda_context(1));
    gst_element_set_context(overlay, context);
    gst_harness_set_src_caps(harness, cuda_caps_of(info));
    GstCaps* caps = cuda_caps_of(info);
    GstQuery* query = gst_query_new_allocation(caps, TRUE);
    fail_unless(gst_pad_peer_query(harness->srcpad, query), "%s", style);
    fail_unless(gst_query_get_n_allocation_pools(query) > 0, "%s", style);
    GstBufferPool* pool = nullptr;
    gst_query_parse_nth_allocation_pool(query, 0, &pool, nullptr, nullptr, nullptr);
    fail_unless(GST_IS_CUDA_BUFFER_POOL(pool), "%s", style);
    fail_unless(GST_CUDA_BUFFER_POOL(pool)->context == anomaly::primary_cuda_context(1), "%s", style);
    gst_object_unref(pool);
    gst_query_unref(query);
    gst_caps_unref(caps);
    gst_context_unref(context);
    gst_object_unref(overlay);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

// GStreamer's own elements around it.
GST_START_TEST(test_between_gstreamers_elements) {
  for (const char* style : {"", "mode=side-by-side"}) {
    const Launched pipeline(
        std::string("videotestsrc num-buffers=3 ! video/x-raw,format=NV12,width=96,height=54 ! cudaupload ! "
                    "video/x-raw(memory:CUDAMemory) ! anomalyoverlay name=overlay legend=true ") +
        style + " ! cudadownload ! fakesink");
    const std::string failure = pipeline.play();
    fail_unless(failure.empty(), "%s: %s", style, failure.c_str());
    GstCaps* caps = pipeline.caps_at("overlay", "src");
    fail_unless(anomaly::buffer_kind(caps) == anomaly::BufferKind::Cuda, "%s", style);
    gst_caps_unref(caps);
  }
}
GST_END_TEST;

static Suite* overlaycuda_suite(void) {
  Suite* suite = suite_create("overlaycuda");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_same_as_in_system_memory);
  tcase_add_test(tests, test_side_by_side);
  tcase_add_test(tests, test_shared_frame);
  tcase_add_test(tests, test_nothing_to_draw);
  tcase_add_test(tests, test_no_module);
  tcase_add_test(tests, test_no_such_gpu);
  tcase_add_test(tests, test_other_memory);
  tcase_add_test(tests, test_pools);
  tcase_add_test(tests, test_between_gstreamers_elements);
  return suite;
}

GST_CHECK_MAIN(overlaycuda);

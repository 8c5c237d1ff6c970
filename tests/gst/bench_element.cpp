// SPDX-License-Identifier: LGPL-2.1-or-later
// bench_element BUNDLE [WIDTH HEIGHT [FRAMES]]: milliseconds a frame that anomalydetect costs beyond the
// resize of the frame and the networks: queues, threads, metadata, statistics, regions. Default: 1920x1080,
// 200 frames. The resize and the networks are timed by themselves, in turn with the element, and taken off;
// processor time, so that other programs do not count, medians. Prints a table; not a test.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include "src/engine/engine.h"

using namespace anomaly;

namespace {

double processor_ms() {
  timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

struct Times {
  std::vector<double> element, resize, networks;
};

// The luma of a smooth picture; chroma grey.
GstBuffer* frame_new(const GstVideoInfo& info) {
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  for (gsize i = 0; i < map.size; ++i)
    map.data[i] = i < info.offset[1] ? static_cast<guint8>(i / 7 + i / static_cast<gsize>(info.width)) : 128;
  gst_buffer_unmap(buffer, &map);
  return buffer;
}

FrameView view_of(const GstVideoFrame& frame) {
  FrameView view;
  view.format = PixelFormat::NV12;
  view.width = GST_VIDEO_FRAME_WIDTH(&frame);
  view.height = GST_VIDEO_FRAME_HEIGHT(&frame);
  for (int i = 0; i < 2; ++i) {
    view.plane[i] = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, i));
    view.stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, i);
  }
  return view;
}

void measure(const char* bundle, const GstVideoInfo& info, int frames, double threshold, const char* what) {
  EngineOptions options;
  options.bundle = bundle;
  options.device = "cpu";
  options.threads = 1;
  const auto engine = Engine::open(options);
  Settings settings;
  settings.method = Method::SoftmaxEntropy;
  engine->prepare(settings);

  GstElement* element = gst_element_factory_make("anomalydetect", nullptr);
  if (!element) throw std::runtime_error("there is no element anomalydetect: set GST_PLUGIN_PATH");
  gst_util_set_object_arg(G_OBJECT(element), "method", "softmax-entropy");
  g_object_set(element, "model", bundle, "device", "cpu", "threads", 1, "threshold", threshold, nullptr);
  GstHarness* harness = gst_harness_new_with_element(element, "sink", "src");
  GstVideoInfo caps_info = info;
  gst_harness_set_src_caps(harness, gst_video_info_to_caps(&caps_info));

  GstBuffer* picture = frame_new(info);
  GstVideoFrame mapped;
  gst_video_frame_map(&mapped, const_cast<GstVideoInfo*>(&info), picture, GST_MAP_READ);
  Times times;
  for (int i = 0; i < frames + 5; ++i) {
    GstBuffer* buffer = gst_buffer_copy(picture);  // its own structure, the same pixels
    const double start = processor_ms();
    if (gst_harness_push(harness, buffer) != GST_FLOW_OK) throw std::runtime_error("the element failed");
    gst_buffer_unref(gst_harness_pull(harness));
    const double passed = processor_ms();
    Request request;
    request.settings = settings;
    request.threshold = static_cast<float>(threshold);
    request.frame = engine->ingest(view_of(mapped));
    const double resized = processor_ms();
    request.frame.frame_width = request.frame.frame_height = 1;  // statistics of one pixel
    engine->submit(std::move(request)).get();
    const double computed = processor_ms();
    if (i < 5) continue;
    times.element.push_back(passed - start);
    times.resize.push_back(resized - passed);
    times.networks.push_back(computed - resized);
  }
  gst_video_frame_unmap(&mapped);
  gst_buffer_unref(picture);
  gst_harness_teardown(harness);
  gst_object_unref(element);

  const double element_ms = median(times.element), resize_ms = median(times.resize),
               networks_ms = median(times.networks);
  std::printf("%-24s %8.3f %8.3f %8.3f %8.3f\n", what, element_ms, resize_ms, networks_ms,
              element_ms - resize_ms - networks_ms);
}

}  // namespace

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  if (argc != 2 && argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: bench_element BUNDLE [WIDTH HEIGHT [FRAMES]]\n");
    return 2;
  }
  const int width = argc > 2 ? std::atoi(argv[2]) : 1920, height = argc > 2 ? std::atoi(argv[3]) : 1080,
            frames = argc > 4 ? std::max(1, std::atoi(argv[4])) : 200;
  GstVideoInfo info;
  if (!gst_video_info_set_format(&info, GST_VIDEO_FORMAT_NV12, static_cast<guint>(width),
                                 static_cast<guint>(height))) {
    std::fprintf(stderr, "bench_element: no frames of %dx%d\n", width, height);
    return 2;
  }
  try {
    std::printf("%dx%d NV12, ms a frame      element   resize networks   beyond\n", width, height);
    measure(argv[1], info, frames, 100, "nothing found");
    measure(argv[1], info, frames, 0.9, "threshold 0.9");
    measure(argv[1], info, frames, 0, "all of it found");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_element: %s\n", e.what());
    return 1;
  }
  return 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect on a GPU with anomalyoverlay behind it, in device memory throughout, as far as that goes
// without a GPU: GStreamer's CUDA elements on a stand-in of the driver, kernels emulated in ordinary memory.
// The score map stays where it was computed until somebody maps it, and the picture is the processor's.
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <gst/cuda/gstcudautils.h>

#include "gst/plugin/devicemap.h"
#include "tests/gst/cuda_common.h"
#include "tests/gst/detect_common.h"
#include "tests/gst/launched.h"
#include "tests/gst/nvmm_common.h"

namespace {

constexpr gint kWidth = 150, kHeight = 230;  // high enough for labels
constexpr guint kMapWidth = 64, kMapHeight = 32;
constexpr size_t kMapBytes = sizeof(gfloat) * kMapWidth * kMapHeight;
const char* const kOverlays[] = {"", "opacity=1 contours=true score-bar=true legend=true",
                                 "opacity=0 contours=true boxes=false", "mode=map"};

// tests/gst/standin/watchedmodule.cpp, which the plugin opened or will open.
int downloads(size_t bytes) {
  void* module = dlopen(std::getenv("GST_ANOMALY_CUDA_MODULE"), RTLD_NOW);
  fail_unless(module != nullptr, "%s", dlerror());
  const auto watched = reinterpret_cast<int (*)(size_t)>(dlsym(module, "watched_downloads"));
  fail_unless(watched != nullptr, "the watched module is not in use");
  return watched(bytes);
}

std::string source(const std::string& format) {
  return "videotestsrc num-buffers=2 pattern=smpte ! video/x-raw,format=" + format +
         ",width=" + std::to_string(kWidth) + ",height=" + std::to_string(kHeight) + ",framerate=25/1 ! ";
}

std::string detector(const std::string& properties) {
  return "anomalydetect threads=1 precision=float32 model=\"" + test_bundle() + "\" " + properties;
}

struct Frame {
  GstBuffer* buffer = nullptr;
  GstCaps* caps = nullptr;
  GstVideoInfo info;

  explicit Frame(const std::string& description) {
    const Launched pipeline(description + " ! fakesink name=sink");
    const std::string failure = pipeline.play();
    fail_unless(failure.empty(), "%s: %s", description.c_str(), failure.c_str());
    buffer = pipeline.last("sink", &caps);
    fail_unless(gst_video_info_from_caps(&info, caps));
  }
  ~Frame() {
    gst_buffer_unref(buffer);
    gst_caps_unref(caps);
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  std::vector<uint8_t> pixels() const { return mapped_pixels(info, buffer); }
};

void fail_unless_on_device(const GstAnomalyMeta* meta) {
  const void* values = nullptr;
  anomaly::FrameMemory memory;
  fail_unless(anomaly::device_map_at(meta->map.data, &values, &memory) && values != nullptr);
  fail_unless(memory.kind == anomaly::FrameMemory::Kind::Cuda && memory.device == 0);
  fail_unless(meta->map.width == kMapWidth && meta->map.height == kMapHeight);
}

// Mapping it is what fetches it, once.
void fail_unless_fetched_when_mapped(const GstAnomalyMeta* meta, int before) {
  fail_unless_equals_int(downloads(kMapBytes), before);
  for (int i = 0; i < 2; ++i) {
    GstMapInfo info;
    const gfloat* scores = nullptr;
    guint width = 0, height = 0;
    fail_unless(gst_anomaly_meta_map_scores(meta, &info, &scores, &width, &height));
    gst_anomaly_meta_unmap_scores(meta, &info);
    fail_unless_equals_int(downloads(kMapBytes), before + 1);
  }
}

// The picture without its metadata.
GstBuffer* bare_copy(const GstVideoInfo& info, GstBuffer* buffer) {
  GstBuffer* copy = gst_buffer_new_allocate(nullptr, info.size, nullptr);
  GstVideoFrame from, to;
  fail_unless(gst_video_frame_map(&from, &info, buffer, GST_MAP_READ));
  fail_unless(gst_video_frame_map(&to, &info, copy, GST_MAP_WRITE));
  fail_unless(gst_video_frame_copy(&to, &from));
  gst_video_frame_unmap(&to);
  gst_video_frame_unmap(&from);
  GST_BUFFER_PTS(copy) = 0;
  return copy;
}

// What anomalyoverlay makes, in system memory, of that picture with the metadata of another buffer. Takes
// `picture`.
std::vector<uint8_t> drawn(const GstVideoInfo& info, const std::string& overlay, GstBuffer* picture,
                           GstBuffer* from, const GstAnomalyMeta* meta) {
  GstMetaTransformCopy all = {FALSE, 0, static_cast<gsize>(-1)};
  auto* each = const_cast<GstMeta*>(&meta->meta);
  fail_unless(each->info->transform_func(picture, each, from, g_quark_from_string("gst-copy"), &all));
  meta_of(picture)->surface = 0;
  GstHarness* harness = gst_harness_new_parse(("anomalyoverlay " + overlay).c_str());
  gst_harness_set_src_caps(harness, gst_video_info_to_caps(const_cast<GstVideoInfo*>(&info)));
  GstBuffer* out = gst_harness_push_and_pull(harness, picture);
  fail_unless(out != nullptr);
  std::vector<uint8_t> pixels = mapped_pixels(info, out);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
  return pixels;
}

// Emulated kernels sum in another order than those of the CPU: a score may fall on the other side of the
// threshold, or into the colour beside its own.
void fail_unless_alike(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b,
                       const std::string& what) {
  fail_unless_equals_int(a.size(), b.size());
  size_t apart = 0;
  for (size_t i = 0; i < a.size(); ++i) apart += std::abs(int{a[i]} - int{b[i]}) > 8;
  fail_unless(apart <= a.size() / 100, "%s: %u of %u bytes differ", what.c_str(), static_cast<guint>(apart),
              static_cast<guint>(a.size()));
}

// The middle of the scores: what the random networks find lies on both sides of it.
std::string threshold_of(const GstAnomalyMeta* meta) {
  GstMapInfo info;
  const gfloat* scores = nullptr;
  guint width = 0, height = 0;
  fail_unless(gst_anomaly_meta_map_scores(meta, &info, &scores, &width, &height));
  const auto [low, high] = std::minmax_element(scores, scores + width * height);
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_dtostr(text, sizeof text, (*low + *high) / 2);
  gst_anomaly_meta_unmap_scores(meta, &info);
  return std::string(" threshold=") + text + " ";
}

}  // namespace

GST_START_TEST(test_cuda_memory) {
  for (const char* format : {"NV12", "RGBA"}) {
    const Frame plain(source(format) + detector("device=cpu"));
    const std::string threshold = threshold_of(meta_of(plain.buffer));
    for (const char* style : kOverlays) {
      const std::string what = std::string(format) + " " + style;
      const std::string overlay = "anomalyoverlay " + threshold + style;
      const Frame cpu(source(format) + detector("device=cpu" + threshold) + " ! " + overlay);
      const int copies = standin_cuda_copies("DtoH"), fetched = downloads(kMapBytes);
      const Frame gpu(source(format) + "cudaupload ! " + detector("device=cuda" + threshold) + " ! " +
                      overlay);
      fail_unless(gst_caps_features_contains(gst_caps_get_features(gpu.caps, 0), "memory:CUDAMemory"), "%s",
                  what.c_str());
      fail_unless_equals_int(standin_cuda_copies("DtoH"), copies);
      GstAnomalyMeta* meta = meta_of(gpu.buffer);
      fail_unless_on_device(meta);
      fail_unless_fetched_when_mapped(meta, fetched);
      fail_unless(gpu.pixels() != plain.pixels(), "%s draws nothing", what.c_str());
      fail_unless(gpu.pixels() == drawn(plain.info, threshold + style, bare_copy(plain.info, plain.buffer),
                                        gpu.buffer, meta),
                  "%s", what.c_str());
      fail_unless_alike(gpu.pixels(), cpu.pixels(), what);
    }
  }
}
GST_END_TEST;

// Two surfaces of a batch in device memory, which here is ordinary memory.
GST_START_TEST(test_nvmm) {
  const std::string rest = ",format=RGBA,width=" + std::to_string(kWidth) +
                           ",height=" + std::to_string(kHeight) + ",framerate=25/1";
  Detect system("", ("video/x-raw" + rest).c_str());
  for (const char* style : kOverlays) {
    const std::string overlay = std::string("threshold=0.3 ") + style;
    GstHarness* harness =
        gst_harness_new_parse((detector("device=cuda:0") + " ! anomalyoverlay " + overlay).c_str());
    gst_harness_set_src_caps(harness, gst_caps_from_string(("video/x-raw(memory:NVMM)" + rest).c_str()));
    NvmmKind kind;
    kind.memory = anomaly::nvmm::MemoryType::CudaDevice;
    kind.color_format = 19;
    NvmmBatch* batch = nullptr;
    GstBuffer* input = nvmm_new(system.info, kind, {system.frame(1), system.frame(2)}, &batch);
    const int fetched = downloads(kMapBytes);
    GstBuffer* out = gst_harness_push_and_pull(harness, input);
    fail_unless(out == input);
    fail_unless_equals_int(downloads(kMapBytes), fetched);
    gpointer state = nullptr;
    guint count = 0;
    while (GstMeta* each = gst_buffer_iterate_meta_filtered(out, &state, GST_ANOMALY_META_API_TYPE)) {
      const auto* meta = reinterpret_cast<GstAnomalyMeta*>(each);
      fail_unless_on_device(meta);
      fail_unless_fetched_when_mapped(meta, fetched + static_cast<int>(count));
      const std::vector<uint8_t> expected =
          drawn(system.info, overlay, system.frame(meta->surface + 1), out, meta);
      GstBuffer *got = system.frame(0), *input_frame = system.frame(meta->surface + 1);
      const std::vector<uint8_t> before = mapped_pixels(system.info, input_frame);
      gst_buffer_unref(input_frame);
      nvmm_copy(system.info, got, *batch, meta->surface, false);
      fail_unless(mapped_pixels(system.info, got) == expected, "surface %u, %s", meta->surface, style);
      fail_unless(expected != before, "surface %u: %s draws nothing", meta->surface, style);
      gst_buffer_unref(got);
      ++count;
    }
    fail_unless_equals_int(count, 2);
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

static Suite* overlaygpu_suite(void) {
  Suite* suite = suite_create("overlaygpu");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  g_assert_true(gst_cuda_load_library());  // before the suite forks
  tcase_add_test(tests, test_cuda_memory);
  tcase_add_test(tests, test_nvmm);
  return suite;
}

GST_CHECK_MAIN(overlaygpu);

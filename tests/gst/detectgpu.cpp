// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect on a GPU, as far as that goes without one: GStreamer's CUDA elements on a stand-in of the
// driver, and the engine's GPU path with its kernels emulated in ordinary memory.
#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gst/cuda/gstcudautils.h>

#include "gst/plugin/devicemap.h"
#include "tests/gst/cuda_common.h"
#include "tests/gst/detect_common.h"
#include "tests/gst/launched.h"
#include "tests/gst/nvmm_common.h"

namespace {

constexpr const char* kSource =
    "videotestsrc num-buffers=1 pattern=smpte ! video/x-raw,format=NV12,width=96,height=54 ! ";

struct Ran {
  GstBuffer* frame = nullptr;  // the last
  GstCaps* caps = nullptr;
  std::string error;

  explicit Ran(const std::string& detect, const std::string& before = "", GstCudaContext* shared = nullptr) {
    const Launched pipeline(kSource + before + "anomalydetect threads=1 precision=float32 model=\"" +
                            test_bundle() + "\" " + detect + " ! fakesink name=sink");
    if (shared) {
      GstContext* context = gst_context_new_cuda_context(shared);
      gst_element_set_context(pipeline.get(), context);
      gst_context_unref(context);
    }
    error = pipeline.play();
    if (error.empty()) frame = pipeline.last("sink", &caps);
  }
  ~Ran() {
    gst_clear_buffer(&frame);
    gst_clear_caps(&caps);
  }
  Ran(const Ran&) = delete;
  Ran& operator=(const Ran&) = delete;

  const GstAnomalyMeta* meta() const {
    fail_unless(error.empty(), "%s", error.c_str());
    return meta_of(frame);
  }
};

// Emulated kernels sum in another order than those of the CPU.
void fail_unless_alike(const GstAnomalyMeta* a, const GstAnomalyMeta* b) {
  constexpr float kTolerance = 1e-3F;
  GstMapInfo left, right;
  const gfloat *x = nullptr, *y = nullptr;
  guint width = 0, height = 0, other_width = 0, other_height = 0;
  test_rectangle_equals(a, b->x, b->y, b->width, b->height);
  fail_unless(std::abs(a->score - b->score) < kTolerance, "%g %g", a->score, b->score);
  fail_unless(gst_anomaly_meta_map_scores(a, &left, &x, &width, &height));
  fail_unless(gst_anomaly_meta_map_scores(b, &right, &y, &other_width, &other_height));
  fail_unless(width == other_width && height == other_height);
  float lowest = x[0], highest = x[0];
  for (guint i = 0; i < width * height; ++i) {
    fail_unless(std::abs(x[i] - y[i]) < kTolerance, "value %u: %g %g", i, x[i], y[i]);
    lowest = std::min(lowest, x[i]);
    highest = std::max(highest, x[i]);
  }
  fail_unless(highest - lowest > 20 * kTolerance, "the map says nothing: %g to %g", lowest, highest);
  gst_anomaly_meta_unmap_scores(b, &right);
  gst_anomaly_meta_unmap_scores(a, &left);
}

bool on_device(GstBuffer* map, int device) {
  const void* values = nullptr;
  anomaly::FrameMemory memory;
  return anomaly::device_map_at(map, &values, &memory) && values &&
         memory.kind == anomaly::FrameMemory::Kind::Cuda && memory.device == device;
}

bool in_cuda_memory(GstCaps* caps) {
  return gst_caps_features_contains(gst_caps_get_features(caps, 0), "memory:CUDAMemory");
}

}  // namespace

// Nobody asks for CUDA memory here: an engine on a GPU does.
GST_START_TEST(test_cuda_memory) {
  const Ran cpu("device=cpu");
  const int downloads = standin_cuda_copies("DtoH"), moved = standin_cuda_copies("DtoD");
  const Ran gpu("device=cuda attach=labels+entropy", "cudaupload ! ");
  fail_unless(gpu.error.empty(), "%s", gpu.error.c_str());
  fail_unless(in_cuda_memory(gpu.caps), "%" GST_PTR_FORMAT, gpu.caps);
  fail_unless_equals_int(standin_cuda_copies("DtoH"), downloads);
  fail_unless_equals_int(standin_cuda_copies("DtoD"), moved);  // one context for all
  fail_unless(on_device(gpu.meta()->map.data, 0));
  for (const char* name : {"labels", "entropy"}) {
    const GstAnomalyPlane* plane = gst_anomaly_meta_get_plane(gpu.meta(), name);
    fail_unless(plane != nullptr && on_device(plane->data, 0), "%s", name);
  }
  fail_unless_alike(gpu.meta(), cpu.meta());
}
GST_END_TEST;

// The application shares a context of its own making: frames are copied, on the GPU.
GST_START_TEST(test_foreign_context) {
  GstCudaContext* foreign = gst_cuda_context_new(0);
  const Ran cpu("device=cpu");
  const int downloads = standin_cuda_copies("DtoH"), moved = standin_cuda_copies("DtoD");
  const Ran gpu("device=cuda", "cudaupload ! ", foreign);
  fail_unless(in_cuda_memory(gpu.caps), "%" GST_PTR_FORMAT, gpu.caps);
  fail_unless_equals_int(standin_cuda_copies("DtoH"), downloads);
  fail_unless_equals_int(standin_cuda_copies("DtoD"), moved + 2);  // planes
  fail_unless_alike(gpu.meta(), cpu.meta());
  gst_object_unref(foreign);
}
GST_END_TEST;

// Frames in system memory stay there, and so do their maps.
GST_START_TEST(test_system_memory) {
  const Ran cpu("device=cpu"), gpu("device=cuda");
  fail_unless(gpu.error.empty(), "%s", gpu.error.c_str());
  fail_if(in_cuda_memory(gpu.caps));
  fail_if(on_device(gpu.meta()->map.data, 0));
  fail_unless_alike(gpu.meta(), cpu.meta());
}
GST_END_TEST;

// device=auto goes where the frames are, and says so where it cannot; a GPU that is named is kept to. The
// emulated engine is no choice of auto's own, and has one GPU where the driver's stand-in has two.
GST_START_TEST(test_device_of_frames) {
  const auto on = [](int device) {
    return "cudaupload cuda-device-id=" + std::to_string(device) + " ! video/x-raw(memory:CUDAMemory) ! ";
  };
  const Ran cpu("device=cpu"), unasked("device=auto"), follows("device=auto", on(0)),
      named("device=cuda:0", on(0));
  fail_if(on_device(unasked.meta()->map.data, 0));
  fail_unless(on_device(follows.meta()->map.data, 0));
  fail_unless_alike(follows.meta(), cpu.meta());
  fail_unless_alike(named.meta(), cpu.meta());
  const Ran nowhere("device=auto", on(1)), elsewhere("device=cuda:0", on(1));
  fail_unless_contains(nowhere.error, "cuda:1 cannot be used");
  fail_unless_contains(elsewhere.error, "memory of GPU 1");
  fail_unless_contains(elsewhere.error, "device=cuda:1");
}
GST_END_TEST;

// NVMM surfaces in device memory, which here is ordinary memory: read where they lie, each its own metadata.
GST_START_TEST(test_nvmm) {
  constexpr const char* kNvmm = "video/x-raw(memory:NVMM),format=RGBA,width=96,height=54,framerate=25/1";
  constexpr const char* kSystem = "video/x-raw,format=RGBA,width=96,height=54,framerate=25/1";
  Detect system("", kSystem);
  GstBuffer* expected[2] = {system.through(system.frame(1)), system.through(system.frame(2))};
  for (const char* device : {"device=cuda:0", "device=auto"}) {
    Detect gpu(std::string("precision=float32 ") + device, kNvmm);
    NvmmKind kind;
    kind.memory = anomaly::nvmm::MemoryType::CudaDevice;
    kind.color_format = 19;
    GstBuffer* input = nvmm_new(system.info, kind, {system.frame(1), system.frame(2)});
    GstBuffer* out = gpu.through(input);
    gpointer state = nullptr;
    guint count = 0;
    while (GstMeta* each = gst_buffer_iterate_meta_filtered(out, &state, GST_ANOMALY_META_API_TYPE)) {
      const auto* meta = reinterpret_cast<GstAnomalyMeta*>(each);
      fail_unless(meta->surface < 2 && on_device(meta->map.data, 0));
      fail_unless_alike(meta, meta_of(expected[meta->surface]));
      ++count;
    }
    fail_unless_equals_int(count, 2);
    GstStructure* stats = gpu.stats();
    fail_unless(g_str_has_prefix(gst_structure_get_string(stats, "device"), "cuda:0"));
    gst_structure_free(stats);
    gst_buffer_unref(out);
  }
  for (GstBuffer* buffer : expected) gst_buffer_unref(buffer);
}
GST_END_TEST;

GST_START_TEST(test_other_gpu_is_refused) {
  Detect gpu("precision=float32 device=cuda:0",
             "video/x-raw(memory:NVMM),format=RGBA,width=96,height=54,framerate=25/1");
  NvmmKind kind;
  kind.memory = anomaly::nvmm::MemoryType::CudaDevice;
  kind.color_format = 19;
  NvmmBatch* batch = nullptr;
  GstBuffer* input = nvmm_new(gpu.info, kind, {gpu.frame(1)}, &batch);
  batch->surface.gpu_id = 1;
  fail_unless_equals_int(gst_harness_push(gpu.harness, input), GST_FLOW_ERROR);
  const std::string text = bus_text(gpu.bus, GST_MESSAGE_ERROR, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT);
  fail_unless_contains(text, "GPU 1");
  fail_unless_contains(text, "device=cuda:0");
}
GST_END_TEST;

static Suite* detectgpu_suite(void) {
  Suite* suite = suite_create("detectgpu");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  g_assert_true(gst_cuda_load_library());  // before the suite forks
  tcase_add_test(tests, test_cuda_memory);
  tcase_add_test(tests, test_foreign_context);
  tcase_add_test(tests, test_system_memory);
  tcase_add_test(tests, test_device_of_frames);
  tcase_add_test(tests, test_nvmm);
  tcase_add_test(tests, test_other_gpu_is_refused);
  return suite;
}

GST_CHECK_MAIN(detectgpu);

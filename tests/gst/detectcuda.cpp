// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames in CUDA memory, with GStreamer's own memory, pools, contexts and elements on a stand-in of the
// driver: how they are mapped, shared and offered, and what an element on the processor says of them. What
// the processor must not touch it cannot touch here: STANDIN_CUDA_PROTECT.
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudamemory.h>
#include <gst/cuda/gstcudautils.h>

#include "gst/plugin/cudabuffer.h"
#include "gst/plugin/cudacontext.h"
#include "gst/plugin/cudaprimary.h"
#include "src/error.h"
#include "tests/gst/cuda_common.h"
#include "tests/gst/detect_common.h"
#include "tests/gst/launched.h"

namespace {

using anomaly::Access;
using anomaly::BufferKind;

constexpr const char* kFeature = "memory:CUDAMemory";

GstVideoInfo info_of(const char* format, int width, int height) {
  GstVideoInfo info;
  gst_video_info_init(&info);
  fail_unless(gst_video_info_set_format(&info, gst_video_format_from_string(format),
                                        static_cast<guint>(width), static_cast<guint>(height)));
  info.fps_n = 25;
  return info;
}

GstCaps* cuda_caps_of(const GstVideoInfo& info) {
  GstCaps* caps = gst_video_info_to_caps(const_cast<GstVideoInfo*>(&info));
  gst_caps_set_features(caps, 0, gst_caps_features_new(kFeature, nullptr));
  return caps;
}

// A pool of frames in `context`, active.
GstBufferPool* pool_of(GstCudaContext* context, const GstVideoInfo& info) {
  GstBufferPool* pool = gst_cuda_buffer_pool_new(context);
  GstCaps* caps = cuda_caps_of(info);
  GstStructure* config = gst_buffer_pool_get_config(pool);
  gst_buffer_pool_config_set_params(config, caps, static_cast<guint>(info.size), 0, 0);
  gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  fail_unless(gst_buffer_pool_set_config(pool, config) && gst_buffer_pool_set_active(pool, TRUE));
  gst_caps_unref(caps);
  return pool;
}

GstBuffer* filled(GstBufferPool* pool, const GstVideoInfo& info, GstBuffer* pixels) {
  GstBuffer* buffer = nullptr;
  GstVideoFrame from, to;
  fail_unless_equals_int(gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr), GST_FLOW_OK);
  fail_unless(gst_video_frame_map(&from, &info, pixels, GST_MAP_READ));
  fail_unless(gst_video_frame_map(&to, &info, buffer, GST_MAP_WRITE));
  fail_unless(gst_video_frame_copy(&to, &from));
  gst_video_frame_unmap(&to);
  gst_video_frame_unmap(&from);
  return buffer;
}

void finish(GstBufferPool* pool) {
  gst_buffer_pool_set_active(pool, FALSE);
  gst_object_unref(pool);
}

std::string failure_of(BufferKind kind, const GstVideoInfo& info, GstBuffer* buffer,
                       anomaly::ErrorKind expected) {
  try {
    anomaly::map_pictures(kind, info, buffer, Access::Read, {});
  } catch (const anomaly::Error& error) {
    fail_unless(error.kind() == expected, "%s", error.what());
    return error.what();
  }
  return "none";
}

// An element that does with contexts what ours do.
struct Sharer {
  GstElement parent;
  GstPad *sink, *src;
  anomaly::CudaElementContext* cuda;
};
struct SharerClass {
  GstElementClass parent_class;
};
GType sharer_get_type();
G_DEFINE_TYPE(Sharer, sharer, GST_TYPE_ELEMENT)

void sharer_set_context(GstElement* element, GstContext* context) {
  reinterpret_cast<Sharer*>(element)->cuda->offer(context);
  GST_ELEMENT_CLASS(sharer_parent_class)->set_context(element, context);
}
gboolean sharer_query(GstPad* pad, GstObject* parent, GstQuery* query) {
  if (GST_QUERY_TYPE(query) == GST_QUERY_CONTEXT && reinterpret_cast<Sharer*>(parent)->cuda->answer(query))
    return TRUE;
  return gst_pad_query_default(pad, parent, query);
}
GstFlowReturn sharer_chain(GstPad*, GstObject* parent, GstBuffer* buffer) {
  return gst_pad_push(reinterpret_cast<Sharer*>(parent)->src, buffer);
}
void sharer_finalize(GObject* object) {
  delete reinterpret_cast<Sharer*>(object)->cuda;
  G_OBJECT_CLASS(sharer_parent_class)->finalize(object);
}
void sharer_class_init(SharerClass* klass) {
  GST_ELEMENT_CLASS(klass)->set_context = sharer_set_context;
  G_OBJECT_CLASS(klass)->finalize = sharer_finalize;
}
void sharer_init(Sharer* self) {
  self->cuda = new anomaly::CudaElementContext(GST_ELEMENT(self));
  self->sink = gst_pad_new("sink", GST_PAD_SINK);
  self->src = gst_pad_new("src", GST_PAD_SRC);
  for (GstPad* pad : {self->sink, self->src}) {
    gst_pad_set_query_function(pad, sharer_query);
    GST_PAD_SET_PROXY_CAPS(pad);
    gst_element_add_pad(GST_ELEMENT(self), pad);
  }
  gst_pad_set_chain_function(self->sink, sharer_chain);
}

// videotestsrc ! NV12 ! cudaupload ! sharer ! appsink, the sharer not told anything yet.
struct Shared {
  GstElement* pipeline;
  Sharer* sharer;
  GstElement* sink;

  Shared() {
    pipeline = gst_pipeline_new(nullptr);
    GError* error = nullptr;
    GstElement* source = gst_parse_bin_from_description(
        "videotestsrc num-buffers=1 ! video/x-raw,format=NV12,width=64,height=48 ! cudaupload ! "
        "capsfilter caps=\"video/x-raw(memory:CUDAMemory)\"",
        TRUE, &error);
    fail_unless(source != nullptr, "%s", error ? error->message : "");
    sink = gst_element_factory_make("fakesink", nullptr);
    g_object_set(sink, "enable-last-sample", TRUE, nullptr);
    sharer = reinterpret_cast<Sharer*>(g_object_new(sharer_get_type(), nullptr));
    gst_bin_add_many(GST_BIN(pipeline), source, GST_ELEMENT(sharer), sink, nullptr);
    fail_unless(gst_element_link_many(source, GST_ELEMENT(sharer), sink, nullptr));
  }
  ~Shared() {
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
  }
  void play() {
    gst_element_set_state(pipeline, GST_STATE_PAUSED);
    fail_unless_equals_int(gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND),
                           GST_STATE_CHANGE_SUCCESS);
  }
  // Context of the frame that has come.
  GstCudaContext* of_frames() {
    GstSample* sample = nullptr;
    g_object_get(sink, "last-sample", &sample, nullptr);
    fail_unless(sample != nullptr);
    GstCudaContext* context = anomaly::cuda_context_of(gst_sample_get_buffer(sample));
    gst_sample_unref(sample);
    return context;
  }
};

}  // namespace

GST_START_TEST(test_mapped_where_it_lies) {
  for (int i = 0; i < anomaly::kPixelFormats; ++i) {
    const char* name = anomaly::pixel_format_table()[i].name;
    if (!anomaly::is_cuda_format(gst_video_format_from_string(name))) continue;
    const GstVideoInfo info = info_of(name, 98, 54);
    GstBufferPool* pool = pool_of(anomaly::primary_cuda_context(1), info);
    GstBuffer* pixels = test_frame_new(&info);
    GstBuffer* buffer = filled(pool, info, pixels);
    const int moved = standin_cuda_copies("DtoH") + standin_cuda_copies("DtoD");
    {
      const auto mapped = anomaly::map_pictures(BufferKind::Cuda, info, buffer, Access::Read, {});
      fail_unless_equals_int(mapped->pictures().size(), 1);
      const anomaly::Picture& picture = mapped->pictures().front();
      fail_unless(picture.memory.kind == anomaly::FrameMemory::Kind::Cuda && picture.memory.device == 1);
      fail_unless(picture.view.width == 98 && picture.view.height == 54);
      fail_unless(cuda_pixels(picture.view) == mapped_pixels(info, pixels), "%s", name);
    }
    fail_unless_equals_int(standin_cuda_copies("DtoH") + standin_cuda_copies("DtoD"), moved);
    gst_buffer_unref(buffer);
    gst_buffer_unref(pixels);
    finish(pool);
  }
}
GST_END_TEST;

// What is written on the device is there for whoever maps the buffer next.
GST_START_TEST(test_written_where_it_lies) {
  const GstVideoInfo info = info_of("NV12", 64, 48);
  GstBufferPool* pool = pool_of(anomaly::primary_cuda_context(0), info);
  GstBuffer* pixels = test_frame_new(&info);
  GstBuffer* buffer = filled(pool, info, pixels);
  std::vector<uint8_t> expected = mapped_pixels(info, pixels);
  fail_unless(mapped_pixels(info, buffer) == expected);  // a copy for the processor is there already
  {
    const auto mapped = anomaly::map_pictures(BufferKind::Cuda, info, buffer, Access::ReadWrite, {});
    const anomaly::MutableFrameView& view = mapped->pictures().front().view;
    const uint8_t drawn = 99;
    standin_cuda_write(view.plane[1] + 3 * view.stride[1] + 5, &drawn, 1);
    expected[64 * 48 + 3 * 64 + 5] = drawn;
  }
  fail_unless(mapped_pixels(info, buffer) == expected);
  gst_buffer_unref(buffer);
  gst_buffer_unref(pixels);
  finish(pool);
}
GST_END_TEST;

// A context of somebody's own: its addresses mean nothing in the primary one. The copy stays on the GPU, and
// its memory is used again.
GST_START_TEST(test_foreign_context) {
  const int before = standin_cuda_allocations();
  GstCudaContext* foreign = gst_cuda_context_new(1);
  fail_unless(foreign != nullptr && !anomaly::is_primary(foreign));
  for (const int width : {64, 32}) {
    const GstVideoInfo info = info_of("I420", width, 48);
    GstBufferPool* pool = pool_of(foreign, info);
    GstBuffer* pixels = test_frame_new(&info);
    int allocations = 0;
    for (int round = 0; round < 4; ++round) {
      GstBuffer* buffer = filled(pool, info, pixels);
      const int host = standin_cuda_copies("DtoH"), device = standin_cuda_copies("DtoD");
      std::vector<uint8_t> expected = mapped_pixels(info, pixels);
      {
        const auto mapped = anomaly::map_pictures(BufferKind::Cuda, info, buffer, Access::ReadWrite, {});
        const anomaly::Picture& picture = mapped->pictures().front();
        fail_unless(picture.memory.device == 1 && picture.memory.stream == nullptr);
        fail_unless(cuda_pixels(picture.view) == expected);
        fail_unless_equals_int(standin_cuda_copies("DtoD") - device, 3);
        const uint8_t drawn = 77;
        standin_cuda_write(picture.view.plane[0] + 7 * picture.view.stride[0] + 2, &drawn, 1);
        expected[static_cast<size_t>(7 * width + 2)] = drawn;
      }
      fail_unless_equals_int(standin_cuda_copies("DtoD") - device, 6);
      fail_unless_equals_int(standin_cuda_copies("DtoH") - host, 0);
      fail_unless(mapped_pixels(info, buffer) == expected);
      gst_buffer_unref(buffer);
      if (round > 0) fail_unless_equals_int(standin_cuda_allocations(), allocations);
      allocations = standin_cuda_allocations();
    }
    gst_buffer_unref(pixels);
    finish(pool);
  }
  gst_object_unref(foreign);
  fail_unless_equals_int(standin_cuda_allocations(), before);
}
GST_END_TEST;

GST_START_TEST(test_copy_fails) {
  GstCudaContext* foreign = gst_cuda_context_new(0);
  const GstVideoInfo info = info_of("RGBA", 64, 48);
  GstBufferPool* pool = pool_of(foreign, info);
  GstBuffer* pixels = test_frame_new(&info);
  GstBuffer* buffer = filled(pool, info, pixels);
  anomaly::map_pictures(BufferKind::Cuda, info, buffer, Access::Read, {});  // what is the processor's goes up
  standin_cuda_fail_copies(1);
  fail_unless_contains(failure_of(BufferKind::Cuda, info, buffer, anomaly::ErrorKind::Device), "GPU 0");
  standin_cuda_fail_copies(0);
  gst_buffer_unref(buffer);
  gst_buffer_unref(pixels);
  finish(pool);
  gst_object_unref(foreign);
}
GST_END_TEST;

GST_START_TEST(test_other_memory) {
  const GstVideoInfo info = info_of("NV12", 64, 48);
  GstBuffer* buffer = test_frame_new(&info);
  fail_unless_contains(failure_of(BufferKind::Cuda, info, buffer, anomaly::ErrorKind::Io), "no CUDA memory");
  gst_buffer_append_memory(buffer, gst_allocator_alloc(nullptr, 16, nullptr));
  fail_unless_contains(failure_of(BufferKind::Cuda, info, buffer, anomaly::ErrorKind::Io), "no CUDA memory");
  gst_buffer_unref(buffer);

  // Smaller than its caps say.
  const GstVideoInfo large = info_of("NV12", 64, 96);
  GstBufferPool* pool = pool_of(anomaly::primary_cuda_context(0), info);
  fail_unless_equals_int(gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr), GST_FLOW_OK);
  fail_unless_contains(failure_of(BufferKind::Cuda, large, buffer, anomaly::ErrorKind::Io), "64x96");
  gst_buffer_unref(buffer);
  finish(pool);
}
GST_END_TEST;

GST_START_TEST(test_no_such_gpu) {
  try {
    anomaly::primary_cuda_context(7);
    fail("GPU 7 was there");
  } catch (const anomaly::Error& error) {
    fail_unless(error.kind() == anomaly::ErrorKind::Device);
    fail_unless_contains(error.what(), "GPU 7");
  }
}
GST_END_TEST;

// Ours is there first: the elements of GStreamer take it, and it is the one that LibTorch works in.
GST_START_TEST(test_others_take_our_context) {
  Shared shared;
  shared.sharer->cuda->ensure(1);
  fail_unless_equals_int(shared.sharer->cuda->device(), 1);
  shared.play();
  fail_unless(shared.of_frames() == anomaly::primary_cuda_context(1));
}
GST_END_TEST;

// Theirs is there first: it is ours, too.
GST_START_TEST(test_we_take_another_context) {
  Shared shared;
  shared.play();
  GstCudaContext* theirs = shared.of_frames();
  fail_unless(shared.sharer->cuda->device() == -1);
  shared.sharer->cuda->ensure(1);  // of whatever GPU
  GstCudaContext* ours = shared.sharer->cuda->get();
  fail_unless(ours == theirs && !anomaly::is_primary(ours));
  fail_unless_equals_int(shared.sharer->cuda->device(), 0);
  gst_object_unref(ours);
  shared.sharer->cuda->adopt(anomaly::primary_cuda_context(1));
  fail_unless_equals_int(shared.sharer->cuda->device(), 1);
  shared.sharer->cuda->forget();
  fail_unless_equals_int(shared.sharer->cuda->device(), -1);
}
GST_END_TEST;

GST_START_TEST(test_pools) {
  auto* sharer = static_cast<Sharer*>(g_object_new(sharer_get_type(), nullptr));
  gst_object_ref_sink(sharer);
  sharer->cuda->ensure(0);
  const auto pools_of = [&](const char* format, bool need_pool, GstBufferPool* there) {
    const GstVideoInfo info = info_of(format, 64, 48);
    GstCaps* caps = cuda_caps_of(info);
    GstQuery* query = gst_query_new_allocation(caps, need_pool);
    if (there) gst_query_add_allocation_pool(query, there, static_cast<guint>(info.size), 0, 0);
    anomaly::offer_cuda_pool(*sharer->cuda, query, 3);
    const guint count = gst_query_get_n_allocation_pools(query);
    GstBufferPool* pool = nullptr;
    guint size = 0, min = 0, max = 0;
    if (count > 0) gst_query_parse_nth_allocation_pool(query, count - 1, &pool, &size, &min, &max);
    if (pool && !there) {
      fail_unless(GST_IS_CUDA_BUFFER_POOL(pool));
      fail_unless(GST_CUDA_BUFFER_POOL(pool)->context == anomaly::primary_cuda_context(0));
      fail_unless(size >= info.size && min == 3 && max == 0);
    }
    gst_clear_object(&pool);
    gst_query_unref(query);
    gst_caps_unref(caps);
    return count;
  };
  fail_unless_equals_int(pools_of("NV12", true, nullptr), 1);
  fail_unless_equals_int(pools_of("NV12", false, nullptr), 0);
  fail_unless_equals_int(pools_of("GRAY8", true, nullptr), 0);  // gstcuda would end the process
  GstBufferPool* theirs = gst_cuda_buffer_pool_new(anomaly::primary_cuda_context(1));
  fail_unless_equals_int(pools_of("NV12", true, theirs), 1);
  gst_object_unref(theirs);
  GstBufferPool* of_system_memory = gst_video_buffer_pool_new();
  fail_unless_equals_int(pools_of("NV12", true, of_system_memory), 2);
  gst_object_unref(of_system_memory);
  gst_object_unref(sharer);
}
GST_END_TEST;

// device=cpu and frames on a GPU: said, not copied.
GST_START_TEST(test_element_on_the_processor) {
  const Launched pipeline(
      "videotestsrc num-buffers=2 ! video/x-raw,format=NV12,width=96,height=54 ! cudaupload ! "
      "video/x-raw(memory:CUDAMemory) ! anomalydetect device=cpu model=\"" +
      test_bundle() + "\" ! fakesink");
  const std::string failure = pipeline.play();
  fail_unless_contains(failure, "device=cpu");
  fail_unless_contains(failure, "cudadownload");
  fail_unless_equals_int(standin_cuda_copies("DtoH"), 0);
}
GST_END_TEST;

// Where both can be had, system memory is.
GST_START_TEST(test_system_memory_comes_first) {
  const Launched pipeline(
      "videotestsrc num-buffers=1 ! video/x-raw,format=NV12,width=96,height=54 ! cudaupload ! "
      "anomalydetect name=detect device=cpu model=\"" +
      test_bundle() + "\" ! fakesink");
  pipeline.pause();
  GstCaps* caps = pipeline.caps_at("detect", "sink");
  fail_unless(anomaly::buffer_kind(caps) == BufferKind::System, "%" GST_PTR_FORMAT, caps);
  gst_caps_unref(caps);
}
GST_END_TEST;

static Suite* detectcuda_suite(void) {
  Suite* suite = suite_create("detectcuda");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  // Before the suite forks: the driver's library, and what knows of its memory.
  g_assert_true(gst_cuda_load_library());
  gst_cuda_memory_init_once();
  tcase_add_test(tests, test_mapped_where_it_lies);
  tcase_add_test(tests, test_written_where_it_lies);
  tcase_add_test(tests, test_foreign_context);
  tcase_add_test(tests, test_copy_fails);
  tcase_add_test(tests, test_other_memory);
  tcase_add_test(tests, test_no_such_gpu);
  tcase_add_test(tests, test_others_take_our_context);
  tcase_add_test(tests, test_we_take_another_context);
  tcase_add_test(tests, test_pools);
  tcase_add_test(tests, test_element_on_the_processor);
  tcase_add_test(tests, test_system_memory_comes_first);
  return suite;
}

GST_CHECK_MAIN(detectcuda);

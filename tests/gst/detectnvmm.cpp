// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect on NVMM surfaces over ordinary memory: the same metadata as from system memory, one of each
// surface of a batch, and lying surfaces.
#include <dlfcn.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gst/plugin/nvmmformat.h"
#include "tests/gst/detect_common.h"
#include "tests/gst/nvmm_common.h"

namespace {

using anomaly::nvmm::MemoryType;

std::string caps_of(const char* format, const char* memory, int width = 96, int height = 54) {
  return std::string("video/x-raw") + memory + ",format=" + format + ",width=" + std::to_string(width) +
         ",height=" + std::to_string(height) + ",framerate=25/1";
}

// The number that says what the caps say of matrix and range.
uint32_t plain_number(const char* format) {
  for (uint32_t number = 1; number < 40; ++number) {
    const auto* color = anomaly::nvmm::find_color_format(number);
    if (color && !color->matrix && !color->range &&
        std::string(anomaly::pixel_format_info(color->format).name) == format)
      return number;
  }
  fail("no surface of format %s", format);
  return 0;
}

// All but the time that it took. tolerance: of pictures computed together.
void fail_unless_same(const GstAnomalyMeta* a, const GstAnomalyMeta* b, float tolerance = 0) {
  GstMapInfo left, right;
  const gfloat *x = nullptr, *y = nullptr;
  guint width = 0, height = 0, other_width = 0, other_height = 0;
  test_rectangle_equals(a, b->x, b->y, b->width, b->height);
  fail_unless_equals_int(gst_anomaly_meta_n_regions(a), gst_anomaly_meta_n_regions(b));
  fail_unless(std::abs(a->score - b->score) <= tolerance, "%g %g", a->score, b->score);
  fail_unless(gst_anomaly_meta_map_scores(a, &left, &x, &width, &height));
  fail_unless(gst_anomaly_meta_map_scores(b, &right, &y, &other_width, &other_height));
  fail_unless(width == other_width && height == other_height);
  for (guint i = 0; i < width * height; ++i)
    fail_unless(std::abs(x[i] - y[i]) <= tolerance, "value %u: %g %g", i, x[i], y[i]);
  gst_anomaly_meta_unmap_scores(b, &right);
  gst_anomaly_meta_unmap_scores(a, &left);
}

void fail_unless_differ(const GstAnomalyMeta* a, const GstAnomalyMeta* b) {
  GBytes *left = gst_anomaly_plane_dup_bytes(&a->map), *right = gst_anomaly_plane_dup_bytes(&b->map);
  fail_if(g_bytes_equal(left, right));
  g_bytes_unref(left);
  g_bytes_unref(right);
}

GstAnomalyMeta* meta_of_surface(GstBuffer* buffer, guint surface) {
  gpointer state = nullptr;
  while (GstMeta* each = gst_buffer_iterate_meta_filtered(buffer, &state, GST_ANOMALY_META_API_TYPE))
    if (reinterpret_cast<GstAnomalyMeta*>(each)->surface == surface)
      return reinterpret_cast<GstAnomalyMeta*>(each);
  fail("no metadata of surface %u", surface);
  return nullptr;
}

int calls(const char* name, int argument) {
  void* library = dlopen(std::getenv("GST_ANOMALY_NVBUFSURFACE"), RTLD_NOW);
  fail_unless(library != nullptr, "%s", dlerror());
  const auto function = reinterpret_cast<int (*)(int)>(dlsym(library, name));
  fail_unless(function != nullptr, "no %s", name);
  return function(argument);
}

int library_calls(int which) {
  return calls("standin_nvbufsurface_calls", which);
}

}  // namespace

GST_START_TEST(test_every_format) {
  for (int i = 0; i < anomaly::kPixelFormats; ++i) {
    const auto& format = anomaly::pixel_format_table()[i];
    if (!anomaly::nvmm::has_color_format(format.format)) continue;
    for (const auto& [width, height] : {std::pair{96, 54}, std::pair{35, 27}}) {
      Detect system("", caps_of(format.name, "", width, height).c_str());
      Detect nvmm("", caps_of(format.name, "(memory:NVMM)", width, height).c_str());
      GstBuffer* expected = system.through(system.frame(1));
      NvmmKind kind;
      kind.color_format = plain_number(format.name);
      GstBuffer* input = nvmm_new(system.info, kind, {system.frame(1)});
      GstMemory* memory = gst_buffer_peek_memory(input, 0);
      GstBuffer* out = nvmm.through(input);
      fail_unless(gst_buffer_peek_memory(out, 0) == memory);
      fail_unless_same(meta_of(out), meta_of(expected));
      fail_unless_equals_int(meta_of(out)->surface, 0);
      gst_buffer_unref(out);
      gst_buffer_unref(expected);
    }
  }
}
GST_END_TEST;

// What the number says of matrix and range holds, whatever the caps leave open.
GST_START_TEST(test_colour_numbers) {
  static const struct {
    uint32_t number;
    const char* format;
    const char* colorimetry;
  } numbers[] = {{7, "NV12", "1:4:0:0"},  {31, "I420", "2:3:0:0"}, {32, "I420", "1:3:0:0"},
                 {33, "NV12", "2:3:0:0"}, {34, "NV12", "1:3:0:0"}, {36, "NV12", "2:6:0:0"}};
  for (const auto& each : numbers) {
    const std::string said = caps_of(each.format, "") + ",chroma-site=jpeg,colorimetry=" + each.colorimetry;
    Detect system("", said.c_str()), plain("", caps_of(each.format, "").c_str());
    Detect nvmm("", caps_of(each.format, "(memory:NVMM)").c_str());
    GstBuffer *expected = system.through(system.frame(2)), *without = plain.through(plain.frame(2));
    NvmmKind kind;
    kind.color_format = each.number;
    GstBuffer* out = nvmm.through(nvmm_new(system.info, kind, {system.frame(2)}));
    fail_unless_same(meta_of(out), meta_of(expected));
    fail_unless_differ(meta_of(out), meta_of(without));
    gst_buffer_unref(out);
    gst_buffer_unref(without);
    gst_buffer_unref(expected);
  }
}
GST_END_TEST;

// Each surface has metadata of its own, is a stream of its own, and keeps it where maps are repeated.
GST_START_TEST(test_batch) {
  constexpr guint kSurfaces = 3;
  Detect nvmm("interval=1 threshold=0", caps_of("NV12", "(memory:NVMM)").c_str());
  std::vector<GstBuffer*> expected;
  NvmmKind kind;
  kind.color_format = plain_number("NV12");
  for (guint round = 0; round < 2; ++round) {
    std::vector<GstBuffer*> frames;
    for (guint i = 0; i < kSurfaces; ++i) {
      Detect system("threshold=0", caps_of("NV12", "").c_str());
      expected.push_back(system.through(system.frame(10 * round + i)));
      frames.push_back(system.frame(10 * round + i));
    }
    fail_unless_differ(meta_of(expected[kSurfaces * round]), meta_of(expected[kSurfaces * round + 1]));
    GstBuffer* buffer = nvmm_new(nvmm.info, kind, frames);
    GstBuffer* again = gst_buffer_copy(buffer);
    for (guint age = 0; age < 2; ++age) {
      GstBuffer* out = nvmm.through(age == 0 ? buffer : again);
      fail_unless_equals_int(gst_buffer_get_n_meta(out, GST_ANOMALY_META_API_TYPE), kSurfaces);
      for (guint i = 0; i < kSurfaces; ++i) {
        GstAnomalyMeta* meta = meta_of_surface(out, i);
        fail_unless_same(meta, meta_of(expected[kSurfaces * round + i]), 1e-5F);
        fail_unless_equals_int(meta->age, age);
        fail_unless(gst_anomaly_meta_n_regions(meta) > 0);
      }
      gst_buffer_unref(out);
    }
  }
  for (GstBuffer* buffer : expected) gst_buffer_unref(buffer);
}
GST_END_TEST;

// A batch that is not full, after one that was.
GST_START_TEST(test_partial_batch) {
  Detect nvmm("", caps_of("RGBA", "(memory:NVMM)").c_str());
  NvmmKind kind;
  kind.color_format = plain_number("RGBA");
  for (const guint filled : {3U, 1U, 2U}) {
    NvmmBatch* batch = nullptr;
    GstBuffer* buffer = nvmm_new(nvmm.info, kind, {nvmm.frame(0), nvmm.frame(1), nvmm.frame(2)}, &batch);
    batch->surface.num_filled = filled;
    for (guint i = filled; i < 3; ++i) batch->list[i].data_ptr = nullptr;  // nothing looks there
    GstBuffer* out = nvmm.through(buffer);
    fail_unless_equals_int(gst_buffer_get_n_meta(out, GST_ANOMALY_META_API_TYPE), static_cast<int>(filled));
    gst_buffer_unref(out);
  }
}
GST_END_TEST;

// Surfaces that only the library can show to the processor.
GST_START_TEST(test_mapped_by_the_library) {
  static const struct {
    MemoryType memory;
    bool hidden;
    int syncs;
  } kinds[] = {{MemoryType::CudaUnified, false, 0},
               {MemoryType::SurfaceArray, true, 1},
               {MemoryType::Handle, true, 1},
               {MemoryType::CudaPinned, false, 0},
               {MemoryType::System, false, 0}};
  for (const auto& each : kinds) {
    Detect system("", caps_of("I420", "").c_str()), nvmm("", caps_of("I420", "(memory:NVMM)").c_str());
    NvmmKind kind;
    kind.memory = each.memory;
    kind.hidden = each.hidden;
    kind.color_format = plain_number("I420");
    const int maps = library_calls(0), syncs = library_calls(2);
    GstBuffer* expected = system.through(system.frame(3));
    NvmmBatch* batch = nullptr;
    GstBuffer* out = nvmm.through(nvmm_new(system.info, kind, {system.frame(3), system.frame(3)}, &batch));
    for (guint i = 0; i < 2; ++i) fail_unless_same(meta_of_surface(out, i), meta_of(expected), 1e-5F);
    const bool direct = each.memory == MemoryType::CudaPinned || each.memory == MemoryType::System;
    fail_unless_equals_int(library_calls(0) - maps, direct ? 0 : 2);
    fail_unless_equals_int(library_calls(2) - syncs, 2 * each.syncs);
    fail_unless_equals_int(library_calls(0), library_calls(1));
    fail_unless_equals_int(library_calls(3), 0);  // nothing was written
    for (const auto& params : batch->list) fail_unless(params.mapped_addr.addr[0] == nullptr);
    gst_buffer_unref(out);
    gst_buffer_unref(expected);
  }
}
GST_END_TEST;

GST_START_TEST(test_library_fails) {
  static const struct {
    int which;
    const char* says;
  } failures[] = {{0, "NvBufSurfaceMap failed"}, {2, "NvBufSurfaceSyncForCpu failed"}};
  for (const auto& each : failures) {
    Detect nvmm("", caps_of("I420", "(memory:NVMM)").c_str());
    NvmmKind kind;
    kind.memory = MemoryType::SurfaceArray;
    kind.hidden = true;
    kind.color_format = plain_number("I420");
    calls("standin_nvbufsurface_fail", each.which);
    const int open = library_calls(0) - library_calls(1);
    GstBuffer* buffer = nvmm_new(nvmm.info, kind, {nvmm.frame(0), nvmm.frame(1)});
    fail_unless_equals_int(gst_harness_push(nvmm.harness, buffer), GST_FLOW_ERROR);
    calls("standin_nvbufsurface_fail", -1);
    fail_unless_contains(bus_text(nvmm.bus, GST_MESSAGE_ERROR, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT),
                         each.says);
    // What was mapped is unmapped; a map that failed is none.
    fail_unless_equals_int(library_calls(0) - library_calls(1) - open, each.which == 0 ? 1 : 0);
  }
}
GST_END_TEST;

GST_START_TEST(test_lies) {
  using Batch = NvmmBatch;
  static const struct {
    const char* says;
    void (*tell)(Batch&);
  } lies[] = {
      {"0 of 2 surfaces", [](Batch& b) { b.surface.num_filled = 0; }},
      {"3 of 2 surfaces", [](Batch& b) { b.surface.num_filled = 3; }},
      {"4294967295 of 4294967295",
       [](Batch& b) { b.surface.num_filled = b.surface.batch_size = UINT32_MAX; }},
      {"no list of surfaces", [](Batch& b) { b.surface.surface_list = nullptr; }},
      {"no list of surfaces",
       [](Batch& b) {
         b.surface.surface_list =
             reinterpret_cast<anomaly::nvmm::SurfaceParams*>(reinterpret_cast<uint8_t*>(b.list.data()) + 1);
       }},
      {"GPU 4294967295", [](Batch& b) { b.surface.gpu_id = UINT32_MAX; }},
      {"memory type 7", [](Batch& b) { b.surface.mem_type = 7; }},
      {"memory type 4294967295", [](Batch& b) { b.surface.mem_type = UINT32_MAX; }},
      {"Surface 1 of an NVMM buffer has no memory", [](Batch& b) { b.list[1].data_ptr = nullptr; }},
      {"colour format 0", [](Batch& b) { b.list[1].color_format = 0; }},
      {"colour format 30", [](Batch& b) { b.list[0].color_format = 30; }},
      {"colour format 2 (I420), its caps say NV12", [](Batch& b) { b.list[0].color_format = 2; }},
      {"colour format 4294967295", [](Batch& b) { b.list[0].color_format = UINT32_MAX; }},
      {"layout 2", [](Batch& b) { b.list[0].layout = 2; }},
      {"0x54", [](Batch& b) { b.list[1].width = 0; }},
      {"is 95x54, its caps say 96x54", [](Batch& b) { b.list[1].width = 95; }},
      {"4294967295", [](Batch& b) { b.list[1].height = UINT32_MAX; }},
      {"ends", [](Batch& b) { b.list[1].height = 55; }},
      {"3 planes, NV12 has 2", [](Batch& b) { b.list[1].plane_params.num_planes = 3; }},
      {"0 planes", [](Batch& b) { b.list[1].plane_params.num_planes = 0; }},
      {"pitch of 95 bytes in plane 1", [](Batch& b) { b.list[0].plane_params.pitch[1] = 95; }},
      {"pitch of 0 bytes", [](Batch& b) { b.list[0].plane_params.pitch[0] = 0; }},
      {"pitch of 4294967295", [](Batch& b) { b.list[0].plane_params.pitch[0] = UINT32_MAX; }},
      {"plane 1 ends", [](Batch& b) { b.list[0].plane_params.offset[1] = UINT32_MAX; }},
      {"plane 1 ends 1 bytes",
       [](Batch& b) {
         auto& p = b.list[0].plane_params;
         b.list[0].data_size = p.offset[1] + p.pitch[1] * 26 + 96 - 1;
       }},
      {"plane 0 ends", [](Batch& b) { b.list[0].data_size = 0; }},
  };
  for (const auto& lie : lies) {
    Detect nvmm("", caps_of("NV12", "(memory:NVMM)").c_str());
    NvmmKind kind;
    kind.color_format = plain_number("NV12");
    NvmmBatch* batch = nullptr;
    GstBuffer* buffer = nvmm_new(nvmm.info, kind, {nvmm.frame(0), nvmm.frame(1)}, &batch);
    lie.tell(*batch);
    fail_unless_equals_int(gst_harness_push(nvmm.harness, buffer), GST_FLOW_ERROR);
    fail_unless_contains(bus_text(nvmm.bus, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ),
                         lie.says);
  }
}
GST_END_TEST;

// Buffers whose caps promise a surface, and that hold something else.
GST_START_TEST(test_no_surface) {
  for (const gsize size : {gsize{0}, gsize{1}, gsize{63}}) {
    Detect nvmm("", caps_of("NV12", "(memory:NVMM)").c_str());
    GstBuffer* buffer = size ? gst_buffer_new_allocate(nullptr, size, nullptr) : gst_buffer_new();
    fail_unless_equals_int(gst_harness_push(nvmm.harness, buffer), GST_FLOW_ERROR);
    fail_unless_contains(bus_text(nvmm.bus, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ),
                         "NvBufSurface");
  }
}
GST_END_TEST;

// Nothing is copied to the processor behind the user's back, and nothing is read that it cannot see.
GST_START_TEST(test_device_memory_on_the_processor) {
  static const struct {
    MemoryType memory;
    uint32_t layout;
    const char* says;
  } kinds[] = {{MemoryType::CudaDevice, 0, "device=cuda:3"},
               {MemoryType::Default, 0, "device=cuda:3"},
               {MemoryType::CudaDevice, 1, "block-linear"},
               {MemoryType::SurfaceArray, 1, "block-linear"}};
  for (const auto& each : kinds) {
    Detect nvmm("", caps_of("NV12", "(memory:NVMM)").c_str());
    NvmmKind kind;
    kind.memory = each.memory;
    kind.color_format = plain_number("NV12");
    NvmmBatch* batch = nullptr;
    GstBuffer* buffer = nvmm_new(nvmm.info, kind, {nvmm.frame(0)}, &batch);
    batch->surface.gpu_id = 3;
    batch->list[0].layout = each.layout;
    batch->list[0].data_ptr = reinterpret_cast<void*>(0x10000);  // whoever reads there falls over
    fail_unless_equals_int(gst_harness_push(nvmm.harness, buffer), GST_FLOW_ERROR);
    fail_unless_contains(bus_text(nvmm.bus, GST_MESSAGE_ERROR, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT),
                         each.says);
  }
}
GST_END_TEST;

// Whoever can give system memory, too, gives that.
GST_START_TEST(test_system_memory_comes_first) {
  GstElement* element = detect_new();
  GstPad* pad = gst_element_get_static_pad(element, "sink");
  GstCaps* caps = gst_pad_query_caps(pad, nullptr);
  fail_unless(
      gst_caps_features_is_equal(gst_caps_get_features(caps, 0), GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY));
  GstCaps* fixed = gst_caps_fixate(caps);
  fail_unless(
      gst_caps_features_is_equal(gst_caps_get_features(fixed, 0), GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY));
  gst_caps_unref(fixed);
  gst_object_unref(pad);
  gst_object_unref(element);
}
GST_END_TEST;

static Suite* detectnvmm_suite(void) {
  Suite* suite = suite_create("detectnvmm");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_every_format);
  tcase_add_test(tests, test_colour_numbers);
  tcase_add_test(tests, test_batch);
  tcase_add_test(tests, test_partial_batch);
  tcase_add_test(tests, test_mapped_by_the_library);
  tcase_add_test(tests, test_library_fails);
  tcase_add_test(tests, test_lies);
  tcase_add_test(tests, test_no_surface);
  tcase_add_test(tests, test_device_memory_on_the_processor);
  tcase_add_test(tests, test_system_memory_comes_first);
  return suite;
}

GST_CHECK_MAIN(detectnvmm);

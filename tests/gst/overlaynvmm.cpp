// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalyoverlay on NVMM surfaces over ordinary memory: the same pixels as in system memory, whoever paints
// them, each surface of a batch its own, nothing beside them, and lying surfaces. What a GPU would paint is
// painted by the CUDA module compiled for the CPU.
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gst/plugin/devicemap.h"
#include "gst/plugin/nvmmformat.h"
#include "tests/gst/nvmm_common.h"
#include "tests/gst/overlayframes.h"

namespace {

using anomaly::nvmm::MemoryType;

constexpr gint kWidth = 150, kHeight = 230;  // high enough for labels

struct Where {
  MemoryType memory;
  bool hidden;  // mapped by the library
};
constexpr Where kPlaces[] = {{MemoryType::System, false},      {MemoryType::CudaPinned, false},
                             {MemoryType::CudaUnified, false}, {MemoryType::SurfaceArray, true},
                             {MemoryType::Handle, true},       {MemoryType::CudaDevice, false},
                             {MemoryType::Default, false}};

// The numbers of all formats; of one format that which says what the caps say of matrix and range.
std::vector<std::pair<uint32_t, std::string>> color_formats() {
  std::vector<std::pair<uint32_t, std::string>> all;
  for (uint32_t number = 1; number < 64; ++number) {
    const auto* color = anomaly::nvmm::find_color_format(number);
    if (color && !color->matrix && !color->range)
      all.emplace_back(number, anomaly::pixel_format_info(color->format).name);
  }
  return all;
}

NvmmKind kind_of(const Where& where, uint32_t color_format) {
  NvmmKind kind;
  kind.memory = where.memory;
  kind.color_format = color_format;
  kind.hidden = where.hidden;
  return kind;
}

GstHarness* nvmm_overlay(const GstVideoInfo& info, const char* properties) {
  GstHarness* harness = gst_harness_new_parse((std::string("anomalyoverlay ") + properties).c_str());
  GstCaps* caps = gst_video_info_to_caps(const_cast<GstVideoInfo*>(&info));
  gst_caps_set_features(caps, 0, gst_caps_features_new("memory:NVMM", nullptr));
  gst_harness_set_src_caps(harness, caps);
  return harness;
}

std::vector<gfloat> scores_of(guint seed) {
  std::vector<gfloat> scores(24 * 18);
  for (size_t i = 0; i < scores.size(); ++i)
    scores[i] = static_cast<gfloat>((i * 37 + seed * 101) % 97) / 96.F;
  return scores;
}

// Metadata of picture `surface`: its map, and regions that reach beyond the frame.
GstAnomalyMeta* add_meta(GstBuffer* buffer, guint surface, guint seed) {
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  meta->threshold = 0.6;
  meta->score = 0.83;
  meta->max = 1;
  meta->x = 3;
  meta->y = -5;
  meta->width = kWidth - 20;
  meta->height = kHeight;
  meta->surface = surface;
  const std::vector<gfloat> scores = scores_of(seed);
  gst_anomaly_meta_set_map(meta, 24, 18, test_floats_new(24, 18, scores.data()));
  for (gint i = 0; i < 4; ++i) {
    GstAnomalyRegion region = {};
    region.id = static_cast<guint>(i + 1);
    region.x = 45 * i - 15;
    region.y = 51 * i + 10 * static_cast<gint>(seed % 5);
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
GstBuffer* drawn(const GstVideoInfo& info, const char* properties, GstBuffer* frame, guint seed) {
  GstHarness* harness = overlay_new(&info, properties);
  add_meta(frame, 0, seed);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  gst_harness_teardown(harness);
  return out;
}

GstBuffer* noise(const GstVideoInfo& info, guint seed) {
  GstBuffer* frame = test_frame_new(&info);
  gst_buffer_memset(frame, 0, static_cast<guint8>(40 * seed), 50);
  return frame;
}

void fail_unless_surface(const GstVideoInfo& info, NvmmBatch& batch, size_t index, GstBuffer* expected,
                         const std::string& what) {
  GstBuffer* got = gst_buffer_copy_deep(expected);  // what is no pixel is equal
  GstMapInfo map;
  nvmm_copy(info, got, batch, index, false);
  fail_unless(gst_buffer_map(expected, &map, GST_MAP_READ));
  fail_unless(gst_buffer_memcmp(got, 0, map.data, map.size) == 0, "%s, surface %u", what.c_str(),
              static_cast<guint>(index));
  gst_buffer_unmap(expected, &map);
  gst_buffer_unref(got);
}

// Nothing but pixels was written.
void fail_unless_clean_between(const GstVideoInfo& info, NvmmBatch& batch, size_t index) {
  const auto& format = *anomaly::find_pixel_format(GST_VIDEO_INFO_NAME(&info));
  std::vector<uint8_t> rest = batch.pixels[index];
  const auto& planes = batch.list[index].plane_params;
  for (int i = 0; i < format.planes; ++i)
    for (int row = 0; row < anomaly::plane_rows(format, i, info.height); ++row)
      std::memset(rest.data() + planes.offset[i] + size_t{planes.pitch[i]} * static_cast<size_t>(row), 0xa5,
                  static_cast<size_t>(anomaly::plane_row_bytes(format, i, info.width)));
  for (size_t i = 0; i < rest.size(); ++i)
    if (rest[i] != 0xa5) fail("byte %u, of no row, was written", static_cast<guint>(i));
}

// Messages of that type, which it takes off the bus; *text: the first one's.
guint messages(GstBus* bus, GstMessageType type, std::string* text) {
  guint count = 0;
  while (GstMessage* message = gst_bus_pop_filtered(bus, type)) {
    GError* error = nullptr;
    if (type == GST_MESSAGE_ERROR)
      gst_message_parse_error(message, &error, nullptr);
    else
      gst_message_parse_warning(message, &error, nullptr);
    if (count++ == 0) *text = error->message;
    g_clear_error(&error);
    gst_message_unref(message);
  }
  return count;
}

// Pushes the buffer and expects that outcome, with one message that contains `part` unless that is null.
void fail_unless_told(const GstVideoInfo& info, const char* properties, GstBuffer* buffer,
                      GstFlowReturn expected, const char* part) {
  GstHarness* harness = nvmm_overlay(info, properties);
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(overlay, bus);
  fail_unless_equals_int(gst_harness_push(harness, buffer), expected);
  std::string text;
  const guint count = messages(bus, expected == GST_FLOW_OK ? GST_MESSAGE_WARNING : GST_MESSAGE_ERROR, &text);
  fail_unless_equals_int(count, part ? 1 : 0);
  fail_unless(!part || text.find(part) != std::string::npos, "\"%s\" does not say \"%s\"", text.c_str(),
              part);
  gst_element_set_bus(overlay, nullptr);
  gst_object_unref(bus);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}

void compare_everywhere(const std::string& format, uint32_t number, const char* style) {
  const GstVideoInfo info = make_info(format.c_str(), kWidth, kHeight);
  GstBuffer* frame = noise(info, 1);
  GstBuffer* expected = drawn(info, style, gst_buffer_copy_deep(frame), 7);
  for (const Where& where : kPlaces) {
    const std::string what =
        format + " memory " + std::to_string(static_cast<int>(where.memory)) + " " + style;
    GstHarness* harness = nvmm_overlay(info, style);
    NvmmBatch* batch = nullptr;
    GstBuffer* buffer = nvmm_new(info, kind_of(where, number), {gst_buffer_ref(frame)}, &batch);
    add_meta(buffer, 0, 7);
    GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
    fail_unless(out == buffer, "%s", what.c_str());
    fail_unless_surface(info, *batch, 0, expected, what);
    fail_unless_clean_between(info, *batch, 0);
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
  }
  gst_buffer_unref(expected);
  gst_buffer_unref(frame);
}

}  // namespace

GST_START_TEST(test_same_as_in_system_memory) {
  size_t next = 0;
  for (const auto& [number, name] : color_formats()) {
    // One style a format, all of them of those that are met most.
    const bool often = name == "NV12" || name == "RGBA";
    for (size_t i = next++ % std::size(kStyles), left = often ? std::size(kStyles) : 1; left > 0; --left, ++i)
      compare_everywhere(name, number, kStyles[i % std::size(kStyles)]);
  }
}
GST_END_TEST;

// Odd sizes share samples at the edges.
GST_START_TEST(test_odd_sizes) {
  for (const auto& [number, name] : color_formats()) {
    const GstVideoInfo info = make_info(name.c_str(), kWidth - 1, kHeight - 1);
    GstBuffer* frame = noise(info, 1);
    GstBuffer* expected = drawn(info, kStyles[1], gst_buffer_copy_deep(frame), 7);
    GstHarness* harness = nvmm_overlay(info, kStyles[1]);
    NvmmBatch* batch = nullptr;
    NvmmKind kind = kind_of({MemoryType::CudaDevice, false}, number);
    kind.padding = 7;
    GstBuffer* buffer = nvmm_new(info, kind, {frame}, &batch);
    add_meta(buffer, 0, 7);
    GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
    fail_unless(out == buffer, "%s", name.c_str());
    fail_unless_surface(info, *batch, 0, expected, name);
    fail_unless_clean_between(info, *batch, 0);
    gst_buffer_unref(out);
    gst_buffer_unref(expected);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

// Surfaces 0 and 2 have metadata, 1 has none; metadata of a surface that is not there draws nowhere.
GST_START_TEST(test_batch) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  for (const Where& where : kPlaces) {
    std::vector<GstBuffer*> frames, expected;
    for (guint i = 0; i < 3; ++i) {
      frames.push_back(noise(info, i));
      expected.push_back(i == 1 ? gst_buffer_copy_deep(frames[i])
                                : drawn(info, "", gst_buffer_copy_deep(frames[i]), 10 + i));
    }
    GstHarness* harness = nvmm_overlay(info, "");
    NvmmBatch* batch = nullptr;
    GstBuffer* buffer = nvmm_new(info, kind_of(where, 6), frames, &batch);
    add_meta(buffer, 2, 12);
    add_meta(buffer, 0, 10);
    add_meta(buffer, 3, 11);
    GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
    fail_unless(out == buffer, "memory %d", static_cast<int>(where.memory));
    for (size_t i = 0; i < 3; ++i) {
      fail_unless_surface(info, *batch, i, expected[i],
                          "memory " + std::to_string(static_cast<int>(where.memory)));
      fail_unless_clean_between(info, *batch, i);
      gst_buffer_unref(expected[i]);
    }
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

// Without metadata nothing is mapped, loaded or written, and shared buffers pass: even with no CUDA module.
GST_START_TEST(test_nothing_to_draw) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  g_setenv("GST_ANOMALY_CUDA_MODULE", "/nonexistent/libanomaly-cuda.so", TRUE);
  for (const Where& where : kPlaces) {
    GstHarness* harness = nvmm_overlay(info, "legend=true");
    NvmmBatch* batch = nullptr;
    GstBuffer* buffer = nvmm_new(info, kind_of(where, 6), {noise(info, 3)}, &batch);
    const std::vector<uint8_t> before = batch->pixels[0];
    GstBuffer* out = gst_harness_push_and_pull(harness, gst_buffer_ref(buffer));
    fail_unless(out == buffer);
    fail_unless(batch->pixels[0] == before);
    gst_buffer_unref(out);
    gst_buffer_unref(buffer);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

GST_START_TEST(test_no_module) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  g_setenv("GST_ANOMALY_CUDA_MODULE", "/nonexistent/libanomaly-cuda.so", TRUE);
  NvmmBatch* batch = nullptr;
  GstBuffer* buffer = nvmm_new(info, kind_of({MemoryType::CudaDevice, false}, 6), {noise(info, 3)}, &batch);
  gst_buffer_add_anomaly_meta(buffer);
  fail_unless_told(info, "legend=true", buffer, GST_FLOW_ERROR, "/nonexistent/libanomaly-cuda.so");
  // Surfaces that the processor reaches need none.
  buffer = nvmm_new(info, kind_of({MemoryType::System, false}, 6), {noise(info, 3)}, &batch);
  gst_buffer_add_anomaly_meta(buffer);
  fail_unless_told(info, "legend=true", buffer, GST_FLOW_OK, nullptr);
}
GST_END_TEST;

GST_START_TEST(test_no_such_gpu) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  NvmmBatch* batch = nullptr;
  GstBuffer* buffer = nvmm_new(info, kind_of({MemoryType::CudaDevice, false}, 6), {noise(info, 3)}, &batch);
  batch->surface.gpu_id = 7;
  add_meta(buffer, 0, 1);
  fail_unless_told(info, "", buffer, GST_FLOW_ERROR, "GPU 7");
}
GST_END_TEST;

// A copy of the buffer would show the same surfaces: drawing is refused, not done to both.
GST_START_TEST(test_shared_surfaces) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  for (int i = 0; i < 2; ++i) {
    NvmmBatch* batch = nullptr;
    GstBuffer* buffer = nvmm_new(info, kind_of({MemoryType::System, false}, 6), {noise(info, 3)}, &batch);
    const std::vector<uint8_t> before = batch->pixels[0];
    add_meta(buffer, 0, 1);
    GstBuffer* other = i == 0 ? gst_buffer_ref(buffer) : gst_buffer_copy(buffer);
    fail_unless_told(info, "", buffer, GST_FLOW_ERROR, "others hold");
    fail_unless(batch->pixels[0] == before);
    gst_buffer_unref(other);
  }
}
GST_END_TEST;

GST_START_TEST(test_side_by_side_is_refused) {
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  NvmmBatch* batch = nullptr;
  GstHarness* harness = gst_harness_new_parse("anomalyoverlay mode=side-by-side");
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(overlay, bus);
  GstCaps* caps = gst_video_info_to_caps(const_cast<GstVideoInfo*>(&info));
  gst_caps_set_features(caps, 0, gst_caps_features_new("memory:NVMM", nullptr));
  gst_harness_set_src_caps(harness, caps);
  std::string text;
  fail_unless(messages(bus, GST_MESSAGE_ERROR, &text) > 0);  // as often as the harness offers the caps
  fail_unless(text.find("NVMM") != std::string::npos && text.find("mode=blend") != std::string::npos, "%s",
              text.c_str());
  gst_element_set_bus(overlay, nullptr);
  gst_object_unref(bus);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);

  // Nor while frames flow.
  harness = nvmm_overlay(info, "");
  overlay = gst_harness_find_element(harness, "anomalyoverlay");
  bus = gst_bus_new();
  gst_element_set_bus(overlay, bus);
  gst_util_set_object_arg(G_OBJECT(overlay), "mode", "side-by-side");
  gint mode = -1;
  g_object_get(overlay, "mode", &mode, nullptr);
  fail_unless_equals_int(mode, 0);
  fail_unless_equals_int(messages(bus, GST_MESSAGE_WARNING, &text), 1);
  GstBuffer* buffer = nvmm_new(info, kind_of({MemoryType::System, false}, 6), {noise(info, 3)}, &batch);
  add_meta(buffer, 0, 1);
  fail_unless_equals_int(gst_harness_push(harness, buffer), GST_FLOW_OK);
  gst_element_set_bus(overlay, nullptr);
  gst_object_unref(bus);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}
GST_END_TEST;

// Surfaces that are not what they say: a warning, and the frame passes as it is.
GST_START_TEST(test_lying_surfaces) {
  using anomaly::nvmm::SurfaceParams;
  const GstVideoInfo info = make_info("NV12", kWidth, kHeight);
  const std::function<void(NvmmBatch&)> lies[] = {
      [](NvmmBatch& b) { b.surface.surface_list = nullptr; },
      [](NvmmBatch& b) { b.surface.num_filled = b.surface.batch_size + 1; },
      [](NvmmBatch& b) { b.surface.mem_type = 77; },
      [](NvmmBatch& b) { b.list[0].plane_params.num_planes = 0; },
      [](NvmmBatch& b) { b.list[0].plane_params.num_planes = 1000; },
      [](NvmmBatch& b) { b.list[0].plane_params.pitch[0] = kWidth - 1; },
      [](NvmmBatch& b) { b.list[0].plane_params.pitch[1] = 0xffffffffU; },
      [](NvmmBatch& b) { b.list[0].plane_params.offset[1] = b.list[0].data_size - 3; },
      [](NvmmBatch& b) { b.list[0].width = 10; },
      [](NvmmBatch& b) { b.list[0].height = 0x7fffffffU; },
      [](NvmmBatch& b) { b.list[0].color_format = 19; },
      [](NvmmBatch& b) { b.list[0].layout = 9; },
      [](NvmmBatch& b) { b.list[0].data_ptr = nullptr; },
      [](NvmmBatch& b) { b.list[0].data_size = 100; },
  };
  int number = 0;
  for (const auto& lie : lies)
    for (const MemoryType memory : {MemoryType::System, MemoryType::CudaDevice}) {
      NvmmBatch* batch = nullptr;
      GstBuffer* buffer = nvmm_new(info, kind_of({memory, false}, 6), {noise(info, 3)}, &batch);
      const std::vector<uint8_t> before = batch->pixels[0];
      lie(*batch);
      add_meta(buffer, 0, 1);
      GstBuffer* held = nullptr;
      GstHarness* harness = nvmm_overlay(info, "");
      GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
      GstBus* bus = gst_bus_new();
      gst_element_set_bus(overlay, bus);
      held = gst_harness_push_and_pull(harness, buffer);
      fail_unless(held == buffer, "lie %d", number);
      std::string text;
      fail_unless(messages(bus, GST_MESSAGE_WARNING, &text) == 1, "lie %d", number);
      fail_unless(text.find("NVMM") != std::string::npos, "%s", text.c_str());
      fail_unless(batch->pixels[0] == before, "lie %d", number);
      gst_buffer_unref(held);
      gst_element_set_bus(overlay, nullptr);
      gst_object_unref(bus);
      gst_object_unref(overlay);
      gst_harness_teardown(harness);
      ++number;
    }
}
GST_END_TEST;

// A map in the memory of the frame's GPU is drawn from there; the processor and another GPU have it
// downloaded, once.
GST_START_TEST(test_maps_in_device_memory) {
  const struct {
    MemoryType memory;
    int map_device;
    const char* style;
    int downloads;
  } cases[] = {{MemoryType::CudaDevice, 0, "", 0},
               {MemoryType::CudaDevice, 0, "mode=map", 0},
               {MemoryType::CudaDevice, 0, "threshold=1.5", 0},
               {MemoryType::CudaDevice, 0, "contours=true", 0},
               {MemoryType::CudaDevice, 0, "opacity=0 contours=true", 0},
               {MemoryType::CudaDevice, 1, "", 1},
               {MemoryType::CudaDevice, 1, "opacity=0 contours=true", 1},
               {MemoryType::System, 0, "contours=true", 1},
               {MemoryType::System, 0, "opacity=0", 0}};
  const GstVideoInfo info = make_info("I420", kWidth, kHeight);
  for (const auto& c : cases) {
    GstBuffer* frame = noise(info, 2);
    GstBuffer* expected = drawn(info, c.style, gst_buffer_copy_deep(frame), 7);
    NvmmBatch* batch = nullptr;
    GstBuffer* buffer = nvmm_new(info, kind_of({c.memory, false}, 2), {frame}, &batch);
    GstAnomalyMeta* meta = add_meta(buffer, 0, 7);
    auto values = std::make_shared<std::vector<gfloat>>(scores_of(7));
    int downloads = 0;
    anomaly::Plane plane;
    plane.name = "anomaly";
    plane.width = 24;
    plane.height = 18;
    plane.kind = anomaly::FrameMemory::Kind::Cuda;
    plane.device = c.map_device;
    plane.data = std::shared_ptr<const void>(values, values->data());
    plane.download = [&, bytes = plane.bytes()](void* host) {
      ++downloads;
      std::memcpy(host, values->data(), bytes);
    };
    gst_anomaly_meta_set_map(meta, 24, 18, anomaly::device_map_new(plane));
    GstHarness* harness = nvmm_overlay(info, c.style);
    GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
    fail_unless(out != nullptr);
    fail_unless_surface(info, *batch, 0, expected, std::string("map in device memory ") + c.style);
    fail_unless(downloads == c.downloads, "%d downloads, %s", downloads, c.style);
    gst_buffer_unref(out);
    gst_buffer_unref(expected);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

static Suite* overlaynvmm_suite(void) {
  Suite* suite = suite_create("overlaynvmm");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_same_as_in_system_memory);
  tcase_add_test(tests, test_odd_sizes);
  tcase_add_test(tests, test_batch);
  tcase_add_test(tests, test_nothing_to_draw);
  tcase_add_test(tests, test_no_module);
  tcase_add_test(tests, test_no_such_gpu);
  tcase_add_test(tests, test_shared_surfaces);
  tcase_add_test(tests, test_side_by_side_is_refused);
  tcase_add_test(tests, test_lying_surfaces);
  tcase_add_test(tests, test_maps_in_device_memory);
  return suite;
}

GST_CHECK_MAIN(overlaynvmm);

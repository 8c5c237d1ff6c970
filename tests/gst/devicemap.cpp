// SPDX-License-Identifier: LGPL-2.1-or-later
// Maps that stay in device memory: downloaded when somebody reads them, once, whoever asks; a failed download
// fails the mapping.
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "gst/plugin/devicemap.h"
#include "tests/gst/frames.h"

namespace {

constexpr int kWidth = 8, kHeight = 5;

struct OnDevice {
  std::array<float, kWidth * kHeight> values;
  std::atomic<int> downloads{0};
  std::atomic<bool> fails{false};

  anomaly::Plane plane(const std::shared_ptr<OnDevice>& self) {
    anomaly::Plane plane;
    plane.name = "anomaly";
    plane.width = kWidth;
    plane.height = kHeight;
    plane.kind = anomaly::FrameMemory::Kind::Cuda;
    plane.device = 1;
    plane.data = std::shared_ptr<const void>(self, values.data());
    plane.download = [this](void* host) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      ++downloads;
      if (fails) throw std::runtime_error("the device is gone");
      std::memcpy(host, values.data(), sizeof values);
    };
    return plane;
  }
};

std::shared_ptr<OnDevice> made() {
  auto device = std::make_shared<OnDevice>();
  for (size_t i = 0; i < device->values.size(); ++i) device->values[i] = 0.25F * static_cast<float>(i);
  return device;
}

}  // namespace

GST_START_TEST(test_download_once) {
  auto device = made();
  GstBuffer* frame = gst_buffer_new();
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(frame);
  gst_anomaly_meta_set_map(meta, kWidth, kHeight, anomaly::device_map_new(device->plane(device)));
  const std::weak_ptr<OnDevice> alive = device;
  const float* values = device->values.data();
  OnDevice& on_device = *device;
  device.reset();
  fail_if(alive.expired());

  const void* address = nullptr;
  anomaly::FrameMemory memory;
  fail_unless(anomaly::device_map_at(meta->map.data, &address, &memory));
  fail_unless(address == values);
  fail_unless(memory.kind == anomaly::FrameMemory::Kind::Cuda && memory.device == 1);
  fail_unless_equals_int(gst_anomaly_plane_get_size(&meta->map), gst_buffer_get_size(meta->map.data));
  fail_unless_equals_int(on_device.downloads, 0);

  std::vector<std::thread> readers;
  std::atomic<int> right{0};
  for (int i = 0; i < 6; ++i)
    readers.emplace_back([&] {
      GstMapInfo info;
      const gfloat* scores = nullptr;
      guint width = 0, height = 0;
      if (!gst_anomaly_meta_map_scores(meta, &info, &scores, &width, &height)) return;
      right +=
          width == kWidth && height == kHeight && std::memcmp(scores, values, sizeof on_device.values) == 0;
      gst_anomaly_meta_unmap_scores(meta, &info);
    });
  for (std::thread& reader : readers) reader.join();
  fail_unless_equals_int(right, 6);
  fail_unless_equals_int(on_device.downloads, 1);

  // Copies, whole and in part, and what is made of the metadata.
  GstBuffer* copy = gst_buffer_copy_deep(meta->map.data);
  fail_unless_equals_int(gst_buffer_memcmp(copy, 0, values, sizeof on_device.values), 0);
  fail_if(anomaly::device_map_at(copy, &address, &memory));
  gst_buffer_unref(copy);
  copy = gst_buffer_copy_region(meta->map.data, GST_BUFFER_COPY_MEMORY, 8, 16);
  fail_unless_equals_int(gst_buffer_memcmp(copy, 0, values + 2, 16), 0);
  fail_if(anomaly::device_map_at(copy, &address, &memory));
  gst_buffer_unref(copy);
  GBytes* bytes = gst_anomaly_meta_serialize(meta);
  fail_unless(bytes != nullptr);
  g_bytes_unref(bytes);
  gdouble score = 0;
  meta->width = kWidth;
  meta->height = kHeight;
  fail_unless(gst_anomaly_meta_get_score_at(meta, 3, 2, &score));
  fail_unless_equals_float(score, values[2 * kWidth + 3]);
  fail_unless_equals_int(on_device.downloads, 1);

  // It is the engine's, and shared.
  GstMapInfo info;
  fail_if(gst_memory_map(gst_buffer_peek_memory(meta->map.data, 0), &info, GST_MAP_WRITE));
  gst_buffer_unref(frame);
  fail_unless(alive.expired());
}
GST_END_TEST;

GST_START_TEST(test_failed_download) {
  auto device = made();
  GstBuffer* frame = gst_buffer_new();
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(frame);
  gst_anomaly_meta_set_map(meta, kWidth, kHeight, anomaly::device_map_new(device->plane(device)));
  device->fails = true;
  GstMapInfo info;
  const gfloat* scores = nullptr;
  guint width = 0, height = 0;
  fail_if(gst_anomaly_meta_map_scores(meta, &info, &scores, &width, &height));
  fail_unless(gst_anomaly_meta_serialize(meta) == nullptr);
  fail_unless(gst_anomaly_plane_dup_bytes(&meta->map) == nullptr);
  gdouble score = 0;
  meta->width = kWidth;
  meta->height = kHeight;
  fail_if(gst_anomaly_meta_get_score_at(meta, 3, 2, &score));
  // Nothing was remembered: it may work later.
  device->fails = false;
  fail_unless(gst_anomaly_meta_map_scores(meta, &info, &scores, &width, &height));
  fail_unless_equals_float(scores[5], device->values[5]);
  gst_anomaly_meta_unmap_scores(meta, &info);
  const int downloads = device->downloads;
  fail_unless(gst_anomaly_meta_get_score_at(meta, 3, 2, &score));
  fail_unless_equals_int(device->downloads, downloads);
  gst_buffer_unref(frame);
}
GST_END_TEST;

GST_START_TEST(test_other_buffers) {
  const void* address = nullptr;
  anomaly::FrameMemory memory;
  GstBuffer* plain = gst_buffer_new_allocate(nullptr, 16, nullptr);
  fail_if(anomaly::device_map_at(plain, &address, &memory));
  fail_if(anomaly::device_map_at(nullptr, &address, &memory));
  gst_buffer_unref(plain);
}
GST_END_TEST;

static Suite* devicemap_suite(void) {
  Suite* suite = suite_create("devicemap");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  tcase_add_test(tests, test_download_once);
  tcase_add_test(tests, test_failed_download);
  tcase_add_test(tests, test_other_buffers);
  return suite;
}

GST_CHECK_MAIN(devicemap);

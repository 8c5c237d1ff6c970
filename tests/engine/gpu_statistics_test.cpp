// SPDX-License-Identifier: LGPL-2.1-or-later
// Figures, regions and their pixels as an engine on a GPU finds them, against map_statistics() of the same
// map: what a request asks for reaches the kernels, and comes back whole. The kernels themselves are
// compared in tests/kernels.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "src/engine/device.h"
#include "src/engine/gpu_statistics.h"
#include "tests/check.h"
#include "tests/kernels/random_values.h"

using namespace anomaly;

namespace {

int uploads = 0;
const AnomalyCudaKernels* emulated = nullptr;

int counted_upload(void* device, const void* host, size_t bytes, void* stream) {
  ++uploads;
  return emulated->copy_to_device(device, host, bytes, stream);
}

// The emulated device, its uploads counted.
const Compute& compute() {
  static AnomalyCudaKernels kernels;
  static const Compute counting = [] {
    Compute c = compute_on(resolve_device("cuda"), Precision::Float32);
    emulated = c.kernels;
    kernels = *c.kernels;
    kernels.copy_to_device = counted_upload;
    c.kernels = &kernels;
    return c;
  }();
  return counting;
}

void download(void* host, const void* device, size_t bytes) {
  CHECK_EQ(emulated->copy_to_host(host, device, bytes, nullptr), 0);
}

struct Map {
  at::Tensor scores, labels;

  Map(int width, int height, uint64_t seed)
      : scores(at::empty({height, width}, at::kFloat)), labels(at::empty({2 * height, width}, at::kByte)) {
    check::Random random(seed);
    for (int64_t i = 0; i < scores.numel(); ++i) scores.mutable_data_ptr<float>()[i] = random.uniform(0, 1);
    for (int64_t i = 0; i < labels.numel(); ++i)
      labels.mutable_data_ptr<uint8_t>()[i] = static_cast<uint8_t>(random.bits() >> 20) % 19;
  }
  float& score(int x, int y) { return scores.mutable_data_ptr<float>()[y * scores.size(1) + x]; }
};

Request request_of(int frame_width, int frame_height, float threshold) {
  Request request;
  request.frame.frame_width = frame_width;
  request.frame.frame_height = frame_height;
  request.threshold = threshold;
  request.with_runs = true;
  return request;
}

std::shared_ptr<PixelMask> mask_of(int width, int height, uint64_t seed) {
  auto mask = std::make_shared<PixelMask>(PixelMask{width, height, {}});
  check::Random random(seed);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      if (x % 5 == 0) random.bits();
      mask->counts.push_back(random.bits() % 3 != 0);
    }
  return mask;
}

struct Finder {
  std::shared_ptr<BufferPool> pinned = BufferPool::create(), on_device = BufferPool::create();
  GpuStatistics statistics{compute(), pinned, on_device};

  std::shared_ptr<GpuStatistics::Pending> queue(const Request& request, const Map& map) {
    std::shared_ptr<GpuStatistics::Pending> pending;
    statistics.queue(request, map.scores, map.labels, pending);
    return pending;
  }
};

MapStatistics expected(const Request& request, const Map& map) {
  StatisticsQuery query;
  query.frame_width = request.frame.frame_width;
  query.frame_height = request.frame.frame_height;
  query.threshold = request.threshold;
  query.min_area = request.min_area;
  query.roi = request.roi;
  query.mask = request.mask.get();
  query.classes = request.classes;
  query.with_runs = request.with_runs;
  return map_statistics(map.scores.const_data_ptr<float>(), static_cast<int>(map.scores.size(1)),
                        static_cast<int>(map.scores.size(0)), map.labels.const_data_ptr<uint8_t>(),
                        static_cast<int>(map.labels.size(1)), static_cast<int>(map.labels.size(0)), query);
}

// Sums are added up in another order.
void compare(const MapStatistics& ours, const MapStatistics& reference) {
  CHECK_NEAR(ours.score, reference.score, 1e-6);
  CHECK_NEAR(ours.mean, reference.mean, 1e-6);
  CHECK_EQ(ours.max, reference.max);
  CHECK_EQ(ours.share, reference.share);
  CHECK_EQ(ours.regions.size(), reference.regions.size());
  for (size_t i = 0; i < ours.regions.size(); ++i) {
    const Region &a = ours.regions[i], &b = reference.regions[i];
    CHECK(a.id == b.id && a.x == b.x && a.y == b.y && a.width == b.width && a.height == b.height);
    CHECK(a.area == b.area && a.max == b.max && a.label == b.label);
    CHECK_NEAR(a.mean, b.mean, 1e-6);
  }
  CHECK_EQ(ours.runs.size(), reference.runs.size());
  for (size_t i = 0; i < ours.runs.size(); ++i) {
    const RegionRun &a = ours.runs[i], &b = reference.runs[i];
    CHECK(a.y == b.y && a.first == b.first && a.last == b.last && a.region == b.region);
  }
}

MapStatistics check_request(Finder& finder, const Request& request, const Map& map) {
  const MapStatistics reference = expected(request, map);
  compare(finder.queue(request, map)->statistics(download), reference);
  return reference;
}

}  // namespace

TEST(masks_of_odd_sizes) {
  Finder finder;
  for (const auto& [width, height] : {std::pair{161, 83}, {97, 55}, {33, 1}, {1, 47}, {1, 1}, {64, 32}}) {
    const Map map(32, 16, static_cast<uint64_t>(width));
    Request request = request_of(width, height, 0.6f);
    request.mask = mask_of(width, height, 3);
    check_request(finder, request, map);
    request.roi = {5, 3, width / 2, height / 2};
    request.min_area = 3;
    check_request(finder, request, map);
    request.classes.set(1).set(4).set(7).set(11);
    request.with_runs = false;
    CHECK_EQ(check_request(finder, request, map).runs.size(), size_t{0});
  }
}

TEST(masks_that_leave_nothing_and_all) {
  Finder finder;
  const Map map(32, 16, 2);
  Request request = request_of(75, 41, 0.6f);
  const MapStatistics unmasked = check_request(finder, request, map);
  CHECK(!unmasked.regions.empty());
  auto mask = mask_of(75, 41, 1);
  std::fill(mask->counts.begin(), mask->counts.end(), uint8_t{1});
  request.mask = mask;
  compare(finder.queue(request, map)->statistics(download), unmasked);
  mask = mask_of(75, 41, 1);
  std::fill(mask->counts.begin(), mask->counts.end(), uint8_t{0});
  request.mask = mask;
  const MapStatistics nothing = check_request(finder, request, map);
  CHECK(nothing.regions.empty() && nothing.runs.empty() && nothing.score == 0 && nothing.max == 0);
}

TEST(a_mask_of_another_size_is_refused) {
  Finder finder;
  const Map map(32, 16, 2);
  Request request = request_of(75, 41, 0.6f);
  request.mask = mask_of(75, 40, 1);
  CHECK_THROWS(finder.queue(request, map), std::invalid_argument, "a mask of 75x40 for a frame of 75x41");
}

// Once a mask: not once a frame, nor as one that lay at its address before.
TEST(masks_are_uploaded_once) {
  Finder finder;
  const Map map(32, 16, 2);
  Request request = request_of(75, 41, 0.6f);
  request.mask = mask_of(75, 41, 1);
  const int before = uploads;
  for (int i = 0; i < 3; ++i) check_request(finder, request, map);
  CHECK_EQ(uploads, before + 1);
  for (uint64_t seed = 2; seed < 6; ++seed) {
    request.mask.reset();
    request.mask = mask_of(75, 41, seed);
    check_request(finder, request, map);
  }
  // More than are kept, in turn.
  std::vector<std::shared_ptr<PixelMask>> masks;
  for (uint64_t seed = 0; seed < 11; ++seed) masks.push_back(mask_of(75, 41, 20 + seed));
  for (int turn = 0; turn < 2; ++turn)
    for (const auto& mask : masks) {
      request.mask = mask;
      check_request(finder, request, map);
    }
  CHECK(uploads >= before + 1 + 4 + 11);
}

// Two are under way at once, with masks of one size; what the second writes is not the first one's.
TEST(frames_under_way_do_not_meet) {
  Finder finder;
  const Map maps[] = {{32, 16, 5}, {32, 16, 6}, {32, 16, 7}};
  std::vector<Request> requests;
  std::vector<std::shared_ptr<GpuStatistics::Pending>> pending;
  for (uint64_t i = 0; i < 3; ++i) {
    requests.push_back(request_of(75, 41, 0.5f + 0.1f * static_cast<float>(i)));
    requests.back().mask = mask_of(75, 41, i);
    pending.push_back(finder.queue(requests.back(), maps[i]));
  }
  for (size_t i = 0; i < 3; ++i) compare(pending[i]->statistics(download), expected(requests[i], maps[i]));
}

// Regions that touch at a corner are one, those a pixel apart are two, and each run says whose it is.
TEST(runs_of_regions_that_touch) {
  Finder finder;
  Map map(24, 12, 1);
  for (int y = 0; y < 12; ++y)
    for (int x = 0; x < 24; ++x) map.score(x, y) = 0;
  for (int i = 0; i < 6; ++i) map.score(2 + i, 2 + i) = 1;  // a diagonal
  for (int y = 3; y < 9; ++y) map.score(12, y) = map.score(14, y) = 1;
  for (int y = 0; y < 12; y += 2) map.score(20, y) = map.score(22, y) = 1;  // crumbs
  map.score(23, 3) = 1;                                                     // joins two of them
  Request request = request_of(24, 12, 0.5f);
  const MapStatistics found = check_request(finder, request, map);
  CHECK_EQ(found.regions.size(), size_t{1 + 2 + 11});
  CHECK_EQ(found.runs.size(), size_t{6 + 12 + 13});
  request.min_area = 4;
  CHECK_EQ(check_request(finder, request, map).regions.size(), size_t{3});
  // All of the frame, in every row one run.
  request.threshold = 0;
  CHECK_EQ(check_request(finder, request, map).runs.size(), size_t{12});
}

// As many runs as a frame can have, and more regions than are listed.
TEST(the_most_runs_and_regions) {
  Finder finder;
  Map map(81, 60, 1);
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 81; ++x) map.score(x, y) = x % 2 == 0 ? 0.75f : 0;
  Request request = request_of(81, 60, 0.5f);
  CHECK_EQ(check_request(finder, request, map).runs.size(), size_t{41 * 60});
  check::Random random(4);
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 81; ++x) map.score(x, y) = y % 2 == 0 && x % 2 == 0 ? random.uniform(0.6f, 0.9f) : 0;
  const MapStatistics most = check_request(finder, request, map);
  CHECK_EQ(most.regions.size(), size_t{kMaxRegions});
  CHECK_EQ(most.runs.size(), size_t{kMaxRegions});
  request.mask = mask_of(81, 60, 8);
  check_request(finder, request, map);
}

TEST_MAIN()

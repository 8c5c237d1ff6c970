// SPDX-License-Identifier: LGPL-2.1-or-later
// A map's figures and regions from the device against map_statistics(): the same regions bit for bit, but for
// sums, which the two add up in different orders.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "kernels/statistics.h"
#include "tests/kernels/cuda_device.h"
#include "tests/kernels/random_values.h"

using namespace anomaly;
using check::cuda;
using check::DeviceArray;

namespace {

struct Sizes {
  int map_width, map_height, frame_width, frame_height;
};

struct Workspace {
  AnomalyCudaStatistics* statistics = nullptr;
  explicit Workspace(const Sizes& s) {
    CHECK_CUDA(
        cuda().statistics_create(s.map_width, s.map_height, s.frame_width, s.frame_height, &statistics));
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { cuda().statistics_destroy(statistics); }
};

size_t product(int a, int b) {
  return static_cast<size_t>(a) * static_cast<size_t>(b);
}

// Hills `cell` cells wide.
std::vector<float> hills(int width, int height, int cell, uint64_t seed) {
  const int columns = width / cell + 2, rows = height / cell + 2;
  const std::vector<float> coarse = check::random_floats(product(columns, rows), seed, 0, 1);
  std::vector<float> map(product(width, height));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const auto at = [&](int u, int v) { return coarse[product(v, columns) + static_cast<size_t>(u)]; };
      const float s = static_cast<float>(x % cell) / static_cast<float>(cell),
                  t = static_cast<float>(y % cell) / static_cast<float>(cell);
      const int u = x / cell, v = y / cell;
      map[product(y, width) + static_cast<size_t>(x)] = (at(u, v) * (1 - s) + at(u + 1, v) * s) * (1 - t) +
                                                        (at(u, v + 1) * (1 - s) + at(u + 1, v + 1) * s) * t;
    }
  return map;
}

std::vector<uint8_t> patches(int width, int height, unsigned classes, uint64_t seed) {
  check::Random random(seed);
  const int cell = 5, columns = width / cell + 1, rows = height / cell + 1;
  std::vector<uint8_t> coarse(product(columns, rows)), labels(product(width, height));
  for (uint8_t& v : coarse) v = static_cast<uint8_t>(random.bits() % 11 == 0 ? 255 : random.bits() % classes);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      labels[product(y, width) + static_cast<size_t>(x)] =
          coarse[product(y / cell, columns) + static_cast<size_t>(x / cell)];
  return labels;
}

struct Case {
  std::vector<float> map;
  Sizes sizes;
  StatisticsQuery query;
  std::vector<uint8_t> labels;
  int label_width = 0, label_height = 0;
  std::optional<PixelMask> mask;
};

void near(const char* what, float ours, float reference) {
  if (!(std::abs(ours - reference) <= 1e-6f * std::max(1.0f, std::abs(reference))))
    check::fail(__FILE__, __LINE__, what, ": ", ours, " on the device, ", reference, " on the CPU");
}

void compare(const AnomalyCudaFigures& ours, const std::vector<AnomalyCudaRun>& runs,
             const MapStatistics& reference) {
  near("score", ours.score, reference.score);
  near("mean", ours.mean, reference.mean);
  CHECK_EQ(ours.max, reference.max);
  const double share = ours.counted ? static_cast<double>(ours.over) / static_cast<double>(ours.counted) : 0;
  CHECK_EQ(share, reference.share);
  CHECK_EQ(ours.regions, static_cast<int>(reference.regions.size()));
  for (size_t i = 0; i < reference.regions.size(); ++i) {
    const AnomalyCudaRegion& a = ours.region[i];
    const Region& b = reference.regions[i];
    CHECK_EQ(b.id, static_cast<int>(i) + 1);
    CHECK_EQ(a.x, b.x);
    CHECK_EQ(a.y, b.y);
    CHECK_EQ(a.width, b.width);
    CHECK_EQ(a.height, b.height);
    CHECK_EQ(a.area, b.area);
    CHECK_EQ(a.max, b.max);
    CHECK_EQ(a.label, b.label);
    near("a region's mean", a.mean, b.mean);
  }
  CHECK_EQ(ours.runs, static_cast<int64_t>(reference.runs.size()));
  for (size_t i = 0; i < std::min(runs.size(), reference.runs.size()); ++i) {
    CHECK_EQ(runs[i].y, reference.runs[i].y);
    CHECK_EQ(runs[i].first, reference.runs[i].first);
    CHECK_EQ(runs[i].last, reference.runs[i].last);
    CHECK_EQ(runs[i].region, reference.runs[i].region);
  }
}

// Twice with one workspace: nothing of a frame may be left for the next one. capacity: of the runs; -1:
// enough.
AnomalyCudaFigures check_case(Case& c, int capacity = -1) {
  c.query.frame_width = c.sizes.frame_width;
  c.query.frame_height = c.sizes.frame_height;
  c.query.mask = c.mask ? &*c.mask : nullptr;
  const MapStatistics reference =
      map_statistics(c.map.data(), c.sizes.map_width, c.sizes.map_height,
                     c.labels.empty() ? nullptr : c.labels.data(), c.label_width, c.label_height, c.query);
  Workspace workspace(c.sizes);
  if (capacity < 0) capacity = static_cast<int>(reference.runs.size());
  DeviceArray<float> map(c.map);
  DeviceArray<uint8_t> labels(c.labels), mask(c.mask ? c.mask->counts : std::vector<uint8_t>());
  DeviceArray<AnomalyCudaRun> runs(static_cast<size_t>(capacity));
  std::vector<uint8_t> classes(256);
  for (size_t i = 0; i < 256; ++i) classes[i] = c.query.classes.test(i);
  AnomalyCudaQuery q{};
  q.map = map.data();
  if (!c.labels.empty()) q.labels = labels.data();
  q.label_width = c.label_width;
  q.label_height = c.label_height;
  q.threshold = c.query.threshold;
  q.min_area = c.query.min_area;
  q.x = c.query.roi.x;
  q.y = c.query.roi.y;
  q.width = c.query.roi.width;
  q.height = c.query.roi.height;
  if (c.mask) q.mask = mask.data();
  if (c.query.classes.any()) q.classes = classes.data();
  if (c.query.with_runs) {
    q.runs = runs.data();
    q.run_capacity = capacity;
  }
  AnomalyCudaFigures figures{};
  for (int turn = 0; turn < 2; ++turn) {
    DeviceArray<AnomalyCudaFigures> out(std::vector<AnomalyCudaFigures>(1));
    CHECK_CUDA(cuda().map_statistics(workspace.statistics, &q, out.data(), nullptr));
    figures = out.host()[0];
    compare(figures, c.query.with_runs ? runs.host() : std::vector<AnomalyCudaRun>(), reference);
  }
  return figures;
}

Case make(const Sizes& sizes, int cell, uint64_t seed, float threshold) {
  Case c;
  c.sizes = sizes;
  c.map = hills(sizes.map_width, sizes.map_height, cell, seed);
  c.query.threshold = threshold;
  c.query.with_runs = true;
  return c;
}

PixelMask random_mask(int width, int height, uint64_t seed) {
  const std::vector<float> field = hills(width, height, 9, seed);
  PixelMask mask{width, height, std::vector<uint8_t>(field.size())};
  for (size_t i = 0; i < field.size(); ++i) mask.counts[i] = field[i] > 0.4f;
  return mask;
}

void add_labels(Case& c, int width, int height, uint64_t seed) {
  c.labels = patches(width, height, 6, seed);
  c.label_width = width;
  c.label_height = height;
}

}  // namespace

// Maps of many blocks, and of less than one.
TEST(cuda_figures_of_any_size) {
  for (uint64_t seed = 1; seed < 4; ++seed)
    for (const Sizes& sizes : {Sizes{512, 256, 301, 203}, Sizes{128, 64, 240, 135}, Sizes{5, 3, 40, 30}}) {
      Case c = make(sizes, 1, seed, 0.9f);
      c.map = check::random_floats(c.map.size(), seed, -1, 1);
      check_case(c);
    }
  Case c = make({100, 100, 200, 100}, 1, 1, 0.25f);
  std::fill(c.map.begin(), c.map.end(), 0.25f);
  check_case(c);
  c = make({7, 1, 7, 1}, 1, 1, 0.5f);
  std::fill(c.map.begin(), c.map.end(), 0.0f);
  check_case(c);
}
TEST(cuda_figures_of_ties) {
  Case c = make({100, 100, 150, 150}, 1, 1, 0.5f);
  c.map = check::random_floats(c.map.size(), 1, 0, 0.5f);
  for (size_t i = 0; i < 8; ++i) c.map[i * 1000 + 3] = 0.875f;  // the ten highest: four, and six of the eight
  for (size_t i = 0; i < 4; ++i) c.map[i * 2000 + 77] = 0.9375f;
  CHECK_NEAR(check_case(c).score, (4 * 0.9375 + 6 * 0.875) / 10, 1e-7);
}

TEST(cuda_regions_of_hills) {
  for (const int cell : {1, 2, 4, 9})
    for (const float threshold : {0.3f, 0.5f, 0.7f, 0.99f}) {
      Case c = make({64, 32, 161, 83}, cell, static_cast<uint64_t>(cell), threshold);
      check_case(c);
      c.query.min_area = 20;
      check_case(c);
    }
}
TEST(cuda_regions_at_any_size) {
  for (const Sizes& sizes :
       {Sizes{16, 8, 16, 8}, Sizes{16, 8, 16, 31}, Sizes{16, 8, 47, 8}, Sizes{64, 48, 20, 11},
        Sizes{1, 1, 5, 3}, Sizes{5, 3, 1, 1}, Sizes{7, 1, 300, 1}, Sizes{1, 9, 1, 200}}) {
    Case c = make(sizes, 2, 3, 0.45f);
    check_case(c);
  }
}
TEST(cuda_regions_of_wide_frames) {
  Case c = make({300, 6, 2100, 25}, 3, 5, 0.5f);
  check_case(c);
  c = make({300, 6, 32768, 3}, 3, 5, 0.5f);
  check_case(c);
}
TEST(cuda_regions_of_all_and_of_nothing) {
  Case c = make({32, 16, 65, 40}, 3, 1, -1.0f);
  CHECK_EQ(check_case(c).regions, 1);
  c.query.threshold = 2;
  CHECK_EQ(check_case(c).regions, 0);
}
// A comb, a spiral: long chains of joins.
TEST(cuda_regions_of_winding_shapes) {
  const int size = 81;
  Case c = make({size, size, size, size}, 1, 1, 0.5f);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x)
      c.map[product(y, size) + static_cast<size_t>(x)] = x % 2 == 0 || y == size - 1;
  CHECK_EQ(check_case(c).regions, 1);
  std::fill(c.map.begin(), c.map.end(), 0.0f);
  int x = 0, y = 0, dx = 1, dy = 0;
  const auto cell = [&](int u, int v) -> float& { return c.map[product(v, size) + static_cast<size_t>(u)]; };
  const auto is_free = [&](int u, int v) {
    return u >= 0 && v >= 0 && u < size && v < size && cell(u, v) == 0;
  };
  for (int turns = 0; turns < 2;) {
    cell(x, y) = 1;
    const bool blocked =
        !is_free(x + dx, y + dy) || (x + 2 * dx >= 0 && x + 2 * dx < size && y + 2 * dy >= 0 &&
                                     y + 2 * dy < size && cell(x + 2 * dx, y + 2 * dy) != 0);
    if (blocked) {
      const int turned = dx;
      dx = -dy;
      dy = turned;
      ++turns;
    } else {
      turns = 0;
      x += dx;
      y += dy;
    }
  }
  CHECK_EQ(check_case(c).regions, 1);
  // Diagonal neighbours are connected.
  for (int i = 0; i < size; ++i)
    for (int j = 0; j < size; ++j) cell(i, j) = (i + j) % 2;
  CHECK_EQ(check_case(c).regions, 1);
}
// The largest stay, equal ones in reading order.
TEST(cuda_regions_beyond_the_most_that_are_listed) {
  const int width = 160, height = 120;
  Case c = make({width, height, width, height}, 1, 1, 0.5f);
  check::Random random(5);
  std::fill(c.map.begin(), c.map.end(), 0.0f);
  for (int y = 0; y < height; y += 2)
    for (int x = 0; x + 3 < width; x += 4)
      for (int i = 0; i < 1 + static_cast<int>(random.bits() % 3); ++i)
        c.map[product(y, width) + static_cast<size_t>(x + i)] = random.uniform(0.6f, 2.0f);
  CHECK_EQ(check_case(c).regions, kMaxRegions);
  c.query.min_area = 3;
  const int larger = check_case(c).regions;
  CHECK(larger > 500 && larger < kMaxRegions);
}
TEST(cuda_regions_with_labels) {
  Case c = make({64, 32, 161, 83}, 4, 2, 0.5f);
  add_labels(c, 128, 64, 3);
  check_case(c);
  add_labels(c, 161, 83, 4);
  check_case(c);
  std::fill(c.labels.begin(), c.labels.end(), uint8_t{255});
  check_case(c);
}
TEST(cuda_regions_inside_a_rectangle) {
  Case c = make({64, 32, 161, 83}, 3, 2, 0.5f);
  for (const Rect& roi :
       {Rect{20, 10, 100, 50}, Rect{-30, -5, 90, 40}, Rect{150, 70, 400, 400}, Rect{80, 40, 1, 1},
        Rect{500, 10, 20, 20}, Rect{0, 0, 161, 83}, Rect{3, 4, 1, 60}}) {
    c.query.roi = roi;
    check_case(c);
  }
}
TEST(cuda_regions_beneath_a_mask) {
  Case c = make({64, 32, 161, 83}, 3, 2, 0.5f);
  c.mask = random_mask(161, 83, 1);
  check_case(c);
  c.query.roi = {20, 10, 100, 50};
  check_case(c);
  // One pixel, below which no cell has its centre.
  std::fill(c.mask->counts.begin(), c.mask->counts.end(), uint8_t{0});
  c.query.roi = {};
  check_case(c);
  c.mask->counts[40 * 161 + 80] = 1;
  check_case(c);
  c.query.threshold = 0;
  check_case(c);
}
TEST(cuda_regions_standing_on_classes) {
  for (const int cell : {1, 3, 6})
    for (uint64_t seed = 0; seed < 4; ++seed) {
      Case c = make({64, 32, 161, 83}, cell, seed, 0.6f);
      add_labels(c, 80, 40, seed);
      c.query.classes.set(seed % 6).set((seed + 2) % 6);
      check_case(c);
      c.mask = random_mask(161, 83, seed);
      c.query.roi = {10, 10, 130, 60};
      c.query.min_area = 4;
      check_case(c);
    }
}
// No band: the whole frame is over the threshold.
TEST(cuda_regions_standing_on_classes_without_surroundings) {
  Case c = make({32, 16, 65, 40}, 3, 1, -1.0f);
  add_labels(c, 65, 40, 2);
  for (size_t id = 0; id < 6; ++id) {
    c.query.classes.reset().set(id);
    check_case(c);
  }
  c.query.classes.reset().set(200);
  const AnomalyCudaFigures none = check_case(c);
  CHECK_EQ(none.counted, 0);
  CHECK_EQ(none.score, 0.0f);
}
TEST(cuda_regions_of_what_is_no_number) {
  Case c = make({40, 30, 90, 70}, 3, 2, 0.5f);
  for (size_t i = 0; i < c.map.size(); i += 11)
    c.map[i] = i % 2 ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  check_case(c);
  c.mask = random_mask(90, 70, 1);
  check_case(c);
}
TEST(cuda_regions_with_little_room_for_runs) {
  Case c = make({40, 30, 90, 70}, 3, 2, 0.5f);
  CHECK(check_case(c, 5).runs > 5);
  check_case(c, 0);
  c.query.with_runs = false;
  CHECK_EQ(check_case(c).runs, 0);
}
TEST(cuda_statistics_refuse_what_is_wrong) {
  AnomalyCudaStatistics* none = nullptr;
  CHECK(cuda().statistics_create(0, 4, 8, 8, &none) != 0);
  CHECK(none == nullptr);
  CHECK(cuda().statistics_create(4, 4, 8, 40000, &none) != 0);
  CHECK(none == nullptr);
  cuda().statistics_destroy(nullptr);
  Workspace workspace({4, 4, 8, 8});
  DeviceArray<float> map(std::vector<float>(16));
  DeviceArray<AnomalyCudaFigures> out(1);
  AnomalyCudaQuery q{};
  CHECK(cuda().map_statistics(workspace.statistics, &q, out.data(), nullptr) != 0);
  q.map = map.data();
  CHECK_CUDA(cuda().map_statistics(workspace.statistics, &q, out.data(), nullptr));
  const uint8_t classes[256] = {1};
  q.classes = classes;
  CHECK(cuda().map_statistics(workspace.statistics, &q, out.data(), nullptr) != 0);
}

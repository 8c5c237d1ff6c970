// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/statistics.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/resize.h"
#include "tests/check.h"
#include "tests/kernels/test_frames.h"

namespace {

using namespace anomaly;
using test_frames::Random;

struct Scene {
  int map_width, map_height;
  std::vector<float> map;
  int label_width = 0, label_height = 0;
  std::vector<uint8_t> labels;
  StatisticsQuery query;

  MapStatistics run() const {
    return map_statistics(map.data(), map_width, map_height, labels.empty() ? nullptr : labels.data(),
                          label_width, label_height, query);
  }
};

// Everything anew, slowly: the whole map at the frame's size, then a flood fill.
MapStatistics reference(const Scene& s) {
  const StatisticsQuery& q = s.query;
  std::vector<float> map = s.map;
  for (float& v : map)
    if (!std::isfinite(v)) v = 0;
  Rect roi = q.roi;
  if (roi.width <= 0 || roi.height <= 0) roi = {0, 0, q.frame_width, q.frame_height};
  const auto inside = [&](double x, double y) {
    return x >= roi.x && x < roi.x + roi.width && y >= roi.y && y < roi.y + roi.height;
  };

  MapStatistics r;
  std::vector<float> values;
  double sum = 0;
  for (int y = 0; y < s.map_height; ++y)
    for (int x = 0; x < s.map_width; ++x)
      if (inside((x + 0.5) * q.frame_width / s.map_width, (y + 0.5) * q.frame_height / s.map_height)) {
        values.push_back(map[static_cast<size_t>(y) * s.map_width + x]);
        sum += values.back();
      }
  CHECK(!values.empty());
  std::sort(values.begin(), values.end(), std::greater<>());
  const size_t top = std::max<size_t>(1, values.size() / 1000);
  double highest = 0;
  for (size_t i = 0; i < top; ++i) highest += values[i];
  r.score = static_cast<float>(highest / static_cast<double>(top));
  r.max = values[0];
  r.mean = static_cast<float>(sum / static_cast<double>(values.size()));

  const int w = q.frame_width, h = q.frame_height;
  std::vector<float> full(static_cast<size_t>(w) * h);
  resize_bicubic_f32(map.data(), s.map_width, s.map_height, full.data(), w, h);
  std::vector<char> over(full.size());
  int64_t counted = 0, count = 0;
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x)
      if (inside(x, y)) {
        ++counted;
        over[static_cast<size_t>(y) * w + x] = full[static_cast<size_t>(y) * w + x] >= q.threshold;
        count += over[static_cast<size_t>(y) * w + x];
      }
  r.share = static_cast<double>(count) / static_cast<double>(counted);

  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) {
      if (!over[static_cast<size_t>(y) * w + x]) continue;
      Region region;
      std::vector<int64_t> votes(256);
      double total = 0;
      int x0 = x, x1 = x, y1 = y;
      region.max = -1e9F;
      std::deque<std::pair<int, int>> queue{{x, y}};
      over[static_cast<size_t>(y) * w + x] = 0;
      while (!queue.empty()) {
        const auto [px, py] = queue.front();
        queue.pop_front();
        const float v = full[static_cast<size_t>(py) * w + px];
        ++region.area;
        total += v;
        region.max = std::max(region.max, v);
        x0 = std::min(x0, px);
        x1 = std::max(x1, px);
        y1 = std::max(y1, py);
        if (!s.labels.empty()) {
          const int lx = static_cast<int>((px + 0.5) * s.label_width / w),
                    ly = static_cast<int>((py + 0.5) * s.label_height / h);
          ++votes[s.labels[static_cast<size_t>(ly) * s.label_width + lx]];
        }
        for (int dy = -1; dy <= 1; ++dy)
          for (int dx = -1; dx <= 1; ++dx) {
            const int nx = px + dx, ny = py + dy;
            if (nx < 0 || ny < 0 || nx >= w || ny >= h || !over[static_cast<size_t>(ny) * w + nx]) continue;
            over[static_cast<size_t>(ny) * w + nx] = 0;
            queue.emplace_back(nx, ny);
          }
      }
      region.x = x0;
      region.y = y;
      region.width = x1 - x0 + 1;
      region.height = y1 - y + 1;
      region.mean = static_cast<float>(total / static_cast<double>(region.area));
      for (int l = 0; l < 255; ++l)
        if (votes[l] > (region.label < 0 ? 0 : votes[region.label])) region.label = l;
      if (region.area >= q.min_area) r.regions.push_back(region);
    }
  std::stable_sort(r.regions.begin(), r.regions.end(),
                   [](const Region& a, const Region& b) { return a.area > b.area; });
  if (r.regions.size() > 1000) r.regions.resize(1000);
  for (size_t i = 0; i < r.regions.size(); ++i) r.regions[i].id = static_cast<int>(i) + 1;
  return r;
}

void compare(const Scene& s) {
  const MapStatistics got = s.run(), expected = reference(s);
  CHECK_NEAR(got.score, expected.score, 1e-6);
  CHECK_EQ(got.max, expected.max);
  CHECK_NEAR(got.mean, expected.mean, 1e-6);
  CHECK_NEAR(got.share, expected.share, 1e-12);
  CHECK_EQ(got.regions.size(), expected.regions.size());
  for (size_t i = 0; i < got.regions.size(); ++i) {
    const Region &a = got.regions[i], &b = expected.regions[i];
    CHECK_EQ(a.id, b.id);
    CHECK_EQ(a.area, b.area);
    CHECK_EQ(a.x, b.x);
    CHECK_EQ(a.y, b.y);
    CHECK_EQ(a.width, b.width);
    CHECK_EQ(a.height, b.height);
    CHECK_NEAR(a.mean, b.mean, 1e-5);
    CHECK_EQ(a.max, b.max);
    CHECK_EQ(a.label, b.label);
  }
}

Scene noise_scene(int mw, int mh, int fw, int fh, uint32_t seed) {
  Random random(seed);
  Scene s;
  s.map_width = mw;
  s.map_height = mh;
  s.query.frame_width = fw;
  s.query.frame_height = fh;
  for (int i = 0; i < mw * mh; ++i) s.map.push_back(random.unit());
  s.label_width = 13;
  s.label_height = 9;
  for (int i = 0; i < 13 * 9; ++i)
    s.labels.push_back(static_cast<uint8_t>(random.below(5) == 0 ? 255 : random.below(4)));
  return s;
}

Region first_region(const Scene& s) {
  const MapStatistics r = s.run();
  CHECK(!r.regions.empty());
  return r.regions[0];
}

// A map at the frame's size, so that no resize blurs it: '#' is 1, '.' 0.
Scene drawing(const std::vector<std::string>& lines) {
  Scene s;
  s.map_width = s.query.frame_width = static_cast<int>(lines[0].size());
  s.map_height = s.query.frame_height = static_cast<int>(lines.size());
  for (const std::string& line : lines)
    for (const char c : line) s.map.push_back(c == '#' ? 1.0F : 0.0F);
  return s;
}

}  // namespace

TEST(equals_the_flood_fill) {
  uint32_t seed = 1;
  for (const auto& [mw, mh, fw, fh] : {std::array{16, 8, 61, 40},
                                       {64, 32, 64, 32},
                                       {64, 32, 33, 70},
                                       {128, 64, 50, 20},
                                       {1, 1, 9, 9},
                                       {9, 9, 1, 1},
                                       {40, 1, 100, 3}})
    for (const float threshold : {0.2F, 0.5F, 0.9F, 1.05F, -1.0F})
      for (const int64_t min_area : {0, 1, 12}) {
        Scene s = noise_scene(mw, mh, fw, fh, ++seed);
        s.query.threshold = threshold;
        s.query.min_area = min_area;
        compare(s);
      }
}

TEST(roi_limits_every_figure) {
  for (uint32_t seed = 1; seed < 60; ++seed) {
    Random random(seed * 77);
    Scene s = noise_scene(32, 16, 90, 50, seed);
    s.query.roi = {random.below(60) - 10, random.below(40) - 10, 20 + random.below(60),
                   16 + random.below(40)};
    s.query.threshold = 0.6F;
    compare(s);
  }
}

TEST(high_values_outside_the_roi_do_not_count) {
  Scene s = noise_scene(64, 32, 640, 320, 3);
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 64; ++x) s.map[y * 64 + x] = x < 32 ? 1.0F : 0.25F;
  s.query.roi = {400, 0, 200, 320};
  const MapStatistics r = s.run();
  CHECK_EQ(r.score, 0.25F);
  CHECK_EQ(r.max, 0.25F);
  CHECK_NEAR(r.mean, 0.25, 1e-7);
  CHECK_EQ(r.share, 0.0);
  CHECK(r.regions.empty());
}

TEST(roi_smaller_than_a_cell_counts_the_cell_beneath) {
  Scene s = noise_scene(4, 2, 400, 200, 3);
  for (size_t i = 0; i < s.map.size(); ++i) s.map[i] = static_cast<float>(i) * 0.1F;
  s.query.roi = {210, 5, 3, 3};  // in cell (2, 0), away from its centre
  CHECK_EQ(s.run().score, 0.2F);
  s.query.roi = {399, 199, 1, 1};
  CHECK_EQ(s.run().score, 0.7F);
  s.query.roi = {0, 120, 1, 1};
  CHECK_EQ(s.run().mean, 0.4F);
  s.query.roi = {-500, -500, 501, 501};
  CHECK_EQ(s.run().max, 0.0F);
}

TEST(roi_beside_the_frame_gives_nothing) {
  Scene s = noise_scene(4, 2, 400, 200, 3);
  for (const Rect& roi :
       {Rect{400, 0, 10, 10}, {0, 200, 10, 10}, {-20, 0, 20, 10}, {2147483647, 5, 2147483647, 5}}) {
    s.query.roi = roi;
    const MapStatistics r = s.run();
    CHECK_EQ(r.score, 0.0F);
    CHECK_EQ(r.max, 0.0F);
    CHECK_EQ(r.mean, 0.0F);
    CHECK_EQ(r.share, 0.0);
    CHECK(r.regions.empty());
  }
  s.query.roi = {0, 0, 2147483647, 2147483647};
  compare(s);
}

TEST(score_is_the_mean_of_the_highest_thousandth) {
  Scene s = noise_scene(100, 50, 100, 50, 1);  // 5,000 values: five count
  std::fill(s.map.begin(), s.map.end(), 0.1F);
  const float high[] = {0.9F, 0.8F, 0.7F, 0.6F, 0.5F, 0.4F};
  for (int i = 0; i < 6; ++i) s.map[static_cast<size_t>(700) * i + 13] = high[i];
  CHECK_NEAR(s.run().score, 0.7, 1e-6);
  CHECK_EQ(s.run().max, 0.9F);
  Scene nearly_two = noise_scene(1999, 1, 1999, 1, 1);
  nearly_two.map[44] = 3;
  CHECK_EQ(nearly_two.run().score, 3.0F);
  Scene one = noise_scene(10, 9, 10, 9, 1);  // fewer than 1,000: the highest alone
  one.map[44] = 3;
  CHECK_EQ(one.run().score, 3.0F);
}

TEST(regions_touch_at_corners_too) {
  const Scene s = drawing({"#....#", ".#..#.", "..##..", "......", "#.....", "##....", "......", "..#.#."});
  const MapStatistics r = s.run();
  CHECK_EQ(r.regions.size(), static_cast<size_t>(4));
  CHECK_EQ(r.regions[0].area, 6);
  CHECK_EQ(r.regions[0].width, 6);
  CHECK_EQ(r.regions[0].height, 3);
  CHECK_EQ(r.regions[1].area, 3);
  CHECK_EQ(r.regions[1].x, 0);
  CHECK_EQ(r.regions[1].y, 4);
  // Equal areas: the one that begins higher, then further left.
  CHECK_EQ(r.regions[2].x, 2);
  CHECK_EQ(r.regions[3].x, 4);
  CHECK_EQ(r.regions[3].id, 4);
  CHECK_NEAR(r.share, 11.0 / 48, 1e-12);
}

TEST(runs_are_the_pixels_of_the_regions) {
  Scene s = drawing({"#....##", ".#..#..", "......."});
  CHECK(s.run().runs.empty());
  s.query.with_runs = true;
  const std::vector<std::array<int, 4>> expected = {{0, 0, 0, 1}, {0, 5, 6, 0}, {1, 1, 1, 1}, {1, 4, 4, 0}};
  const auto runs = s.run().runs;
  CHECK_EQ(runs.size(), expected.size());
  for (size_t i = 0; i < runs.size(); ++i)
    CHECK((expected[i] == std::array{runs[i].y, runs[i].first, runs[i].last, runs[i].region}));

  // Every pixel of a region once, none of those that are left out.
  Scene noise = noise_scene(23, 17, 90, 60, 5);
  noise.query.threshold = 0.6F;
  noise.query.min_area = 6;
  noise.query.roi = {7, 5, 70, 41};
  noise.query.with_runs = true;
  const MapStatistics r = noise.run();
  CHECK(r.regions.size() > 1);
  std::vector<int64_t> area(r.regions.size());
  for (const RegionRun& run : r.runs) {
    const Region& region = r.regions[static_cast<size_t>(run.region)];
    CHECK(run.y >= region.y && run.y < region.y + region.height);
    CHECK(run.first >= region.x && run.last < region.x + region.width && run.first <= run.last);
    area[static_cast<size_t>(run.region)] += run.last - run.first + 1;
  }
  for (size_t i = 0; i < area.size(); ++i) CHECK_EQ(area[i], r.regions[i].area);
}

TEST(winding_shapes_are_one_region) {
  const Scene spiral = drawing({"#########", "#.......#", "#.#####.#", "#.#...#.#", "#.#.#.#.#", "#.#.###.#",
                                "#.#.....#", "#.#######"});
  CHECK_EQ(spiral.run().regions.size(), static_cast<size_t>(1));
  const Scene comb = drawing({"#.#.#.#.#.#", "#.#.#.#.#.#", "#.#.#.#.#.#", "###########"});
  CHECK_EQ(comb.run().regions.size(), static_cast<size_t>(1));
  CHECK_EQ(first_region(comb).area, 29);
  const Scene zigzag = drawing({".#.#.#.#.", "#.#.#.#.#", ".........", "#.#.#.#.#"});
  CHECK_EQ(zigzag.run().regions.size(), static_cast<size_t>(6));
}

TEST(label_is_the_most_frequent_beneath) {
  Scene s = drawing({"######", "######"});
  s.label_width = 3;
  s.label_height = 1;
  s.labels = {4, 9, 9};
  CHECK_EQ(first_region(s).label, 9);
  s.labels = {4, 9, 255};  // as many 4 as 9: the lower id
  CHECK_EQ(first_region(s).label, 4);
  s.labels = {255, 255, 9};  // 255 is no label
  CHECK_EQ(first_region(s).label, 9);
  s.labels = {255, 255, 255};
  CHECK_EQ(first_region(s).label, -1);
  s.labels.clear();
  CHECK_EQ(first_region(s).label, -1);
}

TEST(only_the_largest_thousand_are_listed) {
  Scene s;
  s.map_width = s.query.frame_width = 200;
  s.map_height = s.query.frame_height = 120;
  s.map.assign(200 * 120, 0.0F);
  int pixels = 0;
  for (int y = 0; y < 120; y += 2)
    for (int x = 0; x < 198; x += 4, ++pixels) {
      s.map[y * 200 + x] = 1;
      if (y == 118 && x < 40) s.map[y * 200 + x + 1] = 1, ++pixels;  // the last ten are larger
    }
  const MapStatistics r = s.run();
  CHECK_EQ(r.regions.size(), static_cast<size_t>(1000));
  for (int i = 0; i < 10; ++i) CHECK_EQ(r.regions[i].area, 2);
  CHECK_EQ(r.regions[10].area, 1);
  CHECK_EQ(r.regions[10].y, 0);
  CHECK_NEAR(r.share, pixels / (200.0 * 120), 1e-12);
  compare(s);
}

TEST(values_that_are_not_finite_count_as_zero) {
  Scene s = noise_scene(32, 16, 100, 60, 5);
  s.map[5] = std::numeric_limits<float>::quiet_NaN();
  s.map[77] = std::numeric_limits<float>::infinity();
  s.map[201] = -std::numeric_limits<float>::infinity();
  s.query.threshold = 0.7F;
  compare(s);
  std::fill(s.map.begin(), s.map.end(), std::numeric_limits<float>::quiet_NaN());
  const MapStatistics r = s.run();
  CHECK_EQ(r.score, 0.0F);
  CHECK_EQ(r.share, 0.0);
  s.query.threshold = std::numeric_limits<float>::quiet_NaN();  // nothing is at or over it
  CHECK(s.run().regions.empty());
}

// Calm rows are skipped, busy frames split between threads: neither may change anything.
TEST(calm_maps_and_threads_change_nothing) {
  Scene s = noise_scene(512, 256, 1700, 1300, 2);
  for (int y = 0; y < 256; ++y)
    for (int x = 0; x < 512; ++x) {
      float& v = s.map[y * 512 + x];
      v = 0.49F + 0.005F * v;
      if (y % 50 < 3 && x % 31 < 5) v = 0.9F;
    }
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  compare(s);
  omp_set_num_threads(4);
  compare(s);
  omp_set_num_threads(before);
}

TEST(bad_arguments_are_refused) {
  Scene s = noise_scene(4, 4, 8, 8, 1);
  CHECK_THROWS(map_statistics(nullptr, 4, 4, nullptr, 0, 0, s.query), std::invalid_argument, "null");
  s.map_height = 0;
  CHECK_THROWS(s.run(), std::invalid_argument, "anomaly map of 4x0");
  s.map_height = 4;
  s.query.frame_width = 40000;
  CHECK_THROWS(s.run(), std::invalid_argument, "frame of 40000x8");
  s.query.frame_width = 8;
  s.label_width = -1;
  CHECK_THROWS(s.run(), std::invalid_argument, "label map of -1x9");
}

TEST_MAIN()

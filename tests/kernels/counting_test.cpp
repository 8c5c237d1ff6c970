// SPDX-License-Identifier: LGPL-2.1-or-later
// Which pixels count: masks, and classes that a region must stand on.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "kernels/statistics.h"
#include "kernels/surroundings.h"
#include "tests/check.h"

namespace {

using namespace anomaly;

constexpr int kRoad = 0, kSidewalk = 1, kBuilding = 2, kCar = 13;

// A map and a label map at the frame's size: what is drawn is what is meant.
struct Picture {
  int width, height;
  std::vector<float> map;
  std::vector<uint8_t> labels;
  StatisticsQuery query;

  Picture(int w, int h, uint8_t label)
      : width(w),
        height(h),
        map(static_cast<size_t>(w) * h, 0.25f),
        labels(static_cast<size_t>(w) * h, label) {
    query.frame_width = w;
    query.frame_height = h;
    query.threshold = 0.5f;
  }
  void score(const Rect& r, float value) { fill(map, r, value); }
  void label(const Rect& r, uint8_t value) { fill(labels, r, value); }
  MapStatistics run() const {
    return map_statistics(map.data(), width, height, labels.data(), width, height, query);
  }

 private:
  template <typename Value>
  void fill(std::vector<Value>& values, const Rect& r, Value value) {
    for (int y = r.y; y < r.y + r.height; ++y)
      std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(y) * width + r.x, r.width, value);
  }
};

PixelMask mask_of(int width, int height, const Rect& white) {
  PixelMask mask{width, height, std::vector<uint8_t>(static_cast<size_t>(width) * height)};
  for (int y = white.y; y < white.y + white.height; ++y)
    std::fill_n(mask.counts.begin() + static_cast<std::ptrdiff_t>(y) * width + white.x, white.width,
                uint8_t{1});
  return mask;
}

ClassSet classes(std::initializer_list<int> ids) {
  ClassSet set;
  for (const int id : ids) set.set(static_cast<size_t>(id));
  return set;
}

void same_figures(const MapStatistics& a, const MapStatistics& b) {
  CHECK_EQ(a.score, b.score);
  CHECK_EQ(a.max, b.max);
  CHECK_EQ(a.mean, b.mean);
  CHECK_EQ(a.share, b.share);
  CHECK_EQ(a.regions.size(), b.regions.size());
  for (size_t i = 0; i < a.regions.size(); ++i) {
    CHECK_EQ(a.regions[i].x, b.regions[i].x);
    CHECK_EQ(a.regions[i].y, b.regions[i].y);
    CHECK_EQ(a.regions[i].width, b.regions[i].width);
    CHECK_EQ(a.regions[i].height, b.regions[i].height);
    CHECK_EQ(a.regions[i].area, b.regions[i].area);
    CHECK_EQ(a.regions[i].mean, b.regions[i].mean);
    CHECK_EQ(a.regions[i].label, b.regions[i].label);
  }
}

// A building above, road below, the border at row 40 of 80.
Picture street() {
  Picture picture(100, 80, kBuilding);
  picture.label({0, 40, 100, 40}, kRoad);
  return picture;
}

}  // namespace

TEST(a_white_rectangle_is_a_roi) {
  Picture picture(90, 60, kRoad);
  for (size_t i = 0; i < picture.map.size(); ++i)
    picture.map[i] = static_cast<float>((i * 7919) % 1000) / 1000.0f;
  const Rect part{13, 7, 51, 40};
  picture.query.roi = part;
  const MapStatistics roi = picture.run();
  const PixelMask mask = mask_of(90, 60, part);
  picture.query.roi = {};
  picture.query.mask = &mask;
  same_figures(picture.run(), roi);
  CHECK(!roi.regions.empty());
}

TEST(a_map_of_another_size_counts_where_its_cells_centres_do) {
  const std::vector<float> map = {0.1f, 0.9f, 0.3f, 0.4f};  // 2 x 2 over 40 x 40
  const PixelMask right = mask_of(40, 40, {19, 0, 21, 40});
  StatisticsQuery query;
  query.frame_width = query.frame_height = 40;
  query.threshold = 2;
  query.mask = &right;
  MapStatistics s = map_statistics(map.data(), 2, 2, nullptr, 0, 0, query);
  CHECK_EQ(s.max, 0.9f);
  CHECK_NEAR(s.mean, 0.65, 1e-6);
  // No cell's centre is white: the cells above white pixels count.
  const PixelMask corner = mask_of(40, 40, {0, 38, 2, 2});
  query.mask = &corner;
  s = map_statistics(map.data(), 2, 2, nullptr, 0, 0, query);
  CHECK_EQ(s.mean, 0.3f);
  CHECK_EQ(s.max, 0.3f);
}

TEST(mask_and_roi_both_hold) {
  Picture picture(100, 50, kRoad);
  picture.score({0, 0, 100, 50}, 0.75f);
  const PixelMask mask = mask_of(100, 50, {20, 10, 60, 30});
  picture.query.mask = &mask;
  picture.query.roi = {0, 0, 50, 20};
  const MapStatistics s = picture.run();
  CHECK_EQ(s.regions.size(), size_t{1});
  CHECK_EQ(s.regions[0].x, 20);
  CHECK_EQ(s.regions[0].y, 10);
  CHECK_EQ(s.regions[0].area, 30 * 10);
  CHECK_EQ(s.share, 1.0);
}

TEST(a_mask_cuts_a_region_in_two) {
  Picture picture(60, 30, kRoad);
  picture.score({5, 10, 50, 10}, 0.75f);
  PixelMask mask = mask_of(60, 30, {0, 0, 60, 30});
  for (int y = 0; y < 30; ++y) mask.counts[static_cast<size_t>(y) * 60 + 20] = 0;
  picture.query.mask = &mask;
  const MapStatistics s = picture.run();
  CHECK_EQ(s.regions.size(), size_t{2});
  CHECK_EQ(s.regions[0].area, 34 * 10);
  CHECK_EQ(s.regions[1].area, 15 * 10);
  CHECK_NEAR(s.share, 490.0 / (59 * 30), 1e-12);
}

TEST(a_black_mask_gives_nothing) {
  Picture picture(60, 30, kRoad);
  picture.score({5, 10, 50, 10}, 0.75f);
  const PixelMask mask = mask_of(60, 30, {0, 0, 0, 0});
  picture.query.mask = &mask;
  const MapStatistics s = picture.run();
  CHECK_EQ(s.score, 0.0f);
  CHECK_EQ(s.share, 0.0);
  CHECK(s.regions.empty());
}

TEST(masks_follow_the_frames_size) {
  const PixelMask small = mask_of(4, 2, {1, 0, 2, 1});
  const PixelMask large = small.resized(40, 20);
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 40; ++x)
      CHECK_EQ(int{large.counts[static_cast<size_t>(y) * 40 + x]}, int{y < 10 && x >= 10 && x < 30});
  const PixelMask back = large.resized(4, 2);
  CHECK(back.counts == small.counts);
  const PixelMask odd = large.resized(7, 3);
  CHECK_EQ(odd.width, 7);
  CHECK_EQ(odd.counts.size(), size_t{21});
}

TEST(masks_of_another_size_are_refused) {
  Picture picture(60, 30, kRoad);
  const PixelMask mask = mask_of(59, 30, {0, 0, 10, 10});
  picture.query.mask = &mask;
  CHECK_THROWS(picture.run(), std::invalid_argument, "59x30");
  PixelMask lying = mask_of(60, 30, {0, 0, 10, 10});
  lying.counts.pop_back();
  picture.query.mask = &lying;
  CHECK_THROWS(picture.run(), std::invalid_argument, "mask");
}

TEST(regions_count_by_what_they_stand_on) {
  Picture picture = street();
  picture.score({20, 50, 10, 10}, 0.75f);  // on the road
  picture.label({18, 46, 14, 14}, kCar);   // whatever it is taken for
  picture.score({60, 10, 12, 12}, 1.0f);   // in the building
  CHECK_EQ(picture.run().regions.size(), size_t{2});

  picture.query.classes = classes({kRoad, kSidewalk});
  MapStatistics s = picture.run();
  CHECK_EQ(s.regions.size(), size_t{1});
  CHECK_EQ(s.regions[0].x, 20);
  CHECK_EQ(s.regions[0].area, 100);
  CHECK_EQ(s.regions[0].label, kCar);  // still the most frequent beneath it
  CHECK_EQ(s.max, 0.75f);              // the building's score does not count
  // Counted: the region, and the road below the threshold; not the rest of the car's label.
  CHECK_NEAR(s.share, 100.0 / (100 * 40 - 14 * 14 + 100), 1e-12);

  picture.query.classes = classes({kBuilding});
  s = picture.run();
  CHECK_EQ(s.regions.size(), size_t{1});
  CHECK_EQ(s.regions[0].x, 60);
  CHECK_EQ(s.max, 1.0f);
  CHECK_NEAR(s.share, 144.0 / (100 * 40), 1e-12);

  picture.query.classes = classes({kCar});
  s = picture.run();
  CHECK(s.regions.empty());
  CHECK_EQ(s.share, 0.0);
  CHECK_EQ(s.max, 0.25f);
}

// Its upper half stands out against the building; its feet are on the road.
TEST(a_tall_object_stands_on_what_is_around_its_feet) {
  Picture picture = street();
  picture.score({40, 10, 8, 50}, 0.75f);
  picture.query.classes = classes({kRoad});
  CHECK_EQ(picture.run().regions.size(), size_t{1});
  picture.query.classes = classes({kBuilding});
  CHECK(picture.run().regions.empty());
}

TEST(other_regions_are_no_ground) {
  Picture picture = street();
  picture.score({20, 50, 10, 10}, 0.75f);
  // A larger region close around it, labelled as building: its pixels have no vote.
  picture.label({10, 62, 34, 10}, kBuilding);
  picture.score({10, 62, 34, 10}, 0.75f);
  picture.query.classes = classes({kRoad});
  CHECK_EQ(picture.run().regions.size(), size_t{2});
}

TEST(a_region_that_fills_the_frame_stands_on_what_it_covers) {
  Picture picture = street();
  picture.score({0, 0, 100, 80}, 0.75f);
  picture.label({0, 30, 100, 50}, kRoad);
  picture.query.classes = classes({kRoad});
  CHECK_EQ(picture.run().regions.size(), size_t{1});
  CHECK_EQ(picture.run().share, 1.0);
  picture.query.classes = classes({kBuilding});
  const MapStatistics none = picture.run();
  CHECK(none.regions.empty());
  CHECK_EQ(none.score, 0.0f);
}

TEST(unlabelled_ground_is_no_class) {
  Picture picture(50, 50, 255);
  picture.score({20, 20, 5, 5}, 0.75f);
  ClassSet all;
  all.set();
  picture.query.classes = all;
  CHECK(picture.run().regions.empty());
}

TEST(all_classes_change_nothing) {
  Picture picture = street();
  for (size_t i = 0; i < picture.map.size(); ++i)
    picture.map[i] = static_cast<float>((i * 7919) % 1000) / 1000.0f;
  const MapStatistics without = picture.run();
  picture.query.classes.set();
  same_figures(picture.run(), without);
}

TEST(small_regions_count_though_they_are_not_listed) {
  Picture picture = street();
  picture.score({20, 50, 4, 4}, 0.75f);
  picture.query.classes = classes({kRoad});
  picture.query.min_area = 17;
  const MapStatistics s = picture.run();
  CHECK(s.regions.empty());
  CHECK_NEAR(s.share, 16.0 / (100 * 40), 1e-12);
  CHECK_EQ(s.max, 0.75f);
}

TEST(classes_and_mask_both_hold) {
  Picture picture = street();
  picture.score({20, 50, 10, 10}, 0.75f);
  picture.score({70, 50, 10, 10}, 0.75f);
  const PixelMask mask = mask_of(100, 80, {0, 0, 50, 80});
  picture.query.mask = &mask;
  picture.query.classes = classes({kRoad});
  const MapStatistics s = picture.run();
  CHECK_EQ(s.regions.size(), size_t{1});
  CHECK_NEAR(s.share, 100.0 / (50 * 40), 1e-12);
}

TEST(classes_need_labels) {
  Picture picture = street();
  picture.query.classes = classes({kRoad});
  CHECK_THROWS(map_statistics(picture.map.data(), 100, 80, nullptr, 0, 0, picture.query),
               std::invalid_argument, "label map");
}

// Stripes a pixel wide: as many components as rows, each as wide as the frame.
TEST(many_wide_regions_are_judged_quickly) {
  Picture picture(2000, 1000, kRoad);
  for (int y = 0; y < 1000; y += 2) picture.score({0, y, 2000, 1}, 0.75f);
  picture.query.classes = classes({kRoad});
  CHECK_EQ(picture.run().regions.size(), size_t{500});
}

TEST_MAIN()

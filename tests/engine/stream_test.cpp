// SPDX-License-Identifier: LGPL-2.1-or-later
// What belongs to a stream: smoothed bounds with their resets at cuts, and regions followed over time.
#include <cmath>
#include <set>

#include "src/engine/region_tracker.h"
#include "src/framework/stream_state.h"
#include "src/scene/scene.h"
#include "tests/check.h"

using namespace anomaly;

namespace {

constexpr int kWidth = 64, kHeight = 36;
constexpr int64_t kFrame = 40'000'000;
using Map = StreamState::Map;

std::vector<uint8_t> grey(uint8_t value) {
  return std::vector<uint8_t>(size_t{3} * kWidth * kHeight, value);
}

void begin(StreamState& state, uint8_t value, int64_t time) {
  state.begin_frame(grey(value).data(), kWidth, kHeight, time);
}

Region box(int x, int y, int width, int height) {
  Region region;
  region.x = x;
  region.y = y;
  region.width = width;
  region.height = height;
  region.area = static_cast<int64_t>(width) * height;
  return region;
}

}  // namespace

TEST(the_first_frame_has_its_own_bounds) {
  StreamState state;
  begin(state, 100, 0);
  const Bounds bounds = state.smoothed(Map::Entropy, {0.25f, 2.5f});
  CHECK_EQ(bounds.min, 0.25f);
  CHECK_EQ(bounds.max, 2.5f);
  CHECK(!state.cut());
}

TEST(bounds_follow_the_formula) {
  StreamState state;
  begin(state, 100, 0);
  state.smoothed(Map::Entropy, {0, 1});
  state.smoothed(Map::Distance, {2, 3});
  state.smoothed(Map::Perceptual, {5, 6});
  double in = 0, out = 1, low = 2, high = 3, time = 0;
  for (const double step : {0.04, 0.04, 0.2, 1.0}) {
    time += step;
    begin(state, 101, static_cast<int64_t>(std::llround(time * 1e9)));
    const double widening = 1 - std::exp(-step / 0.25), narrowing = 1 - std::exp(-step / 8);
    in += (1 - in) * narrowing;
    out += (3 - out) * widening;
    low += (1 - low) * widening;
    high += (2 - high) * narrowing;
    const Bounds entropy = state.smoothed(Map::Entropy, {1, 3}),
                 distance = state.smoothed(Map::Distance, {1, 2});
    CHECK_NEAR(entropy.min, in, 1e-6);
    CHECK_NEAR(entropy.max, out, 1e-6);
    CHECK_NEAR(distance.min, low, 1e-6);
    CHECK_NEAR(distance.max, high, 1e-6);
    // The maps have bounds of their own.
    CHECK_EQ(state.smoothed(Map::Perceptual, {5, 6}).max, 6.0f);
    CHECK(!state.cut());
  }
}

TEST(smoothing_counts_time_and_not_frames) {
  StreamState often, seldom;
  begin(often, 100, 0);
  begin(seldom, 100, 0);
  often.smoothed(Map::Entropy, {0, 2});
  seldom.smoothed(Map::Entropy, {0, 2});
  Bounds a, b;
  for (int i = 1; i <= 200; ++i) {
    begin(often, 100, i * kFrame);
    a = often.smoothed(Map::Entropy, {0, 1});
  }
  for (int i = 10; i <= 200; i += 10) {
    begin(seldom, 100, i * kFrame);
    b = seldom.smoothed(Map::Entropy, {0, 1});
  }
  CHECK_NEAR(a.max, b.max, 1e-5);
  CHECK_NEAR(a.max, 1 + std::exp(-1.0), 1e-5);  // after 8 seconds
}

TEST(unknown_and_falling_times_count_as_one_frame) {
  for (const int64_t time : {int64_t{-1}, int64_t{0}, kFrame / 2}) {
    StreamState state;
    begin(state, 100, kFrame);
    state.smoothed(Map::Distance, {0, 1});
    begin(state, 100, time);
    const double a = 1 - std::exp(-static_cast<double>(StreamState::kUnknownStep) /
                                  static_cast<double>(StreamState::kWidening));
    CHECK_NEAR(state.smoothed(Map::Distance, {0, 2}).max, 1 + a, 1e-6);
  }
}

TEST(a_cut_starts_the_bounds_anew) {
  StreamState state;
  begin(state, 60, 0);
  state.smoothed(Map::Entropy, {0, 1});
  begin(state, 60 + static_cast<uint8_t>(StreamState::kCut) - 1, kFrame);  // not yet
  CHECK(!state.cut());
  CHECK(state.smoothed(Map::Entropy, {0, 3}).max < 2);
  begin(state, 200, 2 * kFrame);
  CHECK(state.cut());
  CHECK_EQ(state.smoothed(Map::Entropy, {0.5f, 3}).max, 3.0f);
  begin(state, 200, 3 * kFrame);
  CHECK(!state.cut());
  CHECK_NEAR(state.smoothed(Map::Entropy, {0.5f, 1}).max, 3, 0.1);
}

TEST(bounds_that_are_no_numbers_do_not_stay) {
  StreamState state;
  begin(state, 100, 0);
  state.smoothed(Map::Entropy, {0, INFINITY});
  begin(state, 100, kFrame);
  CHECK_EQ(state.smoothed(Map::Entropy, {0, 2}).max, 2.0f);
}

// Every drive of the test source, at the network's size: driving is no cut, not even at a frame a second;
// another place is one.
TEST(drives_hold_no_cut_and_differ_from_each_other) {
  SceneOptions options;
  options.width = 256;
  options.height = 128;
  double most = 0, least = 255;
  SceneFrame frame, last;
  StreamState between;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    options.seed = seed;
    const auto scene = Scene::create(options);
    StreamState state;
    for (int i = 0; i < 6; ++i) {
      scene->render(i, frame);
      state.begin_frame(frame.rgb.data(), options.width, options.height, -1);
      most = std::max(most, state.thumbnail_difference());
      CHECK(!state.cut());
    }
    if (seed > 0) {
      between = StreamState();
      between.begin_frame(last.rgb.data(), options.width, options.height, -1);
      between.begin_frame(frame.rgb.data(), options.width, options.height, -1);
      least = std::min(least, between.thumbnail_difference());
    }
    last = frame;
  }
  std::printf("# within a drive at most %.1f, between drives at least %.1f\n", most, least);
  CHECK(least > 2 * most);
}

TEST(tiny_pictures_are_compared_too) {
  StreamState state;
  const std::vector<uint8_t> dark(3 * 5 * 3, 0), bright(3 * 5 * 3, 255);
  state.begin_frame(dark.data(), 5, 3, -1);
  state.begin_frame(bright.data(), 5, 3, -1);
  CHECK(state.thumbnail_difference() > 0);
}

TEST(a_region_keeps_its_id_while_it_moves_and_grows) {
  RegionTracker tracker;
  uint32_t id = 0;
  for (int frame = 0; frame < 30; ++frame) {
    const auto seen =
        tracker.update({box(100 - frame, 50 + frame, 20 + frame, 20 + frame)}, frame, frame * kFrame);
    CHECK_EQ(seen.size(), size_t{1});
    if (frame == 0) id = seen[0].id;
    CHECK_EQ(seen[0].id, id);
    CHECK_EQ(seen[0].first_frame, 0);
    CHECK_EQ(seen[0].first_time, 0);
  }
  CHECK_EQ(id, 1u);
}

TEST(order_by_area_does_not_exchange_ids) {
  RegionTracker tracker;
  const auto first = tracker.update({box(0, 0, 30, 30), box(100, 100, 20, 20)}, 0, -1);
  CHECK_EQ(first[0].id, 1u);
  CHECK_EQ(first[1].id, 2u);
  CHECK_EQ(first[1].first_time, -1);
  const auto second = tracker.update({box(98, 98, 40, 40), box(0, 0, 28, 28)}, 1, -1);
  CHECK_EQ(second[0].id, 2u);
  CHECK_EQ(second[1].id, 1u);
}

TEST(a_region_survives_a_few_missed_frames_and_no_more) {
  for (const int missed : {RegionTracker::kMissedMost, RegionTracker::kMissedMost + 1}) {
    RegionTracker tracker;
    tracker.update({box(10, 10, 20, 20)}, 0, 7);
    int frame = 1;
    for (int i = 0; i < missed; ++i) CHECK(tracker.update({}, frame++, -1).empty());
    const auto seen = tracker.update({box(12, 12, 20, 20)}, frame, -1);
    const bool survived = missed <= RegionTracker::kMissedMost;
    CHECK_EQ(seen[0].id, survived ? 1u : 2u);
    CHECK_EQ(seen[0].first_frame, survived ? 0 : frame);
    CHECK_EQ(seen[0].first_time, survived ? 7 : -1);
  }
}

TEST(the_best_overlap_wins) {
  RegionTracker tracker;
  tracker.update({box(0, 0, 20, 20), box(14, 0, 20, 20)}, 0, -1);
  // Overlaps both, the second more; the other continues the first.
  const auto seen = tracker.update({box(12, 0, 20, 20), box(2, 0, 18, 20)}, 1, -1);
  CHECK_EQ(seen[0].id, 2u);
  CHECK_EQ(seen[1].id, 1u);
}

TEST(one_of_two_parts_goes_on_and_the_other_is_new) {
  RegionTracker tracker;
  tracker.update({box(0, 0, 100, 20)}, 0, -1);
  const auto seen = tracker.update({box(0, 0, 60, 20), box(62, 0, 38, 20)}, 1, -1);
  CHECK_EQ(seen[0].id, 1u);
  CHECK_EQ(seen[1].id, 2u);
  CHECK_EQ(seen[1].first_frame, 1);
}

TEST(what_barely_overlaps_is_another_region) {
  RegionTracker tracker;
  tracker.update({box(0, 0, 20, 20)}, 0, -1);
  const Sighting other = tracker.update({box(17, 0, 20, 20)}, 1, -1).at(0);  // 60 / 740
  CHECK_EQ(other.id, 2u);
  const Sighting nearer =
      tracker.update({box(13, 13, 20, 20)}, 2, -1).at(0);  // of two, that which overlaps more
  CHECK_EQ(nearer.id, 2u);
}

TEST(forgetting_begins_anew_and_gives_no_id_twice) {
  RegionTracker tracker;
  tracker.update({box(0, 0, 20, 20)}, 0, -1);
  tracker.forget();
  const auto seen = tracker.update({box(0, 0, 20, 20)}, 5, -1);
  CHECK_EQ(seen[0].id, 2u);
  CHECK_EQ(seen[0].first_frame, 5);
}

TEST(a_thousand_regions_that_all_overlap) {
  RegionTracker tracker;
  std::vector<Region> rings;
  for (int i = 0; i < kMaxRegions; ++i) rings.push_back(box(i, i, 4000 - 2 * i, 4000 - 2 * i));
  for (int frame = 0; frame < 3; ++frame) {
    const auto seen = tracker.update(rings, frame, -1);
    std::set<uint32_t> ids;
    for (const Sighting& sighting : seen) ids.insert(sighting.id);
    CHECK_EQ(ids.size(), rings.size());
    CHECK_EQ(*ids.rbegin(), static_cast<uint32_t>(kMaxRegions));
  }
}

TEST(boxes_at_the_ends_of_the_number_range) {
  RegionTracker tracker;
  const Region far = box(2147480000, 2147480000, 3000, 3000);
  tracker.update({far, box(0, 0, 2147483647, 2147483647)}, 0, -1);
  const auto seen = tracker.update({far}, 1, -1);
  CHECK_EQ(seen[0].id, 1u);
}

TEST_MAIN()

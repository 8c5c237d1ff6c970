// SPDX-License-Identifier: LGPL-2.1-or-later
// Procedural scenes: the same bytes for the same question, labels that exist, masks when and where they
// should be.
#include "src/scene/scene.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "src/error.h"
#include "tests/check.h"

using anomaly::Rect;
using anomaly::Scene;
using anomaly::SceneFrame;
using anomaly::SceneOptions;

namespace {

SceneOptions small(uint64_t seed, int width = 160, int height = 90) {
  SceneOptions o;
  o.seed = seed;
  o.width = width;
  o.height = height;
  return o;
}

bool same(const SceneFrame& a, const SceneFrame& b) {
  auto box_equal = [](const Rect& p, const Rect& q) {
    return p.x == q.x && p.y == q.y && p.width == q.width && p.height == q.height;
  };
  return a.rgb == b.rgb && a.labels == b.labels && a.mask == b.mask &&
         std::equal(a.boxes.begin(), a.boxes.end(), b.boxes.begin(), b.boxes.end(), box_equal);
}

int64_t visible(const SceneFrame& f) {
  return std::count(f.mask.begin(), f.mask.end(), 1);
}

bool scheduled(const SceneOptions& o, int64_t index) {
  return o.anomalies && index >= o.anomaly_first &&
         (index - o.anomaly_first) % o.anomaly_period < o.anomaly_frames;
}

// What holds of every frame.
void check_frame(const SceneOptions& o, int64_t index, const SceneFrame& f) {
  const size_t n = static_cast<size_t>(o.width) * static_cast<size_t>(o.height);
  CHECK_EQ(f.rgb.size(), 3 * n);
  CHECK_EQ(f.labels.size(), n);
  CHECK_EQ(f.mask.size(), n);
  for (size_t i = 0; i < n; ++i) {
    if (f.mask[i] > 1) check::fail(__FILE__, __LINE__, "mask value ", int{f.mask[i]}, " at ", i);
    if ((f.labels[i] == 255) != (f.mask[i] == 1) || (f.labels[i] > 18 && f.labels[i] != 255))
      check::fail(__FILE__, __LINE__, "label ", int{f.labels[i]}, " beside mask ", int{f.mask[i]}, " at ", i);
  }
  const int64_t pixels = visible(f);
  if ((pixels > 0) != scheduled(o, index))
    check::fail(__FILE__, __LINE__, o.width, "x", o.height, " seed ", o.seed, " frame ", index, ": ", pixels,
                " anomalous pixels, scheduled: ", scheduled(o, index));
  CHECK_EQ(f.boxes.size(), pixels > 0 ? 1u : 0u);
  if (f.boxes.empty()) return;
  // The box touches the mask on all four sides and holds all of it.
  const Rect r = f.boxes[0];
  CHECK(r.x >= 0 && r.y >= 0 && r.width > 0 && r.height > 0 && r.x + r.width <= o.width &&
        r.y + r.height <= o.height);
  int64_t inside = 0;
  bool left = false, right = false, top = false, bottom = false;
  for (int y = r.y; y < r.y + r.height; ++y)
    for (int x = r.x; x < r.x + r.width; ++x)
      if (f.mask[static_cast<size_t>(y) * static_cast<size_t>(o.width) + static_cast<size_t>(x)]) {
        ++inside;
        left |= x == r.x, right |= x == r.x + r.width - 1, top |= y == r.y, bottom |= y == r.y + r.height - 1;
      }
  CHECK_EQ(inside, pixels);
  CHECK(left && right && top && bottom);
}

}  // namespace

TEST(same_bytes_in_any_order_and_from_any_instance) {
  const SceneOptions o = small(5);
  const auto a = Scene::create(o), b = Scene::create(o);
  SceneFrame first, later, again;
  a->render(60, first);
  a->render(3, again);
  a->render(60, again);
  CHECK(same(first, again));
  b->render(200, later);
  b->render(60, later);
  CHECK(same(first, later));
  a->render(61, again);
  CHECK(!same(first, again));
}

TEST(seeds_differ) {
  SceneFrame a, b;
  Scene::create(small(1))->render(0, a);
  Scene::create(small(2))->render(0, b);
  CHECK(a.rgb != b.rgb);
  CHECK(a.labels != b.labels);
}

TEST(a_stale_frame_leaves_nothing_behind) {
  const auto scene = Scene::create(small(5));
  SceneFrame fresh, used;
  Scene::create(small(9, 320, 200))->render(70, used);
  scene->render(10, used);
  scene->render(10, fresh);
  CHECK(same(fresh, used));
}

TEST(anomalies_are_seen_exactly_when_they_should_be) {
  for (uint64_t seed = 0; seed < 24; ++seed) {
    SceneOptions o = small(seed);
    o.anomaly_first = 7;
    o.anomaly_period = 31;
    o.anomaly_frames = 19;
    const auto scene = Scene::create(o);
    SceneFrame f;
    for (int64_t k = 0; k < 4; ++k)
      for (int64_t into : {-1, 0, 1, 9, 17, 18, 19}) {
        const int64_t index = 7 + 31 * k + into;
        scene->render(index, f);
        check_frame(o, index, f);
      }
  }
}

TEST(sizes_of_all_kinds) {
  const int sizes[][2] = {{16, 16},   {17, 33},  {33, 17},   {8192, 16},
                          {16, 8192}, {64, 300}, {1001, 77}, {641, 359}};
  for (const auto& size : sizes)
    for (uint64_t seed : {0u, 3u, 4u}) {
      SceneOptions o = small(seed, size[0], size[1]);
      const auto scene = Scene::create(o);
      SceneFrame f;
      for (int64_t index : {0, 49, 50, 75, 99, 100, 150}) {
        scene->render(index, f);
        check_frame(o, index, f);
      }
    }
}

TEST(tiny_frames_of_many_drives) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SceneOptions o = small(seed, 16 + static_cast<int>(seed % 3), 16);
    const auto scene = Scene::create(o);
    SceneFrame f;
    for (int64_t index : {49, 50, 75, 99, 100, 150, 199}) {
      scene->render(index, f);
      check_frame(o, index, f);
    }
  }
}

TEST(an_anomaly_is_big_enough_to_be_found) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    SceneOptions o = small(seed, 960, 540);
    const auto scene = Scene::create(o);
    SceneFrame f;
    scene->render(o.anomaly_first, f);
    CHECK(std::max(f.boxes.at(0).width, f.boxes.at(0).height) >= 10);
    const int64_t before = visible(f);
    scene->render(o.anomaly_first + o.anomaly_frames - 1, f);
    CHECK(visible(f) > before);  // nearer by then
  }
}

TEST(without_anomalies_the_drive_is_the_same_but_for_them) {
  SceneOptions o = small(6, 320, 180);
  const auto with = Scene::create(o);
  o.anomalies = false;
  const auto without = Scene::create(o);
  SceneFrame a, b;
  with->render(20, a);
  without->render(20, b);
  CHECK(same(a, b));
  with->render(70, a);
  without->render(70, b);
  check_frame(o, 70, b);
  size_t differ = 0;
  for (size_t i = 0; i < a.mask.size(); ++i) {
    if (!a.mask[i]) CHECK_EQ(int{a.labels[i]}, int{b.labels[i]});
    differ += a.rgb[3 * i] != b.rgb[3 * i];
  }
  CHECK(differ > 0);
  CHECK(differ < a.mask.size() / 2);
}

TEST(an_anomaly_lies_on_what_is_driven_on) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    SceneOptions o = small(seed, 480, 270);
    SceneFrame a, b;
    Scene::create(o)->render(90, a);
    o.anomalies = false;
    Scene::create(o)->render(90, b);
    // The lowest row of the anomaly covers road or pavement.
    const Rect r = a.boxes.at(0);
    const size_t row = static_cast<size_t>(r.y + r.height - 1) * 480;
    size_t ground = 0, all = 0;
    for (size_t x = 0; x < 480; ++x)
      if (a.mask[row + x]) ++all, ground += b.labels[row + x] <= 1;
    CHECK(all > 0);
    CHECK(2 * ground > all);
  }
}

TEST(all_classes_of_a_street_appear) {
  std::set<int> seen;
  SceneFrame f;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto scene = Scene::create(small(seed, 640, 360));
    for (int64_t index : {0, 400}) {
      scene->render(index, f);
      seen.insert(f.labels.begin(), f.labels.end());
    }
  }
  for (int label = 0; label < 19; ++label)
    if (!seen.count(label)) check::fail(__FILE__, __LINE__, "no pixel of train id ", label);
}

TEST(frames_move) {
  const auto scene = Scene::create(small(8, 320, 180));
  SceneFrame a, b;
  scene->render(0, a);
  scene->render(5, b);
  size_t moved = 0;
  for (size_t i = 0; i < a.labels.size(); ++i) moved += a.labels[i] != b.labels[i];
  CHECK(moved > a.labels.size() / 500);
  CHECK(moved < a.labels.size() / 2);
}

TEST(far_frames_and_odd_rates) {
  for (double rate : {0.0001, 1.0, 29.97, 1000.0}) {
    SceneOptions o = small(2);
    o.frames_per_second = rate;
    const auto scene = Scene::create(o);
    SceneFrame f;
    for (int64_t index : {int64_t{0}, int64_t{60}, int64_t{1} << 40}) {
      scene->render(index, f);
      check_frame(o, index, f);
    }
  }
}

TEST(stays_of_every_length) {
  for (int frames : {1, 2, 200, 5000}) {
    SceneOptions o = small(4);
    o.anomaly_first = 0;
    o.anomaly_period = frames;
    o.anomaly_frames = frames;
    const auto scene = Scene::create(o);
    SceneFrame f;
    for (int64_t index : {0, 1, frames - 1, frames, 3 * frames / 2}) {
      scene->render(index, f);
      check_frame(o, index, f);
    }
  }
}

TEST(bad_settings_are_refused) {
  auto refuse = [](auto change, const char* part) {
    SceneOptions o = small(0);
    change(o);
    CHECK_THROWS(Scene::create(o), anomaly::Error, part);
    CHECK_THROWS(Scene::check(o), anomaly::Error, part);
  };
  refuse([](SceneOptions& o) { o.width = 15; }, "15x90");
  refuse([](SceneOptions& o) { o.height = 8193; }, "8193");
  refuse([](SceneOptions& o) { o.frames_per_second = 0; }, "frames per second");
  refuse([](SceneOptions& o) { o.frames_per_second = NAN; }, "frames per second");
  refuse([](SceneOptions& o) { o.anomaly_first = -1; }, "-1");
  refuse([](SceneOptions& o) { o.anomaly_period = 0; }, "every");
  refuse([](SceneOptions& o) { o.anomaly_frames = 101; }, "101");
  refuse([](SceneOptions& o) { o.anomaly_frames = 0; }, "not for 0");
  SceneFrame f;
  const auto scene = Scene::create(small(0));
  CHECK_THROWS(scene->render(-1, f), anomaly::Error, "-1");
}

TEST_MAIN()

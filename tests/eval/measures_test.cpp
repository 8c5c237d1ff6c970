// SPDX-License-Identifier: LGPL-2.1-or-later
// The measures of evaluation against cases computed by hand, as fractions.
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "src/eval/components.h"
#include "src/eval/iou.h"
#include "src/eval/ranking.h"
#include "src/eval/video.h"
#include "tests/check.h"

using namespace anomaly;
using namespace anomaly::eval;

namespace {

RankingMeasures ranked(const std::vector<float>& scores, const std::vector<uint8_t>& targets,
                       int points = 0) {
  Ranking ranking;
  ranking.add(scores.data(), targets.data(), scores.size());
  return ranking.measure(points);
}

// A picture drawn with characters: '.' or ' ' = 0, 'a' = 1 (anomalous), '?' = 255 (ignored).
std::vector<uint8_t> drawn(const std::vector<std::string>& rows) {
  std::vector<uint8_t> out;
  for (const std::string& row : rows)
    for (const char c : row) out.push_back(c == '?' ? kIgnored : c == 'a' ? kAnomalous : kNormal);
  return out;
}

ComponentMeasures compared(const std::vector<std::string>& guess, const std::vector<std::string>& truth,
                           const ComponentOptions& options) {
  ComponentCounter counter(options);
  counter.add(drawn(guess).data(), drawn(truth).data(), static_cast<int>(truth[0].size()),
              static_cast<int>(truth.size()));
  return counter.measure();
}

}  // namespace

TEST(ranking_without_ties) {
  // From the highest: + - + + -. Precision at the positives 1, 2/3, 3/4; AP = (1 + 2/3 + 3/4) / 3 = 29/36.
  // Pairs ranked right: 2 + 1 + 1 of 6. All positives are needed for 95 %: 1 of 2 negatives lies above.
  const RankingMeasures m = ranked({0.9f, 0.8f, 0.7f, 0.6f, 0.5f}, {1, 0, 1, 1, 0});
  CHECK(m.defined());
  CHECK_EQ(m.positives, 3);
  CHECK_EQ(m.negatives, 2);
  CHECK_NEAR(m.average_precision, 29.0 / 36, 1e-15);
  CHECK_NEAR(m.auroc, 4.0 / 6, 1e-15);
  CHECK_NEAR(m.fpr95, 1.0 / 2, 1e-15);
  CHECK_NEAR(m.best_f1, 6.0 / 7, 1e-15);  // 3 of 3 with 1 false: 2 * 3 / (3 + 4)
  CHECK_EQ(m.best_f1_threshold, 0.6f);
}

TEST(ranking_with_ties) {
  // Groups from the highest: {+, -}, {+, +, -, -}, {-}. AP = 1/3 * 1/2 + 2/3 * 3/6 = 1/2.
  // AUROC over 3 * 4 pairs: first + ties one, beats three: 3.5; each of the two others ties two, beats
  // one: 2.
  const RankingMeasures m = ranked({1, 1, 0.5f, 0.5f, 0.5f, 0.5f, 0}, {1, 0, 1, 1, 0, 0, 0});
  CHECK_NEAR(m.average_precision, 1.0 / 2, 1e-15);
  CHECK_NEAR(m.auroc, 7.5 / 12, 1e-15);
  CHECK_NEAR(m.fpr95, 3.0 / 4, 1e-15);
}

TEST(ranking_of_one_score_is_chance) {
  const RankingMeasures m = ranked({0.25f, 0.25f, 0.25f, 0.25f}, {0, 1, 0, 0});
  CHECK_NEAR(m.average_precision, 1.0 / 4, 1e-15);
  CHECK_NEAR(m.auroc, 1.0 / 2, 1e-15);
  CHECK_NEAR(m.fpr95, 1, 1e-15);
}

TEST(fpr95_is_taken_at_the_first_threshold_that_reaches_it) {
  // 19 of 20 positives are exactly 95 %: below 19/20 comes a negative, then the last positive.
  std::vector<float> scores;
  std::vector<uint8_t> targets;
  for (int i = 0; i < 19; ++i) scores.push_back(2), targets.push_back(1);
  for (const auto& [score, target] : {std::pair{3.0f, 0}, {1.0f, 0}, {0.5f, 1}, {0.1f, 0}, {0.1f, 0}})
    scores.push_back(score), targets.push_back(static_cast<uint8_t>(target));
  CHECK_NEAR(ranked(scores, targets).fpr95, 1.0 / 4, 1e-15);
  // One more positive below: 19 of 21 do not reach it, 20 do.
  scores.push_back(0.3f), targets.push_back(1);
  CHECK_NEAR(ranked(scores, targets).fpr95, 2.0 / 4, 1e-15);
}

TEST(ignored_pixels_count_nowhere_and_signs_of_zero_tie) {
  const RankingMeasures m =
      ranked({5, 0.0f, -0.0f, 7, -std::numeric_limits<float>::infinity()}, {255, 1, 0, 2, 0});
  CHECK_EQ(m.positives + m.negatives, 3);
  CHECK_NEAR(m.average_precision, 1.0 / 2, 1e-15);
  CHECK_NEAR(m.auroc, 3.0 / 4, 1e-15);
}

TEST(ranking_says_where_it_is_undefined) {
  CHECK(!ranked({0.5f, 0.4f}, {0, 0}).defined());
  CHECK(!ranked({0.5f, 0.4f}, {1, 1}).defined());
  CHECK(!ranked({}, {}).defined());
  CHECK_THROWS(ranked({std::nanf("")}, {0}), std::invalid_argument, "not a number");
  ranked({std::nanf(""), 1}, {255, 0});  // where nothing counts it does no harm
}

TEST(curve_is_short_and_ends_at_full_recall) {
  std::mt19937 random(4);
  std::vector<float> scores;
  std::vector<uint8_t> targets;
  for (int i = 0; i < 20000; ++i) {
    targets.push_back(random() % 10 == 0);
    scores.push_back(static_cast<float>(random() % 5000) + 900.0f * targets.back());
  }
  const RankingMeasures m = ranked(scores, targets, 100);
  CHECK(m.curve.size() > 80 && m.curve.size() <= 102);
  CHECK_NEAR(m.curve.back().recall, 1, 1e-15);
  for (size_t i = 1; i < m.curve.size(); ++i) CHECK(m.curve[i].recall > m.curve[i - 1].recall);
  for (size_t i = 1; i < m.curve.size(); ++i) CHECK(m.curve[i].threshold < m.curve[i - 1].threshold);
}

TEST(measures_agree_with_their_definitions_pair_by_pair) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<float> scores;
    std::vector<uint8_t> targets;
    const unsigned levels = 2 + random() % 30;
    for (unsigned i = 0; i < 60; ++i) {
      scores.push_back(static_cast<float>(random() % levels) / 8);
      targets.push_back(i < 2 ? static_cast<uint8_t>(i) : static_cast<uint8_t>(random() % 3 == 0));
    }
    double right = 0, pairs = 0, precision = 0, positives = 0;
    for (size_t p = 0; p < scores.size(); ++p) {
      if (!targets[p]) continue;
      double above = 0, hits = 0;
      for (size_t n = 0; n < scores.size(); ++n) {
        above += scores[n] >= scores[p];
        hits += targets[n] && scores[n] >= scores[p];
        if (targets[n]) continue;
        right += scores[p] > scores[n] ? 1 : scores[p] == scores[n] ? 0.5 : 0;
        ++pairs;
      }
      precision += hits / above;
      ++positives;
    }
    const RankingMeasures m = ranked(scores, targets);
    CHECK_NEAR(m.auroc, right / pairs, 1e-12);
    CHECK_NEAR(m.average_precision, precision / positives, 1e-12);
  }
}

TEST(components_are_eight_connected_and_numbered_in_reading_order) {
  const auto mask = drawn({"..a.a",  //
                           "a..a.",  //
                           "a...a",  //
                           ".a.a."});
  const Components found = find_components(mask.data(), 5, 4);
  CHECK_EQ(found.count(), 2);
  CHECK_EQ(found.areas[0], 5);
  CHECK_EQ(found.areas[1], 3);
  CHECK_EQ(found.labels[2], 1);
  CHECK_EQ(found.labels[18], 1);
  CHECK_EQ(found.labels[16], 2);
  // A comb: its teeth meet only in the last row.
  const auto comb = drawn({"a.a.a.a", "a.a.a.a", "aaaaaaa"});
  CHECK_EQ(find_components(comb.data(), 7, 3).count(), 1);
  CHECK_EQ(find_components(comb.data(), 7, 2).count(), 4);
}

TEST(component_measures_of_a_small_case) {
  // One guess covers true component A (4 pixels) by 2 and B (4 pixels) by 3, and 3 pixels beyond both;
  // another one of 2 pixels lies on nothing. sIoU(A) = 2 / (4 + 3), B's pixels being left out; sIoU(B) = 3 /
  // (4 + 3). PPV 5/8 and 0.
  const ComponentMeasures m = compared({"..aaaaaaaa..", "............", ".........aa."},
                                       {"aaaa...aaaa.", "............", "............"}, {1, 1});
  CHECK_EQ(m.truths, 2);
  CHECK_EQ(m.predictions, 2);
  CHECK_NEAR(m.siou, (2.0 / 7 + 3.0 / 7) / 2, 1e-15);
  CHECK_NEAR(m.ppv, (5.0 / 8 + 0) / 2, 1e-15);
  // 0.25: TP 2, FN 0, FP 1; 0.30 .. 0.40: 1, 1, 1; 0.45 .. 0.60: 0, 2, 1; from 0.65: 0, 2, 2.
  CHECK_NEAR(m.f1_at[0], 4.0 / 5, 1e-15);
  for (size_t i = 1; i <= 3; ++i) CHECK_NEAR(m.f1_at[i], 2.0 / 4, 1e-15);
  for (size_t i = 4; i < 11; ++i) CHECK_NEAR(m.f1_at[i], 0, 1e-15);
  CHECK_NEAR(m.f1, (4.0 / 5 + 3 * 2.0 / 4) / 11, 1e-15);
}

TEST(component_thresholds_are_met_exactly) {
  // sIoU 3/10 and PPV 3/10 reach the threshold 0.30 and not 0.35.
  const ComponentMeasures m = compared({"aaaaaaaaaa", ".........."}, {"aaa.......", ".........."}, {1, 1});
  CHECK_NEAR(m.siou, 3.0 / 10, 1e-15);
  CHECK_NEAR(m.f1_at[1], 1, 1e-15);
  CHECK_NEAR(m.f1_at[2], 0, 1e-15);
}

TEST(small_and_ignored_components_do_not_count) {
  // The guess of one pixel is removed; the true component of one pixel is ignored with what lies on it: the
  // other guess keeps 3 of its 4 pixels. The ignored pixel of the last row counts nowhere.
  const ComponentMeasures m = compared({"a.......aaaa", "............", "aaaa........"},
                                       {"........a...", "............", "?aaa........"}, {2, 2});
  CHECK_EQ(m.truths, 1);
  CHECK_EQ(m.predictions, 2);
  CHECK_NEAR(m.siou, 1, 1e-15);
  CHECK_NEAR(m.ppv, 1.0 / 2, 1e-15);
  // Nothing predicted, nothing true: no figure, and no division by zero.
  const ComponentMeasures none = compared({"...."}, {"...."}, {1, 1});
  CHECK_EQ(none.truths + none.predictions, 0);
  CHECK_EQ(none.f1, 0.0);
}

TEST(label_groups_are_read_and_refused) {
  const LabelGroups groups = parse_label_groups("10,2+3,-,0", 19);
  CHECK_EQ(groups.size(), size_t{4});
  CHECK(groups[1] == (std::vector<int>{2, 3}));
  CHECK(groups[2].empty());
  for (const char* bad : {"19", "", "1,,2", "-1", "3+", "x", "1 ", "-,-"})
    CHECK_THROWS(parse_label_groups(bad, 19), std::invalid_argument, "");
  CHECK_THROWS(parse_label_groups("1,19", 19), std::invalid_argument,
               "\"19\" is not a train id from 0 to 18");
}

TEST(a_train_id_belongs_to_one_label_value) {
  CHECK_THROWS(parse_label_groups("0,-,1+2,3,2", 19), std::invalid_argument,
               "train id 2 stands at the label values 2 and 4");
  CHECK_THROWS(IouCounter({{0}, {5, 0}}), std::invalid_argument,
               "train id 0 stands at the label values 0 and 1");
  CHECK_EQ(parse_label_groups("1+1,2", 19).size(), size_t{2});  // said twice of one value is no contradiction
}

TEST(iou_by_label_value) {
  // Value 0 = train id 0, 1 = 2 or 8, 2 ignored, 3 never seen.
  IouCounter counter({{0}, {2, 8}, {}, {5}});
  const std::vector<uint8_t> guess = {0, 8, 2, 18, 0}, truth = {0, 0, 1, 1, 2};
  counter.add(guess.data(), truth.data(), guess.size());
  CHECK(counter.values() == (std::vector<int>{0, 1, 3}));
  const auto iou = counter.per_value();
  CHECK_NEAR(iou[0], 1.0 / 2, 1e-15);  // one of two found, none wrongly
  CHECK_NEAR(iou[1], 1.0 / 3, 1e-15);  // one found, one missed, one wrong
  CHECK(std::isnan(iou[2]));
  CHECK_NEAR(counter.mean(), 5.0 / 12, 1e-15);
}

TEST(steadiness_tells_the_detectors_unrest_from_the_pictures) {
  SteadinessCounter counter;
  CHECK(!counter.flicker());
  const std::vector<uint8_t> before(4 * 3, 100);
  std::vector<uint8_t> after = before;
  after[3 * 3 + 1] = 109;  // the last pixel's green changes by more than 8
  after[0] = 108;
  counter.add(std::vector<float>{0, 0.5f, 1, 0}.data(), before.data(), 4);
  CHECK(!counter.flicker());
  counter.add(std::vector<float>{0.25f, 0.5f, 0.5f, 1}.data(), after.data(), 4);
  CHECK_NEAR(*counter.flicker(), (0.25 + 0 + 0.5 + 1) / 4, 1e-15);
  CHECK_NEAR(*counter.temporal_consistency(), 1 - (0.25 + 0 + 0.5) / 3, 1e-15);
}

TEST(maps_arrive_when_they_are_finished) {
  using Pairs = std::vector<std::pair<int64_t, int64_t>>;
  CHECK(arrivals(4, 25, 0) == (Pairs{{0, 0}, {1, 1}, {2, 2}, {3, 3}}));
  CHECK(arrivals(3, 25, 0.039) == (Pairs{{0, 0}, {1, 1}, {2, 2}}));  // faster than the frames come
  CHECK(arrivals(4, 25, 0.04) == (Pairs{{0, 1}, {1, 2}, {2, 3}}));   // exactly a frame
  // 2.5 frames: done at 2.5, 5, 7.5, taking frames 0, 2, 5.
  CHECK(arrivals(8, 10, 0.25) == (Pairs{{0, 2}, {2, 5}, {5, 7}}));
  CHECK(arrivals(8, 10, 2).empty());
  CHECK(arrivals(0, 10, 0).empty());
}

TEST(an_alarm_that_stays_is_one_alarm) {
  AlarmCounter counter(2);
  std::vector<float> scores(10 * 4, 0.1f);
  std::vector<uint8_t> targets(10 * 4, kNormal);
  const auto frame = [&](int x, int length) {
    std::vector<float> one = scores;
    for (int i = 0; i < length; ++i) one[static_cast<size_t>(10 + x + i)] = 0.5f;
    return one;
  };
  counter.add(frame(1, 4).data(), targets.data(), 10, 4, 0.5f);
  counter.add(frame(2, 4).data(), targets.data(), 10, 4, 0.5f);
  counter.add(frame(8, 1).data(), targets.data(), 10, 4, 0.5f);  // smaller than 2
  counter.add(frame(7, 2).data(), targets.data(), 10, 4, 0.5f);  // elsewhere
  CHECK_EQ(counter.frames(), 4);
  CHECK_EQ(counter.regions(), 3);
  CHECK_EQ(counter.alarms(), 2);
  CHECK_EQ(counter.frames_with_alarm(), 3);
  // What touches an anomaly, or lies on ignored pixels alone, is no false alarm.
  AlarmCounter excused(1);
  targets[13] = kAnomalous;
  excused.add(frame(1, 4).data(), targets.data(), 10, 4, 0.5f);
  std::fill(targets.begin(), targets.end(), kIgnored);
  excused.add(frame(1, 4).data(), targets.data(), 10, 4, 0.5f);
  CHECK_EQ(excused.regions(), 0);
  CHECK_EQ(excused.frames(), 2);
}

TEST(ten_million_pixels_take_four_bytes_each) {
  // ranking_main.cpp does this with 100 million: build/tests/eval/ranking --pixels 100000000
  constexpr size_t kPixels = 10'000'000, kFrame = 100'000;
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  Ranking ranking;
  ranking.reserve(kPixels / 10, kPixels - kPixels / 10);
  std::mt19937 random(3);
  std::vector<float> scores(kFrame);
  std::vector<uint8_t> targets(kFrame);
  for (size_t done = 0; done < kPixels; done += kFrame) {
    for (size_t i = 0; i < kFrame; ++i) {
      targets[i] = i % 10 == 0;
      scores[i] = static_cast<float>(random() & 0xffffff) / 0x1p24f;
    }
    ranking.add(scores.data(), targets.data(), kFrame);
  }
  const RankingMeasures m = ranking.measure(400);
  ::getrusage(RUSAGE_SELF, &after);
  CHECK_EQ(m.positives, static_cast<int64_t>(kPixels / 10));
  CHECK_NEAR(m.auroc, 0.5, 0.002);  // of scores that know nothing: deviation 0.0003
  CHECK_NEAR(m.average_precision, 0.1, 0.002);
  const long grown = after.ru_maxrss - before.ru_maxrss;  // KiB
  if (grown > 60 * 1024) check::fail(__FILE__, __LINE__, "10 million pixels took ", grown, " KiB");
}

TEST_MAIN()

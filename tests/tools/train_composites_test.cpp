// SPDX-License-Identifier: LGPL-2.1-or-later
// The dissimilarity network's training samples: what is marked as anomalous, and what the framework was fed.
// The networks are tiny and hardly trained; map size is segmentation size, so that labels and targets of a
// sample are those that the framework saw.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <array>
#include <cstring>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "src/train/bundle_writer.h"
#include "src/train/composites.h"
#include "src/train/pipeline.h"
#include "tests/check.h"
#include "tests/tools/drawn_data.h"

using namespace anomaly;
using namespace anomaly::train;

namespace {

constexpr int kHeight = 64, kWidth = 128;
constexpr uint64_t kStream = 3;

// A road, a sky and a dozen blocks of a few colours, every class in its own. `patch`: a square in the middle
// of that grey, with the group `patch_group`.
Frame street(uint64_t number, int patch = -1, uint8_t patch_group = 0) {
  const std::array<cv::Scalar, 19> colours = {cv::Scalar(90, 90, 90),
                                              {},
                                              cv::Scalar(150, 90, 50),
                                              {},
                                              {},
                                              {},
                                              {},
                                              {},
                                              cv::Scalar(40, 130, 40),
                                              {},
                                              cv::Scalar(120, 170, 220),
                                              {},
                                              {},
                                              cv::Scalar(200, 30, 30)};
  Frame frame;
  frame.name = std::to_string(number);
  frame.rgb = cv::Mat(kHeight, kWidth, CV_8UC3, colours[10]);
  frame.groups = cv::Mat(kHeight, kWidth, CV_8UC1, cv::Scalar(10));
  const auto block = [&](const cv::Rect& place, uint8_t id) {
    frame.rgb(place) = colours[id];
    frame.groups(place) = id;
  };
  block({0, kHeight / 2, kWidth, kHeight / 2}, 0);
  Random random({77, number});
  for (int i = 0; i < 12; ++i) {
    constexpr std::array<uint8_t, 3> kIds = {2, 8, 13};
    const int w = 8 + static_cast<int>(random.below(14)), h = 8 + static_cast<int>(random.below(10));
    block({static_cast<int>(random.below(kWidth - w)), static_cast<int>(random.below(kHeight - h)), w, h},
          kIds[static_cast<size_t>(random.below(3))]);
  }
  if (patch >= 0) {
    const cv::Rect place(48, 20, 32, 28);
    frame.rgb(place) = cv::Scalar::all(patch);
    frame.groups(place) = patch_group;
  }
  return frame;
}

struct World {
  DrawnData data;  // only the folder to work in is used
  Session session;
  std::unique_ptr<const train::Pipeline> pipeline;

  World() {
    const Aside aside;
    at::set_num_threads(1);
    session = data.session("work");
    session.config.segmentation_size = session.config.map_size = {kHeight, kWidth};
    session.config.stages = Json::parse(R"({
      "segmentation": {"steps": 40, "batch": 4, "warm_up": 2, "learning_rate": 0.01, "average_decay": 0.8},
      "synthesis": {"steps": 4, "batch": 2, "warm_up": 1, "learning_rate": 0.01, "average_decay": 0.5}})");
    show([](uint64_t i) { return street(i); }, true, session);
    train_segmentation(session);
    train_synthesis(session);
    const std::string path = session.work + "/networks.safetensors";
    write_bundle(session, path, {"segmentation", "perceptual", "encoder", "generator"}, {});
    pipeline = std::make_unique<const train::Pipeline>(path);
  }

  // Eight frames, of one data set, are all that `in` has to make samples of.
  template <typename Draw>
  static void show(Draw draw, bool exact, Session& in) {
    Dataset dataset;
    dataset.config.name = "drawn";
    dataset.config.labels = "drawn";
    dataset.config.exact_geometry = exact;
    for (uint64_t i = 0; i < 8; ++i) dataset.training.push_back(draw(i));
    dataset.held_out = {draw(8)};  // the synthesis stage asks for one
    in.datasets = {dataset};
  }

  template <typename Draw>
  Session showing(Draw draw, bool exact = true) const {
    Session other = session;
    show(draw, exact, other);
    return other;
  }

  DissimilaritySample sample(const CompositeOptions& options, int64_t index,
                             const Cutouts& cutouts = {}) const {
    return make_sample(session, *pipeline, cutouts, options, kStream, index);
  }
};

const World& world() {
  static const World kWorld;
  return kWorld;
}

CompositeOptions shares(double relabel, double paste, double decoys) {
  CompositeOptions options;
  options.relabel = relabel;
  options.paste = paste;
  options.decoys = decoys;
  options.paste_options = {14, 28, 0.4, 0};  // large, and without a shadow, which is no part of a thing
  return options;
}

// An ellipse of one grey.
PastedObject thing(int grey) {
  PastedObject object{"thing", "0", cv::Mat(40, 40, CV_8UC3, cv::Scalar::all(grey)),
                      cv::Mat::zeros(40, 40, CV_8UC1)};
  cv::ellipse(object.mask, {20, 20}, {18, 18}, 0, 0, 360, cv::Scalar(255), -1);
  return object;
}

cv::Mat matrix(const at::Tensor& bytes) {
  const at::Tensor whole = bytes.contiguous();
  const int type = whole.dim() == 3 ? CV_8UC3 : CV_8UC1;
  return cv::Mat(static_cast<int>(whole.size(0)), static_cast<int>(whole.size(1)), type,
                 whole.data_ptr<uint8_t>())
      .clone();
}

int64_t count(const at::Tensor& map, int value) {
  return map.eq(value).sum().item<int64_t>();
}

bool equal(const DissimilaritySample& a, const DissimilaritySample& b) {
  return a.frame.equal(b.frame) && a.synthesis.equal(b.synthesis) && a.labels.equal(b.labels) &&
         a.maps.equal(b.maps) && a.target.equal(b.target);
}

// Where two samples that differ in the colour of one thing alone show it, and how well `value` of their
// targets, which are the same, agrees with that. Light and weather are drawn alike for both; they make the
// difference small at times, and blur carries it a little over the thing's border.
struct Agreement {
  int64_t marked = 0, marked_and_shown = 0;  // pixels
  int64_t shown = 0, shown_far_off = 0;      // clearly; far from what is marked
  int64_t samples = 0, samples_with_marks = 0;

  void add(const DissimilaritySample& light, const DissimilaritySample& dark, int value) {
    CHECK(light.target.equal(dark.target));
    cv::Mat difference;
    cv::absdiff(matrix(light.frame), matrix(dark.frame), difference);
    std::vector<cv::Mat> channels;
    cv::split(difference, channels);
    difference = cv::max(cv::max(channels[0], channels[1]), channels[2]);
    const cv::Mat mark = matrix(light.target) == value;
    cv::Mat around;
    cv::dilate(mark, around, cv::Mat::ones(9, 9, CV_8U));
    marked += cv::countNonZero(mark);
    marked_and_shown += cv::countNonZero(mark & (difference >= 3));
    shown += cv::countNonZero(difference >= 24);
    shown_far_off += cv::countNonZero((difference >= 24) & ~around);
    ++samples;
    samples_with_marks += cv::countNonZero(mark) > 0;
  }
  void print(const char* what) const {
    std::printf("# %s: of %d marked pixels %d show it; of %d that show it %d lie far off; %d of %d samples\n",
                what, static_cast<int>(marked), static_cast<int>(marked_and_shown), static_cast<int>(shown),
                static_cast<int>(shown_far_off), static_cast<int>(samples_with_marks),
                static_cast<int>(samples));
  }
};

struct Change {
  uint8_t from, to;
};

// The segments, connected and of one class, of `before` that `after` has otherwise. Fails where one has
// changed in part, or to several classes, or is no whole thing of 0.1 % to 15 % of the frame.
std::vector<Change> changes(const cv::Mat& before, const cv::Mat& after) {
  std::vector<Change> found;
  int64_t pixels = 0;
  for (int id = 0; id < 19; ++id) {
    cv::Mat components, statistics, centroids;
    cv::connectedComponentsWithStats(before == id, components, statistics, centroids, 8);
    for (int c = 1; c < statistics.rows; ++c) {
      const cv::Mat segment = components == c;
      const int changed = cv::countNonZero(segment & (after != id));
      if (changed == 0) continue;
      const int area = statistics.at<int>(c, cv::CC_STAT_AREA);
      CHECK_EQ(changed, area);
      CHECK(area * 1000 >= kHeight * kWidth - 999 && area * 100 <= kHeight * kWidth * 15);
      double low, high;
      cv::minMaxLoc(after, &low, &high, nullptr, nullptr, segment);
      CHECK_EQ(low, high);
      found.push_back({static_cast<uint8_t>(id), static_cast<uint8_t>(low)});
      pixels += area;
    }
  }
  CHECK_EQ(pixels, int64_t{cv::countNonZero(before != after)});  // and all of it is accounted for
  return found;
}

}  // namespace

TEST(relabelled_segments_are_the_anomalies_and_the_synthesis_shows_them) {
  const World& w = world();
  int64_t segments = 0, changed_syntheses = 0, changed_samples = 0;
  for (int64_t i = 0; i < 30; ++i) {
    const DissimilaritySample plain = w.sample(shares(0, 0, 0), i), other = w.sample(shares(1, 0, 0), i);
    // One frame, and what the segmentation was unsure of in it.
    CHECK(other.frame.equal(plain.frame));
    CHECK(other.maps[0].equal(plain.maps[0]) && other.maps[2].equal(plain.maps[2]));
    CHECK(plain.labels.equal(w.pipeline->segment(plain.frame).at("labels")));
    CHECK(other.target.equal(other.labels.ne(plain.labels).to(at::kByte)));
    CHECK_EQ(count(plain.target, 0), plain.target.numel());

    const std::vector<Change> here = changes(matrix(plain.labels), matrix(other.labels));
    CHECK(here.size() <= 3);
    segments += static_cast<int64_t>(here.size());
    changed_samples += !here.empty();
    // The synthesis and the perceptual difference are those of the labels that the network is given.
    FrameTensors again;
    again["labels"] = other.labels;
    w.pipeline->synthesise(other.frame, again);
    CHECK(other.synthesis.equal(again.at("synthesis")));
    CHECK(other.maps[1].equal(again.at("perceptual")));
    changed_syntheses += !other.synthesis.equal(plain.synthesis);
  }
  std::printf("# %d segments in %d of 30 samples, %d syntheses\n", static_cast<int>(segments),
              static_cast<int>(changed_samples), static_cast<int>(changed_syntheses));
  CHECK(changed_samples >= 20);
  CHECK(segments > changed_samples);
  CHECK(changed_syntheses >= 20);
}

TEST(new_classes_are_drawn_as_often_as_published) {
  // objects_to_change of the authors' image_dissimilarity/data/create_unknown_examples.py, as train ids.
  std::array<double, 19> published;
  published.fill(0);
  for (const int id :
       {0, 0, 0, 1, 2, 3, 4, 7, 8, 9, 11, 11, 11, 12, 13, 13, 13, 13, 13, 13, 13, 14, 15, 17, 18})
    published[static_cast<size_t>(id)] += 1.0 / 25;
  const World& w = world();
  std::array<double, 19> expected{}, seen{};
  double all = 0;
  for (int64_t i = 0; i < 240; ++i) {
    const DissimilaritySample sample = w.sample(shares(1, 0, 0), 1000 + i);
    for (const Change& change :
         changes(matrix(w.pipeline->segment(sample.frame).at("labels")), matrix(sample.labels))) {
      CHECK(published[change.to] > 0);
      seen[change.to] += 1;
      all += 1;
      for (size_t id = 0; id < expected.size(); ++id)  // never its own class again
        if (id != change.from) expected[id] += published[id] / (1 - published[change.from]);
    }
  }
  double distance = 0;  // chi squared, of 14 degrees of freedom: 36 or more once in a thousand
  for (size_t id = 0; id < expected.size(); ++id)
    if (expected[id] > 0) distance += (seen[id] - expected[id]) * (seen[id] - expected[id]) / expected[id];
  std::printf("# %.0f segments, chi squared %.1f\n", all, distance);
  CHECK(all >= 300);
  CHECK(distance < 36);
}

TEST(nothing_is_anomalous_without_a_cause) {
  const World& w = world();
  const Cutouts cutouts{{thing(250)}, {thing(250)}};
  for (int64_t i = 0; i < 12; ++i) {
    const DissimilaritySample sample = w.sample(shares(0, 0, 0), i, cutouts);
    CHECK_EQ(count(sample.target, 0), sample.target.numel());
  }
  // Labels that are not exact are not worth changing.
  const Session coarse = w.showing([](uint64_t i) { return street(i); }, false);
  for (int64_t i = 0; i < 12; ++i) {
    const DissimilaritySample sample = make_sample(coarse, *w.pipeline, {}, shares(1, 0, 0), kStream, i);
    CHECK_EQ(count(sample.target, 0), sample.target.numel());
    CHECK(sample.labels.equal(w.pipeline->segment(sample.frame).at("labels")));
  }
  // A drive without labels is known everywhere.
  const Session drive = w.showing([](uint64_t i) {
    Frame frame = street(i);
    frame.groups = Groups::kOrdinary;
    return frame;
  });
  for (int64_t i = 0; i < 12; ++i) {
    const DissimilaritySample sample = make_sample(drive, *w.pipeline, {}, shares(0, 0, 0), kStream, i);
    CHECK_EQ(count(sample.target, 0), sample.target.numel());
  }
  const Frame frame = street(1);
  const DissimilaritySample ordinary = make_ordinary(*w.pipeline, frame.rgb);
  CHECK(ordinary.frame.equal(w.pipeline->frame(frame.rgb)));
  CHECK(ordinary.labels.equal(w.pipeline->segment(ordinary.frame).at("labels")));
  CHECK_EQ(count(ordinary.target, 0), ordinary.target.numel());
}

TEST(unlabelled_pixels_are_anomalies_or_ignored) {
  const World& w = world();
  const auto unlabelled = [](int grey) {
    return [grey](uint64_t i) { return street(i, grey, Groups::kIgnore); };
  };
  const Session light = w.showing(unlabelled(250)), dark = w.showing(unlabelled(5));
  CompositeOptions ignoring = shares(0, 0, 0), marking = ignoring;
  CHECK(!ignoring.void_is_anomaly);
  marking.void_is_anomaly = true;
  Agreement agreement;
  for (int64_t i = 0; i < 20; ++i) {
    const auto a = make_sample(light, *w.pipeline, {}, ignoring, kStream, i),
               b = make_sample(dark, *w.pipeline, {}, ignoring, kStream, i),
               c = make_sample(light, *w.pipeline, {}, marking, kStream, i);
    agreement.add(a, b, 255);
    CHECK_EQ(count(a.target, 1), 0);
    CHECK_EQ(count(c.target, 255), 0);
    CHECK(c.target.eq(1).equal(a.target.eq(255)));
    CHECK(c.frame.equal(a.frame) && c.labels.equal(a.labels));
  }
  agreement.print("unlabelled");
  CHECK(agreement.samples_with_marks >= 15);
  CHECK(agreement.marked_and_shown * 10 >= agreement.marked * 9);
  CHECK(agreement.shown_far_off * 100 <= agreement.shown);
  // What was given another class is an anomaly there, too.
  int64_t over_unlabelled = 0;
  for (int64_t i = 0; i < 20; ++i) {
    const auto plain = make_sample(light, *w.pipeline, {}, ignoring, kStream, i),
               other = make_sample(light, *w.pipeline, {}, shares(1, 0, 0), kStream, i);
    const at::Tensor changed = other.labels.ne(plain.labels);
    CHECK(other.target.eq(1).equal(changed));
    CHECK(other.target.eq(255).equal(plain.target.eq(255).logical_and(changed.logical_not())));
    over_unlabelled += changed.logical_and(plain.target.eq(255)).sum().item<int64_t>();
  }
  CHECK(over_unlabelled > 0);
}

TEST(pasted_people_and_vehicles_are_known) {
  const World& w = world();
  const Cutouts light{{}, {thing(250)}}, dark{{}, {thing(5)}};
  int64_t samples = 0;
  for (int64_t i = 0; i < 20; ++i) {
    const DissimilaritySample a = w.sample(shares(0, 1, 1), i, light), b = w.sample(shares(0, 1, 1), i, dark);
    for (const DissimilaritySample& sample : {a, b}) CHECK_EQ(count(sample.target, 0), sample.target.numel());
    samples += a.frame.ne(b.frame).any(2).sum().item<int64_t>() >= 60;
  }
  CHECK(samples >= 17);  // they are in there
  // Over a thing that the data set calls anomalous, too: what is seen there is known.
  const Session anomalous = w.showing([](uint64_t i) { return street(i, 120, Groups::kAnomaly); });
  int64_t covered = 0;
  for (int64_t i = 0; i < 20; ++i) {
    const auto a = make_sample(anomalous, *w.pipeline, light, shares(0, 0, 1), kStream, i),
               b = make_sample(anomalous, *w.pipeline, {}, shares(0, 0, 1), kStream, i);
    covered += count(b.target, 1) > count(a.target, 1);
  }
  CHECK(covered >= 5);
  // And over what is unlabelled.
  const Session unlabelled = w.showing([](uint64_t i) { return street(i, 120, Groups::kIgnore); });
  covered = 0;
  for (int64_t i = 0; i < 20; ++i) {
    const auto a = make_sample(unlabelled, *w.pipeline, light, shares(0, 0, 1), kStream, i),
               b = make_sample(unlabelled, *w.pipeline, {}, shares(0, 0, 1), kStream, i);
    covered += count(b.target, 255) > count(a.target, 255);
  }
  CHECK(covered >= 5);
}

TEST(pasted_foreign_things_are_anomalies) {
  const World& w = world();
  const Cutouts light{{thing(250)}, {}}, dark{{thing(5)}, {}};
  Agreement agreement;
  for (int64_t i = 0; i < 20; ++i) {
    const DissimilaritySample a = w.sample(shares(0, 1, 0), i, light), b = w.sample(shares(0, 1, 0), i, dark);
    CHECK_EQ(count(a.target, 255), 0);
    agreement.add(a, b, 1);
  }
  agreement.print("foreign");
  CHECK(agreement.samples_with_marks >= 18);
  CHECK(agreement.marked_and_shown * 10 >= agreement.marked * 9);
  CHECK(agreement.shown_far_off * 100 <= agreement.shown);
  // Before a person as well, and on unlabelled ground: with the same things as decoys the marks stay.
  const Session unlabelled = w.showing([](uint64_t i) { return street(i, 120, Groups::kIgnore); });
  const Cutouts both{{thing(250)}, {thing(5)}};
  int64_t marked = 0, ignored = 0;
  for (int64_t i = 0; i < 20; ++i) {
    marked += count(w.sample(shares(0, 1, 1), i, both).target, 1) > 0;
    const at::Tensor with = make_sample(unlabelled, *w.pipeline, light, shares(0, 1, 0), kStream, i).target,
                     without = make_sample(unlabelled, *w.pipeline, {}, shares(0, 1, 0), kStream, i).target;
    ignored += with.eq(1).logical_and(without.eq(255)).sum().item<int64_t>();
    CHECK(with.ne(1).logical_and(without.eq(255)).equal(with.eq(255)));
  }
  CHECK(marked >= 18);
  CHECK(ignored > 50);
}

TEST(invented_shapes_are_anomalies_and_need_no_objects) {
  const World& w = world();
  CompositeOptions options = shares(0, 1, 0);
  int64_t without = 0, with = 0;
  for (int64_t i = 0; i < 12; ++i) {
    without += count(w.sample(options, i).target, 1) > 0;
    options.shapes = 1;
    with += count(w.sample(options, i).target, 1) > 0;
    options.shapes = 0;
  }
  CHECK_EQ(without, 0);
  CHECK(with >= 10);
}

TEST(what_a_data_set_calls_anomalous_is) {
  const World& w = world();
  const auto foreign = [](int grey) {
    return [grey](uint64_t i) { return street(i, grey, Groups::kAnomaly); };
  };
  const Session light = w.showing(foreign(250)), dark = w.showing(foreign(5));
  Agreement agreement;
  for (int64_t i = 0; i < 20; ++i)
    agreement.add(make_sample(light, *w.pipeline, {}, shares(0, 0, 0), kStream, i),
                  make_sample(dark, *w.pipeline, {}, shares(0, 0, 0), kStream, i), 1);
  agreement.print("called anomalous");
  CHECK(agreement.samples_with_marks >= 15);
  CHECK(agreement.marked_and_shown * 10 >= agreement.marked * 9);
  CHECK(agreement.shown_far_off * 100 <= agreement.shown);
}

TEST(shares_are_shares_of_the_samples) {
  const World& w = world();
  const Cutouts cutouts{{thing(250)}, {}};
  int relabelled = 0, pasted = 0;
  for (int64_t i = 0; i < 100; ++i) {
    relabelled += count(w.sample(shares(0.3, 0, 0), i).target, 1) > 0;
    pasted += count(w.sample(shares(0, 0.6, 0), i, cutouts).target, 1) > 0;
  }
  std::printf("# relabelled %d, pasted %d of 100\n", relabelled, pasted);
  CHECK(relabelled >= 15 && relabelled <= 45);
  CHECK(pasted >= 45 && pasted <= 75);
}

TEST(a_sample_is_a_function_of_seed_stream_and_index) {
  const World& w = world();
  const Cutouts cutouts{{thing(250)}, {thing(5)}};
  const CompositeOptions options = shares(0.5, 0.5, 0.5);
  Session other = w.session;
  other.config.seed += 1;
  for (int64_t i = 0; i < 6; ++i) {
    const DissimilaritySample first = w.sample(options, i, cutouts), next = w.sample(options, i + 1, cutouts),
                              again = w.sample(options, i, cutouts);
    CHECK(equal(first, again));
    CHECK(!first.frame.equal(next.frame));
    CHECK(!first.frame.equal(make_sample(w.session, *w.pipeline, cutouts, options, kStream + 1, i).frame));
    CHECK(!first.frame.equal(make_sample(other, *w.pipeline, cutouts, options, kStream, i).frame));
  }
  // The frames that samples are made of stay what they are.
  for (size_t i = 0; i < w.session.datasets[0].training.size(); ++i) {
    const Frame fresh = street(i);
    const Frame& used = w.session.datasets[0].training[i];
    CHECK_EQ(std::memcmp(fresh.rgb.data, used.rgb.data, fresh.rgb.total() * 3), 0);
    CHECK_EQ(std::memcmp(fresh.groups.data, used.groups.data, fresh.groups.total()), 0);
  }
}

TEST_MAIN()

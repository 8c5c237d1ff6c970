// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/eval/evaluation.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>

#include "kernels/resize.h"
#include "src/error.h"
#include "src/eval/scratch_file.h"
#include "src/eval/thumbnails.h"
#include "src/eval/video.h"

namespace anomaly::eval {

namespace {

constexpr int kCurvePoints = 400;

// A frame after it has been looked at: where its parts lie in the scratch file.
struct Kept {
  std::string name;
  int width = 0, height = 0;
  int64_t targets = -1;  // -1: none
  int64_t picture = 0, picture_bytes = 0;
  std::vector<int64_t> maps;  // one a method
  size_t pixels() const { return static_cast<size_t>(width) * static_cast<size_t>(height); }
};

// How a frame fares with the first method, the better the higher.
struct Standing {
  size_t frame;
  double value;
  std::string figure;
};

std::string fixed(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

class Evaluation {
 public:
  Evaluation(Methods& methods, const EvaluationOptions& options, const Progress& progress)
      : methods_(methods), options_(options), progress_(progress), iou_(options.labels) {}

  Report run(Input& input) {
    fps_ = options_.fps > 0 ? options_.fps : input.fps();
    look(input);
    methods_.unload();
    const BundleInfo& info = methods_.pipeline().info();
    report_.bundle = info.name;
    report_.license = info.license;
    report_.normalization = to_string(methods_.pipeline().settings().normalization);
    report_.frames = static_cast<int64_t>(frames_.size());
    report_.fps = fps_;
    report_.component_options = options_.components;
    report_.min_area = options_.min_area;
    for (size_t m = 0; m < methods_.chosen().size(); ++m) {
      progress_(std::string("measuring ") + methods_.chosen()[m]->name, static_cast<int64_t>(m),
                static_cast<int64_t>(methods_.chosen().size()));
      report_.methods.push_back(measure(m));
    }
    progress_("measured", static_cast<int64_t>(methods_.chosen().size()),
              static_cast<int64_t>(methods_.chosen().size()));
    if (labelled_with_classes_ > 0) report_.segmentation = segmentation();
    show_examples();
    return std::move(report_);
  }

 private:
  void look(Input& input) {
    const size_t count = methods_.chosen().size();
    seconds_.resize(count);
    steadiness_.resize(count);
    const bool temporal = methods_.pipeline().settings().normalization == Normalization::Temporal;
    if (temporal && fps_ <= 0)
      throw Error(ErrorKind::BadSettings,
                  "normalization temporal needs frames that follow each other: say how often with --fps");
    StreamState stream;
    EvalFrame frame;
    while (input.next(frame)) {
      progress_(frame.name, static_cast<int64_t>(frames_.size()), input.frames());
      Kept kept;
      kept.name = frame.name;
      kept.width = frame.width;
      kept.height = frame.height;
      if (!frame.targets.empty()) {
        kept.targets = scratch_.put(frame.targets);
        ++report_.labelled;
        const int64_t positives = std::count(frame.targets.begin(), frame.targets.end(), kAnomalous);
        const int64_t negatives = std::count(frame.targets.begin(), frame.targets.end(), kNormal);
        report_.positives += positives;
        report_.negatives += negatives;
        report_.ignored += static_cast<int64_t>(frame.targets.size()) - positives - negatives;
      }
      const at::Tensor input_frame = methods_.pipeline().frame(frame.rgb.data(), frame.width, frame.height);
      if (temporal)
        stream.begin_frame(input_frame.const_data_ptr<uint8_t>(), static_cast<int>(input_frame.size(1)),
                           static_cast<int>(input_frame.size(0)),
                           static_cast<int64_t>(1e9 * static_cast<double>(frames_.size()) / fps_));
      const Scores scores = methods_.run(input_frame, temporal ? &stream : nullptr);
      for (size_t m = 0; m < count; ++m) {
        const auto* map = scores.maps[m].const_data_ptr<float>();
        const auto size = static_cast<size_t>(scores.maps[m].numel());
        if (!std::all_of(map, map + size, [](float score) { return std::isfinite(score); }))
          throw Error(ErrorKind::BadBundle, std::string("method ") + methods_.chosen()[m]->name +
                                                " computed " + "scores for " + frame.name +
                                                " that are no numbers: the bundle's weights are damaged");
        kept.maps.push_back(scratch_.put(map, size * sizeof(float)));
        seconds_[m].push_back(scores.seconds[m]);
        if (fps_ > 0) steadiness_[m].add(map, scores.rgb.const_data_ptr<uint8_t>(), size);
      }
      map_height_ = static_cast<int>(scores.maps[0].size(0));
      map_width_ = static_cast<int>(scores.maps[0].size(1));
      if (!frame.labels.empty()) {
        const at::Tensor labels = methods_.labels_at(input_frame, frame.height, frame.width);
        iou_.add(labels.const_data_ptr<uint8_t>(), frame.labels.data(), frame.labels.size());
        ++labelled_with_classes_;
      }
      const std::vector<uint8_t> picture = thumbnail(frame.rgb, frame.width, frame.height);
      kept.picture = scratch_.put(picture);
      kept.picture_bytes = static_cast<int64_t>(picture.size());
      frames_.push_back(std::move(kept));
    }
    if (frames_.empty()) throw Error(ErrorKind::NotFound, "there was no frame to evaluate on");
    progress_("all frames seen", static_cast<int64_t>(frames_.size()), static_cast<int64_t>(frames_.size()));
  }

  std::vector<float> map_of(const Kept& frame, size_t method) const {
    std::vector<float> map(static_cast<size_t>(map_width_) * static_cast<size_t>(map_height_));
    scratch_.get(frame.maps[method], map);
    return map;
  }
  // At the frame's own size.
  std::vector<float> scores_of(const Kept& frame, size_t method) const {
    const std::vector<float> map = map_of(frame, method);
    std::vector<float> full(frame.pixels());
    resize_bicubic_f32(map.data(), map_width_, map_height_, full.data(), frame.width, frame.height);
    return full;
  }
  std::vector<uint8_t> targets_of(const Kept& frame) const {
    std::vector<uint8_t> targets;
    if (frame.targets < 0) return targets;
    targets.resize(frame.pixels());
    scratch_.get(frame.targets, targets);
    return targets;
  }

  MethodReport measure(size_t method) {
    MethodReport report;
    report.name = methods_.chosen()[method]->name;
    report.what = methods_.chosen()[method]->what;
    report.milliseconds = 1000 * median(seconds_[method]);
    report.pixels = rank(method);
    std::optional<AlarmCounter> alarms;
    const BundleInfo& info = methods_.pipeline().info();
    double threshold = info.threshold;
    if (options_.threshold) threshold = *options_.threshold;
    if (report_.labelled > 0 && (options_.threshold || report.name == info.default_method))
      alarms.emplace(options_.min_area);
    find_components_and_alarms(method, report, alarms, threshold);
    if (alarms) {
      report.alarms = AlarmMeasures{threshold,         alarms->frames(), alarms->frames_with_alarm(),
                                    alarms->regions(), alarms->alarms(), std::nullopt};
      if (fps_ > 0)
        report.alarms->per_minute =
            static_cast<double>(alarms->alarms()) * 60 * fps_ / static_cast<double>(alarms->frames());
    }
    if (fps_ > 0) report.video = video(method, report.milliseconds / 1000);
    return report;
  }

  RankingMeasures rank(size_t method) {
    Ranking ranking;
    ranking.reserve(report_.positives, report_.negatives);
    for (size_t i = 0; i < frames_.size(); ++i) {
      const std::vector<uint8_t> targets = targets_of(frames_[i]);
      if (targets.empty()) continue;
      const std::vector<float> scores = scores_of(frames_[i], method);
      ranking.add(scores.data(), targets.data(), targets.size());
      if (method == 0 && options_.examples > 0) stand(i, scores, targets);
    }
    return ranking.measure(kCurvePoints);
  }

  // Frames with anomalies by their own average precision; where the whole input has none, by the mean of the
  // highest 0.1 % of their scores.
  void stand(size_t frame, const std::vector<float>& scores, const std::vector<uint8_t>& targets) {
    if (report_.positives > 0) {
      Ranking ranking;
      ranking.add(scores.data(), targets.data(), targets.size());
      const RankingMeasures measures = ranking.measure();
      if (measures.defined())
        standings_.push_back(
            {frame, measures.average_precision, fixed("AP %.4f", measures.average_precision)});
      return;
    }
    std::vector<float> normal;
    for (size_t i = 0; i < scores.size(); ++i)
      if (targets[i] == kNormal) normal.push_back(scores[i]);
    if (normal.empty()) return;
    const auto highest = static_cast<std::ptrdiff_t>(std::max<size_t>(1, normal.size() / 1000));
    std::nth_element(normal.begin(), normal.begin() + (highest - 1), normal.end(), std::greater<>());
    const double mean =
        std::accumulate(normal.begin(), normal.begin() + highest, 0.0) / static_cast<double>(highest);
    standings_.push_back({frame, -mean, fixed("mean of the highest 0.1 %% of the scores %.4f", mean)});
  }

  void find_components_and_alarms(size_t method, MethodReport& report, std::optional<AlarmCounter>& alarms,
                                  double threshold) const {
    report.component_threshold = options_.component_threshold.value_or(report.pixels.best_f1_threshold);
    const bool components =
        report_.positives > 0 && (options_.component_threshold || report.pixels.defined());
    ComponentCounter counter(options_.components);
    for (const Kept& frame : frames_) {
      const std::vector<uint8_t> targets = targets_of(frame);
      if (targets.empty()) {
        if (alarms) alarms->skip();
        continue;
      }
      const std::vector<float> scores = scores_of(frame, method);
      if (components) {
        std::vector<uint8_t> predicted(scores.size());
        for (size_t i = 0; i < scores.size(); ++i) predicted[i] = scores[i] >= report.component_threshold;
        counter.add(predicted.data(), targets.data(), frame.width, frame.height);
      }
      if (alarms)
        alarms->add(scores.data(), targets.data(), frame.width, frame.height, static_cast<float>(threshold));
    }
    report.components = counter.measure();
  }

  VideoMeasures video(size_t method, double measured) const {
    VideoMeasures out;
    out.flicker = steadiness_[method].flicker();
    out.temporal_consistency = steadiness_[method].temporal_consistency();
    out.latency = options_.latency.value_or(measured);
    Ranking ranking;
    for (const auto& [taken, current] : arrivals(report_.frames, fps_, out.latency)) {
      const Kept& then = frames_[static_cast<size_t>(current)];
      const std::vector<uint8_t> targets = targets_of(then);
      ++out.arrived;
      if (targets.empty()) continue;
      // A map covers the whole picture, whatever the size of the frame that it is held against.
      const std::vector<float> map = map_of(frames_[static_cast<size_t>(taken)], method);
      std::vector<float> scores(then.pixels());
      resize_bicubic_f32(map.data(), map_width_, map_height_, scores.data(), then.width, then.height);
      ranking.add(scores.data(), targets.data(), targets.size());
    }
    out.on_arrival = ranking.measure();
    return out;
  }

  SegmentationReport segmentation() const {
    SegmentationReport out;
    out.mean_iou = iou_.mean();
    out.iou = iou_.per_value();
    for (const int value : iou_.values()) {
      std::string name = std::to_string(value) + ":";
      for (const int id : options_.labels[static_cast<size_t>(value)])
        name += (name.back() == ':' ? " " : ", ") +
                methods_.pipeline().info().classes.at(static_cast<size_t>(id)).name;
      out.names.push_back(name);
    }
    return out;
  }

  void show_examples() {
    report_.example_method = methods_.chosen()[0]->name;
    std::stable_sort(standings_.begin(), standings_.end(),
                     [](const Standing& a, const Standing& b) { return a.value > b.value; });
    // Neighbours in a video look alike: a second lies between those that are shown.
    const size_t gap = std::max<size_t>(1, static_cast<size_t>(std::ceil(fps_)));
    std::vector<size_t> shown;
    const auto show = [&](auto from, auto to, bool best) {
      for (int left = options_.examples; from != to && left > 0; ++from) {
        const size_t index = from->frame;
        if (std::any_of(shown.begin(), shown.end(),
                        [&](size_t other) { return std::max(index, other) - std::min(index, other) < gap; }))
          continue;
        shown.push_back(index);
        --left;
        const Kept& frame = frames_[index];
        Example example;
        example.name = frame.name;
        example.figure = from->figure;
        example.best = best;
        std::vector<uint8_t> picture(static_cast<size_t>(frame.picture_bytes));
        scratch_.get(frame.picture, picture);
        draw_example(picture, map_of(frame, 0).data(), map_width_, map_height_, targets_of(frame),
                     frame.width, frame.height, example);
        report_.examples.push_back(std::move(example));
      }
    };
    show(standings_.begin(), standings_.end(), true);
    show(standings_.rbegin(), standings_.rend(), false);
  }

  Methods& methods_;
  const EvaluationOptions& options_;
  const Progress& progress_;
  ScratchFile scratch_;
  std::vector<Kept> frames_;
  std::vector<std::vector<double>> seconds_;  // by method, by frame
  std::vector<SteadinessCounter> steadiness_;
  IouCounter iou_;
  std::vector<Standing> standings_;
  int64_t labelled_with_classes_ = 0;
  int map_width_ = 0, map_height_ = 0;
  double fps_ = 0;
  Report report_;
};

}  // namespace

Report evaluate(Input& input, Methods& methods, const EvaluationOptions& options, const Progress& progress) {
  return Evaluation(methods, options, progress).run(input);
}

}  // namespace anomaly::eval

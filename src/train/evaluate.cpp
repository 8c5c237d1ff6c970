// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/evaluate.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "src/error.h"
#include "src/train/batches.h"
#include "src/train/measures.h"
#include "src/train/pipeline.h"
#include "src/train/ranking.h"
#include "src/train/test_composites.h"

namespace anomaly::train {

namespace {

using Scores = std::map<std::string, at::Tensor>;  // per method, h x w at map size

Scores score_frame(const Pipeline& pipeline, const at::Tensor& frame, at::Tensor* synthesis) {
  FrameTensors out = pipeline.segment(frame);
  Scores scores;
  const auto fraction = [](const at::Tensor& bytes) { return bytes.to(at::kFloat).div(255); };
  scores["softmax-entropy"] = fraction(pipeline.at_map_size(out.at("entropy")));
  scores["softmax-distance"] = fraction(pipeline.at_map_size(out.at("distance")));
  if (!pipeline.has("generator")) return scores;
  pipeline.synthesise(frame, out);
  if (synthesis) *synthesis = out.at("synthesis");
  scores["perceptual-difference"] = fraction(out.at("perceptual"));
  pipeline.compare(frame, out);
  if (pipeline.has("baseline")) scores["resynthesis"] = out.at("baseline_dissimilarity");
  if (!pipeline.has("dissimilarity")) return scores;
  scores["dissimilarity alone"] = out.at("dissimilarity");
  const auto& w = pipeline.info().ensemble;
  scores["synboost"] = out.at("dissimilarity") * w[0] + scores["softmax-entropy"] * w[1] +
                       scores["perceptual-difference"] * w[2] + scores["softmax-distance"] * w[3];
  return scores;
}

// A frame's size as the segmentation takes it.
std::array<int, 2> network_size(const cv::Mat& frame) {
  const auto near = [](int length) { return std::max(1, (length + 15) / 32) * 32; };
  return {near(frame.rows), near(frame.cols)};
}

// Mean IoU over all test frames, labels compared at the frames' size, the network run at `size`.
void measure_segmentation(const Pipeline& pipeline, const Config& config, const Dataset& test,
                          const Groups& groups, const std::array<int, 2>& size, const std::string& suffix,
                          Json& json) {
  std::vector<double> per_class;
  const double miou = mean_iou({[&](const at::Tensor& image) { return pipeline.segmentation_logits(image); },
                                pipeline.logits_align_corners()},
                               config.test, test.training, groups, size, &per_class);
  std::printf("segmentation at %dx%d: mean IoU %.4f over %zu classes, %zu frames at their own size\n",
              size[1], size[0], miou, per_class.size(), test.training.size());
  // By the data set's label values, in the order in which the configuration lists those that are not ignored.
  Json iou_list = Json::array();
  for (size_t value = 0; value < per_class.size(); ++value) {
    std::printf("%s%.3f", value == 0 ? "IoU by label value: " : " ", per_class[value]);
    iou_list.push(std::isnan(per_class[value]) ? Json() : Json(per_class[value]));
  }
  std::printf("\n");
  std::fflush(stdout);
  json.set("mean_iou" + suffix, miou);
  json.set("iou" + suffix, iou_list);
}

// The share of pixels, at segmentation size, that both give the same class.
double label_agreement(const Pipeline& one, const Pipeline& other, const std::vector<Frame>& frames) {
  int64_t same = 0, all = 0;
  for (const Frame& source : frames) {
    const at::Tensor frame = one.frame(source.rgb);
    const at::Tensor equal = one.segment(frame).at("labels").eq(other.segment(frame).at("labels"));
    same += equal.sum().item<int64_t>();
    all += equal.numel();
  }
  return static_cast<double>(same) / static_cast<double>(std::max<int64_t>(1, all));
}

void print_row(const std::string& name, const RankingMeasures& m) {
  std::printf("%-24s %8.4f %8.4f %8.4f\n", name.c_str(), m.average_precision, m.fpr95, m.auroc);
}

Json to_json(const RankingMeasures& m) {
  return Json::object({{"average_precision", m.average_precision}, {"fpr95", m.fpr95}, {"auroc", m.auroc}});
}

cv::Mat grey(const at::Tensor& map) {
  return tensor_to_pictures(map.to(at::kFloat).unsqueeze(0).unsqueeze(0).expand({1, 3, -1, -1})).at(0);
}
cv::Mat colour(const at::Tensor& bytes) {
  return tensor_to_pictures(bytes.to(at::kFloat).div(255).permute({2, 0, 1}).unsqueeze(0)).at(0);
}

}  // namespace

void evaluate(const Session& session, const std::string& bundle_path, const std::string& json_path,
              TrunkPrecision trunk) {
  const Config& config = session.config;
  if (config.test.images.empty())
    throw Error(ErrorKind::BadSettings, "the configuration names no \"test\" frames to evaluate on");
  const Pipeline pipeline(bundle_path, trunk);
  const int height = pipeline.info().segmentation_height, width = pipeline.info().segmentation_width;
  Groups groups;
  const Dataset test = read_dataset_frames(session.data, config.test, 0, groups);
  Json json = Json::object({{"frames", static_cast<int64_t>(test.training.size())}});
  measure_segmentation(pipeline, config, test, groups, {height, width}, "", json);
  if (!test.training.empty())
    measure_segmentation(pipeline, config, test, groups, network_size(test.training[0].rgb), "_at_frame_size",
                         json);

  if (trunk != TrunkPrecision::Same) {
    const double share = label_agreement(pipeline, Pipeline(bundle_path), test.training);
    std::printf("trunk precision %s: %.3f %% of pixels have the class that they have without it\n",
                to_string(trunk), 100 * share);
    json.set("trunk_precision", to_string(trunk));
    json.set("label_agreement", share);
  }

  int64_t alarms = 0, normal_pixels = 0, frames_with_alarm = 0;
  cv::Mat sheet;
  bool first = true;
  for (const CompositeSet& set : read_composite_sets(session)) {
    std::map<std::string, Ranking> rankings;
    int64_t anomalous = 0, found = 0, composites = 0, noticed = 0;  // pixels; frames
    for (size_t i = 0; i < test.training.size(); ++i) {
      TestComposite composite =
          make_test_composite(test.training[i], set.objects, config.seed, i, height, width);
      const at::Tensor frame = pipeline.frame(composite.rgb);
      const at::Tensor target =
          pipeline.at_map_size(at::from_blob(composite.mask.data, {height, width}, at::kByte).clone());
      at::Tensor synthesis;
      const Scores scores = score_frame(pipeline, frame, &synthesis);
      if (scores.count("synboost")) {
        const at::Tensor truth_map = target.eq(1);
        const int64_t hits =
            scores.at("synboost").ge(pipeline.info().threshold).logical_and(truth_map).sum().item<int64_t>();
        const int64_t pixels = truth_map.sum().item<int64_t>();
        anomalous += pixels;
        found += hits;
        composites += pixels > 0;
        noticed += hits > 0;
      }
      for (const auto& [method, map] : scores) rankings[method].add(map, target);
      if (first && i % (test.training.size() / 10 + 1) == 0 && scores.count("synboost")) {
        cv::Mat row;
        cv::hconcat(
            std::vector<cv::Mat>{colour(pipeline.at_map_size(frame)), colour(synthesis),
                                 grey(scores.at("softmax-entropy")), grey(scores.at("perceptual-difference")),
                                 grey(scores.at("synboost")), grey(target.eq(1))},
            row);
        sheet.push_back(row);
      }
    }
    std::printf("\n%s\n%-24s %8s %8s %8s\n", set.title.c_str(), "method", "AP", "FPR95", "AUROC");
    Json table = Json::object();
    for (auto& [method, ranking] : rankings) {
      const RankingMeasures measures = ranking.measure();
      print_row(method, measures);
      table.set(method, to_json(measures));
    }
    if (composites > 0) {
      const double pixels = static_cast<double>(found) / static_cast<double>(std::max<int64_t>(1, anomalous));
      const double frames = static_cast<double>(noticed) / static_cast<double>(composites);
      std::printf(
          "at the threshold %.3f: %.1f %% of anomalous pixels, some of them in %.1f %% of composites\n",
          pipeline.info().threshold, 100 * pixels, 100 * frames);
      table.set("found_pixels", pixels);
      table.set("composites_with_hit", frames);
    }
    std::fflush(stdout);
    json.set(set.title, table);
    first = false;
  }
  if (!sheet.empty()) {
    cv::cvtColor(sheet, sheet, cv::COLOR_RGB2BGR);
    cv::imwrite(session.work + "/evaluation.png", sheet);
  }

  for (const Frame& source : test.training) {
    const Scores scores = score_frame(pipeline, pipeline.frame(source.rgb), nullptr);
    if (!scores.count("synboost")) continue;
    const int64_t over = scores.at("synboost").ge(pipeline.info().threshold).sum().item<int64_t>();
    alarms += over;
    frames_with_alarm += over > 0;
    normal_pixels += scores.at("synboost").numel();
  }
  if (normal_pixels > 0) {
    const double rate = static_cast<double>(alarms) / static_cast<double>(normal_pixels);
    const double share = static_cast<double>(frames_with_alarm) / static_cast<double>(test.training.size());
    std::printf(
        "\nnormal frames: %.4f %% of pixels at or over the threshold %.3f, some in %.1f %% of frames\n",
        100 * rate, pipeline.info().threshold, 100 * share);
    json.set("false_positive_rate", rate);
    json.set("normal_frames_with_alarm", share);
  }
  if (json_path.empty()) return;
  std::ofstream file(json_path);
  file << json.dump(2) << '\n';
  if (!file) throw Error(ErrorKind::Io, json_path + ": cannot be written");
}

}  // namespace anomaly::train

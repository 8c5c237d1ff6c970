// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/composites.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <array>
#include <opencv2/imgproc.hpp>

#include "src/error.h"
#include "src/train/augment.h"
#include "src/train/shapes.h"

namespace anomaly::train {

namespace {

// Train ids that a relabelled segment may get, each as often as in the list of the authors' published
// training code: roads, people and cars more often than the rest; no pole, light, sky or train.
constexpr std::array<uint8_t, 25> kNewClasses = {0,  0,  0,  1,  2,  3,  4,  7,  8,  11, 11, 11, 12,
                                                 13, 13, 13, 13, 13, 13, 13, 14, 15, 17, 18, 9};

cv::Mat view(const at::Tensor& map) {
  return cv::Mat(static_cast<int>(map.size(0)), static_cast<int>(map.size(1)), CV_8UC1,
                 map.data_ptr<uint8_t>());
}

// Gives up to three connected segments of the label map another class, and marks them in `changed`. Segments
// are whole things: 0.1 % to 15 % of the frame.
void relabel(Random& random, cv::Mat labels, cv::Mat changed) {
  const int smallest = labels.rows * labels.cols / 1000, largest = labels.rows * labels.cols * 15 / 100;
  int done = 0;
  const int wanted = 1 + static_cast<int>(random.below(3));
  for (int attempt = 0; attempt < 24 && done < wanted; ++attempt) {
    const uint8_t id = labels.at<uint8_t>(static_cast<int>(random.below(labels.rows)),
                                          static_cast<int>(random.below(labels.cols)));
    cv::Mat components, statistics, centroids;
    cv::connectedComponentsWithStats(labels == id, components, statistics, centroids, 8);
    std::vector<int> fitting;
    for (int c = 1; c < statistics.rows; ++c) {
      const int area = statistics.at<int>(c, cv::CC_STAT_AREA);
      if (area >= smallest && area <= largest) fitting.push_back(c);
    }
    if (fitting.empty()) continue;
    const int chosen = fitting[static_cast<size_t>(random.below(static_cast<int64_t>(fitting.size())))];
    const cv::Mat segment = components == chosen;
    if (cv::countNonZero(changed & segment) > 0) continue;
    uint8_t other = id;
    while (other == id)
      other = kNewClasses[static_cast<size_t>(random.below(static_cast<int64_t>(kNewClasses.size())))];
    labels.setTo(other, segment);
    changed.setTo(1, segment);
    ++done;
  }
}

// What the framework made of a frame, at map size. target: 8UC1 at segmentation size.
DissimilaritySample sample_of(const Pipeline& pipeline, const at::Tensor& frame, const FrameTensors& out,
                              const cv::Mat& target) {
  DissimilaritySample sample;
  sample.frame = pipeline.at_map_size(frame);
  sample.synthesis = out.at("synthesis");
  sample.labels = pipeline.at_map_size(out.at("labels"));
  sample.maps = at::stack({pipeline.at_map_size(out.at("entropy")), out.at("perceptual"),
                           pipeline.at_map_size(out.at("distance"))});
  sample.target =
      pipeline.at_map_size(at::from_blob(target.data, {target.rows, target.cols}, at::kByte).clone());
  return sample;
}

}  // namespace

CompositeOptions CompositeOptions::from_json(const Json& stage) {
  CompositeOptions options;
  options.paste = stage.number_or("paste", options.paste);
  options.relabel = stage.number_or("relabel", options.relabel);
  options.shapes = stage.number_or("shapes", options.shapes);
  options.decoys = stage.number_or("decoys", options.decoys);
  options.appearance = stage.number_or("appearance", options.appearance);
  options.most_zoom = stage.number_or("most_zoom", options.most_zoom);
  options.paste_options.shadow = stage.number_or("shadow", options.paste_options.shadow);
  options.most_objects = stage.int_or("most_objects", options.most_objects);
  if (const Json* value = stage.find("void_is_anomaly")) options.void_is_anomaly = value->as_bool();
  options.paste_options.height_low = stage.number_or("object_height_low", options.paste_options.height_low);
  options.paste_options.height_high =
      stage.number_or("object_height_high", options.paste_options.height_high);
  options.paste_options.top = stage.number_or("object_top", options.paste_options.top);
  for (const double share :
       {options.paste, options.relabel, options.shapes, options.decoys, options.appearance})
    if (!(share >= 0 && share <= 1))
      throw Error(ErrorKind::BadSettings, "paste, relabel, shapes, decoys and appearance must be 0 to 1");
  if (!(options.most_zoom >= 1 && options.most_zoom <= 8))
    throw Error(ErrorKind::BadSettings, "most_zoom must be 1 to 8");
  if (options.most_objects < 1 || !(options.paste_options.height_low >= 4) ||
      !(options.paste_options.height_high >= options.paste_options.height_low))
    throw Error(ErrorKind::BadSettings,
                "most_objects must be above 0, object heights at least 4 and in order");
  return options;
}

Cutouts Cutouts::read(const Session& session, bool held_out) {
  if (session.config.objects.json.empty()) return {};
  return {read_objects(session.data, session.config.objects, held_out, ObjectKind::Foreign),
          read_objects(session.data, session.config.objects, held_out, ObjectKind::Street)};
}

DissimilaritySample make_sample(const Session& session, const Pipeline& pipeline, const Cutouts& cutouts,
                                const CompositeOptions& options, uint64_t stream, int64_t index) {
  Random random({session.config.seed, stream, static_cast<uint64_t>(index)});
  const Frame& source = draw_frame(session.datasets, false, random);
  const bool exact =
      std::any_of(session.datasets.begin(), session.datasets.end(), [&](const Dataset& dataset) {
        return dataset.config.exact_geometry && &source >= dataset.training.data() &&
               &source < dataset.training.data() + dataset.training.size();
      });
  const int height = pipeline.info().segmentation_height, width = pipeline.info().segmentation_width;
  cv::Mat rgb = source.rgb.clone(), groups = source.groups;
  random_crop({height, width, height, width, 1.0, options.most_zoom, 0}, random, rgb, groups);
  cv::Mat mask(groups == Groups::kAnomaly);
  mask.setTo(1, mask);
  constexpr uint8_t kKnown = 2;  // in the mask: of a known class, whatever the label beneath
  const auto paste_some = [&](const std::vector<PastedObject>& objects, double shapes, uint8_t value) {
    if (objects.empty() && shapes <= 0) return;
    for (int64_t left = 1 + random.below(options.most_objects); left > 0; --left)
      if (shapes > 0 && random.chance(objects.empty() ? 1 : shapes))
        paste(random_shape(objects, random), options.paste_options, random, rgb, mask, value);
      else
        paste(objects[static_cast<size_t>(random.below(static_cast<int64_t>(objects.size())))],
              options.paste_options, random, rgb, mask, value);
  };
  if (random.chance(options.decoys)) paste_some(cutouts.street, 0, kKnown);
  if (random.chance(options.paste)) paste_some(cutouts.foreign, options.shapes, 1);
  // After pasting: light, blur and noise are then the camera's, of frame and objects alike.
  if (random.chance(options.appearance)) random_appearance(random, rgb);

  const at::Tensor frame = pipeline.frame(rgb);
  FrameTensors out = pipeline.segment(frame);
  out["labels"] = out.at("labels").clone();
  cv::Mat changed = cv::Mat::zeros(height, width, CV_8UC1);
  if (exact && random.chance(options.relabel)) relabel(random, view(out["labels"]), changed);
  pipeline.synthesise(frame, out);

  cv::Mat target = changed.clone();
  target.setTo(1, mask == 1);
  target.setTo(options.void_is_anomaly ? 1 : 255, (groups == Groups::kIgnore) & (mask == 0) & (target == 0));
  return sample_of(pipeline, frame, out, target);
}

DissimilaritySample make_ordinary(const Pipeline& pipeline, const cv::Mat& rgb) {
  const at::Tensor frame = pipeline.frame(rgb);
  FrameTensors out = pipeline.segment(frame);
  pipeline.synthesise(frame, out);
  return sample_of(
      pipeline, frame, out,
      cv::Mat::zeros(pipeline.info().segmentation_height, pipeline.info().segmentation_width, CV_8UC1));
}

}  // namespace anomaly::train

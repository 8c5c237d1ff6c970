// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/composites.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "src/error.h"
#include "src/train/augment.h"

namespace anomaly::train {

namespace {

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
    const uint8_t other = static_cast<uint8_t>((id + 1 + random.below(18)) % 19);
    labels.setTo(other, segment);
    changed.setTo(1, segment);
    ++done;
  }
}

}  // namespace

CompositeOptions CompositeOptions::from_json(const Json& stage) {
  CompositeOptions options;
  options.paste = stage.number_or("paste", options.paste);
  options.relabel = stage.number_or("relabel", options.relabel);
  options.most_objects = stage.int_or("most_objects", options.most_objects);
  if (const Json* value = stage.find("void_is_anomaly")) options.void_is_anomaly = value->as_bool();
  options.paste_options.height_low = stage.number_or("object_height_low", options.paste_options.height_low);
  options.paste_options.height_high =
      stage.number_or("object_height_high", options.paste_options.height_high);
  options.paste_options.top = stage.number_or("object_top", options.paste_options.top);
  if (options.most_objects < 1 || !(options.paste_options.height_low >= 4) ||
      !(options.paste_options.height_high >= options.paste_options.height_low))
    throw Error(ErrorKind::BadSettings,
                "most_objects must be above 0, object heights at least 4 and in order");
  return options;
}

DissimilaritySample make_sample(const Session& session, const Pipeline& pipeline,
                                const std::vector<PastedObject>& objects, const CompositeOptions& options,
                                uint64_t stream, int64_t index) {
  Random random({session.config.seed, stream, static_cast<uint64_t>(index)});
  const Frame& source = draw_frame(session.datasets, false, random);
  const bool exact =
      std::any_of(session.datasets.begin(), session.datasets.end(), [&](const Dataset& dataset) {
        return dataset.config.exact_geometry && &source >= dataset.training.data() &&
               &source < dataset.training.data() + dataset.training.size();
      });
  const int height = pipeline.info().segmentation_height, width = pipeline.info().segmentation_width;
  cv::Mat rgb = source.rgb.clone(), groups = source.groups;
  random_crop({height, width, height, width, 1.0, 1.5, 0}, random, rgb, groups);
  cv::Mat mask = cv::Mat::zeros(height, width, CV_8UC1);
  if (random.chance(options.paste)) {
    const int64_t count = 1 + random.below(options.most_objects);
    for (int64_t i = 0; i < count; ++i)
      paste(objects[static_cast<size_t>(random.below(static_cast<int64_t>(objects.size())))],
            options.paste_options, random, rgb, mask);
  }
  // After pasting: light, blur and noise are then the camera's, of frame and objects alike.
  if (random.chance(0.7)) random_appearance(random, rgb);

  const at::Tensor frame = pipeline.frame(rgb);
  FrameTensors out = pipeline.segment(frame);
  out["labels"] = out.at("labels").clone();
  cv::Mat changed = cv::Mat::zeros(height, width, CV_8UC1);
  if (exact && random.chance(options.relabel)) relabel(random, view(out["labels"]), changed);
  pipeline.synthesise(frame, out);

  cv::Mat target = mask | changed;
  target.setTo(options.void_is_anomaly ? 1 : 255, (groups == Groups::kIgnore) & (target == 0));
  at::Tensor target_tensor = at::from_blob(target.data, {height, width}, at::kByte).clone();
  DissimilaritySample sample;
  sample.frame = pipeline.at_map_size(frame);
  sample.synthesis = out.at("synthesis");
  sample.labels = pipeline.at_map_size(out.at("labels"));
  sample.maps = at::stack({pipeline.at_map_size(out.at("entropy")), out.at("perceptual"),
                           pipeline.at_map_size(out.at("distance"))});
  sample.target = pipeline.at_map_size(target_tensor);
  return sample;
}

}  // namespace anomaly::train

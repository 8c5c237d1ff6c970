// SPDX-License-Identifier: LGPL-2.1-or-later
// Labelled frames, read once and kept decoded.
#pragma once

#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "src/train/config.h"
#include "src/train/random.h"

namespace anomaly::train {

// All sets of train ids that any label value of the data stands for. Pixels hold an index into it; `ignore()`
// is one past the end. The first 19 groups are the single classes, so that a train id is its own group.
class Groups {
 public:
  Groups();
  uint8_t add(const std::vector<int>& ids);  // the index; an empty list is ignore
  const std::vector<std::vector<int>>& all() const { return groups_; }
  static constexpr uint8_t kIgnore = 255;
  static constexpr uint8_t kAnomaly = 254;   // no group: what does not belong there, where a data set says so
  static constexpr uint8_t kOrdinary = 253;  // no group: of a known class, which is not told

 private:
  std::vector<std::vector<int>> groups_;
};

struct Frame {
  std::string name;
  cv::Mat rgb;     // 8UC3, R G B
  cv::Mat groups;  // 8UC1, a group's index or one of Groups' constants
};

struct Dataset {
  DatasetConfig config;
  std::vector<Frame> training, held_out;
};

// Renders the drives, or reads a folder of pictures with labels of the same stem (.png), or an ordinary drive
// without labels. The last `held_out_share` by name are held out. Throws Error(NotFound or Io) naming the
// folder or file: no pictures, a picture without label, sizes that differ; Error(BadSettings) naming the set
// where all would be held out.
Dataset read_dataset_frames(const std::string& root, const DatasetConfig& config, double held_out_share,
                            Groups& groups);

// 8UC3 in R G B order. Throws Error(Io).
cv::Mat read_rgb(const std::string& path);
std::string stem_of(const std::string& path);

// One of the training frames, a data set drawn by weight first: by its share of the segmentation stage, which
// reads labelled sets only, or by its weight.
const Frame& draw_frame(const std::vector<Dataset>& datasets, bool for_segmentation, Random& random);

}  // namespace anomaly::train

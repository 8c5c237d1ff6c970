// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/frames.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "src/error.h"
#include "src/eval/input.h"
#include "src/scene/scene.h"

namespace anomaly::train {

namespace fs = std::filesystem;

Groups::Groups() {
  for (int id = 0; id < 19; ++id) groups_.push_back({id});
}

uint8_t Groups::add(const std::vector<int>& ids) {
  if (ids.empty()) return kIgnore;
  std::vector<int> sorted = ids;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  const auto found = std::find(groups_.begin(), groups_.end(), sorted);
  const size_t index = static_cast<size_t>(found - groups_.begin());
  if (found == groups_.end()) groups_.push_back(sorted);
  if (index >= kOrdinary)
    throw Error(ErrorKind::BadSettings, "the data sets name more than 252 label groups");
  return static_cast<uint8_t>(index);
}

std::string stem_of(const std::string& path) {
  return fs::path(path).stem().string();
}

cv::Mat read_rgb(const std::string& path) {
  cv::Mat picture = cv::imread(path, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  if (picture.empty()) throw Error(ErrorKind::Io, path + ": cannot be read as a picture");
  cv::cvtColor(picture, picture, cv::COLOR_BGR2RGB);
  return picture;
}

namespace {

// Frames lie seconds apart, so that a drive shows different things. The last drives are held out.
Dataset render_drives(const DatasetConfig& config, double held_out_share) {
  const auto& scenes = config.scenes;
  Dataset dataset;
  dataset.config = config;
  const int64_t held_out = std::lround(static_cast<double>(scenes.drives) * held_out_share);
  constexpr int kApart = 60, kInView = 40;
  const int64_t end = scenes.first_seed + scenes.drives;
  for (int64_t drive = scenes.first_seed; drive < end; ++drive) {
    SceneOptions options;
    options.width = scenes.width;
    options.height = scenes.height;
    options.seed = static_cast<uint64_t>(drive);
    options.anomalies = scenes.anomalies;
    options.anomaly_first = kApart / 2;
    options.anomaly_period = kApart;
    options.anomaly_frames = kInView;
    const auto scene = Scene::create(options);
    for (int64_t i = 0; i < scenes.frames_per_drive; ++i) {
      SceneFrame rendered;
      // Somewhere in the time for which an anomaly is in view, nearer at each frame of a drive.
      scene->render(kApart / 2 + i * kApart + (drive * 7 + i * 13) % kInView, rendered);
      Frame frame;
      frame.name = "drive" + std::to_string(drive) + "-" + std::to_string(i);
      frame.rgb = cv::Mat(scenes.height, scenes.width, CV_8UC3, rendered.rgb.data()).clone();
      frame.groups = cv::Mat(scenes.height, scenes.width, CV_8UC1, rendered.labels.data()).clone();
      frame.groups.setTo(Groups::kAnomaly,
                         cv::Mat(scenes.height, scenes.width, CV_8UC1, rendered.mask.data()));
      (drive < end - held_out ? dataset.training : dataset.held_out).push_back(std::move(frame));
    }
  }
  return dataset;
}

// Consecutive frames of a drive are alike: the held-out ones are its end, not a sample of the whole.
Dataset read_ordinary_drive(const std::string& path, const DatasetConfig& config, double held_out_share) {
  eval::InputOptions options;
  options.path = path;
  const auto input = eval::Input::open(options);
  Dataset dataset;
  dataset.config = config;
  eval::EvalFrame read;
  for (int64_t i = 0; input->next(read); ++i) {
    if (i % config.every != 0) continue;
    Frame frame;
    frame.name = read.name;
    frame.rgb = cv::Mat(read.height, read.width, CV_8UC3, read.rgb.data()).clone();
    frame.groups = cv::Mat(frame.rgb.size(), CV_8UC1, cv::Scalar(Groups::kOrdinary));
    dataset.training.push_back(std::move(frame));
  }
  const auto held_out = std::lround(static_cast<double>(dataset.training.size()) * held_out_share);
  const auto first = dataset.training.end() - held_out;
  dataset.held_out.assign(std::make_move_iterator(first), std::make_move_iterator(dataset.training.end()));
  dataset.training.erase(first, dataset.training.end());
  return dataset;
}

// The label map of a picture of `size`; table: a group index per label value.
cv::Mat read_groups(const std::string& path, cv::Size size, const std::array<uint8_t, 256>& table) {
  const cv::Mat labels = cv::imread(path, cv::IMREAD_UNCHANGED);
  if (labels.empty() || labels.type() != CV_8UC1)
    throw Error(ErrorKind::Io, path + ": cannot be read as an 8-bit label map");
  if (labels.size() != size) throw Error(ErrorKind::Io, path + ": its size differs from its picture's");
  cv::Mat groups;
  cv::LUT(labels, cv::Mat(1, 256, CV_8U, const_cast<uint8_t*>(table.data())), groups);
  return groups;
}

Dataset read_labelled(const std::string& root, const DatasetConfig& config, double held_out_share,
                      Groups& groups) {
  std::array<uint8_t, 256> table;
  table.fill(Groups::kIgnore);
  for (size_t value = 0; value < config.groups.size(); ++value)
    table[value] = groups.add(config.groups[value]);

  Dataset dataset;
  dataset.config = config;
  const auto pictures = eval::list_picture_files(root + "/" + config.images);
  const auto kept = pictures.size() -
                    static_cast<size_t>(std::lround(static_cast<double>(pictures.size()) * held_out_share));
  for (size_t i = 0; i < pictures.size(); ++i) {
    Frame frame;
    frame.name = stem_of(pictures[i]);
    frame.rgb = read_rgb(pictures[i]);
    frame.groups =
        read_groups(root + "/" + config.labels + "/" + frame.name + ".png", frame.rgb.size(), table);
    (i < kept ? dataset.training : dataset.held_out).push_back(std::move(frame));
  }
  return dataset;
}

}  // namespace

Dataset read_dataset_frames(const std::string& root, const DatasetConfig& config, double held_out_share,
                            Groups& groups) {
  const double share = config.held_out_share.value_or(held_out_share);
  Dataset dataset = config.scenes.drives > 0 ? render_drives(config, share)
                    : config.labelled()      ? read_labelled(root, config, share, groups)
                                             : read_ordinary_drive(root + "/" + config.images, config, share);
  if (dataset.training.empty())
    throw Error(
        ErrorKind::BadSettings,
        "data set " + config.name + ": all of its " + std::to_string(dataset.held_out.size()) +
            " frames are held out, none is left to train on; lower its held_out_share, or add frames");
  return dataset;
}

const Frame& draw_frame(const std::vector<Dataset>& datasets, bool for_segmentation, Random& random) {
  const auto share = [&](const Dataset& dataset) {
    return for_segmentation ? dataset.config.segmentation_share() : dataset.config.weight;
  };
  double total = 0;
  for (const Dataset& dataset : datasets) total += share(dataset);
  double chosen = random.uniform() * total;
  const Dataset* last = nullptr;
  for (const Dataset& dataset : datasets) {
    if (share(dataset) <= 0) continue;
    last = &dataset;
    if ((chosen -= share(dataset)) < 0) break;
  }
  if (!last || last->training.empty())
    throw Error(ErrorKind::BadSettings, "no data set of the configuration has frames to train this stage on");
  return last->training[static_cast<size_t>(random.below(static_cast<int64_t>(last->training.size())))];
}

}  // namespace anomaly::train

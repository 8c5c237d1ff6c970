// SPDX-License-Identifier: LGPL-2.1-or-later
// Data to train on in a second: drawn streets with labels, and pictures with one foreign thing each.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

#include "src/train/session.h"

namespace anomaly::train {

inline constexpr const char* kConfig = R"({
  "name": "tiny", "seed": 3, "segmentation_size": [32, 64], "map_size": [32, 64], "held_out_share": 0.34,
  "datasets": { "drawn": { "images": "images", "labels": "labels", "exact_geometry": true,
    "groups": [[0], [10], [2, 8], []] }, "drive": { "images": "images", "weight": 0.3, "held_out_share": 0.5 } },
  "objects": { "images": "objects", "panoptic": "panoptic", "json": "panoptic.json", "held_out": 1 },
  "test": { "images": "images", "labels": "labels", "groups": [[0], [10], [2, 8], []] },
  "networks": {
    "segmentation": { "type": "compact-segmentation", "widths": [4, 4, 8, 8, 8], "blocks": [1, 1, 1], "decoder": 8, "head": 4 },
    "encoder": { "type": "compact-encoder", "widths": [4, 4, 4, 4], "latent": 3 },
    "generator": { "type": "compact-generator", "widths": [4, 4, 4, 4], "latent": 3 },
    "perceptual": { "type": "compact-perceptual", "widths": [4, 4, 8], "blocks": 1, "level_weights": [1, 1, 1] },
    "dissimilarity": { "type": "compact-dissimilarity", "uncertainty": true, "image": [4, 4, 4, 4],
      "semantic": [2, 2, 2, 2], "fused": [4, 4, 4, 4], "decoder": [4, 4, 4, 4], "spade_hidden": 2 },
    "baseline": { "type": "compact-dissimilarity", "uncertainty": false, "image": [4, 4, 4, 4],
      "semantic": [2, 2, 2, 2], "fused": [4, 4, 4, 4], "decoder": [4, 4, 4, 4], "spade_hidden": 2 } },
  "stages": {
    "segmentation": { "steps": 6, "batch": 2, "crop_height": 32, "crop_width": 64, "checkpoint_every": 3 },
    "synthesis": { "steps": 4, "batch": 2, "checkpoint_every": 2, "adversarial_weight": 0.1, "matching_weight": 1,
      "adversarial_from": 0.25, "discriminator_width": 4 },
    "dissimilarity": { "steps": 8, "batch": 2, "samples": 4, "validation_samples": 2, "paste": 1,
      "schedule": "plateau", "patience": 1, "hard_negatives": 2, "checkpoint_every": 6 },
    "baseline": { "steps": 2, "batch": 2, "samples": 4, "validation_samples": 2 },
    "ensemble": { "samples": 3, "false_positive_rate": 0.01 } },
  "license": "for tests" })";

// What the stages print is no TAP: it goes to standard error while one of these lives.
struct Aside {
  int kept = (std::fflush(stdout), dup(STDOUT_FILENO));
  Aside() { dup2(STDERR_FILENO, STDOUT_FILENO); }
  ~Aside() {
    std::fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
  }
};

// Road below, sky above, a block of building; a picture with one square "object".
struct DrawnData {
  std::string folder =
      (std::filesystem::temp_directory_path() / ("train-stages-" + std::to_string(getpid()))).string();
  DrawnData() {
    for (const char* name : {"images", "labels", "objects", "panoptic"})
      std::filesystem::create_directories(folder + "/" + name);
    cv::RNG random(5);
    for (int i = 0; i < 6; ++i) {
      cv::Mat picture(48, 80, CV_8UC3, cv::Scalar(200, 160, 120)), labels(48, 80, CV_8UC1, cv::Scalar(1));
      const cv::Rect road(0, 24, 80, 24), building(10 * i, 8, 20, 20);
      picture(building) = cv::Scalar(60, 80, 160);
      labels(building) = 2;
      picture(road) = cv::Scalar(90, 90, 90);
      labels(road) = 0;
      labels(cv::Rect(0, 0, 4, 4)) = 3;
      cv::Mat noise(picture.size(), CV_8UC3);
      random.fill(noise, cv::RNG::UNIFORM, 0, 30);
      picture += noise;
      cv::imwrite(folder + "/images/" + std::to_string(i) + ".png", picture);
      cv::imwrite(folder + "/labels/" + std::to_string(i) + ".png", labels);
    }
    for (int i = 0; i < 2; ++i) {
      cv::Mat picture(60, 60, CV_8UC3, cv::Scalar(20, 200, 240)), map = cv::Mat::zeros(60, 60, CV_8UC3);
      map(cv::Rect(10, 10, 40, 40)) = cv::Scalar(0, 0, 7);  // B G R: the segment's id is 7
      cv::imwrite(folder + "/objects/" + std::to_string(i) + ".jpg", picture);
      cv::imwrite(folder + "/panoptic/" + std::to_string(i) + ".png", map);
    }
    std::ofstream(folder + "/panoptic.json") << R"({"annotations":[
      {"file_name":"0.png","segments_info":[{"id":7,"category_id":1,"iscrowd":0}]},
      {"file_name":"1.png","segments_info":[{"id":7,"category_id":1,"iscrowd":0}]}],
      "categories":[{"id":1,"isthing":1,"name":"toaster"}]})";
    std::ofstream(folder + "/config.json") << kConfig;
  }
  ~DrawnData() { std::filesystem::remove_all(folder); }

  Session session(const std::string& work, int64_t stop_after = 0) const {
    Session session;
    session.config = Config::read(folder + "/config.json");
    session.data = folder;
    session.work = folder + "/" + work;
    session.stop_after = stop_after;
    std::filesystem::create_directories(session.work);
    for (const auto& dataset : session.config.datasets)
      session.datasets.push_back(
          read_dataset_frames(session.data, dataset, session.config.held_out_share, session.groups));
    return session;
  }
};

}  // namespace anomaly::train

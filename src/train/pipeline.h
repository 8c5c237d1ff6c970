// SPDX-License-Identifier: LGPL-2.1-or-later
// The framework's own steps, one by one, so that training can change what passes between them.
#pragma once

#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "src/framework/framework.h"
#include "src/framework/steps.h"
#include "src/networks/network.h"

namespace anomaly::train {

class Pipeline {
 public:
  // Loads every network that the bundle has.
  explicit Pipeline(const std::string& bundle_path);
  const BundleInfo& info() const { return bundle_->info(); }
  bool has(const std::string& network) const { return bundle_->has(network); }

  // The frame as the framework takes it: H x W x 3 uint8 at segmentation size, Pillow's bicubic.
  at::Tensor frame(const cv::Mat& rgb) const;
  FrameTensors segment(const at::Tensor& frame) const;  // labels, entropy, distance
  void synthesise(const at::Tensor& frame,
                  FrameTensors& out) const;  // from out["labels"]: synthesis, perceptual
  void compare(const at::Tensor& frame,
               FrameTensors& out) const;  // dissimilarity, and baseline where present
  at::Tensor segmentation_logits(const at::Tensor& image) const { return segmentation_->logits(image); }

  // uint8 at map size, nearest at pixel centres: h x w or h x w x 3.
  at::Tensor at_map_size(const at::Tensor& bytes) const;

 private:
  std::shared_ptr<const Bundle> bundle_;
  Settings settings_;
  std::shared_ptr<SegmentationNetwork> segmentation_;
  std::shared_ptr<LatentEncoder> encoder_;
  std::shared_ptr<GeneratorNetwork> generator_;
  std::shared_ptr<PerceptualNetwork> perceptual_;
  std::shared_ptr<DissimilarityNetwork> dissimilarity_, baseline_;
};

}  // namespace anomaly::train

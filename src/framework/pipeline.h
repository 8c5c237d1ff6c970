// SPDX-License-Identifier: LGPL-2.1-or-later
// The framework's steps one by one, for programs that change what passes between them or time it: training
// and evaluation. Frames that only need a map go through Framework.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "src/framework/framework.h"
#include "src/framework/settings.h"
#include "src/framework/stream_state.h"
#include "src/networks/network.h"

namespace anomaly {

class Pipeline {
 public:
  // Loads every network that the bundle has, on the CPU; with `only`, those of them. settings.method plays no
  // part. A step whose network is not loaded must not be called. trunk: of the segmentation.
  explicit Pipeline(const std::string& bundle_path, const Settings& settings = {},
                    TrunkPrecision trunk = TrunkPrecision::Same);
  explicit Pipeline(std::shared_ptr<const Bundle> bundle, const Settings& settings = {},
                    const std::set<std::string>& only = {}, TrunkPrecision trunk = TrunkPrecision::Same);
  const BundleInfo& info() const { return bundle_->info(); }
  const Settings& settings() const { return settings_; }
  bool has(const std::string& network) const { return bundle_->has(network); }
  // Lets go of the networks' memory: from here on no step may be called.
  void unload();

  // The frame as the framework takes it: H x W x 3 uint8 at segmentation size, Pillow's bicubic. rgb: height
  // x width x 3.
  at::Tensor frame(const uint8_t* rgb, int width, int height) const;

  // Each adds to `out` what the golden cases call by these names. stream: for Normalization::Temporal, after
  // its begin_frame().
  FrameTensors segment(const at::Tensor& frame,
                       StreamState* stream = nullptr) const;            // labels, entropy, distance
  void resynthesise(const at::Tensor& frame, FrameTensors& out) const;  // from labels: synthesis
  void compare_features(const at::Tensor& frame, FrameTensors& out,
                        StreamState* stream = nullptr) const;                 // perceptual, perceptual_raw
  void find_dissimilarity(const at::Tensor& frame, FrameTensors& out) const;  // dissimilarity
  void find_baseline(const at::Tensor& frame, FrameTensors& out) const;       // baseline_dissimilarity
  // The method's score from the steps that it needs: map_height x map_width float32.
  at::Tensor score(Method method, FrameTensors out) const;

  // resynthesise and compare_features; find_dissimilarity and find_baseline, where the bundle has them.
  void synthesise(const at::Tensor& frame, FrameTensors& out) const;
  void compare(const at::Tensor& frame, FrameTensors& out) const;

  // image: 1 x 3 x H x W, normalised.
  at::Tensor segmentation_logits(const at::Tensor& image) const { return segmentation_->logits(image); }
  bool logits_align_corners() const { return segmentation_->align_corners(); }
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

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// What the framework needs of its networks, whatever their width. All tensors NCHW in meaning; channels-last
// in memory. A network is built in its plain form (for training) or, with load_*, in its folded form (for
// inference).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "src/bundle/bundle.h"

namespace anomaly {

class SegmentationNetwork {
 public:
  virtual ~SegmentationNetwork() = default;
  // image: N x 3 x H x W, normalised. Returns logits at decoder resolution, N x classes x h x w (upsample
  // with bilinear to H x W).
  virtual at::Tensor logits(const at::Tensor& image) = 0;
  // How the logits lie on the image, as upsample_bilinear2d's: by their corner pixels, as the published ones
  // do, or by areas.
  virtual bool align_corners() const { return true; }
  // How many of its convolutions multiply 8-bit numbers (Compute::fp8_trunk).
  virtual int64_t fp8_layers() const { return 0; }
};

class LatentEncoder {
 public:
  virtual ~LatentEncoder() = default;
  // image: N x 3 x map_height x map_width in [-1, 1]. Returns {mean, log variance}, each N x Z.
  virtual std::pair<at::Tensor, at::Tensor> encode(const at::Tensor& image) = 0;
};

class GeneratorNetwork {
 public:
  virtual ~GeneratorNetwork() = default;
  // labels: N x h x w uint8 Cityscapes label ids (0..34) at map size; z: N x Z (see latent_size()).
  // Builds one-hot + edge channel itself. Returns N x 3 x h x w in [-1, 1].
  virtual at::Tensor synthesise(const at::Tensor& labels, const at::Tensor& z) = 0;
  virtual int64_t latent_size() const = 0;
};

class PerceptualNetwork {
 public:
  virtual ~PerceptualNetwork() = default;
  // image: N x 3 x h x w, normalised. Returns the feature maps of the levels, finest first, and the default
  // weight of each.
  virtual std::vector<at::Tensor> features(const at::Tensor& image) = 0;
  virtual std::vector<double> level_weights() const = 0;
};

class DissimilarityNetwork {
 public:
  virtual ~DissimilarityNetwork() = default;
  virtual bool uses_uncertainty() const = 0;  // false: the baseline network, `maps` is ignored
  // frame, synthesis: N x 3 x h x w, normalised. labels: N x h x w uint8 train ids. maps: N x 3 x h x w,
  // entropy, perceptual, distance, each the 8-bit map / 255. Returns logits, N x 2 x h x w; softmax channel 1
  // is the dissimilarity.
  virtual at::Tensor logits(const at::Tensor& frame, const at::Tensor& synthesis, const at::Tensor& labels,
                            const at::Tensor& maps) = 0;
};

// Builds network `name` ("segmentation", "encoder", "generator", "perceptual", "dissimilarity", "baseline")
// of a bundle for inference where current_compute() says, channels last: it is run in a scope of the same
// Compute, which decides device and type of its inputs and outputs. Every tensor of the architecture is
// present with its shape and type, none is surplus; batch norms folded, spectral norms applied, half weights
// widened. Throws Error(BadBundle) naming file and tensor, Error(BadSettings) where the bundle does not have
// the network; load_segmentation() also where 8-bit products are asked for (Compute::fp8_trunk) and none of
// the trunk's convolutions can have them. `in` is the network's share of the architecture object.
std::shared_ptr<SegmentationNetwork> load_segmentation(const Bundle& bundle);
std::shared_ptr<LatentEncoder> load_encoder(const Bundle& bundle);
std::shared_ptr<GeneratorNetwork> load_generator(const Bundle& bundle);
std::shared_ptr<PerceptualNetwork> load_perceptual(const Bundle& bundle);
std::shared_ptr<DissimilarityNetwork> load_dissimilarity(const Bundle& bundle, const std::string& name);

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// Networks of the published architectures at a sixteenth of their width, with repeatable weights, and a
// bundle of them.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "src/bundle/bundle.h"
#include "src/networks/tensor_source.h"

namespace torch::nn {
class Module;  // its header takes 10 s to read
}

namespace fixture {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Hands out any tensor that is asked for: values that depend on the key alone, spread so that activations
// neither vanish nor explode. Remembers what it gave.
class RandomSource : public anomaly::WeightSource {
 public:
  at::Tensor take(const std::string& key, at::IntArrayRef shape) override;
  const NamedTensors& taken() const { return taken_; }

 private:
  NamedTensors taken_;
};

// Loads the module from a RandomSource and appends what it took, as `<network>.<key>`.
void add_tensors(NamedTensors& all, const std::string& network, torch::nn::Module& module);

inline constexpr int kFeatures = 4, kMapHeight = 64, kMapWidth = 128, kLatent = 8;

// The published networks are 64 features wide, with a latent vector of 256 and maps of 256 x 512.
struct PublishedSizes {
  int features = kFeatures, latent = kLatent, map_height = kMapHeight, map_width = kMapWidth;
};

// A description of a bundle of the five networks and the baseline, segmentation at map size.
anomaly::BundleInfo published_info(const PublishedSizes& sizes);
// All their tensors, as `<network>.<key>`.
NamedTensors published_tensors(const PublishedSizes& sizes);
// The same at a sixteenth of the width. The tensors are made once: replace one, do not write into it.
anomaly::BundleInfo tiny_info();
NamedTensors tiny_tensors();

void write_bundle(const std::string& path, const anomaly::BundleInfo& info, const NamedTensors& tensors);

// Writes a bundle into a temporary file, which goes with the object.
class BundleFile {
 public:
  BundleFile(const anomaly::BundleInfo& info, const NamedTensors& tensors);
  BundleFile(const BundleFile&) = delete;
  ~BundleFile();
  const std::string& path() const { return path_; }
  std::shared_ptr<const anomaly::Bundle> open() const { return anomaly::Bundle::open(path_); }

 private:
  std::string path_;
};

// N x height x width x 3 uint8: smooth shapes and noise, another picture for every seed.
at::Tensor pictures(int64_t count, int64_t height, int64_t width, uint64_t seed = 1);

// ||a - b|| / ||b||, in double.
double relative_error(const at::Tensor& a, const at::Tensor& b);

}  // namespace fixture

// SPDX-License-Identifier: LGPL-2.1-or-later
// Floating-point operations of networks, counted from the shapes that their convolutions and matrix products
// run with: two for a multiply and an add. What stands between them is not counted.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include "src/bundle/bundle.h"
#include "src/framework/network_set.h"
#include "tests/engine/networks_fixture.h"

namespace flops {

// Counts what the calling thread computes while this lives; one at a time.
class Counter {
 public:
  Counter();
  ~Counter();
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  double count() const;

 private:
  at::CallbackHandle handle_;
};

// Operations of each network for one frame: segmentation, encoder, generator, perceptual (frame and
// synthesis), dissimilarity.
using Costs = std::vector<std::pair<std::string, double>>;
double sum_of(const Costs& costs);

// Runs the networks of the set once, on zeros where `like` says (under its ComputeScope).
Costs count(const anomaly::NetworkSet& networks, const anomaly::BundleInfo& info, int64_t height,
            int64_t width, const at::TensorOptions& like);

// The published networks at those sizes, segmentation at height x width, without memory or arithmetic: on
// LibTorch's meta device.
Costs count_published(const fixture::PublishedSizes& sizes, int64_t height, int64_t width);

}  // namespace flops

// SPDX-License-Identifier: LGPL-2.1-or-later
// Where a network's parameters come from: named tensors, each checked for its presence, shape and type.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "src/bundle/bundle.h"

namespace anomaly {

// Hands out the tensors of one network by the published key ("mod2.block1.convs.conv1.weight").
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  // The tensor of `key`: float32, contiguous, on the CPU, in memory of its own. Throws Error(BadBundle)
  // naming the place and the tensor where it is missing or has another shape or type.
  virtual at::Tensor take(const std::string& key, at::IntArrayRef shape) = 0;
};

// The tensors `<network>.<key>` of a bundle. Half weights (F16, BF16) are widened; integers and doubles are
// refused.
class TensorSource : public WeightSource {
 public:
  TensorSource(const Bundle& bundle, std::string network);
  // The network's share of the architecture object, {"type": ..., ...}. Throws Error(BadSettings) where the
  // bundle does not have the network.
  const Json& architecture() const;
  // An integer member of the architecture within [min, max]; `fallback` where it is absent.
  int64_t integer(const std::string& member, int64_t fallback, int64_t min, int64_t max) const;
  at::Tensor take(const std::string& key, at::IntArrayRef shape) override;
  // Call last: throws Error(BadBundle) naming the first tensor of this network that nothing took.
  void finish();

 private:
  const Bundle& bundle_;
  std::string network_;
  std::set<std::string> left_;
};

// Throws Error(BadBundle) naming the first tensor that belongs to no network of the bundle's architecture.
void check_no_strays(const Bundle& bundle);

}  // namespace anomaly

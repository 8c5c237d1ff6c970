// SPDX-License-Identifier: LGPL-2.1-or-later
// The framework's arithmetic on tensors: what is not a network. One frame at a time; pictures are h x w x 3
// uint8 RGB, maps h x w. On the CPU these call the kernels.
#pragma once

#include <array>
#include <vector>

#include <ATen/core/Tensor.h>

#include "kernels/normalize.h"
#include "src/framework/map_memory.h"

namespace anomaly::ops {

// (rgb / 255 - mean) / deviation: 1 x 3 x h x w, channels last.
at::Tensor normalised(const at::Tensor& rgb, const std::array<float, 3>& mean,
                      const std::array<float, 3>& deviation);

// An uninitialised tensor in `memory`, which it keeps; in LibTorch's own where that is null.
at::Tensor empty_in(MapMemory* memory, at::IntArrayRef shape, at::ScalarType type);
// A contiguous copy in `memory`; `tensor` itself where that is null and it is contiguous.
at::Tensor placed_in(MapMemory* memory, const at::Tensor& tensor);

at::Tensor resize_bicubic(const at::Tensor& rgb, int64_t height,
                          int64_t width);  // Pillow's, 8 bits between the passes
at::Tensor resize_nearest(const at::Tensor& bytes, int64_t height,
                          int64_t width);  // at pixel centres; picture or map

struct Uncertainty {
  at::Tensor labels;             // uint8 train ids
  at::Tensor entropy, distance;  // nats; 1 - max p + second max p; undefined where not asked for
};
// logits: 1 x classes x h x w at decoder resolution; maps at height x width. `labels` lie in `memory`.
// align_corners: how the logits lie on the maps.
Uncertainty uncertainty(const at::Tensor& logits, int64_t height, int64_t width, bool entropy, bool distance,
                        MapMemory* memory = nullptr, bool align_corners = true);

enum class Quantisation { Entropy, Distance, Perceptual };  // the forms of kernels/normalize.h
Bounds bounds_of(const at::Tensor& map);
at::Tensor quantised(const at::Tensor& map, Quantisation form, Bounds bounds, MapMemory* memory = nullptr);

// ids[labels]; a label beyond the table becomes 0 (unlabelled).
at::Tensor mapped_labels(const at::Tensor& labels, const std::vector<uint8_t>& ids);

// 1 x 3 x h x w in [-1, 1] -> h x w x 3: trunc((y + 1) / 2 * 255).
at::Tensor to_picture(const at::Tensor& image, MapMemory* memory = nullptr);

// Sum over the levels of weight * (mean over channels of |a - b|), upsampled bicubic to height x width. a, b:
// 1 x C x h x w.
at::Tensor perceptual_difference(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b,
                                 const std::vector<double>& weights, int64_t height, int64_t width);

}  // namespace anomaly::ops

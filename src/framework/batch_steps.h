// SPDX-License-Identifier: LGPL-2.1-or-later
// The framework's steps for a whole batch on a GPU, in the order and with the names of steps.h: every tensor
// has the batch in front, lies on the device, and nothing waits for the device on the way. What depends on
// sizes and settings alone is made once, by the constructor.
#pragma once

#include <array>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "src/bundle/bundle.h"
#include "src/framework/device_stream.h"
#include "src/framework/network_set.h"
#include "src/framework/settings.h"
#include "src/framework/stream_state.h"

namespace anomaly {

// Per frame what Normalization::Temporal starts from, doubles: for each map of StreamState::Map the bounds so
// far (min, max) and whether there are any (1, 0); then how far bounds move outwards and inwards.
inline constexpr int64_t kStreamNumbers = 3 * 3 + 2;
void write_stream_numbers(const StreamState::Smoothing& from, double* numbers);

class BatchSteps {
 public:
  using Tensors = std::map<std::string, at::Tensor>;

  // `networks`: those that the method needs, loaded for `compute`. `everything`: raw maps and logits, too. In
  // the scope of the stream that run() will be called on.
  BatchSteps(const Compute& compute, const BundleInfo& info, std::shared_ptr<const NetworkSet> networks,
             const Settings& settings, bool everything, int64_t batch, int64_t height, int64_t width);

  // frames: N x height x width x 3 uint8; stream_numbers: N x kStreamNumbers doubles, read where the
  // normalization is temporal. Then `bounds` is among the results, N x 3 x 2 float32: those that the maps
  // were scaled with.
  Tensors run(const at::Tensor& frames, const at::Tensor& stream_numbers) const;

 private:
  // How a kernel writes N x 3 x h x w, as empty_input() makes it.
  AnomalyCudaPixels pixels(const at::Tensor& out, const std::array<float, 3>& mean,
                           const std::array<float, 3>& deviation) const;
  at::Tensor empty_input(int64_t height, int64_t width) const;
  // rgb: N x h x w x 3 bytes; nearest at that size, normalised as the bundle says.
  at::Tensor network_input(const at::Tensor& rgb, int64_t height, int64_t width) const;
  // Nearest at map size; ids[label], or the label where `ids` is empty.
  at::Tensor labels_at_map_size(const at::Tensor& labels, const std::vector<uint8_t>& ids) const;
  AnomalyCudaMap map_of(const Tensors& out, const char* name) const;
  // 8-bit maps / 255 at map size, a channel each.
  at::Tensor stacked(const Tensors& out, std::initializer_list<const char*> names, at::ScalarType type) const;
  // own: N x 2 floats, the maps' own bounds; returns those to scale with.
  at::Tensor bounds(StreamState::Map kind, const at::Tensor& own, const at::Tensor& stream_numbers,
                    Tensors& out) const;
  at::Tensor quantised(const at::Tensor& raw, const at::Tensor& bounds,
                       decltype(AnomalyCudaKernels::quantize_entropy) quantise) const;
  void segment(SegmentationNetwork& network, const at::Tensor& frames, const at::Tensor& stream_numbers,
               Tensors& out) const;
  void synthesise(LatentEncoder& encoder, GeneratorNetwork& generator, const at::Tensor& frames,
                  Tensors& out) const;
  void compare_features(PerceptualNetwork& network, const at::Tensor& stream_numbers, Tensors& out) const;
  void find_dissimilarity(DissimilarityNetwork& network, Tensors& out) const;
  void score(const char* map, Tensors& out) const;

  const Compute compute_;
  const BundleInfo info_;
  const std::shared_ptr<const NetworkSet> networks_;
  const Settings settings_;
  const bool everything_;
  const int64_t batch_, height_, width_;
  std::vector<uint8_t> label_ids_;                // of the train ids
  at::Tensor noise_;                              // of Latent::Draw, one for all frames
  std::array<at::Tensor, 3> fixed_bounds_;        // N x 2 each
  std::unique_ptr<DeviceResampler> to_map_size_;  // of methods that synthesise
};

}  // namespace anomaly

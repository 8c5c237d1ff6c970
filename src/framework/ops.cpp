// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/framework/ops.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "kernels/perceptual.h"
#include "kernels/resize.h"
#include "kernels/uncertainty.h"

namespace anomaly::ops {
namespace {

int size_of(const at::Tensor& t, int64_t dimension) {
  return static_cast<int>(t.size(dimension));
}

at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor per_channel(const std::array<float, 3>& values) {
  return at::tensor({values[0], values[1], values[2]}, at::kFloat);
}

}  // namespace

at::Tensor normalised(const at::Tensor& rgb, const std::array<float, 3>& mean,
                      const std::array<float, 3>& deviation) {
  // Divisions, not products with reciprocals: the published order of operations, rounded alike.
  return rgb.to(at::kFloat)
      .div_(255)
      .sub_(per_channel(mean))
      .div_(per_channel(deviation))
      .unsqueeze(0)
      .permute({0, 3, 1, 2});
}

at::Tensor empty_in(MapMemory* memory, at::IntArrayRef shape, at::ScalarType type) {
  if (!memory) return at::empty(shape, type);
  size_t bytes = c10::elementSize(type);
  for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
  std::shared_ptr<void> block = memory->take(bytes);
  return at::from_blob(
      block.get(), shape, [block](void*) {}, at::TensorOptions(type));
}

at::Tensor placed_in(MapMemory* memory, const at::Tensor& tensor) {
  if (!memory) return tensor.contiguous();
  at::Tensor out = empty_in(memory, tensor.sizes(), tensor.scalar_type());
  out.copy_(tensor);
  return out;
}

at::Tensor resize_bicubic(const at::Tensor& rgb, int64_t height, int64_t width) {
  at::Tensor in = rgb.contiguous();
  if (in.size(0) == height && in.size(1) == width) return in;
  at::Tensor out = at::empty({height, width, 3}, at::kByte);
  resize_bicubic_rgb8(in.const_data_ptr<uint8_t>(), size_of(in, 1), size_of(in, 0),
                      out.mutable_data_ptr<uint8_t>(), static_cast<int>(width), static_cast<int>(height));
  return out;
}

at::Tensor resize_nearest(const at::Tensor& bytes, int64_t height, int64_t width) {
  at::Tensor in = bytes.contiguous();
  if (in.size(0) == height && in.size(1) == width) return in;
  const int channels = in.dim() == 3 ? size_of(in, 2) : 1;
  std::vector<int64_t> shape = in.sizes().vec();
  shape[0] = height;
  shape[1] = width;
  at::Tensor out = at::empty(shape, at::kByte);
  resize_nearest_u8(in.const_data_ptr<uint8_t>(), size_of(in, 1), size_of(in, 0), channels,
                    out.mutable_data_ptr<uint8_t>(), static_cast<int>(width), static_cast<int>(height));
  return out;
}

Uncertainty uncertainty(const at::Tensor& logits, int64_t height, int64_t width, bool entropy, bool distance,
                        MapMemory* memory, bool align_corners) {
  const at::Tensor in = channels_last(logits);
  Uncertainty out;
  out.labels = empty_in(memory, {height, width}, at::kByte);
  if (entropy) out.entropy = at::empty({height, width}, at::kFloat);
  if (distance) out.distance = at::empty({height, width}, at::kFloat);
  uncertainty_maps(in.const_data_ptr<float>(), size_of(in, 1), size_of(in, 3), size_of(in, 2),
                   static_cast<int>(width), static_cast<int>(height), out.labels.mutable_data_ptr<uint8_t>(),
                   entropy ? out.entropy.mutable_data_ptr<float>() : nullptr,
                   distance ? out.distance.mutable_data_ptr<float>() : nullptr, nullptr, align_corners);
  return out;
}

Bounds bounds_of(const at::Tensor& map) {
  const at::Tensor in = map.contiguous();
  return map_bounds(in.const_data_ptr<float>(), in.numel());
}

at::Tensor quantised(const at::Tensor& map, Quantisation form, Bounds bounds, MapMemory* memory) {
  const at::Tensor in = map.contiguous();
  const auto* values = in.const_data_ptr<float>();
  at::Tensor out = empty_in(memory, in.sizes(), at::kByte);
  auto* bytes = out.mutable_data_ptr<uint8_t>();
  switch (form) {
    case Quantisation::Entropy:
      quantize_entropy(values, in.numel(), bounds, bytes);
      break;
    case Quantisation::Distance:
      quantize_distance(values, in.numel(), bounds, bytes);
      break;
    case Quantisation::Perceptual:
      quantize_perceptual(values, in.numel(), bounds, bytes);
      break;
  }
  return out;
}

at::Tensor mapped_labels(const at::Tensor& labels, const std::vector<uint8_t>& ids) {
  const at::Tensor in = labels.contiguous();
  at::Tensor out = at::empty_like(in);
  const auto* from = in.const_data_ptr<uint8_t>();
  auto* to = out.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < in.numel(); ++i) to[i] = from[i] < ids.size() ? ids[from[i]] : uint8_t{0};
  return out;
}

at::Tensor to_picture(const at::Tensor& image, MapMemory* memory) {
  return placed_in(memory, image[0].permute({1, 2, 0}).add(1).div_(2).mul_(255).clamp_(0, 255).to(at::kByte));
}

at::Tensor perceptual_difference(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b,
                                 const std::vector<double>& weights, int64_t height, int64_t width) {
  at::Tensor sum = at::zeros({height, width}, at::kFloat);
  for (size_t level = 0; level < a.size(); ++level) {
    const at::Tensor x = channels_last(a[level]), y = channels_last(b[level]);
    at::Tensor difference = at::empty({x.size(2), x.size(3)}, at::kFloat);
    channel_difference(x.const_data_ptr<float>(), y.const_data_ptr<float>(), size_of(x, 2), size_of(x, 3),
                       size_of(x, 1), false, difference.mutable_data_ptr<float>());
    accumulate_upsampled_bicubic(difference.const_data_ptr<float>(), size_of(x, 3), size_of(x, 2),
                                 static_cast<float>(weights[level]), sum.mutable_data_ptr<float>(),
                                 static_cast<int>(width), static_cast<int>(height));
  }
  return sum;
}

}  // namespace anomaly::ops

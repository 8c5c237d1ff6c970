// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/predicted_depthwise.h"

#include <algorithm>

#include <ATen/ops/empty_like.h>

#include "kernels/depthwise_math.h"
#include "src/networks/compute.h"
#include "src/networks/pixelwise_depthwise_op.h"

namespace anomaly {
namespace {

constexpr int64_t kPartBytes = 320 << 20;
constexpr int64_t kMinPart = 16;  // channels; narrower convolutions leave the vector units idle

}  // namespace

KernelPrediction::KernelPrediction(int64_t in, int64_t channels, int64_t pixels)
    : Conv(ConvOptions{.in = in, .out = kTaps * channels}), channels_(channels) {
  const int64_t fitting =
      kPartBytes / (pixels * kTaps * static_cast<int64_t>(c10::elementSize(current_compute().type)));
  part_ = std::clamp(fitting / kMinPart * kMinPart, kMinPart, std::max(kMinPart, channels));
}

void KernelPrediction::freeze() {
  if (frozen_) return;
  const auto [weight, bias] = folded_parameters();
  for (int64_t first = 0; first < channels_; first += part_) {
    const int64_t count = std::min(part_, channels_ - first);
    const auto arranged = [&](const at::Tensor& all) {
      return all.narrow(0, kTaps * first, kTaps * count)
          .unflatten(0, {count, kTaps})
          .transpose(0, 1)
          .flatten(0, 1);
    };
    parts_.emplace_back(arranged(weight), arranged(bias), geometry(), Activation::None);
  }
  frozen_ = true;
  release_parameters();
}

at::Tensor KernelPrediction::apply(const at::Tensor& x, const at::Tensor& features) {
  if (!frozen_) return pixelwise_depthwise(x, taps_outermost(forward(features)));
  if (parts_.size() == 1) return pixelwise_depthwise(x, parts_.front()(features));
  at::Tensor out = at::empty_like(x, x.options(), at::MemoryFormat::ChannelsLast);
  for (size_t i = 0; i < parts_.size(); ++i) {
    const int64_t first = static_cast<int64_t>(i) * part_, count = std::min(part_, channels_ - first);
    out.narrow(1, first, count).copy_(pixelwise_depthwise(x.narrow(1, first, count), parts_[i](features)));
  }
  return out;
}

PredictedDepthwise::PredictedDepthwise(int64_t map_channels, int64_t hidden, int64_t channels,
                                       int64_t pixels) {
  hidden_ = add<Conv>(*this, "0", ConvOptions{.in = map_channels, .out = hidden}, Activation::ReLU);
  prediction_ = add<KernelPrediction>(*this, "2", hidden, channels, pixels);
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/network_setup.h"

#include <ATen/Context.h>
#include <torch/nn/module.h>

namespace anomaly::train {

void seed_weights(uint64_t seed) {
  at::manual_seed(seed);
}

void to_channels_last(torch::nn::Module& network) {
  const at::NoGradGuard no_grad;
  for (at::Tensor& parameter : network.parameters())
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
}

}  // namespace anomaly::train

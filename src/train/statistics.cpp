// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/statistics.h"

#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/batchnorm.h>

#include <optional>

namespace anomaly::train {

void measure_statistics(torch::nn::Module& network, int64_t batches,
                        const std::function<void(int64_t)>& forward) {
  const at::NoGradGuard no_grad;
  for (const auto& module : network.modules())
    if (auto* norm = module->as<torch::nn::BatchNorm2d>()) {
      norm->reset_running_stats();
      norm->options.momentum(std::nullopt);  // each batch counts alike
    }
  network.train();
  for (int64_t i = 0; i < batches; ++i) forward(i);
  network.eval();
}

}  // namespace anomaly::train

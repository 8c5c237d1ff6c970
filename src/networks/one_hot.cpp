// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/one_hot.h"

#include <ATen/ops/zeros.h>

namespace anomaly {

at::Tensor one_hot(const at::Tensor& ids, int64_t count, int64_t channels) {
  const at::Tensor flat = ids.contiguous();
  at::Tensor out = at::zeros({flat.size(0), flat.size(1), flat.size(2), channels}, at::kFloat);
  const auto* from = flat.const_data_ptr<uint8_t>();
  auto* to = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < flat.numel(); ++i)
    if (from[i] < count) to[i * channels + from[i]] = 1.0f;
  return out.permute({0, 3, 1, 2});
}

}  // namespace anomaly

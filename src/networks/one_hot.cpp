// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/one_hot.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include "src/networks/compute.h"
#include "src/networks/device_ops.h"

namespace anomaly {

at::Tensor one_hot(const at::Tensor& ids, int64_t count, int64_t channels) {
  if (current_compute().gpu()) {
    at::Tensor out = device_ops::one_hot(ids, count, false, channels, ids.size(1), ids.size(2));
    if (channels > count) out.narrow(1, count, channels - count).zero_();
    return out;
  }
  const at::Tensor flat = ids.contiguous();
  at::Tensor out =
      at::zeros({flat.size(0), flat.size(1), flat.size(2), channels}, flat.options().dtype(at::kFloat));
  if (flat.is_meta()) return out.permute({0, 3, 1, 2});  // shapes alone
  const auto* from = flat.const_data_ptr<uint8_t>();
  auto* to = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < flat.numel(); ++i)
    if (from[i] < count) to[i * channels + from[i]] = 1.0f;
  return out.permute({0, 3, 1, 2});
}

at::Tensor one_hot_with_edges(const at::Tensor& labels, int64_t count) {
  const int64_t h = labels.size(1), w = labels.size(2);
  if (current_compute().gpu()) return device_ops::one_hot(labels, count, true, count + 1, h, w);
  at::Tensor out = one_hot(labels, count, count + 1);
  at::Tensor edges = at::zeros(labels.sizes(), labels.options().dtype(at::kBool));
  const at::Tensor across = labels.narrow(2, 1, w - 1) != labels.narrow(2, 0, w - 1);
  edges.narrow(2, 1, w - 1).logical_or_(across);
  edges.narrow(2, 0, w - 1).logical_or_(across);
  const at::Tensor down = labels.narrow(1, 1, h - 1) != labels.narrow(1, 0, h - 1);
  edges.narrow(1, 1, h - 1).logical_or_(down);
  edges.narrow(1, 0, h - 1).logical_or_(down);
  out.select(1, count).copy_(edges);
  return out;
}

}  // namespace anomaly

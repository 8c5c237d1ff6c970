// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/one_hot.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "src/networks/compute.h"
#include "src/networks/device_ops.h"
#include "src/networks/label_edges.h"

namespace anomaly {

at::Tensor one_hot_by_operators(const at::Tensor& ids, int64_t count, int64_t channels) {
  const at::Tensor classes = at::arange(count, ids.options());
  at::Tensor out = ids.unsqueeze(-1).eq(classes).to(at::kFloat);
  if (channels > count) {
    const auto& s = ids.sizes();
    out = at::cat({out, at::zeros({s[0], s[1], s[2], channels - count}, out.options())}, 3);
  }
  return out.permute({0, 3, 1, 2});
}

at::Tensor label_edges_by_operators(const at::Tensor& labels) {
  at::Tensor edges = at::zeros_like(labels, labels.options().dtype(at::kBool));
  for (const int64_t axis : {1, 2}) {
    const int64_t length = labels.size(axis) - 1;
    const at::Tensor differ = labels.narrow(axis, 0, length).ne(labels.narrow(axis, 1, length));
    edges.narrow(axis, 0, length).logical_or_(differ);
    edges.narrow(axis, 1, length).logical_or_(differ);
  }
  return edges.to(at::kFloat).unsqueeze(1);
}

at::Tensor one_hot(const at::Tensor& ids, int64_t count, int64_t channels) {
  if (current_compute().gpu()) {
    at::Tensor out = device_ops::one_hot(ids, count, false, channels, ids.size(1), ids.size(2));
    if (channels > count) out.narrow(1, count, channels - count).zero_();
    return out;
  }
  if (!ids.is_cpu() && !ids.is_meta()) return one_hot_by_operators(ids, count, channels);
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
  if (!labels.is_cpu() && !labels.is_meta())
    return at::cat({one_hot_by_operators(labels, count, count), label_edges_by_operators(labels)}, 1)
        .contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor ids = labels.contiguous();
  at::Tensor out = one_hot(ids, count, count + 1);
  if (ids.is_meta()) return out;                     // shapes alone
  auto* to = out.mutable_data_ptr<float>() + count;  // the edge plane, beside each pixel's classes
  for (int64_t n = 0; n < ids.size(0); ++n) {
    const uint8_t* map = ids.const_data_ptr<uint8_t>() + n * h * w;
    for (int64_t y = 0; y < h; ++y)
      for (int64_t x = 0; x < w; ++x, to += count + 1)
        if (is_label_edge(map, h, w, y, x)) *to = 1;
  }
  return out;
}

}  // namespace anomaly

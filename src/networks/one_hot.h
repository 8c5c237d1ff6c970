// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <ATen/core/Tensor.h>

namespace anomaly {

// ids: N x h x w uint8. Returns N x channels x h x w, channels last: 1 in channel `id` where id < count, else
// 0. float32 on the CPU, on a GPU of current_compute()'s type.
at::Tensor one_hot(const at::Tensor& ids, int64_t count, int64_t channels);

// The same, float32, through LibTorch's operators alone: for maps on a GPU where current_compute() is not set
// to it, as when networks learn there. On the CPU it is several times slower.
at::Tensor one_hot_by_operators(const at::Tensor& ids, int64_t count, int64_t channels);
// N x 1 x h x w float32 of label maps N x h x w: 1 at the edges that one_hot_with_edges tells.
at::Tensor label_edges_by_operators(const at::Tensor& labels);

// One-hot of label ids (N x h x w uint8) as N x (count + 1) x h x w float32; the last channel is 1 where the
// label differs from that of the left, right, upper or lower neighbour. An id of `count` or more has no
// one-hot channel.
at::Tensor one_hot_with_edges(const at::Tensor& labels, int64_t count);

}  // namespace anomaly

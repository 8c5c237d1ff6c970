// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <ATen/core/Tensor.h>

namespace anomaly {

// ids: N x h x w uint8. Returns float32 N x channels x h x w, channels last: 1 in channel `id` where id <
// count, else 0.
at::Tensor one_hot(const at::Tensor& ids, int64_t count, int64_t channels);

}  // namespace anomaly

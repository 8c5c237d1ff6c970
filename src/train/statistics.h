// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace torch::nn {
class Module;  // its header takes 10 s to read
}

namespace anomaly::train {

// The batch norms' means and variances anew, as the plain mean over `batches` batches: training ends with
// those of augmented crops, and weights that were averaged have none of their own. `forward` runs batch i
// through the network, which is left in evaluation mode.
void measure_statistics(torch::nn::Module& network, int64_t batches,
                        const std::function<void(int64_t)>& forward);

}  // namespace anomaly::train

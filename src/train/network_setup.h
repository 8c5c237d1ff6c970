// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace torch::nn {
class Module;  // its header takes 10 s to read
}

namespace anomaly::train {

// Networks built after this call start from the same weights every time.
void seed_weights(uint64_t seed);
// Convolution weights channels last, as the pictures are.
void to_channels_last(torch::nn::Module& network);

}  // namespace anomaly::train

// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "src/train/session.h"

namespace torch::nn {
class Module;  // its header takes 10 s to read
}

namespace anomaly::train {

// Networks built after this call start from the same weights every time.
void seed_weights(uint64_t seed);
// Copies the network of that name of the bundle that --start names, the mean of several; returns whether it
// names any. Throws Error(NotFound, BadBundle or BadSettings) where a bundle cannot be read, does not have
// the network, or has it with other tensors or shapes than the configuration's.
bool start_from_bundle(const Session& session, const std::string& name, torch::nn::Module& network);
// What a checkpoint's signature says of the bundle: a digest of their bytes, "" where --start names none.
std::string start_signature(const Session& session);
// Convolution weights channels last, as the pictures are.
void to_channels_last(torch::nn::Module& network);

}  // namespace anomaly::train

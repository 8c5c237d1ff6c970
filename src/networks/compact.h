// SPDX-License-Identifier: LGPL-2.1-or-later
// The compact networks of a bundle, built for inference. `arch` is the network's share of the architecture
// object; its "type" begins with "compact-". Each throws Error(BadBundle) that names the file and the member
// or tensor at fault: numbers out of range, tensors missing, surplus, or of another shape or type.
#pragma once

#include <memory>
#include <string>

#include "src/bundle/bundle.h"
#include "src/networks/network.h"

namespace anomaly {

std::shared_ptr<SegmentationNetwork> load_compact_segmentation(const Bundle& bundle, const Json& arch);
std::shared_ptr<LatentEncoder> load_compact_encoder(const Bundle& bundle, const Json& arch);
std::shared_ptr<GeneratorNetwork> load_compact_generator(const Bundle& bundle, const Json& arch);
std::shared_ptr<PerceptualNetwork> load_compact_perceptual(const Bundle& bundle, const Json& arch);
std::shared_ptr<DissimilarityNetwork> load_compact_dissimilarity(const Bundle& bundle,
                                                                 const std::string& name, const Json& arch);

}  // namespace anomaly

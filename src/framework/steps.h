// SPDX-License-Identifier: LGPL-2.1-or-later
// The framework's steps for one frame, in the order in which they run. Each reads what the earlier ones left
// in FrameTensors and adds its own, under the golden cases' names. `everything`: raw maps and logits too.
#pragma once

#include <ATen/core/Tensor.h>

#include "src/framework/framework.h"
#include "src/networks/network.h"

namespace anomaly::steps {

struct Context {
  const BundleInfo& info;
  const Settings& settings;
  bool everything = false;
  StreamState* stream = nullptr;
  MapMemory* memory = nullptr;  // null: LibTorch's own

  // The bounds to scale `raw`, a map of that kind, with. fixed: those of Normalization::Fixed.
  Bounds bounds(StreamState::Map kind, const at::Tensor& raw, Bounds fixed) const;
};

// Which maps a method looks at.
struct Needs {
  bool entropy = false, distance = false, synthesis = false, perceptual = false, dissimilarity = false,
       baseline = false;
};
Needs needs_of(Method method);

// frame: H x W x 3 uint8 RGB at segmentation size. Adds labels, and the maps asked for: entropy, distance.
void segment(const Context& context, const Needs& needs, SegmentationNetwork& network,
             const at::Tensor& frame, FrameTensors& out);

// Adds synthesis (map size) from `labels` and the frame's latent code.
void synthesise(const Context& context, LatentEncoder& encoder, GeneratorNetwork& generator,
                const at::Tensor& frame, FrameTensors& out);

// Adds perceptual: how far the frame's and the synthesis' features lie apart.
void compare_features(const Context& context, PerceptualNetwork& network, const at::Tensor& frame,
                      FrameTensors& out);

// Adds dissimilarity (or baseline_dissimilarity, for a network without uncertainty maps).
void find_dissimilarity(const Context& context, DissimilarityNetwork& network, const at::Tensor& frame,
                        FrameTensors& out);

// Adds anomaly, the method's score at map size.
void score(const Context& context, FrameTensors& out);

}  // namespace anomaly::steps

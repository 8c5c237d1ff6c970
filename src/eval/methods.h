// SPDX-License-Identifier: LGPL-2.1-or-later
// The framework's methods and its ablations, from one pass over a frame.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "src/framework/pipeline.h"

namespace anomaly::eval {

// The methods' names are those of anomaly::Method. The ablations take a part of the trained framework away
// and leave the rest as it is:
//   without-ensemble     the dissimilarity alone, whatever the bundle's ensemble weights
//   without-uncertainty  as that, and each of the three maps that the dissimilarity network is fed is
//   replaced
//                        by its mean over the frame: it tells nothing about where
//   without-synthesis    the frame itself stands in for its synthesis, and the perceptual difference is 0;
//   the
//                        ensemble stays
struct MethodInfo {
  const char* name;
  const char* what;  // for people
  std::vector<const char*> networks;
};
const std::vector<MethodInfo>& known_methods();

struct Scores {
  std::vector<at::Tensor> maps;  // one a method: map_height x map_width float32, contiguous
  std::vector<double> seconds;   // one a method: of the steps that it needs
  at::Tensor labels;             // H x W uint8 train ids at segmentation size
  at::Tensor rgb;                // the frame at map size, h x w x 3 uint8
};

class Methods {
 public:
  // `names`: of known_methods(); empty: all that the bundle has the networks for. Throws Error(BadSettings)
  // for an unknown name, one that is named twice, and one that the bundle cannot serve. The ensemble's
  // weights are the bundle's, whatever the settings'.
  Methods(std::shared_ptr<const Bundle> bundle, const Settings& settings,
          const std::vector<std::string>& names, TrunkPrecision trunk = TrunkPrecision::Same);

  const Pipeline& pipeline() const { return pipeline_; }
  // After the last run(): lets go of the networks' memory.
  void unload() { pipeline_.unload(); }
  const std::vector<const MethodInfo*>& chosen() const { return chosen_; }
  // frame: as Pipeline::frame gives it. stream: for Normalization::Temporal, after its begin_frame().
  Scores run(const at::Tensor& frame, StreamState* stream = nullptr) const;
  // Train ids at height x width: logits upsampled as the decoder does, then their arg max. This runs the
  // segmentation once more.
  at::Tensor labels_at(const at::Tensor& frame, int64_t height, int64_t width) const;

 private:
  bool wants(const std::string& name) const;
  std::vector<const MethodInfo*> chosen_;
  Pipeline pipeline_;
};

}  // namespace anomaly::eval

// SPDX-License-Identifier: LGPL-2.1-or-later
// The framework's steps (Di Biase et al., CVPR 2021) over one batch of frames.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "src/bundle/bundle.h"
#include "src/framework/map_memory.h"
#include "src/framework/settings.h"
#include "src/framework/stream_state.h"

namespace anomaly {

class GpuRunner;
class GraphRecorder;
struct Compute;
struct NetworkSet;

// Everything that the method computed for one frame, named as the golden cases name it (contracts: `logits`,
// `labels`, `entropy_raw`, `entropy`, `distance_raw`, `distance`, `latent_mean`, `latent_logvar`,
// `synthesis`, `perceptual_raw`, `perceptual`, `dissimilarity_logits`, `dissimilarity`,
// `baseline_dissimilarity_logits`, `baseline_dissimilarity`, `anomaly`), no batch axis, contiguous, in
// host memory. Full-size logits, raw maps only where `everything` was asked for. `labels`, `entropy`,
// `distance` are at segmentation size, the rest at map size.
using FrameTensors = std::map<std::string, at::Tensor>;

// What a frame of a stream comes with.
struct StreamFrame {
  StreamState* stream = nullptr;  // null: a frame on its own; Normalization::Temporal then refuses it
  int64_t time = -1;              // nanoseconds of running time, -1 = unknown
  MapMemory* memory = nullptr;  // where the 8-bit maps, the synthesis and the scores go; null: LibTorch's own
};

class Framework {
 public:
  // Loads the networks that `method`s need lazily: a bundle without `perceptual` or `baseline` serves the
  // others. device: see resolve_device(); precision, trunk: see compute_on().
  Framework(std::shared_ptr<const Bundle> bundle, const std::string& device,
            Precision precision = Precision::Auto, TrunkPrecision trunk = TrunkPrecision::Same);
  ~Framework();

  const Compute& compute() const { return *compute_; }

  const Bundle& bundle() const { return *bundle_; }

  // Throws Error(BadSettings) where the bundle cannot serve `settings`; loads what is needed.
  void prepare(const Settings& settings);

  // frames: N x H x W x 3 uint8 RGB at segmentation size, contiguous, any H, W >= 32.
  // On a CPU results are the same whatever the batch; on a GPU a batch is computed as one, and they may
  // differ in their last bits. `anomaly` (map_height x map_width, float32) is always among them. streams:
  // empty, or one for each frame; frames of one stream in its order.
  std::vector<FrameTensors> run(const at::Tensor& frames, const Settings& settings, bool everything = false,
                                const std::vector<StreamFrame>& streams = {});

  // What prepare() has loaded so far; a new set whenever it loads more.
  std::shared_ptr<const NetworkSet> networks() const { return networks_; }

 private:
  std::vector<FrameTensors> run_on_gpu(const at::Tensor& frames, const Settings& settings, bool everything,
                                       const std::vector<StreamFrame>& streams);

  std::shared_ptr<const Bundle> bundle_;
  std::unique_ptr<const Compute> compute_;
  std::shared_ptr<const NetworkSet> networks_;
  std::unique_ptr<GpuRunner> gpu_;  // made when run() first needs it
};

}  // namespace anomaly

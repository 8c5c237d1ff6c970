// SPDX-License-Identifier: LGPL-2.1-or-later
// Training samples of the dissimilarity network: frames through the frozen framework, with known anomalies.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "src/train/objects.h"
#include "src/train/pipeline.h"
#include "src/train/session.h"

namespace anomaly::train {

// Everything uint8 and at map size, as the framework feeds it to the network.
struct DissimilaritySample {
  at::Tensor frame, synthesis;  // h x w x 3
  at::Tensor labels;            // h x w train ids
  at::Tensor maps;              // 3 x h x w: entropy, perceptual, distance
  at::Tensor target;            // h x w: 0 known, 1 anomaly, 255 ignored
};

struct CompositeOptions {
  double paste = 0.6;    // share of the samples with pasted objects
  double relabel = 0.4;  // share in which some segments get another class before synthesis
  int64_t most_objects = 3;
  double shapes = 0;    // of the pasted objects, the share of invented ones (shapes.h); without objects: all
  double decoys = 0.3;  // share of the samples with pasted people and vehicles, which are no anomalies
  double appearance = 0.7;  // share of the samples whose light, weather, sharpness are changed (augment.h)
  double most_zoom = 1.5;   // the frame is taken up to so many times as large; 1: whole, as in the papers
  bool void_is_anomaly = false;  // unlabelled pixels: anomalies as in the papers, or ignored
  PasteOptions paste_options;
  static CompositeOptions from_json(const Json& stage);
};

// What is there to paste.
struct Cutouts {
  std::vector<PastedObject> foreign, street;
  // Throws what read_objects throws. Without "objects" in the configuration: none.
  static Cutouts read(const Session& session, bool held_out);
};

// The sample of `index`: a function of the session's seed, the index and the networks alone.
DissimilaritySample make_sample(const Session& session, const Pipeline& pipeline, const Cutouts& cutouts,
                                const CompositeOptions& options, uint64_t stream, int64_t index);

// The frame as it is: nothing in it is anomalous.
DissimilaritySample make_ordinary(const Pipeline& pipeline, const cv::Mat& rgb);

}  // namespace anomaly::train

// SPDX-License-Identifier: LGPL-2.1-or-later
// Anomalies: what does not belong on a road.
#pragma once

#include "src/scene/stage.h"

namespace anomaly::scene {

enum class Intruder {
  Carton,
  Crate,
  Tyre,
  Boulder,
  Dog,
  Deer,
  Sheep,
  Sofa,
  Barrel,
  Ladder,
  Ball,
  Branch,
  Suitcase,
  Mattress,
  Relic
};
constexpr int kIntruders = 15;

struct Stay {
  Intruder kind = Intruder::Carton;
  Pose start;       // on the frame on which it appears
  float size = 1;   // factor on its natural size
  float drift = 0;  // m/s across the road; 0 = it lies still
  uint64_t key = 0;
  int64_t first = 0;  // frame
};

// The k-th anomaly of a drive.
Stay make_stay(const Drive& drive, int64_t k);
// Its pose `frames_into` frames after its appearance.
Pose pose_of(const Drive& drive, const Stay& stay, int64_t frames_into);
void draw_intruder(const Stage& stage, const Stay& stay, const Pose& pose, float seconds, Label label);

}  // namespace anomaly::scene

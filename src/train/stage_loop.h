// SPDX-License-Identifier: LGPL-2.1-or-later
// What the stages share: weights, their average and the optimizer in one checkpoint, and the schedule.
#pragma once

#include <torch/nn/module.h>

#include <string>

#include "src/train/checkpoint.h"
#include "src/train/optimizer.h"
#include "src/train/session.h"

namespace anomaly::train {

class StageState {
 public:
  // Loads the stage's checkpoint where there is one. Settings read from the stage: steps, batch,
  // learning_rate, weight_decay, warm_up, average_decay, checkpoint_every, beta1.
  StageState(const Session& session, const std::string& stage, const Json& architecture,
             torch::nn::Module& network);

  bool complete() const { return complete_; }
  int64_t first_step() const { return first_step_; }
  int64_t end_step() const { return end_step_; }  // exclusive: the stage's end, or where --stop-after says
  int64_t steps() const { return steps_; }
  int64_t batch() const { return batch_; }

  // After backward(): the optimizer's step at the scheduled rate (warm-up, then (1 - done)^0.9), the
  // average, and every so often the checkpoint. Returns true where one was written.
  bool advance(int64_t step);
  const NamedTensors& average() const { return average_.tensors(); }

 private:
  int64_t steps_, batch_, warm_up_, checkpoint_every_, first_step_ = 0, end_step_ = 0;
  double learning_rate_;
  bool complete_ = false;
  Adam adam_;
  WeightAverage average_;
  Checkpoint checkpoint_;
};

}  // namespace anomaly::train

// SPDX-License-Identifier: LGPL-2.1-or-later
// What the stages share: weights, their average and the optimizer in one checkpoint, and the schedule.
#pragma once

#include <optional>
#include <string>

#include "src/train/checkpoint.h"
#include "src/train/optimizer.h"
#include "src/train/session.h"

namespace torch::nn {
class Module;  // its header takes 10 s to read
}

namespace anomaly::train {

class StageState {
 public:
  // Loads the stage's checkpoint where there is one. Settings read from the stage: steps, batch,
  // learning_rate, weight_decay, warm_up, average_decay, checkpoint_every, beta1, and schedule: "decay" (from
  // the learning rate to 0 as (1 - done)^0.9) or "plateau" (halved when the validation loss has not fallen
  // for `patience` epochs, 10 of them as in the papers). `kept`: further tensors that belong to the
  // checkpoint. `opponent`: a second network with an optimizer of its own, in the same checkpoint; not
  // averaged.
  StageState(const Session& session, const std::string& stage, const Json& architecture,
             torch::nn::Module& network, torch::nn::Module* opponent = nullptr,
             const NamedTensors& kept = {});

  bool complete() const { return complete_; }
  int64_t first_step() const { return first_step_; }
  int64_t end_step() const { return end_step_; }  // exclusive: the stage's end, or where --stop-after says
  int64_t steps() const { return steps_; }
  int64_t batch() const { return batch_; }

  // After backward(): the optimizer's step at the scheduled rate (after a warm-up), the
  // average, and every so often the checkpoint. Returns true where one was written.
  bool advance(int64_t step);
  // After the opponent's backward(), and before advance(): its optimizer's step at the same rate.
  void advance_opponent(int64_t step);
  bool follows_validation() const { return patience_ > 0; }
  // At the end of an epoch, after that step's advance().
  void end_epoch(int64_t step, double validation_loss);
  const NamedTensors& average() const { return average_.tensors(); }
  // All steps are made, and a stage with `statistics` waits for finish(), which completes it.
  bool waits_for_finish() const { return finishes_later_ && end_step_ == steps_; }
  // Other averaged weights, in the checkpoint too.
  void finish(const NamedTensors& average);

 private:
  int64_t steps_, batch_, warm_up_, checkpoint_every_, first_step_ = 0, end_step_ = 0;
  double learning_rate_;
  bool complete_ = false, finishes_later_ = false;
  double rate(int64_t step) const;
  void save(int64_t step);

  int64_t saved_ = -1;

  int64_t patience_ = 0;
  at::Tensor plateau_;  // factor on the rate, lowest loss, epochs since

  Adam adam_;
  std::optional<Adam> opponent_adam_;
  WeightAverage average_;
  Checkpoint checkpoint_;
};

}  // namespace anomaly::train

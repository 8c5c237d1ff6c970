// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/stage_loop.h"

#include <ATen/ops/tensor.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>

#include "src/error.h"
#include "src/train/network_setup.h"

namespace anomaly::train {

namespace {

AdamOptions adam_options(const Json& stage) {
  return {stage.number_or("beta1", 0.9), 0.999, stage.number_or("weight_decay", 0), 1e-8};
}

}  // namespace

StageState::StageState(const Session& session, const std::string& name, const Json& architecture,
                       torch::nn::Module& network, torch::nn::Module* opponent, const NamedTensors& kept)
    : adam_((to_channels_last(network), network.parameters()), adam_options(session.config.stage(name))),
      average_(network, session.config.stage(name).number_or("average_decay", 0.998)) {
  const Json& stage = session.config.stage(name);
  steps_ = stage.int_or("steps", 1000);
  batch_ = stage.int_or("batch", 8);
  warm_up_ = stage.int_or("warm_up", 100);
  checkpoint_every_ = stage.int_or("checkpoint_every", 200);
  learning_rate_ = stage.number_or("learning_rate", 1e-3);
  if (steps_ < 1 || batch_ < 1 || checkpoint_every_ < 1 || warm_up_ < 0 || !(learning_rate_ > 0))
    throw Error(ErrorKind::BadSettings,
                "stage " + name + ": steps, batch, checkpoint_every and learning_rate must be above 0");
  finishes_later_ = name == "segmentation" && stage.int_or("statistics", 0) > 0;
  checkpoint_.path = session.checkpoint(name);
  checkpoint_.upstream = upstream_of(session, name);
  checkpoint_.signature = stage_signature(architecture, stage) + start_signature(session);
  append(checkpoint_.tensors, with_prefix("model.", named_tensors(network)));
  append(checkpoint_.tensors, with_prefix("average.", average_.tensors()));
  append(checkpoint_.tensors, adam_.state());
  append(checkpoint_.tensors, kept);
  const std::string schedule = stage.string_or("schedule", "decay");
  if (schedule != "decay" && schedule != "plateau")
    throw Error(ErrorKind::BadSettings, "stage " + name + ": schedule must be decay or plateau");
  if (schedule == "plateau") {
    patience_ = std::max<int64_t>(1, stage.int_or("patience", 10));
    plateau_ = at::tensor({1.0, 1e30, 0.0}, at::kDouble);
    checkpoint_.tensors.emplace_back("plateau", plateau_);
  }
  if (opponent) {
    to_channels_last(*opponent);
    opponent_adam_.emplace(opponent->parameters(), adam_options(stage));
    append(checkpoint_.tensors, with_prefix("opponent.model.", named_tensors(*opponent)));
    append(checkpoint_.tensors, with_prefix("opponent.", opponent_adam_->state()));
  }
  if (const auto state = load_checkpoint(checkpoint_)) {
    first_step_ = state->step;
    complete_ = state->complete;
    if (!complete_ && !finishes_later_ &&
        first_step_ >= steps_) {  // the configuration asks for fewer steps than were made
      save_checkpoint(checkpoint_, first_step_, true);
      complete_ = true;
    }
  }
  end_step_ = session.stop_after > 0 ? std::min(steps_, first_step_ + session.stop_after) : steps_;
}

double StageState::rate(int64_t step) const {
  const double done = static_cast<double>(step) / static_cast<double>(steps_);
  const double ramp = std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(warm_up_ + 1));
  if (patience_ > 0) return learning_rate_ * ramp * plateau_[0].item<double>();
  return learning_rate_ * ramp * std::pow(std::max(0.0, 1 - done), 0.9);
}

void StageState::end_epoch(int64_t step, double validation_loss) {
  if (patience_ == 0) return;
  double* state = plateau_.data_ptr<double>();
  if (validation_loss < state[1]) {
    state[1] = validation_loss;
    state[2] = 0;
  } else if (++state[2] >= static_cast<double>(patience_)) {
    state[0] /= 2;
    state[2] = 0;
  }
  if (saved_ == step) save(step);
}

void StageState::finish(const NamedTensors& tensors) {
  copy_tensors(tensors, average_.tensors());
  finishes_later_ = false;
  save(std::max(first_step_, steps_) - 1);
}

void StageState::save(int64_t step) {
  save_checkpoint(checkpoint_, step + 1, step + 1 >= steps_ && !finishes_later_);
  saved_ = step;
}

void StageState::advance_opponent(int64_t step) {
  if (opponent_adam_) opponent_adam_->step(rate(step));
}

bool StageState::advance(int64_t step) {
  adam_.step(rate(step));
  average_.update(step);
  const bool due = (step + 1) % checkpoint_every_ == 0 || step + 1 == end_step_;
  if (due) save(step);
  return due;
}

}  // namespace anomaly::train

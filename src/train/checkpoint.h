// SPDX-License-Identifier: LGPL-2.1-or-later
// A stage's state between steps, one safetensors file: weights, their average, the optimizer's moments, the
// step count. Random numbers need no state: they are functions of the step.
#pragma once

#include <optional>
#include <string>

#include "src/json.h"
#include "src/train/optimizer.h"
#include "src/train/session.h"

namespace anomaly::train {

struct Checkpoint {
  std::string path;
  std::string signature;  // of the settings that a resumed run must share
  std::string upstream;   // digest_of the weights that the stage builds on; empty: on none
  NamedTensors tensors;   // saved from and loaded into
};

// Of a stage's architecture and settings. The number of steps and how often to save may change from run to
// run: the schedule depends on the share that is done.
std::string stage_signature(const Json& architecture, const Json& stage);

void save_checkpoint(const Checkpoint& checkpoint, int64_t step, bool complete);

struct CheckpointState {
  int64_t step = 0;
  bool complete = false;
};
// Loads into the tensors; nothing where there is no file. Throws Error(BadSettings) where the file was made
// with other settings or on other weights, Error(BadBundle) where it is damaged.
std::optional<CheckpointState> load_checkpoint(const Checkpoint& checkpoint);

// The tensors of a complete stage whose names begin with `prefix`, without it. Throws Error(NotFound) where
// the stage has not been run, Error(BadSettings) where it is unfinished and `must_be_complete`.
NamedTensors read_stage(const std::string& path, const std::string& prefix, bool must_be_complete);

// A digest of names and values, as hexadecimal digits.
std::string digest_of(const NamedTensors& tensors);
// The averaged weights of the stages that `stage` builds on: their digest_of, "" where it builds on none.
std::string upstream_of(const Session& session, const std::string& stage);
// Throws Error(BadSettings) where the stage's checkpoint was made on other weights of those stages than their
// checkpoints hold now. (One of a program before there was a digest says nothing of it.)
void check_upstream(const Session& session, const std::string& stage);

// `tensors` with `prefix` before every name.
NamedTensors with_prefix(const std::string& prefix, const NamedTensors& tensors);
// Those whose names begin with `prefix`, without it.
NamedTensors strip_prefix(const std::string& prefix, const NamedTensors& tensors);
void append(NamedTensors& to, const NamedTensors& more);

}  // namespace anomaly::train

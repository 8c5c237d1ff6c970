// SPDX-License-Identifier: LGPL-2.1-or-later
// One line every few seconds (loss, images a second, time left), and a CSV of losses.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace anomaly::train {

class Progress {
 public:
  // csv_path: appended to; may be empty. end_step: where the run ends before `steps`, else 0.
  Progress(std::string stage, int64_t first_step, int64_t steps, int64_t batch, std::string csv_path,
           int64_t end_step = 0);
  void step(int64_t step, double loss);

 private:
  using Clock = std::chrono::steady_clock;
  std::string stage_, csv_path_;
  int64_t first_step_, steps_, end_step_, batch_;
  Clock::time_point start_, last_line_;
  double smooth_loss_ = 0, sum_ = 0;
  int64_t counted_ = 0;
};

}  // namespace anomaly::train

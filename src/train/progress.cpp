// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/progress.h"

#include <cstdio>
#include <fstream>

namespace anomaly::train {

Progress::Progress(std::string stage, int64_t first_step, int64_t steps, int64_t batch, std::string csv_path,
                   int64_t end_step)
    : stage_(std::move(stage)),
      csv_path_(std::move(csv_path)),
      first_step_(first_step),
      steps_(steps),
      end_step_(end_step > 0 ? end_step : steps),
      batch_(batch),
      start_(Clock::now()),
      last_line_(start_) {}

void Progress::step(int64_t step, double loss) {
  sum_ += loss;
  ++counted_;
  const auto now = Clock::now();
  const int64_t done = step + 1;
  if (now - last_line_ < std::chrono::seconds(10) && done != end_step_) return;
  last_line_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double per_step = seconds / static_cast<double>(done - first_step_);
  const int64_t left = static_cast<int64_t>(per_step * static_cast<double>(steps_ - done));
  smooth_loss_ = sum_ / static_cast<double>(counted_);
  sum_ = 0;
  counted_ = 0;
  std::printf("%s %3.0f %% step %lld of %lld, loss %.4f, %.1f images/s, %lld:%02lld left\n", stage_.c_str(),
              100.0 * static_cast<double>(done) / static_cast<double>(steps_), static_cast<long long>(done),
              static_cast<long long>(steps_), smooth_loss_, static_cast<double>(batch_) / per_step,
              static_cast<long long>(left / 60), static_cast<long long>(left % 60));
  std::fflush(stdout);
  if (csv_path_.empty()) return;
  std::ofstream csv(csv_path_, std::ios::app);
  if (csv.tellp() == 0) csv << "stage,step,loss\n";
  csv << stage_ << ',' << done << ',' << smooth_loss_ << '\n';
}

}  // namespace anomaly::train

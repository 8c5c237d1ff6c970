// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectpace.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace anomaly {

namespace {

// How far an average goes towards a new value: quickly to a slower engine, slowly back.
constexpr double kSlower = 0.5, kFaster = 0.1, kSpacing = 0.1;
// A pause of the source is no new frame rate.
constexpr double kLongestStep = 2;
constexpr int kMostSkipped = 1000;

void follow(double& average, double value, double rising, double falling) {
  average = average > 0 ? average + (value > average ? rising : falling) * (value - average) : value;
}

// The smallest n >= 0 with cost <= load (n + 1) spacing.
int skipped(double cost, double spacing, double load) {
  return static_cast<int>(std::clamp(std::ceil(cost / (load * spacing)) - 1, 0.0, double{kMostSkipped}));
}

}  // namespace

void DetectPace::arrived(GstClockTime running_time, GstClockTime busy, GstClockTime idle) {
  const double waited = std::exchange(backlog_, 0);
  if (!GST_CLOCK_TIME_IS_VALID(running_time)) return;
  if (GST_CLOCK_TIME_IS_VALID(last_time_) && running_time > last_time_) {
    double step = static_cast<double>(running_time - last_time_);
    const double hand_over = std::min(static_cast<double>(idle), kHandOver * step);
    backlog_ = std::max(waited + static_cast<double>(busy) + hand_over - step, 0.0);
    if (spacing_ > 0) step = std::min(step, kLongestStep * spacing_);
    follow(spacing_, step, kSpacing, kSpacing);
  }
  last_time_ = running_time;
}

void DetectPace::flushed() {
  backlog_ = 0;
  last_time_ = GST_CLOCK_TIME_NONE;
}

void DetectPace::computed(GstClockTime waited, GstClockTime alone) {
  follow(waited_, static_cast<double>(waited), kSlower, kFaster);
  follow(alone_, static_cast<double>(alone), kSlower, kFaster);
}

int DetectPace::interval() {
  if (alone_ <= 0 || spacing_ <= 0) return 0;
  const int needed = skipped(alone_, spacing_, kFull), easily = skipped(alone_, spacing_, kEasy);
  interval_ = std::clamp(interval_, needed, easily);
  return interval_;
}

}  // namespace anomaly

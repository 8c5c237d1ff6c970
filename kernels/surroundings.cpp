// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/surroundings.h"

#include <algorithm>
#include <array>

#include "kernels/resample_plane.h"
#include "kernels/surroundings_math.h"

namespace anomaly {
namespace {

constexpr int kNoLabel = 255;

class Votes {
 public:
  void add(uint8_t label, int64_t count = 1) { votes_[label] += count; }
  // -1 where there was no vote for a class.
  int winner() const {
    const auto best = std::max_element(votes_.begin(), votes_.begin() + kNoLabel);
    return *best > 0 ? static_cast<int>(best - votes_.begin()) : -1;
  }

 private:
  std::array<int64_t, 256> votes_{};
};

// The labels seen at the frame's size.
class FrameLabels {
 public:
  FrameLabels(const LabelMap& labels, int frame_width, int frame_height)
      : labels_(labels), width_(frame_width), height_(frame_height) {}
  uint8_t at(int x, int y) const {
    return labels_.labels[static_cast<int64_t>(nearest_index(y, labels_.height, height_)) * labels_.width +
                          nearest_index(x, labels_.width, width_)];
  }

 private:
  const LabelMap& labels_;
  int width_, height_;
};

int class_around(const Box& band, const FrameLabels& labels, const std::vector<uint8_t>& marks,
                 int frame_width) {
  Votes votes;
  const int x_step = band_step(band.left, band.right), y_step = band_step(band.top, band.bottom);
  for (int y = band.top + y_step / 2; y < band.bottom; y += y_step)
    for (int x = band.left + x_step / 2; x < band.right; x += x_step)
      if (marks[static_cast<size_t>(y) * static_cast<size_t>(frame_width) + static_cast<size_t>(x)] == kNoRun)
        votes.add(labels.at(x, y));
  return votes.winner();
}

}  // namespace

std::vector<Run> runs_standing_on(const ClassSet& classes, const std::vector<Run>& runs,
                                  const LabelMap& labels, int frame_width, int frame_height,
                                  std::vector<uint8_t>& marks) {
  const std::vector<size_t> component = first_runs(runs);  // of each run, named by its first run
  std::vector<Box> boxes(runs.size());
  constexpr size_t kNone = SIZE_MAX;
  std::vector<size_t> next(runs.size(), kNone), last(runs.size());  // run of the same component
  const auto mark = [&](const Run& run, RunMark value) {
    const auto row = marks.begin() + static_cast<std::ptrdiff_t>(run.y) * frame_width;
    std::fill(row + run.first, row + run.last + 1, value);
  };
  for (size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    mark(run, kRunDropped);
    if (component[i] != i) next[last[component[i]]] = i;
    last[component[i]] = i;
    Box& box = boxes[component[i]];
    if (component[i] == i) box = {run.first, run.y, run.last + 1, run.y + 1};
    box.left = std::min(box.left, run.first);
    box.right = std::max(box.right, run.last + 1);
    box.bottom = run.y + 1;
  }

  const FrameLabels frame_labels(labels, frame_width, frame_height);
  constexpr int kUnasked = -2;
  std::vector<int> stands_on(runs.size(), kUnasked);
  std::vector<size_t> lonely;  // components without a band
  for (size_t i = 0; i < runs.size(); ++i)
    if (component[i] == i) {
      stands_on[i] = class_around(band_of(boxes[i], labels.width, labels.height, frame_width, frame_height),
                                  frame_labels, marks, frame_width);
      if (stands_on[i] < 0) lonely.push_back(i);
    }
  for (const size_t one : lonely) {
    Votes votes;
    for (size_t i = one; i != kNone; i = next[i])
      for (int x = runs[i].first; x <= runs[i].last; ++x) votes.add(frame_labels.at(x, runs[i].y));
    stands_on[one] = votes.winner();
  }

  std::vector<Run> kept;
  for (size_t i = 0; i < runs.size(); ++i) {
    const int id = stands_on[component[i]];
    if (id < 0 || !classes.test(static_cast<size_t>(id))) continue;
    kept.push_back(runs[i]);
    mark(runs[i], kRunKept);
  }
  return kept;
}

}  // namespace anomaly

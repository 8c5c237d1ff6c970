// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/eval/components.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

#include "src/eval/ranking.h"

namespace anomaly::eval {

namespace {

// Provisional labels that turned out to be one component.
class Union {
 public:
  int32_t fresh() {
    parent_.push_back(static_cast<int32_t>(parent_.size()));
    return parent_.back();
  }
  int32_t root(int32_t label) {
    while (parent_[static_cast<size_t>(label)] != label) {
      auto& parent = parent_[static_cast<size_t>(label)];
      parent = parent_[static_cast<size_t>(parent)];
      label = parent;
    }
    return label;
  }
  // The lower label wins, so that a component keeps that of its first pixel.
  int32_t join(int32_t a, int32_t b) {
    a = root(a);
    b = root(b);
    if (a > b) std::swap(a, b);
    parent_[static_cast<size_t>(b)] = a;
    return a;
  }
  size_t size() const { return parent_.size(); }

 private:
  std::vector<int32_t> parent_{0};
};

// part / whole >= threshold number i, without rounding.
bool reaches(int64_t part, int64_t whole, int i) {
  return part * 100 >= whole * (25 + 5 * i);
}

}  // namespace

Components find_components(const uint8_t* mask, int width, int height) {
  const auto columns = static_cast<size_t>(width), pixels = columns * static_cast<size_t>(height);
  if (pixels >= static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    throw std::invalid_argument("a mask of 2^31 pixels or more");
  Components out;
  out.labels.assign(pixels, 0);
  Union joined;
  for (size_t at = 0; at < pixels; ++at) {
    if (!mask[at]) continue;
    const size_t x = at % columns;
    int32_t label = 0;
    const auto meet = [&](size_t neighbour) {
      const int32_t other = out.labels[neighbour];
      if (other) label = label ? joined.join(label, other) : other;
    };
    if (x > 0) meet(at - 1);
    if (at >= columns) {
      if (x > 0) meet(at - columns - 1);
      meet(at - columns);
      if (x + 1 < columns) meet(at - columns + 1);
    }
    out.labels[at] = label ? label : joined.fresh();
  }
  std::vector<int32_t> final_label(joined.size(), 0);
  for (int32_t& label : out.labels) {
    if (!label) continue;
    int32_t& known = final_label[static_cast<size_t>(joined.root(label))];
    if (!known) {
      out.areas.push_back(0);
      known = out.count();
    }
    label = known;
    ++out.areas[static_cast<size_t>(label) - 1];
  }
  return out;
}

void ComponentCounter::add(const uint8_t* predicted, const uint8_t* targets, int width, int height) {
  const size_t pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  std::vector<uint8_t> mask(pixels);
  for (size_t i = 0; i < pixels; ++i) mask[i] = targets[i] == kAnomalous;
  const Components truth = find_components(mask.data(), width, height);
  for (size_t i = 0; i < pixels; ++i)
    mask[i] = predicted[i] != 0 && (targets[i] == kNormal || targets[i] == kAnomalous);
  const Components guess = find_components(mask.data(), width, height);

  const auto is_counted = [&](int32_t label) {
    return truth.areas[static_cast<size_t>(label) - 1] >= options_.min_truth;
  };
  const auto is_kept = [&](int32_t label) {
    return guess.areas[static_cast<size_t>(label) - 1] >= options_.min_prediction;
  };
  // Pixels of each kept guess that count, those of them on true components, and the overlap of each pair.
  std::vector<int64_t> area(guess.areas.size(), 0), on_truth(guess.areas.size(), 0);
  std::map<std::pair<int32_t, int32_t>, int64_t> overlap;  // true, predicted
  for (size_t i = 0; i < pixels; ++i) {
    const int32_t k = truth.labels[i], g = guess.labels[i];
    if (!g || !is_kept(g) || (k && !is_counted(k))) continue;
    ++area[static_cast<size_t>(g) - 1];
    if (!k) continue;
    ++on_truth[static_cast<size_t>(g) - 1];
    ++overlap[{k, g}];
  }

  auto pair = overlap.begin();
  for (int32_t k = 1; k <= truth.count(); ++k) {
    if (!is_counted(k)) continue;
    int64_t both = 0, either = truth.areas[static_cast<size_t>(k) - 1];
    for (; pair != overlap.end() && pair->first.first == k; ++pair) {
      const auto g = static_cast<size_t>(pair->first.second) - 1;
      both += pair->second;
      either += area[g] - on_truth[g];  // what the guess covers beyond any true component
    }
    ++truths_;
    siou_sum_ += static_cast<double>(both) / static_cast<double>(either);
    for (int i = 0; i < kThresholds; ++i) hits_[static_cast<size_t>(i)] += reaches(both, either, i);
  }
  for (size_t g = 0; g < area.size(); ++g) {
    if (area[g] == 0) continue;
    ++predictions_;
    ppv_sum_ += static_cast<double>(on_truth[g]) / static_cast<double>(area[g]);
    for (int i = 0; i < kThresholds; ++i)
      false_alarms_[static_cast<size_t>(i)] += !reaches(on_truth[g], area[g], i);
  }
}

ComponentMeasures ComponentCounter::measure() const {
  ComponentMeasures out;
  out.truths = truths_;
  out.predictions = predictions_;
  if (truths_ > 0) out.siou = siou_sum_ / static_cast<double>(truths_);
  if (predictions_ > 0) out.ppv = ppv_sum_ / static_cast<double>(predictions_);
  for (size_t i = 0; i < out.f1_at.size(); ++i) {
    // 2 TP + FN + FP = TP + all true components + FP.
    const int64_t all = hits_[i] + truths_ + false_alarms_[i];
    out.f1_at[i] = all > 0 ? 2 * static_cast<double>(hits_[i]) / static_cast<double>(all) : 0;
    out.f1 += out.f1_at[i] / kThresholds;
  }
  return out;
}

}  // namespace anomaly::eval

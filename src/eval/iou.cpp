// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/eval/iou.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <string_view>

namespace anomaly::eval {

namespace {

// The parts of `text` between separators, empty ones too.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

}  // namespace

LabelGroups parse_label_groups(const std::string& text, int classes) {
  LabelGroups groups;
  bool any = false;
  for (const std::string_view part : split(text, ',')) {
    groups.emplace_back();
    if (part == "-") continue;
    for (const std::string_view id : split(part, '+')) {
      int value = -1;
      const auto [end, status] = std::from_chars(id.data(), id.data() + id.size(), value);
      if (status != std::errc() || end != id.data() + id.size() || value < 0 || value >= classes)
        throw std::invalid_argument("\"" + std::string(id) + "\" is not a train id from 0 to " +
                                    std::to_string(classes - 1) +
                                    "; a label value's train ids are joined by +, an ignored value is -");
      groups.back().push_back(value);
      any = true;
    }
  }
  if (groups.size() > 256) throw std::invalid_argument("it names more than 256 label values");
  if (!any) throw std::invalid_argument("it ignores every label value");
  check_label_groups(groups);
  return groups;
}

void check_label_groups(const LabelGroups& groups) {
  std::map<int, size_t> value_of;
  for (size_t value = 0; value < groups.size(); ++value)
    for (const int id : groups[value]) {
      const auto [known, fresh] = value_of.emplace(id, value);
      if (!fresh && known->second != value)
        throw std::invalid_argument("train id " + std::to_string(id) + " stands at the label values " +
                                    std::to_string(known->second) + " and " + std::to_string(value) +
                                    ": give it to one of them, or make them one value in the label maps");
    }
}

IouCounter::IouCounter(const LabelGroups& groups) {
  check_label_groups(groups);
  class_of_train_id_.fill(-1);
  class_of_value_.fill(-1);
  for (size_t value = 0; value < groups.size() && value < class_of_value_.size(); ++value) {
    if (groups[value].empty()) continue;
    const int index = static_cast<int>(values_.size());
    values_.push_back(static_cast<int>(value));
    class_of_value_[value] = index;
    for (const int id : groups[value]) class_of_train_id_.at(static_cast<size_t>(id)) = index;
  }
  hit_.assign(values_.size(), 0);
  truth_ = predicted_ = hit_;
}

void IouCounter::add(const uint8_t* predicted, const uint8_t* values, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const int truth = class_of_value_[values[i]];
    if (truth < 0) continue;
    const int guess = class_of_train_id_[predicted[i]];
    ++truth_[static_cast<size_t>(truth)];
    if (guess >= 0) ++predicted_[static_cast<size_t>(guess)];
    if (guess == truth) ++hit_[static_cast<size_t>(truth)];
  }
}

std::vector<double> IouCounter::per_value() const {
  std::vector<double> out;
  for (size_t v = 0; v < hit_.size(); ++v) {
    const int64_t all = truth_[v] + predicted_[v] - hit_[v];
    out.push_back(all == 0 ? std::numeric_limits<double>::quiet_NaN()
                           : static_cast<double>(hit_[v]) / static_cast<double>(all));
  }
  return out;
}

double IouCounter::mean() const {
  double sum = 0;
  int count = 0;
  for (const double value : per_value())
    if (!std::isnan(value)) sum += value, ++count;
  return count == 0 ? 0 : sum / count;
}

}  // namespace anomaly::eval

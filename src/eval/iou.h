// SPDX-License-Identifier: LGPL-2.1-or-later
// Intersection over union of a segmentation, over the label values of one data set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace anomaly::eval {

// By label value: the train ids that it stands for; none = the value is ignored.
using LabelGroups = std::vector<std::vector<int>>;

// "10,2+3,5,-": label value 0 is train id 10, value 1 is 2 or 3, value 2 is 5, value 3 is ignored, and so is
// every higher one. Throws std::invalid_argument that says what is wrong: a train id from `classes` up,
// nothing but ignored values, more than 256 of them, one train id of two values.
LabelGroups parse_label_groups(const std::string& text, int classes);

// Throws std::invalid_argument where two label values claim one train id: which of them such a prediction is
// right for cannot be told, and each one's figure would be wrong.
void check_label_groups(const LabelGroups& groups);

class IouCounter {
 public:
  // A predicted train id counts as the value whose group holds it, as none where no group does. Throws what
  // check_label_groups throws.
  explicit IouCounter(const LabelGroups& groups);
  // predicted: train ids; values: label values; `count` pixels each.
  void add(const uint8_t* predicted, const uint8_t* values, size_t count);

  // The label values that are not ignored, and for each true positives / (true positives + false positives +
  // false negatives); NaN for a value that neither occurs nor is predicted.
  const std::vector<int>& values() const { return values_; }
  std::vector<double> per_value() const;
  // Over those that are not NaN; 0 where there is none.
  double mean() const;

 private:
  std::vector<int> values_;
  std::array<int, 256> class_of_train_id_, class_of_value_;  // index into values_, -1 = none
  std::vector<int64_t> hit_, truth_, predicted_;
};

}  // namespace anomaly::eval

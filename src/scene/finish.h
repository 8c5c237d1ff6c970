// SPDX-License-Identifier: LGPL-2.1-or-later
// What a camera adds: a lens that is slightly soft and darker to the corners, and a noisy sensor.
#pragma once

#include <vector>

#include "src/scene/drive.h"

namespace anomaly::scene {

class Finish {
 public:
  explicit Finish(const Drive& drive);
  void develop(int64_t index, const Canvas& canvas, std::vector<uint8_t>& rgb) const;

 private:
  uint64_t key_;
  std::vector<int16_t> noise_;  // samples of the sensor's noise, used from a random place on in every row
  std::vector<uint16_t> column_fall_;  // what the lens loses left and right, in 1 / 65536, four times a pixel
  std::vector<uint16_t> row_fall_;     // and up and down
};

}  // namespace anomaly::scene

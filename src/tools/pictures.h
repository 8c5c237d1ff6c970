// SPDX-License-Identifier: LGPL-2.1-or-later
// Pictures in files, through OpenCV. Errors are Error(NotFound), Error(Io) and name the file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace anomaly {

struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> bgr;  // height x width x 3, as stored in the file: no orientation tag is followed
};

// 16-bit, grey and transparent pictures come as 8-bit colour. Sizes 1..32768.
Picture read_picture(const std::string& path);

// A map of numbers: one 8-bit channel, as masks and label maps are stored. Anything else is refused.
struct GreyMap {
  int width = 0, height = 0;
  std::vector<uint8_t> values;  // height x width
};
GreyMap read_grey8(const std::string& path);

// 16-bit grey PNG; `values`: height x width. Written under another name and renamed.
void write_grey16(const std::string& path, const std::vector<uint16_t>& values, int width, int height);

}  // namespace anomaly

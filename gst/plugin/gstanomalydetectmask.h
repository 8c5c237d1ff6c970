// SPDX-License-Identifier: LGPL-2.1-or-later
// The picture that says which pixels count.
#pragma once

#include <memory>
#include <string>

#include "kernels/statistics.h"

namespace anomaly {

// Reads a picture: pixels of half the full brightness and more (grey of 128 of 255) count, darker ones are
// ignored; colours count by their grey, transparency is ignored, as is an orientation tag. PNG and JPEG need
// a build with OpenCV; binary PGM (P5) is always read. Up to 8192 x 8192 pixels in up to 64 MiB. Throws
// Error(BadSettings) that names the file, what is wrong, and what would do. "" yields null.
std::shared_ptr<const PixelMask> load_mask(const std::string& path);

}  // namespace anomaly

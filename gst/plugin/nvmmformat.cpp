// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/nvmmformat.h"

#include <algorithm>
#include <iterator>

namespace anomaly::nvmm {

namespace {

using F = PixelFormat;
constexpr auto k709 = ColorMatrix::BT709;
constexpr auto k2020 = ColorMatrix::BT2020;
constexpr auto kFull = ColorRange::Full;
constexpr auto kLimited = ColorRange::Limited;

// 12-bit formats and those of other layouts are missing: the kernels do not read them.
constexpr ColorFormat kFormats[] = {
    {1, F::GRAY8},
    {2, F::I420},
    {3, F::YV12},
    {6, F::NV12},
    {7, F::NV12, {}, kFull},
    {8, F::NV21},
    {10, F::UYVY},
    {18, F::Y444},
    {19, F::RGBA},
    {20, F::BGRA},
    {21, F::ARGB},
    {22, F::ABGR},
    {23, F::RGBx},
    {24, F::BGRx},
    {25, F::xRGB},
    {26, F::xBGR},
    {27, F::RGB},
    {28, F::BGR},
    {29, F::P010_10LE},
    {31, F::I420, k709, kLimited},
    {32, F::I420, k709, kFull},
    {33, F::NV12, k709, kLimited},
    {34, F::NV12, k709, kFull},
    {36, F::NV12, k2020, kLimited},
};

}  // namespace

const ColorFormat* find_color_format(uint32_t number) {
  const auto* found = std::find_if(std::begin(kFormats), std::end(kFormats),
                                   [=](const ColorFormat& f) { return f.number == number; });
  return found == std::end(kFormats) ? nullptr : found;
}

bool has_color_format(PixelFormat format) {
  return std::any_of(std::begin(kFormats), std::end(kFormats),
                     [=](const ColorFormat& f) { return f.format == format; });
}

}  // namespace anomaly::nvmm

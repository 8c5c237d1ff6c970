// SPDX-License-Identifier: LGPL-2.1-or-later
// Road, markings, pavement and grass. The ground is flat, so one row of the frame lies at one distance: a row
// is a scaled copy of the road's cross-section, shifted by the bend, with noise for texture.
#pragma once

#include <array>
#include <vector>

#include "src/scene/drive.h"

namespace anomaly::scene {

class Ground {
 public:
  explicit Ground(const Drive& drive);
  // Paints every row below the horizon, on top of the backdrop.
  void paint(const View& view, Canvas& canvas) const;

  // Distance from one zebra crossing to the next, and where in it one lies; metres of s.
  static constexpr double kCrossingPeriod = 140, kCrossingStart = 60, kCrossingLength = 3.6;

 private:
  struct Texel {
    uint8_t r, g, b, label;
    uint8_t fine, coarse;  // how strongly the two noises show
    uint8_t sheen;         // reflects the sky when wet
    uint8_t unused;
  };
  // What marks the road besides its edges.
  enum Profile { kGaps, kDashes, kZebra, kStopLine, kProfiles };
  struct Section {
    Color color;
    Label label = kTerrain;
    float fine = 0, coarse = 0, sheen = 0;
  };
  Section section(float u, Profile profile) const;
  void make_profile(Profile profile);
  void make_noise();

  const Drive& drive_;
  float per_metre_ = 256;                                            // texels of the finest cross-section
  std::array<std::vector<std::vector<Texel>>, kProfiles> profiles_;  // [profile][mip level]
  std::vector<std::vector<uint8_t>> noise_;  // [mip level], square tiles, 128 = neutral
};

}  // namespace anomaly::scene

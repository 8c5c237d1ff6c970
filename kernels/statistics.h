// SPDX-License-Identifier: LGPL-2.1-or-later
// From an anomaly map at the network's resolution to figures and regions in frame pixels.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

namespace anomaly {

struct Rect {
  int x = 0, y = 0, width = 0, height = 0;  // frame pixels; width or height 0 = the whole frame
};

// Which pixels of a frame count: width x height bytes, row by row, 1 = counts, 0 = does not.
struct PixelMask {
  int width = 0, height = 0;
  std::vector<uint8_t> counts;

  // For a frame of another size: nearest at pixel centres.
  PixelMask resized(int to_width, int to_height) const;
};

using ClassSet = std::bitset<256>;  // train ids

// An 8-connected set of frame pixels whose score is at or over the threshold.
struct Region {
  int id = 0;                               // 1, 2, ... by falling area within one frame
  int x = 0, y = 0, width = 0, height = 0;  // bounding box, frame pixels
  int64_t area = 0;                         // frame pixels
  float mean = 0, max = 0;                  // of the score over the region's pixels
  int label = -1;                           // most frequent train id beneath it, -1 = unknown
};

// Pixels first..last of one row of the frame, all of one region.
struct RegionRun {
  int y, first, last;
  int region;  // its index among the regions
};

struct MapStatistics {
  float score = 0;   // mean of the highest 0.1 % of the map's values (at least one), map resolution
  float max = 0;     // of the map, map resolution
  float mean = 0;    // of the map, map resolution
  double share = 0;  // frame pixels at or over the threshold / frame pixels that count, [0, 1]
  std::vector<Region> regions;
  std::vector<RegionRun> runs;  // the pixels of `regions`, by rising row and column; where they are asked for
};

struct StatisticsQuery {
  int frame_width = 0, frame_height = 0;
  float threshold = 0.5f;
  int64_t min_area = 0;  // frame pixels; smaller regions are left out of `regions`, not out of `share`
  Rect roi;              // frame pixels; nothing outside it counts, in any figure. Clipped to the frame.
  const PixelMask* mask =
      nullptr;  // of the frame's size; pixels that it leaves out are as those outside the roi
  // Only what lies on one of these classes counts; none = all. A region (and each of its pixels) counts if
  // the class most frequent around its lower half is among them: see kernels/surroundings.h. A pixel below
  // the threshold counts if its own label is.
  ClassSet classes;
  bool with_runs = false;  // fill `runs`
};

// Throws std::invalid_argument where the mask is not of that size.
void check_mask(const PixelMask& mask, int frame_width, int frame_height);

// More regions than these are not listed: the largest stay. They still count in `share`.
inline constexpr int kMaxRegions = 1000;

// `map`: map_height x map_width scores; one that is not finite counts as 0. `labels`: label_height x
// label_width train ids (255 = none), may be null. The map is resized to the frame (Pillow bicubic on floats)
// before it is compared with the threshold. Of the map, the values whose cell centre lies in the roi count;
// where there is none, the cell beneath the roi's middle. A label map covers the whole frame and is looked up
// nearest at pixel centres; most frequent: the lowest id among equals. With a mask or classes, a value of
// the map counts if the frame pixel at its cell's centre does; where none does, those above which any pixel
// counts. Where no pixel of the frame counts: zeros and no regions. Throws std::invalid_argument where a size
// is outside 1..32768, the map is null, or the mask is not of the frame's size.
MapStatistics map_statistics(const float* map, int map_width, int map_height, const uint8_t* labels,
                             int label_width, int label_height, const StatisticsQuery& query);

}  // namespace anomaly

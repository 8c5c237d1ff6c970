// SPDX-License-Identifier: LGPL-2.1-or-later
// Regions of one stream followed from frame to frame.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/statistics.h"

namespace anomaly {

// What is known of a region from the frames before.
struct Sighting {
  uint32_t id = 0;          // from 1; never given twice by one tracker (short of 2^32 regions)
  int64_t first_frame = 0;  // in which the region was first seen
  int64_t first_time = -1;  // of that frame, nanoseconds of running time; -1 = unknown
};

// Association: a region continues the one of the frames before whose bounding box overlaps its own best, by
// intersection over union, at least kOverlapLeast. Pairs are taken greedily, the best first; equal ones by
// the lower id, then by the larger region. A region that is not found again keeps its id and its last box for
// kMissedMost computed frames. One thread; the same frames give the same ids.
class RegionTracker {
 public:
  // Low, because what reaches a threshold grows and shrinks a lot from frame to frame: a box that doubles in
  // both directions still overlaps by a quarter.
  static constexpr double kOverlapLeast = 0.1;
  static constexpr int kMissedMost = 5;

  // The regions (frame pixels, largest first) of frame number `frame`, computed, at `time` (nanoseconds of
  // running time, -1 = unknown): a sighting for each, in their order.
  std::vector<Sighting> update(const std::vector<Region>& regions, int64_t frame, int64_t time);

  // What comes next has nothing to do with what was: every region of it is new.
  void forget() { tracks_.clear(); }

 private:
  struct Track {
    Sighting sighting;
    int x, y, width, height;
    int missed;  // computed frames since it was seen
  };

  Track begun(int64_t frame, int64_t time);

  std::vector<Track> tracks_;  // by rising id
  uint32_t last_id_ = 0;
};

}  // namespace anomaly

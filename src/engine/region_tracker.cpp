// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/region_tracker.h"

#include <algorithm>

namespace anomaly {

namespace {

// Lost regions are kept beside those in sight only as far as this: a frame of noise must not cost the next
// ones.
constexpr size_t kTracksMost = 2 * kMaxRegions;

struct Pair {
  double overlap;
  size_t track, region;
};

double length_in_both(int a, int a_length, int b, int b_length) {
  const int64_t begin = std::max(a, b),
                end = std::min(static_cast<int64_t>(a) + a_length, static_cast<int64_t>(b) + b_length);
  return static_cast<double>(std::max<int64_t>(end - begin, 0));
}

template <typename A, typename B>
double intersection_over_union(const A& a, const B& b) {
  const double both =
      length_in_both(a.x, a.width, b.x, b.width) * length_in_both(a.y, a.height, b.y, b.height);
  if (both <= 0) return 0;
  const double all = static_cast<double>(a.width) * a.height + static_cast<double>(b.width) * b.height - both;
  return both / all;
}

}  // namespace

RegionTracker::Track RegionTracker::begun(int64_t frame, int64_t time) {
  if (++last_id_ == 0) last_id_ = 1;
  return {{last_id_, frame, time}, 0, 0, 0, 0, 0};
}

std::vector<Sighting> RegionTracker::update(const std::vector<Region>& regions, int64_t frame, int64_t time) {
  std::vector<Pair> pairs;
  for (size_t t = 0; t < tracks_.size(); ++t)
    for (size_t r = 0; r < regions.size(); ++r)
      if (const double overlap = intersection_over_union(tracks_[t], regions[r]); overlap >= kOverlapLeast)
        pairs.push_back({overlap, t, r});
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    if (a.overlap != b.overlap) return a.overlap > b.overlap;
    return a.track != b.track ? a.track < b.track : a.region < b.region;
  });

  constexpr size_t kNone = SIZE_MAX;
  std::vector<size_t> track_of(regions.size(), kNone);
  std::vector<char> found(tracks_.size(), 0);
  for (const Pair& pair : pairs)
    if (track_of[pair.region] == kNone && !found[pair.track]) {
      track_of[pair.region] = pair.track;
      found[pair.track] = 1;
    }

  for (size_t t = 0; t < tracks_.size(); ++t)
    if (!found[t]) ++tracks_[t].missed;
  std::vector<Sighting> sightings;
  sightings.reserve(regions.size());
  for (size_t r = 0; r < regions.size(); ++r) {
    if (track_of[r] == kNone) {
      track_of[r] = tracks_.size();
      tracks_.push_back(begun(frame, time));
    }
    Track& track = tracks_[track_of[r]];
    track.x = regions[r].x;
    track.y = regions[r].y;
    track.width = regions[r].width;
    track.height = regions[r].height;
    track.missed = 0;
    sightings.push_back(track.sighting);
  }

  std::erase_if(tracks_, [](const Track& track) { return track.missed > kMissedMost; });
  // Those lost longest go first; ids stay in order.
  for (int missed = kMissedMost; tracks_.size() > kTracksMost && missed > 0; --missed)
    std::erase_if(tracks_, [missed](const Track& track) { return track.missed == missed; });
  return sightings;
}

}  // namespace anomaly

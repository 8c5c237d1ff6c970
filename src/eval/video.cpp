// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/eval/video.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "src/eval/components.h"
#include "src/eval/ranking.h"

namespace anomaly::eval {

void SteadinessCounter::add(const float* map, const uint8_t* rgb, size_t pixels) {
  if (map_.size() == pixels && pixels > 0) {
    for (size_t i = 0; i < pixels; ++i) {
      const double change = std::abs(static_cast<double>(map[i]) - static_cast<double>(map_[i]));
      change_ += change;
      bool still = true;
      for (size_t c = 3 * i; c < 3 * i + 3; ++c)
        still = still && std::abs(int{rgb[c]} - int{rgb_[c]}) <= kPictureChange;
      if (!still) continue;
      unexplained_ += change;
      ++still_;
    }
    pixels_ += static_cast<int64_t>(pixels);
  }
  map_.assign(map, map + pixels);
  rgb_.assign(rgb, rgb + 3 * pixels);
}

std::optional<double> SteadinessCounter::flicker() const {
  if (pixels_ == 0) return std::nullopt;
  return change_ / static_cast<double>(pixels_);
}

std::optional<double> SteadinessCounter::temporal_consistency() const {
  if (still_ == 0) return std::nullopt;
  return 1 - unexplained_ / static_cast<double>(still_);
}

std::vector<std::pair<int64_t, int64_t>> arrivals(int64_t frames, double fps, double latency) {
  // In frames; the little more keeps a time that is meant to fall on a frame from falling short of it.
  constexpr double kLittle = 1e-6;
  const double duration = latency * fps;
  std::vector<std::pair<int64_t, int64_t>> pairs;
  double start = 0;
  for (int64_t taken = 0;;) {
    const double end = start + duration;
    if (end + kLittle >= static_cast<double>(frames)) return pairs;
    const auto current = static_cast<int64_t>(std::floor(end + kLittle));
    pairs.emplace_back(taken, current);
    const bool had = current <= taken;
    taken = had ? taken + 1 : current;
    start = had ? static_cast<double>(taken) : end;
    if (taken >= frames) return pairs;
  }
}

void AlarmCounter::add(const float* scores, const uint8_t* targets, int width, int height, float threshold) {
  const size_t columns = static_cast<size_t>(width), pixels = columns * static_cast<size_t>(height);
  std::vector<uint8_t> mask(pixels);
  for (size_t i = 0; i < pixels; ++i) mask[i] = scores[i] >= threshold;
  const Components found = find_components(mask.data(), width, height);

  struct Extent {
    int left, top, right, bottom;
    bool normal, anomalous;
  };
  std::vector<Extent> extents(found.areas.size(), {width, height, -1, -1, false, false});
  for (size_t i = 0; i < pixels; ++i) {
    if (!found.labels[i]) continue;
    Extent& e = extents[static_cast<size_t>(found.labels[i]) - 1];
    const int x = static_cast<int>(i % columns), y = static_cast<int>(i / columns);
    e = {std::min(e.left, x),
         std::min(e.top, y),
         std::max(e.right, x),
         y,
         e.normal || targets[i] == kNormal,
         e.anomalous || targets[i] == kAnomalous};
  }
  std::vector<Region> regions;
  for (size_t r = 0; r < extents.size(); ++r) {
    const Extent& e = extents[r];
    if (found.areas[r] < min_area_ || e.anomalous || !e.normal) continue;
    Region region;
    region.x = e.left;
    region.y = e.top;
    region.width = e.right - e.left + 1;
    region.height = e.bottom - e.top + 1;
    region.area = found.areas[r];
    regions.push_back(region);
  }
  std::stable_sort(regions.begin(), regions.end(),
                   [](const Region& a, const Region& b) { return a.area > b.area; });
  for (const Sighting& sighting : tracker_.update(regions, frame_++, -1))
    seen_ = std::max(seen_, sighting.id);
  ++frames_;
  regions_ += static_cast<int64_t>(regions.size());
  frames_with_alarm_ += !regions.empty();
}

void AlarmCounter::skip() {
  tracker_.update({}, frame_++, -1);
}

}  // namespace anomaly::eval

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/statistics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu_threads.h"
#include "kernels/pixel_format.h"
#include "kernels/regions.h"
#include "kernels/resample_plane.h"
#include "kernels/statistics_math.h"
#include "kernels/surroundings.h"

namespace anomaly {
namespace {

constexpr float kBelow = std::numeric_limits<float>::quiet_NaN();  // below every threshold

void check(const float* map, int map_width, int map_height, const uint8_t* labels, int label_width,
           int label_height, const StatisticsQuery& q) {
  const auto demand = [](const char* what, int width, int height) {
    if (width < 1 || height < 1 || width > kMaxFrameSize || height > kMaxFrameSize)
      throw std::invalid_argument(std::string(what) + " of " + std::to_string(width) + "x" +
                                  std::to_string(height) + ": width and height must lie in 1.." +
                                  std::to_string(kMaxFrameSize));
  };
  if (!map) throw std::invalid_argument("the anomaly map is null");
  demand("anomaly map", map_width, map_height);
  demand("frame", q.frame_width, q.frame_height);
  if (labels) demand("label map", label_width, label_height);
  if (q.mask) check_mask(*q.mask, q.frame_width, q.frame_height);
  if (q.classes.any() && !labels) throw std::invalid_argument("a choice of classes needs a label map");
}

// The part of the frame that a query is about.
struct Part {
  Span columns, rows;
  const uint8_t* counts = nullptr;  // of the whole frame: 1 where a pixel counts; null = all of the part
  int frame_width, frame_height;

  const uint8_t* row(int y) const { return counts + static_cast<int64_t>(y) * frame_width; }
  int64_t pixels() const {
    const int64_t width = columns.end - columns.begin, height = rows.end - rows.begin;
    if (!counts) return std::max<int64_t>(width, 0) * std::max<int64_t>(height, 0);
    int64_t sum = 0;
    for (int y = rows.begin; y < rows.end; ++y)
      sum += std::accumulate(row(y) + columns.begin, row(y) + columns.end, int64_t{0});
    return sum;
  }
};

// The map's values that count.
std::vector<float> counted_values(const std::vector<float>& map, int map_width, int map_height,
                                  const Part& part) {
  const Span columns = cells_inside(part.columns, part.frame_width, map_width);
  const Span rows = cells_inside(part.rows, part.frame_height, map_height);
  std::vector<float> values;
  values.reserve(static_cast<size_t>(columns.end - columns.begin) * (rows.end - rows.begin));
  for (int y = rows.begin; y < rows.end; ++y) {
    const float* row = map.data() + static_cast<int64_t>(y) * map_width;
    if (!part.counts) {
      values.insert(values.end(), row + columns.begin, row + columns.end);
      continue;
    }
    const uint8_t* counts = part.row(nearest_index(y, part.frame_height, map_height));
    for (int x = columns.begin; x < columns.end; ++x)
      if (counts[nearest_index(x, part.frame_width, map_width)]) values.push_back(row[x]);
  }
  if (!values.empty()) return values;
  // No cell's centre counts, though a pixel does.
  std::vector<char> taken(map.size(), 0);
  for (int y = part.rows.begin; y < part.rows.end; ++y)
    for (int x = part.columns.begin; x < part.columns.end; ++x)
      if (part.row(y)[x])
        taken[static_cast<size_t>(nearest_index(y, map_height, part.frame_height)) * map_width +
              nearest_index(x, map_width, part.frame_width)] = 1;
  for (size_t i = 0; i < map.size(); ++i)
    if (taken[i]) values.push_back(map[i]);
  return values;
}

// score, max and mean of the values, at least one.
void map_figures(std::vector<float> values, MapStatistics& s) {
  double sum = 0;
  for (const float v : values) sum += v;
  s.mean = static_cast<float>(sum / static_cast<double>(values.size()));
  const size_t top = std::max<size_t>(values.size() / 1000, 1);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(top - 1), values.end(),
                   std::greater<>());
  double highest = 0;
  for (size_t i = 0; i < top; ++i) highest += values[i];
  s.score = static_cast<float>(highest / static_cast<double>(top));
  s.max = *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(top));
}

// The runs of frame pixels that count and are at or over the threshold, row after row.
std::vector<Run> runs_over(const PlaneResampler& resampler, const Part& part, const StatisticsQuery& query) {
  const Span columns = part.columns, rows = part.rows;
  const int height = rows.end - rows.begin;
  const int threads = cpu_threads(static_cast<int64_t>(query.frame_width) * height, height);
  std::vector<std::vector<Run>> found(threads);
  std::vector<std::vector<float>> line(threads, std::vector<float>(query.frame_width));
  std::atomic<bool> out_of_memory{false};
#pragma omp parallel for schedule(static, 1) num_threads(threads) if (threads > 1)
  for (int i = 0; i < threads; ++i) {
    try {
      const int end = rows.begin + static_cast<int>(static_cast<int64_t>(height) * (i + 1) / threads);
      for (int y = rows.begin + static_cast<int>(static_cast<int64_t>(height) * i / threads); y < end; ++y) {
        if (resampler.row_is_below(y, query.threshold)) continue;
        resampler.row(y, line[i].data());
        if (part.counts)
          for (int x = columns.begin; x < columns.end; ++x)
            if (!part.row(y)[x]) line[i][static_cast<size_t>(x)] = kBelow;
        find_runs(line[i].data(), y, columns.begin, columns.end, query.threshold, found[i]);
      }
    } catch (const std::bad_alloc&) {
      out_of_memory = true;  // nothing may leave the parallel region
    }
  }
  if (out_of_memory) throw std::bad_alloc();
  for (int i = 1; i < threads; ++i) found[0].insert(found[0].end(), found[i].begin(), found[i].end());
  return std::move(found[0]);
}

// Turns the marks of runs into which pixels of `part` count where only some classes do.
void count_classes(const Part& part, const ClassSet& classes, const uint8_t* labels, int label_width,
                   int label_height, std::vector<uint8_t>& marks) {
  std::array<uint8_t, 256> chosen;
  for (size_t id = 0; id < chosen.size(); ++id) chosen[id] = classes.test(id);
  std::vector<int> column(part.frame_width);
  for (int x = part.columns.begin; x < part.columns.end; ++x)
    column[x] = nearest_index(x, label_width, part.frame_width);
#pragma omp parallel for schedule(static)
  for (int y = part.rows.begin; y < part.rows.end; ++y) {
    const uint8_t* row =
        labels + static_cast<int64_t>(nearest_index(y, label_height, part.frame_height)) * label_width;
    uint8_t* mark = marks.data() + static_cast<int64_t>(y) * part.frame_width;
    for (int x = part.columns.begin; x < part.columns.end; ++x)
      mark[x] = mark[x] == kNoRun ? chosen[row[column[x]]] & (part.counts ? part.row(y)[x] : uint8_t{1})
                                  : mark[x] == kRunKept;
  }
}

}  // namespace

void check_mask(const PixelMask& mask, int frame_width, int frame_height) {
  if (mask.width != frame_width || mask.height != frame_height ||
      mask.counts.size() != static_cast<size_t>(frame_width) * static_cast<size_t>(frame_height))
    throw std::invalid_argument("a mask of " + std::to_string(mask.width) + "x" +
                                std::to_string(mask.height) + " for a frame of " +
                                std::to_string(frame_width) + "x" + std::to_string(frame_height));
}

MapStatistics map_statistics(const float* map, int map_width, int map_height, const uint8_t* labels,
                             int label_width, int label_height, const StatisticsQuery& query) {
  check(map, map_width, map_height, labels, label_width, label_height, query);
  MapStatistics s;
  Part part{{0, query.frame_width},
            {0, query.frame_height},
            query.mask ? query.mask->counts.data() : nullptr,
            query.frame_width,
            query.frame_height};
  if (query.roi.width > 0 && query.roi.height > 0) {
    part.columns = clipped(query.roi.x, query.roi.width, query.frame_width);
    part.rows = clipped(query.roi.y, query.roi.height, query.frame_height);
  }
  int64_t pixels = part.pixels();
  if (pixels == 0) return s;

  std::vector<float> finite(map, map + static_cast<int64_t>(map_width) * map_height);
  for (float& v : finite)
    if (!std::isfinite(v)) v = 0;
  const PlaneResampler resampler(finite.data(), map_width, map_height, query.frame_width, query.frame_height);
  std::vector<Run> runs = runs_over(resampler, part, query);
  std::vector<uint8_t> marks;
  if (query.classes.any()) {
    marks.assign(static_cast<size_t>(query.frame_width) * query.frame_height, kNoRun);
    runs = runs_standing_on(query.classes, runs, {labels, label_width, label_height}, query.frame_width,
                            query.frame_height, marks);
    count_classes(part, query.classes, labels, label_width, label_height, marks);
    part.counts = marks.data();
    pixels = part.pixels();
    if (pixels == 0) return s;
  }
  map_figures(counted_values(finite, map_width, map_height, part), s);
  int64_t over = 0;
  for (const Run& run : runs) over += run.last - run.first + 1;
  s.share = static_cast<double>(over) / static_cast<double>(pixels);
  s.regions = connect_runs(runs, query.min_area, kMaxRegions, labels, label_width, label_height,
                           query.frame_width, query.frame_height, query.with_runs ? &s.runs : nullptr);
  return s;
}

}  // namespace anomaly

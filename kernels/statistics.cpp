// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/statistics.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu_threads.h"
#include "kernels/pixel_format.h"
#include "kernels/regions.h"
#include "kernels/resample_plane.h"

namespace anomaly {
namespace {

struct Span {
  int begin, end;
};

// Map cells whose centres, in frame pixels, fall into [begin, end); the one nearest to the middle where there
// is none.
Span cells_inside(Span pixels, int frame_size, int map_size) {
  // Cell i's centre lies at (2 i + 1) * frame_size / (2 * map_size).
  const auto first_at_or_after = [&](int pixel) {
    const int64_t n = 2 * static_cast<int64_t>(pixel) * map_size - frame_size,
                  d = 2 * static_cast<int64_t>(frame_size);
    return static_cast<int>(n <= 0 ? 0 : std::min<int64_t>((n + d - 1) / d, map_size));
  };
  const Span cells{first_at_or_after(pixels.begin), first_at_or_after(pixels.end)};
  if (cells.begin < cells.end) return cells;
  const int64_t twice_middle = static_cast<int64_t>(pixels.begin) + pixels.end;
  const int nearest = static_cast<int>(
      std::min<int64_t>(twice_middle * map_size / (2 * static_cast<int64_t>(frame_size)), map_size - 1));
  return {nearest, nearest + 1};
}

Span clipped(int begin, int size, int limit) {
  const int64_t end = static_cast<int64_t>(begin) + size;
  return {std::clamp(begin, 0, limit), static_cast<int>(std::clamp<int64_t>(end, 0, limit))};
}

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
}

// score, max and mean of the cells.
void map_figures(const float* map, int map_width, Span columns, Span rows, MapStatistics& s) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(columns.end - columns.begin) * (rows.end - rows.begin));
  for (int y = rows.begin; y < rows.end; ++y) {
    const float* row = map + static_cast<int64_t>(y) * map_width;
    values.insert(values.end(), row + columns.begin, row + columns.end);
  }
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

// The runs of frame pixels at or over the threshold, row after row.
std::vector<Run> runs_over(const PlaneResampler& resampler, Span columns, Span rows,
                           const StatisticsQuery& query) {
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

}  // namespace

MapStatistics map_statistics(const float* map, int map_width, int map_height, const uint8_t* labels,
                             int label_width, int label_height, const StatisticsQuery& query) {
  check(map, map_width, map_height, labels, label_width, label_height, query);
  MapStatistics s;
  Span columns{0, query.frame_width}, rows{0, query.frame_height};
  if (query.roi.width > 0 && query.roi.height > 0) {
    columns = clipped(query.roi.x, query.roi.width, query.frame_width);
    rows = clipped(query.roi.y, query.roi.height, query.frame_height);
  }
  if (columns.begin >= columns.end || rows.begin >= rows.end) return s;

  std::vector<float> finite(map, map + static_cast<int64_t>(map_width) * map_height);
  for (float& v : finite)
    if (!std::isfinite(v)) v = 0;
  map_figures(finite.data(), map_width, cells_inside(columns, query.frame_width, map_width),
              cells_inside(rows, query.frame_height, map_height), s);

  const PlaneResampler resampler(finite.data(), map_width, map_height, query.frame_width, query.frame_height);
  const std::vector<Run> runs = runs_over(resampler, columns, rows, query);
  int64_t over = 0;
  for (const Run& run : runs) over += run.last - run.first + 1;
  s.share = static_cast<double>(over) /
            (static_cast<double>(columns.end - columns.begin) * static_cast<double>(rows.end - rows.begin));
  s.regions = connect_runs(runs, query.min_area, kMaxRegions, labels, label_width, label_height,
                           query.frame_width, query.frame_height);
  return s;
}

}  // namespace anomaly

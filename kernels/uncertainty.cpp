// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/uncertainty.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/bilinear_math.h"
#include "kernels/uncertainty_math.h"

namespace anomaly {
namespace uncertainty_detail {

constexpr int kBlock = 64;         // pixels that go through the steps together
constexpr int kTile = 4 * kBlock;  // output columns whose two input rows stay in the cache, one plane a class
constexpr int kRows = 32;          // output rows of one task

// One column tile of an input row: upsampled to the output's columns, one plane of kTile a class.
// `in`: in_width x classes. `scratch`: classes x (last - first + 1).
ANOMALY_CLONES
void expand_row(const float* in, int classes, const LinearSource* columns, bool copy, float* scratch,
                float* planes) {
  const int first = columns[0].first, width = columns[kTile - 1].second - first + 1;
  float* target = copy ? planes : scratch;
  const std::ptrdiff_t pitch = copy ? kTile : width;
  for (int x = 0; x < width; ++x) {
    const float* pixel = in + static_cast<std::ptrdiff_t>(first + x) * classes;
    for (int c = 0; c < classes; ++c) target[c * pitch + x] = finite_logit(pixel[c]);
  }
  for (int c = 0; c < classes; ++c) {
    float* plane = planes + c * static_cast<std::ptrdiff_t>(kTile);
    if (copy) {
      for (int x = width; x < kTile; ++x) plane[x] = plane[width - 1];
      continue;
    }
    const float* row = scratch + c * pitch - first;
    for (int x = 0; x < kTile; ++x) {
      const LinearSource& s = columns[x];
      plane[x] = mix(row[s.first], row[s.second], s.first_weight, s.second_weight);
    }
  }
}

struct Lanes {
  float low_entropy[kBlock], high_entropy[kBlock], low_distance[kBlock], high_distance[kBlock];
};

struct BlockResult {
  int32_t label[kBlock];
  float entropy[kBlock], distance[kBlock];
};

// The steps over kBlock neighbouring pixels. `top`, `bottom`: planes of the two input rows, kTile apart.
ANOMALY_CLONES
void uncertainty_block(const float* top, const float* bottom, int classes, float top_weight,
                       float bottom_weight, BlockResult& out, Lanes& lanes) {
  float logits[kMaxClasses * kBlock];
  float best[kBlock], second[kBlock], sum[kBlock], weighted[kBlock];
  for (int i = 0; i < kBlock; ++i) {
    best[i] = second[i] = Ranking{}.best;
    sum[i] = weighted[i] = 0;
    out.label[i] = 0;
  }
  for (int c = 0; c < classes; ++c) {
    const float* upper = top + c * kTile;
    const float* lower = bottom + c * kTile;
    float* logit = logits + c * kBlock;
    for (int i = 0; i < kBlock; ++i) {
      logit[i] = mix(upper[i], lower[i], top_weight, bottom_weight);
      rank_class(logit[i], c, best[i], second[i], out.label[i]);
    }
  }
  for (int c = 0; c < classes; ++c) {
    // Two loops: in one, the compiler specialises the clamped case, and the branch keeps it from vectorising.
    float shifted[kBlock];
    for (int i = 0; i < kBlock; ++i) shifted[i] = shifted_logit(logits[c * kBlock + i], best[i]);
    for (int i = 0; i < kBlock; ++i) sum_class(shifted[i], sum[i], weighted[i]);
  }
  for (int i = 0; i < kBlock; ++i) second[i] = shifted_logit(second[i], best[i]);
  for (int i = 0; i < kBlock; ++i) {
    out.entropy[i] = entropy_from(sum[i], weighted[i]);
    out.distance[i] = distance_from(sum[i], second[i]);
  }
  for (int i = 0; i < kBlock; ++i) {
    lanes.low_entropy[i] = min_of(out.entropy[i], lanes.low_entropy[i]);
    lanes.high_entropy[i] = max_of(out.entropy[i], lanes.high_entropy[i]);
    lanes.low_distance[i] = min_of(out.distance[i], lanes.low_distance[i]);
    lanes.high_distance[i] = max_of(out.distance[i], lanes.high_distance[i]);
  }
}

// The planes of the two input rows that an output row lies between; a row stays while it is needed.
class RowPair {
 public:
  // `span`: input columns that a tile may need.
  RowPair(int classes, int span)
      : classes_(classes),
        store_(static_cast<size_t>(classes) * kTile * 2),
        scratch_(static_cast<size_t>(classes) * span) {}

  void forget() { row_[0] = row_[1] = -1; }

  // Planes of input row `row`, expanded unless they are here; never those of `keep`.
  const float* planes(const float* logits, int in_width, int row, int keep, const LinearSource* columns,
                      bool copy) {
    for (int slot = 0; slot < 2; ++slot)
      if (row_[slot] == row) return at(slot);
    const int slot = row_[0] == keep ? 1 : 0;
    expand_row(logits + static_cast<std::ptrdiff_t>(row) * in_width * classes_, classes_, columns, copy,
               scratch_.data(), at(slot));
    row_[slot] = row;
    return at(slot);
  }

 private:
  float* at(int slot) { return store_.data() + static_cast<std::ptrdiff_t>(slot) * classes_ * kTile; }

  int classes_;
  int row_[2] = {-1, -1};
  std::vector<float> store_, scratch_;
};

}  // namespace uncertainty_detail

void uncertainty_maps(const float* logits, int classes, int in_width, int in_height, int out_width,
                      int out_height, uint8_t* labels, float* entropy, float* distance, float bounds[4]) {
  using namespace uncertainty_detail;
  if (classes < 1 || classes > kMaxClasses)
    throw std::invalid_argument("uncertainty_maps: " + std::to_string(classes) + " classes, 1 to " +
                                std::to_string(kMaxClasses) + " are possible");
  if (!logits || in_width < 1 || in_height < 1 || out_width < 1 || out_height < 1)
    throw std::invalid_argument("uncertainty_maps: logits and sizes must not be empty");

  const bool copy = in_width == out_width;
  const int tiles = (out_width + kTile - 1) / kTile, strips = (out_height + kRows - 1) / kRows;
  const float x_scale = aligned_scale(in_width, out_width), y_scale = aligned_scale(in_height, out_height);
  // Columns beyond the last repeat it, so that every block is a full one and the bounds stay true.
  std::vector<LinearSource> columns(static_cast<size_t>(tiles) * kTile);
  for (size_t x = 0; x < columns.size(); ++x)
    columns[x] = aligned_source(std::min(static_cast<int>(x), out_width - 1), x_scale, in_width, out_width);
  int span = 0;
  for (int tile = 0; tile < tiles; ++tile) {
    const LinearSource* tile_columns = &columns[static_cast<size_t>(tile) * kTile];
    span = std::max(span, tile_columns[kTile - 1].second - tile_columns[0].first + 1);
  }

  const float inf = std::numeric_limits<float>::infinity();
  float low_entropy = inf, high_entropy = -inf, low_distance = inf, high_distance = -inf;
#pragma omp parallel reduction(min : low_entropy, low_distance) reduction(max : high_entropy, high_distance)
  {
    RowPair rows(classes, span);
    BlockResult result;
    Lanes lanes;
    std::fill_n(lanes.low_entropy, kBlock, inf);
    std::fill_n(lanes.high_entropy, kBlock, -inf);
    std::fill_n(lanes.low_distance, kBlock, inf);
    std::fill_n(lanes.high_distance, kBlock, -inf);
#pragma omp for collapse(2) schedule(dynamic)
    for (int strip = 0; strip < strips; ++strip) {
      for (int tile = 0; tile < tiles; ++tile) {
        rows.forget();
        const LinearSource* tile_columns = &columns[static_cast<size_t>(tile) * kTile];
        const int row_end = std::min((strip + 1) * kRows, out_height);
        for (int y = strip * kRows; y < row_end; ++y) {
          const LinearSource s = aligned_source(y, y_scale, in_height, out_height);
          const float* top = rows.planes(logits, in_width, s.first, s.second, tile_columns, copy);
          const float* bottom = rows.planes(logits, in_width, s.second, s.first, tile_columns, copy);
          for (int x = tile * kTile; x < std::min((tile + 1) * kTile, out_width); x += kBlock) {
            const int inside = x - tile * kTile, count = std::min(kBlock, out_width - x);
            uncertainty_block(top + inside, bottom + inside, classes, s.first_weight, s.second_weight, result,
                              lanes);
            const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(y) * out_width + x;
            if (labels) std::copy_n(result.label, count, labels + at);
            if (entropy) std::copy_n(result.entropy, count, entropy + at);
            if (distance) std::copy_n(result.distance, count, distance + at);
          }
        }
      }
    }
    for (int i = 0; i < kBlock; ++i) {
      low_entropy = std::min(low_entropy, lanes.low_entropy[i]);
      high_entropy = std::max(high_entropy, lanes.high_entropy[i]);
      low_distance = std::min(low_distance, lanes.low_distance[i]);
      high_distance = std::max(high_distance, lanes.high_distance[i]);
    }
  }
  if (bounds) {
    bounds[0] = low_entropy;
    bounds[1] = high_entropy;
    bounds[2] = low_distance;
    bounds[3] = high_distance;
  }
}

}  // namespace anomaly

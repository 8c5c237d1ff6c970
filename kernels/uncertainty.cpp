// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/uncertainty.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "kernels/bilinear_math.h"
#include "kernels/uncertainty_math.h"

namespace anomaly {
namespace uncertainty_detail {

constexpr int kBlock = 64;         // pixels that go through the steps together
constexpr int kTile = 4 * kBlock;  // output columns whose two input rows stay in the cache, one plane a class
constexpr int kPitch =
    kTile + 16;  // of a tile's planes: a power of two would put all of them into few sets of the cache
constexpr int kRows = 32;  // output rows of one task

typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));

// out[c * kPitch + x] = in[x * classes + c]
[[gnu::always_inline]] inline void transpose(const float* in, int pixels, int classes, float* out) {
  const auto four = [&](int x, int c) {
    return *reinterpret_cast<const Four*>(in + static_cast<std::ptrdiff_t>(x) * classes + c);
  };
  const auto store = [&](int x, int c, Four v) { *reinterpret_cast<Four*>(out + c * kPitch + x) = v; };
  int x = 0;
  if (classes >= 4)
    for (; x + 4 <= pixels; x += 4)
      for (int begin = 0; begin < classes; begin += 4) {
        const int c = begin + 4 <= classes ? begin : classes - 4;  // the last four overlap those before
        const Four p = four(x, c), q = four(x + 1, c), r = four(x + 2, c), s = four(x + 3, c);
        const Four pr_low = __builtin_shufflevector(p, r, 0, 4, 1, 5),
                   pr_high = __builtin_shufflevector(p, r, 2, 6, 3, 7);
        const Four qs_low = __builtin_shufflevector(q, s, 0, 4, 1, 5),
                   qs_high = __builtin_shufflevector(q, s, 2, 6, 3, 7);
        store(x, c, __builtin_shufflevector(pr_low, qs_low, 0, 4, 1, 5));
        store(x, c + 1, __builtin_shufflevector(pr_low, qs_low, 2, 6, 3, 7));
        store(x, c + 2, __builtin_shufflevector(pr_high, qs_high, 0, 4, 1, 5));
        store(x, c + 3, __builtin_shufflevector(pr_high, qs_high, 2, 6, 3, 7));
      }
  for (; x < pixels; ++x)
    for (int c = 0; c < classes; ++c) out[c * kPitch + x] = in[static_cast<std::ptrdiff_t>(x) * classes + c];
}

// One column tile of an input row: one plane of kTile a class, upsampled to the output's columns.
// `in`: in_width x classes. `scratch`: kTile x classes.
ANOMALY_CLONES
void expand_row(const float* in, int classes, const LinearSource* columns, bool copy,
                float* __restrict scratch, float* __restrict planes) {
  if (copy) {
    const int first = columns[0].first, width = columns[kTile - 1].first - first + 1;
    transpose(in + static_cast<std::ptrdiff_t>(first) * classes, width, classes, planes);
    for (int c = 0; c < classes; ++c) {
      float* plane = planes + c * kPitch;
      for (int x = 0; x < width; ++x) plane[x] = finite_logit(plane[x]);
      for (int x = width; x < kTile; ++x) plane[x] = plane[width - 1];
    }
    return;
  }
  for (int x = 0; x < kTile; ++x) {
    const LinearSource s = columns[x];
    const float* first = in + static_cast<std::ptrdiff_t>(s.first) * classes;
    const float* second = in + static_cast<std::ptrdiff_t>(s.second) * classes;
    float* out = scratch + static_cast<std::ptrdiff_t>(x) * classes;
    for (int c = 0; c < classes; ++c)
      out[c] = mix(finite_logit(first[c]), finite_logit(second[c]), s.first_weight, s.second_weight);
  }
  transpose(scratch, kTile, classes, planes);
}

struct Lanes {
  float low_entropy[kBlock], high_entropy[kBlock], low_distance[kBlock], high_distance[kBlock];
};

struct BlockResult {
  int32_t label[kBlock];
  float entropy[kBlock], distance[kBlock];
};

// The steps over kBlock neighbouring pixels. `top`, `bottom`: planes of the two input rows, kPitch apart.
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
    const float* upper = top + c * kPitch;
    const float* lower = bottom + c * kPitch;
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
  explicit RowPair(int classes)
      : classes_(classes),
        store_(static_cast<size_t>(classes) * kPitch * 2),
        scratch_(static_cast<size_t>(classes) * kTile) {}

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
  float* at(int slot) { return store_.data() + static_cast<std::ptrdiff_t>(slot) * classes_ * kPitch; }

  int classes_;
  int row_[2] = {-1, -1};
  std::vector<float> store_, scratch_;
};

int threads() {
#if defined(_OPENMP)
  return omp_get_max_threads();
#else
  return 1;
#endif
}

int this_thread() {
#if defined(_OPENMP)
  return omp_get_thread_num();
#else
  return 0;
#endif
}

}  // namespace uncertainty_detail

void uncertainty_maps(const float* logits, int classes, int in_width, int in_height, int out_width,
                      int out_height, uint8_t* labels, float* entropy, float* distance, float bounds[4],
                      bool align_corners) {
  using namespace uncertainty_detail;
  if (classes < 1 || classes > kMaxClasses)
    throw std::invalid_argument("uncertainty_maps: " + std::to_string(classes) + " classes, 1 to " +
                                std::to_string(kMaxClasses) + " are possible");
  if (!logits || in_width < 1 || in_height < 1 || out_width < 1 || out_height < 1)
    throw std::invalid_argument("uncertainty_maps: logits and sizes must not be empty");

  const bool copy = in_width == out_width;
  const int tiles = (out_width + kTile - 1) / kTile, strips = (out_height + kRows - 1) / kRows;
  const LinearAxis across = linear_axis(in_width, out_width, align_corners),
                   down = linear_axis(in_height, out_height, align_corners);
  // Columns beyond the last repeat it, so that every block is a full one and the bounds stay true.
  std::vector<LinearSource> columns(static_cast<size_t>(tiles) * kTile);
  for (size_t x = 0; x < columns.size(); ++x)
    columns[x] = linear_source(std::min(static_cast<int>(x), out_width - 1), across);

  const float inf = std::numeric_limits<float>::infinity();
  float low_entropy = inf, high_entropy = -inf, low_distance = inf, high_distance = -inf;
  // Out of the parallel region: an exception must not leave one.
  std::vector<RowPair> row_pairs(static_cast<size_t>(threads()), RowPair(classes));
#pragma omp parallel reduction(min : low_entropy, low_distance) reduction(max : high_entropy, high_distance)
  {
    RowPair& rows = row_pairs[static_cast<size_t>(this_thread())];
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
          const LinearSource s = linear_source(y, down);
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

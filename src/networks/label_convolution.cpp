// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/label_convolution.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "kernels/portable.h"
#include "src/networks/compute.h"
#include "src/networks/label_edges.h"
#include "src/networks/one_hot.h"

namespace anomaly {
// External linkage: see ANOMALY_CLONES.
namespace rows {

// The sum of nine rows of a table and the bias.
ANOMALY_CLONES void add_nine(const float* const* taps, const float* bias, float least, int64_t channels,
                             float* out) {
  const float *a = taps[0], *b = taps[1], *c = taps[2], *d = taps[3], *e = taps[4], *f = taps[5],
              *g = taps[6], *h = taps[7], *i = taps[8];
  ANOMALY_INDEPENDENT
  for (int64_t n = 0; n < channels; ++n) {
    const float sum = bias[n] + ((a[n] + b[n]) + (c[n] + d[n])) + ((e[n] + f[n]) + (g[n] + h[n])) + i[n];
    out[n] = sum > least ? sum : least;
  }
}

}  // namespace rows

namespace {

constexpr int64_t kTaps = 9;

}  // namespace

LabelConvolution::LabelConvolution(const at::Tensor& weight, const at::Tensor& bias, int64_t stride,
                                   bool edges, Activation activation)
    : stride_(stride), edges_(edges), relu_(activation == Activation::ReLU) {
  TORCH_CHECK(weight.size(2) == 3 && weight.size(3) == 3 &&
              (activation == Activation::None || activation == Activation::ReLU));
  const int64_t out = weight.size(0), planes = weight.size(1);
  TORCH_CHECK(planes <= kMostLabels);  // so that a row's number fits a byte
  labels_ = planes - edges;
  // A label's row, and, where there are edges, the same on an edge; row `labels_` is of what has no plane.
  const int64_t plain = labels_ + 1;
  rows_ = plain * (edges ? 2 : 1) + 1;
  const at::Tensor taps = weight.to(at::kFloat).permute({2, 3, 1, 0}).reshape({kTaps, planes, out});
  table_ = at::zeros({kTaps, rows_, out}, at::kFloat);
  table_.narrow(1, 0, labels_).copy_(taps.narrow(1, 0, labels_));
  if (edges) {
    at::Tensor on_edge = table_.narrow(1, plain, plain);
    on_edge.copy_(table_.narrow(1, 0, plain));
    on_edge += taps.narrow(1, labels_, 1);
  }
  bias_ = bias.to(at::kFloat).contiguous();
}

at::Tensor LabelConvolution::operator()(const at::Tensor& ids) const {
  const at::Tensor from = ids.contiguous();
  const int64_t batch = from.size(0), height = from.size(1), width = from.size(2), out = bias_.size(0);
  const int64_t out_height = (height + stride_ - 1) / stride_, out_width = (width + stride_ - 1) / stride_;
  at::Tensor result = at::empty({batch, out, out_height, out_width},
                                at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
  const auto* labels = from.const_data_ptr<uint8_t>();
  const float *table = table_.const_data_ptr<float>(), *bias = bias_.const_data_ptr<float>();
  auto* to = result.mutable_data_ptr<float>();
  const float least = relu_ ? 0.0f : -std::numeric_limits<float>::infinity();
  const auto none = static_cast<uint8_t>(rows_ - 1);  // beyond the map: zeros
  at::parallel_for(0, batch * out_height, 8, [&](int64_t begin, int64_t end) {
    // Three lines of table rows, with one beyond the map at either end.
    std::array<std::vector<uint8_t>, 3> lines;
    for (auto& line : lines) line.assign(static_cast<size_t>(width + 2), none);
    std::array<const float*, kTaps> taps;
    for (int64_t row = begin; row < end; ++row) {
      const uint8_t* map = labels + row / out_height * height * width;
      for (int64_t k = 0; k < 3; ++k) {
        const int64_t y = row % out_height * stride_ + k - 1;
        auto& line = lines[static_cast<size_t>(k)];
        if (y < 0 || y >= height) {
          std::fill(line.begin(), line.end(), none);
          continue;
        }
        for (int64_t x = 0; x < width; ++x) {
          const int64_t label = std::min<int64_t>(map[y * width + x], labels_);
          const bool edge = edges_ && is_label_edge(map, height, width, y, x);
          line[static_cast<size_t>(x + 1)] = static_cast<uint8_t>(edge ? label + labels_ + 1 : label);
        }
      }
      for (int64_t x = 0; x < out_width; ++x) {
        for (int64_t k = 0; k < kTaps; ++k) {
          const int64_t index = lines[static_cast<size_t>(k / 3)][static_cast<size_t>(x * stride_ + k % 3)];
          taps[static_cast<size_t>(k)] = table + (k * rows_ + index) * out;
        }
        rows::add_nine(taps.data(), bias, least, out, to + (row * out_width + x) * out);
      }
    }
  });
  return result;
}

at::Tensor LabelInput::one_hot_map(const at::Tensor& ids) const {
  return edges_ ? one_hot_with_edges(ids, planes_ - 1) : one_hot(ids, planes_, planes_);
}

void LabelInput::fold(const at::Tensor& weight, const at::Tensor& bias, int64_t stride,
                      Activation activation) {
  if (defined() && planes_ <= LabelConvolution::kMostLabels && !current_compute().gpu())
    folded_ = LabelConvolution(weight, bias, stride, edges_, activation);
}

}  // namespace anomaly

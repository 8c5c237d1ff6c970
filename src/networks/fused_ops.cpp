// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/fused_ops.h"

#include <cmath>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/sigmoid.h>

#include "kernels/portable.h"
#include "src/networks/channels_last.h"
#include "src/networks/compute.h"
#include "src/networks/device_ops.h"

namespace anomaly {
// One row = the channels of one pixel. External linkage: see ANOMALY_CLONES.
namespace rows {

ANOMALY_CLONES void scale_shift(const float* x, const float* scale, const float* shift, float slope,
                                int64_t pixels, int64_t channels, float* out) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, out += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float v = x[c] * scale[c] + shift[c];
      out[c] = v > 0 ? v : v * slope;
    }
}

ANOMALY_CLONES void gate(float* x, const float* gate, float slope, int64_t values) {
  for (int64_t i = 0; i < values; ++i) {
    const float v = x[i] * gate[i];
    x[i] = v > 0 ? v : v * slope;
  }
}

ANOMALY_CLONES void gate_scale_shift(float* x, const float* gate, const float* scale, const float* shift,
                                     float slope, int64_t pixels, int64_t channels) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, gate += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float v = x[c] * gate[c];
      x[c] = (v > 0 ? v : v * slope) * scale[c] + shift[c];
    }
}

ANOMALY_CLONES void sums(const float* x, int64_t pixels, int64_t channels, double* sum, double* squares) {
  for (int64_t p = 0; p < pixels; ++p, x += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const double v = x[c];
      sum[c] += v;
      squares[c] += v * v;
    }
}

ANOMALY_CLONES void modulate(const float* x, const float* scale, const float* shift, const float* gamma_beta,
                             int64_t pixels, int64_t channels, float* out) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, out += channels, gamma_beta += 2 * channels)
    for (int64_t c = 0; c < channels; ++c)
      out[c] = (x[c] * scale[c] + shift[c]) * (1.0f + gamma_beta[c]) + gamma_beta[channels + c];
}

// SELU is exponential only below zero: about half of the values.
void selu(float* x, int64_t values) {
  constexpr float kAlpha = 1.6732632423543772f, kScale = 1.0507009873554805f;
  for (int64_t i = 0; i < values; ++i) x[i] = x[i] > 0 ? kScale * x[i] : kScale * kAlpha * std::expm1(x[i]);
}

}  // namespace rows

namespace {

constexpr int64_t kGrain = 16384;  // values a thread takes at least

struct Extent {
  int64_t images, pixels, channels;  // pixels of one image
};

Extent extent_of(const at::Tensor& x) {
  return {x.size(0), x.size(2) * x.size(3), x.size(1)};
}

float slope_of(Activation activation) {
  switch (activation) {
    case Activation::ReLU:
      return 0.0f;
    case Activation::LeakyReLU:
      return static_cast<float>(kLeakySlope);
    default:
      return 1.0f;
  }
}

}  // namespace

at::Tensor scale_shift(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                       Activation activation) {
  if (current_compute().gpu()) return device_ops::scale_shift(x, scale, shift, activation);
  const at::Tensor in = channels_last(x);
  at::Tensor out = at::empty_like(in);
  const Extent e = extent_of(in);
  const float *from = in.const_data_ptr<float>(), *s = scale.const_data_ptr<float>(),
              *t = shift.const_data_ptr<float>();
  auto* to = out.mutable_data_ptr<float>();
  const float slope = slope_of(activation);
  at::parallel_for(0, e.images * e.pixels, kGrain / e.channels + 1, [&](int64_t begin, int64_t end) {
    rows::scale_shift(from + begin * e.channels, s, t, slope, end - begin, e.channels,
                      to + begin * e.channels);
  });
  return out;
}

void gate_in_place(at::Tensor& x, const at::Tensor& gate, const GateForm& form) {
  if (current_compute().gpu()) return device_ops::gate_in_place(x, gate, form);
  x = channels_last(x);
  const at::Tensor gates = channels_last(form.logistic ? at::sigmoid(gate) : gate);
  const Extent e = extent_of(x);
  auto* values = x.mutable_data_ptr<float>();
  const auto* g = gates.const_data_ptr<float>();
  const auto slope = static_cast<float>(kLeakySlope);
  const float* s = form.scale.defined() ? form.scale.const_data_ptr<float>() : nullptr;
  const float* t = form.shift.defined() ? form.shift.const_data_ptr<float>() : nullptr;
  at::parallel_for(0, e.images * e.pixels, kGrain / e.channels + 1, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * e.channels;
    if (s)
      rows::gate_scale_shift(values + first, g + first, s, t, slope, end - begin, e.channels);
    else
      rows::gate(values + first, g + first, slope, (end - begin) * e.channels);
  });
  if (form.residual.defined()) x.add_(form.residual);
}

std::pair<at::Tensor, at::Tensor> instance_scale_shift(const at::Tensor& x) {
  if (current_compute().gpu()) return device_ops::instance_scale_shift(x);
  constexpr double kEpsilon = 1e-5;
  constexpr int64_t kStrip =
      512;  // pixels summed on their own, so that the sum does not depend on the thread count
  const at::Tensor in = channels_last(x);
  const Extent e = extent_of(in);
  at::Tensor scale = at::empty({e.images, e.channels}, at::kFloat), shift = at::empty_like(scale);
  const auto* from = in.const_data_ptr<float>();
  const int64_t strips = (e.pixels + kStrip - 1) / kStrip, c = e.channels;
  std::vector<double> partial(static_cast<size_t>(strips * 2 * c));
  for (int64_t n = 0; n < e.images; ++n) {
    std::fill(partial.begin(), partial.end(), 0.0);
    at::parallel_for(0, strips, 4, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s) {
        const int64_t first = s * kStrip, count = std::min(kStrip, e.pixels - first);
        rows::sums(from + (n * e.pixels + first) * c, count, c, &partial[s * 2 * c], &partial[s * 2 * c + c]);
      }
    });
    for (int64_t i = 0; i < c; ++i) {
      double sum = 0, squares = 0;
      for (int64_t s = 0; s < strips; ++s)
        sum += partial[s * 2 * c + i], squares += partial[s * 2 * c + c + i];
      const double mean = sum / e.pixels, variance = std::max(0.0, squares / e.pixels - mean * mean);
      const double factor = 1.0 / std::sqrt(variance + kEpsilon);
      scale.mutable_data_ptr<float>()[n * c + i] = static_cast<float>(factor);
      shift.mutable_data_ptr<float>()[n * c + i] = static_cast<float>(-mean * factor);
    }
  }
  return {scale, shift};
}

at::Tensor modulate(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                    const at::Tensor& gamma_beta, Activation activation) {
  if (current_compute().gpu()) return device_ops::modulate(x, scale, shift, gamma_beta, activation);
  const at::Tensor in = channels_last(x), gb = channels_last(gamma_beta);
  at::Tensor out = at::empty_like(in);
  const Extent e = extent_of(in);
  const int64_t c = e.channels, row = in.size(3), rows_total = in.size(0) * in.size(2);
  const float *from = in.const_data_ptr<float>(), *factors = gb.const_data_ptr<float>();
  const float *s = scale.const_data_ptr<float>(), *t = shift.const_data_ptr<float>();
  auto* to = out.mutable_data_ptr<float>();
  at::parallel_for(0, rows_total, kGrain / (row * c) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const int64_t image = y / in.size(2), first = y * row * c;
      rows::modulate(from + first, s + image * c, t + image * c, factors + 2 * first, row, c, to + first);
      if (activation == Activation::SELU) rows::selu(to + first, row * c);
    }
  });
  return out;
}

}  // namespace anomaly

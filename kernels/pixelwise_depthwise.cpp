// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/pixelwise_depthwise.h"

#include <cstddef>
#include <vector>

#include "kernels/depthwise_math.h"

namespace anomaly {
namespace depthwise_detail {

// One pixel, all channels. `in[t]`: the input's channels under tap t.
ANOMALY_CLONES
void forward_pixel(const float* const* in, const float* weights, float* out, int channels) {
  const float *i0 = in[0], *i1 = in[1], *i2 = in[2], *i3 = in[3], *i4 = in[4], *i5 = in[5], *i6 = in[6],
              *i7 = in[7], *i8 = in[8];
  const std::ptrdiff_t n = channels;
  const float* w = weights;
  ANOMALY_INDEPENDENT
  for (std::ptrdiff_t c = 0; c < n; ++c) {
    float sum = 0;
    add_tap(sum, w[c], i0[c]);
    add_tap(sum, w[c + n], i1[c]);
    add_tap(sum, w[c + 2 * n], i2[c]);
    add_tap(sum, w[c + 3 * n], i3[c]);
    add_tap(sum, w[c + 4 * n], i4[c]);
    add_tap(sum, w[c + 5 * n], i5[c]);
    add_tap(sum, w[c + 6 * n], i6[c]);
    add_tap(sum, w[c + 7 * n], i7[c]);
    add_tap(sum, w[c + 8 * n], i8[c]);
    out[c] = sum;
  }
}

// out[t, c] = grad[c] * in[t][c]
ANOMALY_CLONES
void weight_gradient_pixel(const float* grad, const float* const* in, float* out, int channels) {
  for (int t = 0; t < kTaps; ++t) {
    const float* source = in[t];
    float* target = out + static_cast<std::ptrdiff_t>(t) * channels;
    ANOMALY_INDEPENDENT
    for (int c = 0; c < channels; ++c) target[c] = grad[c] * source[c];
  }
}

}  // namespace depthwise_detail

void pixelwise_depthwise(const float* input, const float* weights, float* output, int batch, int height,
                         int width, int channels) {
  using namespace depthwise_detail;
  const DepthwiseShape shape{batch, height, width, channels};
  const std::vector<float> outside(static_cast<size_t>(channels), 0.0f);
#pragma omp parallel for collapse(3) schedule(static)
  for (int n = 0; n < batch; ++n)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const float* in[kTaps];
        for (int t = 0; t < kTaps; ++t) {
          const int ty = y + tap_dy(t), tx = x + tap_dx(t);
          in[t] = shape.inside(ty, tx) ? input + shape.pixel(n, ty, tx) * channels : outside.data();
        }
        const std::ptrdiff_t p = shape.pixel(n, y, x) * channels;
        forward_pixel(in, weights + p * kTaps, output + p, channels);
      }
}

namespace depthwise_detail {

// One pixel, all channels. `grad[t]`: output gradient of the pixel to which tap t carried this one,
// `weights[t]`: that pixel's weights of tap t.
ANOMALY_CLONES
void input_gradient_pixel(const float* const* grad, const float* const* weights, float* out, int channels) {
  const float *g0 = grad[0], *g1 = grad[1], *g2 = grad[2], *g3 = grad[3], *g4 = grad[4], *g5 = grad[5],
              *g6 = grad[6], *g7 = grad[7], *g8 = grad[8];
  const float *w0 = weights[0], *w1 = weights[1], *w2 = weights[2], *w3 = weights[3], *w4 = weights[4],
              *w5 = weights[5], *w6 = weights[6], *w7 = weights[7], *w8 = weights[8];
  ANOMALY_INDEPENDENT
  for (int c = 0; c < channels; ++c) {
    float sum = 0;
    add_tap(sum, w0[c], g0[c]);
    add_tap(sum, w1[c], g1[c]);
    add_tap(sum, w2[c], g2[c]);
    add_tap(sum, w3[c], g3[c]);
    add_tap(sum, w4[c], g4[c]);
    add_tap(sum, w5[c], g5[c]);
    add_tap(sum, w6[c], g6[c]);
    add_tap(sum, w7[c], g7[c]);
    add_tap(sum, w8[c], g8[c]);
    out[c] = sum;
  }
}

}  // namespace depthwise_detail

void pixelwise_depthwise_backward(const float* grad_output, const float* input, const float* weights,
                                  float* grad_input, float* grad_weights, int batch, int height, int width,
                                  int channels) {
  using namespace depthwise_detail;
  const DepthwiseShape shape{batch, height, width, channels};
  const std::vector<float> outside(static_cast<size_t>(channels), 0.0f);
#pragma omp parallel for collapse(3) schedule(static)
  for (int n = 0; n < batch; ++n)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const std::ptrdiff_t p = shape.pixel(n, y, x) * channels;
        if (grad_weights) {
          const float* in[kTaps];
          for (int t = 0; t < kTaps; ++t) {
            const int ty = y + tap_dy(t), tx = x + tap_dx(t);
            in[t] = shape.inside(ty, tx) ? input + shape.pixel(n, ty, tx) * channels : outside.data();
          }
          weight_gradient_pixel(grad_output + p, in, grad_weights + p * kTaps, channels);
        }
        if (grad_input) {
          const float *grad[kTaps], *kernel[kTaps];
          for (int t = 0; t < kTaps; ++t) {
            const int ty = y - tap_dy(t), tx = x - tap_dx(t);
            const bool inside = shape.inside(ty, tx);
            const std::ptrdiff_t q = inside ? shape.pixel(n, ty, tx) * channels : 0;
            grad[t] = inside ? grad_output + q : outside.data();
            kernel[t] =
                inside ? weights + (q * kTaps + static_cast<std::ptrdiff_t>(t) * channels) : outside.data();
          }
          input_gradient_pixel(grad, kernel, grad_input + p, channels);
        }
      }
}

}  // namespace anomaly

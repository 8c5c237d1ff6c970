// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/pixelwise_depthwise.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/im2col.h>

#include <cstring>
#include <vector>

#include "tests/check.h"
#include "tests/kernels/random_values.h"

namespace {

struct Shape {
  int batch, height, width, channels;
  size_t pixels() const { return static_cast<size_t>(batch) * height * width; }
};

struct Tensors {
  std::vector<float> input, weights, grad_output;
  explicit Tensors(const Shape& s)
      : input(check::random_floats(s.pixels() * s.channels, 1)),
        weights(check::random_floats(s.pixels() * s.channels * 9, 2)),
        grad_output(check::random_floats(s.pixels() * s.channels, 3)) {}
};

std::vector<float> forward(const Shape& s, const Tensors& t) {
  std::vector<float> output(t.input.size(), -1e9f);
  anomaly::pixelwise_depthwise(t.input.data(), t.weights.data(), output.data(), s.batch, s.height, s.width,
                               s.channels);
  return output;
}

at::Tensor blob(const std::vector<float>& values, at::IntArrayRef sizes) {
  return at::from_blob(const_cast<float*>(values.data()), sizes);
}

// The framework's definition with LibTorch alone: unfold the input into its nine neighbours, multiply, sum.
// input (N, H, W, C), weights (N, H, W, 9, C).
at::Tensor unfolded(const at::Tensor& input, const at::Tensor& weights, const Shape& s) {
  const at::Tensor columns = at::im2col(input.permute({0, 3, 1, 2}), {3, 3}, {1, 1}, {1, 1}, {1, 1});
  const at::Tensor neighbours =
      columns.reshape({s.batch, s.channels, 9, s.height, s.width}).permute({0, 3, 4, 2, 1});
  return neighbours.mul(weights).sum(3);
}

double worst_difference(const std::vector<float>& ours, const at::Tensor& theirs) {
  const at::Tensor t = theirs.contiguous();
  if (t.numel() != static_cast<int64_t>(ours.size())) return 1e9;
  double worst = 0;
  for (size_t i = 0; i < ours.size(); ++i)
    worst = std::max(worst, static_cast<double>(std::abs(ours[i] - t.const_data_ptr<float>()[i])));
  return worst;
}

const Shape kShapes[] = {{1, 1, 1, 1},  {1, 1, 1, 64},   {2, 5, 7, 3},   {1, 4, 8, 1024}, {3, 2, 9, 33},
                         {2, 9, 2, 17}, {1, 33, 65, 16}, {4, 1, 13, 20}, {1, 13, 1, 100}, {2, 16, 32, 64}};

}  // namespace

TEST(forward_agrees_with_unfolding) {
  for (const Shape& s : kShapes) {
    const Tensors t(s);
    const at::Tensor reference = unfolded(blob(t.input, {s.batch, s.height, s.width, s.channels}),
                                          blob(t.weights, {s.batch, s.height, s.width, 9, s.channels}), s);
    CHECK_NEAR(worst_difference(forward(s, t), reference), 0, 2e-6);
  }
}

TEST(gradients_agree_with_autograd_of_unfolding) {
  for (const Shape& s : kShapes) {
    const Tensors t(s);
    const at::Tensor input =
        blob(t.input, {s.batch, s.height, s.width, s.channels}).clone().set_requires_grad(true);
    const at::Tensor weights =
        blob(t.weights, {s.batch, s.height, s.width, 9, s.channels}).clone().set_requires_grad(true);
    unfolded(input, weights, s).backward(blob(t.grad_output, {s.batch, s.height, s.width, s.channels}));
    std::vector<float> grad_input(t.input.size(), -1e9f), grad_weights(t.weights.size(), -1e9f);
    anomaly::pixelwise_depthwise_backward(t.grad_output.data(), t.input.data(), t.weights.data(),
                                          grad_input.data(), grad_weights.data(), s.batch, s.height, s.width,
                                          s.channels);
    CHECK_NEAR(worst_difference(grad_input, input.grad()), 0, 2e-6);
    CHECK_NEAR(worst_difference(grad_weights, weights.grad()), 0, 1e-6);
  }
}

TEST(gradients_agree_with_differences_of_the_forward_pass) {
  const Shape s{2, 4, 3, 5};
  Tensors t(s);
  std::vector<float> grad_input(t.input.size()), grad_weights(t.weights.size());
  anomaly::pixelwise_depthwise_backward(t.grad_output.data(), t.input.data(), t.weights.data(),
                                        grad_input.data(), grad_weights.data(), s.batch, s.height, s.width,
                                        s.channels);
  const auto loss = [&] {
    const std::vector<float> output = forward(s, t);
    double sum = 0;
    for (size_t i = 0; i < output.size(); ++i) sum += static_cast<double>(output[i]) * t.grad_output[i];
    return sum;
  };
  const auto check_slope = [&](std::vector<float>& values, const std::vector<float>& gradient) {
    for (size_t i = 0; i < values.size(); ++i) {
      // The loss is linear in every single value, so a large step costs no accuracy.
      const float value = values[i];
      values[i] = value + 0.5f;
      const double above = loss();
      values[i] = value - 0.5f;
      const double below = loss();
      values[i] = value;
      CHECK_NEAR(above - below, gradient[i], 1e-5);
    }
  };
  check_slope(t.input, grad_input);
  check_slope(t.weights, grad_weights);
}

TEST(either_gradient_may_be_left_out) {
  const Shape s{2, 6, 5, 19};
  const Tensors t(s);
  std::vector<float> input_both(t.input.size()), weights_both(t.weights.size());
  std::vector<float> input_alone(t.input.size()), weights_alone(t.weights.size());
  const auto backward = [&](float* grad_input, float* grad_weights) {
    anomaly::pixelwise_depthwise_backward(t.grad_output.data(), t.input.data(), t.weights.data(), grad_input,
                                          grad_weights, s.batch, s.height, s.width, s.channels);
  };
  backward(input_both.data(), weights_both.data());
  backward(input_alone.data(), nullptr);
  backward(nullptr, weights_alone.data());
  backward(nullptr, nullptr);
  CHECK(input_alone == input_both);
  CHECK(weights_alone == weights_both);
}

TEST(a_tap_reads_the_neighbour_it_is_named_after) {
  const Shape s{1, 3, 3, 1};
  Tensors t(s);
  for (size_t i = 0; i < t.input.size(); ++i) t.input[i] = static_cast<float>(i + 1);
  for (int tap = 0; tap < 9; ++tap) {
    std::fill(t.weights.begin(), t.weights.end(), 0.0f);
    t.weights[4 * 9 + tap] = 1;  // at the centre pixel
    const std::vector<float> output = forward(s, t);
    CHECK_EQ(output[4], static_cast<float>(tap + 1));
  }
}

TEST_MAIN()

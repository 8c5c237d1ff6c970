// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/pixelwise_depthwise_op.h"

#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/pixelwise_depthwise.h"
#include "src/networks/channels_last.h"
#include "src/networks/compute.h"
#include "src/networks/device_ops.h"

namespace anomaly {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

at::Tensor compute(const at::Tensor& input, const at::Tensor& weights) {
  if (current_compute().gpu()) return device_ops::pixelwise_depthwise(input, weights);
  const at::Tensor in = channels_last(input), kernels = channels_last(weights);
  at::Tensor out = at::empty_like(in);
  if (in.is_meta()) return out;  // shapes alone
  pixelwise_depthwise(in.const_data_ptr<float>(), kernels.const_data_ptr<float>(),
                      out.mutable_data_ptr<float>(), static_cast<int>(in.size(0)),
                      static_cast<int>(in.size(2)), static_cast<int>(in.size(3)),
                      static_cast<int>(in.size(1)));
  return out;
}

class PixelwiseDepthwise : public torch::autograd::Function<PixelwiseDepthwise> {
 public:
  static Variable forward(AutogradContext* context, const Variable& input, const Variable& weights) {
    context->save_for_backward({input, weights});
    return compute(input, weights);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor in = channels_last(saved[0]), kernels = channels_last(saved[1]);
    const at::Tensor grad_out = channels_last(gradients[0]);
    at::Tensor grad_in, grad_kernels;
    if (context->needs_input_grad(0)) grad_in = at::empty_like(in);
    if (context->needs_input_grad(1)) grad_kernels = at::empty_like(kernels);
    pixelwise_depthwise_backward(grad_out.const_data_ptr<float>(), in.const_data_ptr<float>(),
                                 kernels.const_data_ptr<float>(),
                                 grad_in.defined() ? grad_in.mutable_data_ptr<float>() : nullptr,
                                 grad_kernels.defined() ? grad_kernels.mutable_data_ptr<float>() : nullptr,
                                 static_cast<int>(in.size(0)), static_cast<int>(in.size(2)),
                                 static_cast<int>(in.size(3)), static_cast<int>(in.size(1)));
    return {grad_in, grad_kernels};
  }
};

}  // namespace

// gcc 13 and newer take a vector<bool> that LibTorch grows in here for one that is written beyond its end.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Warray-bounds"
#pragma GCC diagnostic ignored "-Wstringop-overflow"
at::Tensor pixelwise_depthwise(const at::Tensor& input, const at::Tensor& weights) {
  TORCH_CHECK(input.dim() == 4 && weights.dim() == 4 && weights.size(1) == 9 * input.size(1) &&
                  input.size(0) == weights.size(0) && input.size(2) == weights.size(2) &&
                  input.size(3) == weights.size(3),
              "pixelwise_depthwise: input ", input.sizes(), " needs N x 9C x H x W kernels, not ",
              weights.sizes());
  if (input.requires_grad() || weights.requires_grad()) return PixelwiseDepthwise::apply(input, weights);
  return compute(input, weights);
}
#pragma GCC diagnostic pop

at::Tensor taps_outermost(const at::Tensor& weights) {
  const int64_t channels = weights.size(1) / 9;
  return weights.unflatten(1, {channels, 9}).transpose(1, 2).flatten(1, 2);
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// What LibTorch's C++ has no kernel for on the meta device, as far as the networks' plain forms go: shapes
// without numbers.
#include <tuple>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/SymIntArrayRef.h>
#include <torch/library.h>

namespace {

using OptionalTensor = std::optional<at::Tensor>;

at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const OptionalTensor&,
                       c10::SymIntArrayRef stride, c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation,
                       bool transposed, c10::SymIntArrayRef output_padding, c10::SymInt groups) {
  std::vector<int64_t> sizes = {
      input.size(0), transposed ? weight.size(1) * groups.guard_int(__FILE__, __LINE__) : weight.size(0)};
  for (int64_t i = 2; i < input.dim(); ++i) {
    const auto at = static_cast<size_t>(i - 2);
    const auto number = [at](const c10::SymIntArrayRef& list) {
      return list[list.size() == 1 ? 0 : at].guard_int(__FILE__, __LINE__);
    };
    const int64_t in = input.size(i), kernel = number(dilation) * (weight.size(i) - 1) + 1;
    sizes.push_back(transposed
                        ? (in - 1) * number(stride) - 2 * number(padding) + kernel + number(output_padding)
                        : (in + 2 * number(padding) - kernel) / number(stride) + 1);
  }
  return at::empty(sizes, input.options().memory_format(at::MemoryFormat::ChannelsLast));
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> batch_norm(const at::Tensor& input, const OptionalTensor&,
                                                          const OptionalTensor&, const OptionalTensor&,
                                                          const OptionalTensor&, bool, double, double) {
  const at::Tensor none = at::empty({0}, input.options());
  return {at::empty_like(input), none, none};
}

at::Tensor like(const at::Tensor& x) {
  return at::empty_like(x);
}

at::Tensor mv(const at::Tensor& matrix, const at::Tensor&) {
  return at::empty({matrix.size(0)}, matrix.options());
}

at::Tensor dot(const at::Tensor&, const at::Tensor& b) {
  return at::empty({}, b.options());
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  library.impl("convolution", convolution);
  library.impl("native_batch_norm", batch_norm);
  library.impl("relu", like);
  library.impl("dot", dot);
  library.impl("mv", mv);
}

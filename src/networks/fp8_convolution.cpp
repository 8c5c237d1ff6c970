// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/fp8_convolution.h"

#include <algorithm>
#include <optional>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/ops/_scaled_mm.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <c10/util/Exception.h>

#include "kernels/fp8_math.h"
#include "kernels/fp8_patches.h"
#include "src/error.h"
#include "src/networks/channels_last.h"
#include "src/networks/compute.h"

namespace anomaly {
namespace {

constexpr int64_t kChannels = 16;
// Patches are made and multiplied in slices: as large as fills a GPU's multiprocessors, small enough for its
// L2 cache and for the memory that a frame may take. On a CPU they are widened to four times as much.
constexpr int64_t kGpuSlice = int64_t{32} << 20, kCpuSlice = int64_t{4} << 20;  // bytes of patches

at::Tensor peaks_of(const at::Tensor& x, const PatchGeometry& g, const Compute& compute) {
  const int64_t pixels = int64_t{g.batch} * g.height * g.width;
  at::Tensor peaks = at::empty({pixels}, compute.floats());
  auto* to = peaks.mutable_data_ptr<float>();
  if (compute.gpu())
    compute.check(compute.kernels->channel_peaks(cuda_type(x.scalar_type()), x.const_data_ptr(), pixels,
                                                 g.channels, to, compute.stream()),
                  "a convolution's peaks");
  else
    channel_peaks(x.const_data_ptr<float>(), pixels, g.channels, to);
  return peaks;
}

// `patches`: rows x row length, `scales`: rows x 1.
void patches_of(const at::Tensor& x, const at::Tensor& peaks, const PatchGeometry& g, int64_t first,
                const at::Tensor& patches, const at::Tensor& scales, const Compute& compute) {
  auto* to = static_cast<uint8_t*>(patches.mutable_data_ptr());
  const int64_t rows = patches.size(0);
  if (!compute.gpu())
    return fp8_patches(x.const_data_ptr<float>(), peaks.const_data_ptr<float>(), g, first, rows, to,
                       scales.mutable_data_ptr<float>());
  const AnomalyCudaFp8Patches arguments{
      cuda_type(x.scalar_type()),      x.const_data_ptr(), peaks.const_data_ptr<float>(), g, first, rows, to,
      scales.mutable_data_ptr<float>()};
  compute.check(compute.kernels->fp8_patches(&arguments, compute.stream()), "a convolution's patches");
}

}  // namespace

bool Fp8Convolution::fits(const at::Tensor& weight, const ConvolutionGeometry& geometry) {
  const int64_t kernel = weight.size(2);
  return geometry.groups == 1 && (kernel == 1 || kernel == 3) && weight.size(3) == kernel &&
         weight.size(0) % kChannels == 0 && weight.size(1) % kChannels == 0;
}

Fp8Convolution::Fp8Convolution(const at::Tensor& weight, const at::Tensor& bias,
                               const ConvolutionGeometry& geometry)
    : geometry_(geometry), out_(weight.size(0)), kernel_(weight.size(2)) {
  const at::Device device = current_compute().device;
  const at::Tensor rows = weight.permute({0, 2, 3, 1}).reshape({out_, -1});
  const at::Tensor scale = rows.abs().amax({1}, true).clamp_min(1e-30) / kFp8Largest;  // as fp8_scale()
  at::Tensor rounded = (rows / scale).to(at::kFloat8_e4m3fn);
  if (device.is_cpu()) rounded = rounded.to(at::kFloat);
  weight_ = rounded.to(device).t();
  scale_ = scale.t().contiguous().to(device);
  if (bias.defined()) bias_ = bias.to(device, at::kBFloat16);
}

void Fp8Convolution::require_products() {
  const at::Device device = current_compute().device;
  if (device.is_cpu()) return;
  const auto bytes = at::TensorOptions(at::kByte).device(device);
  const at::Tensor zeros = at::empty({kChannels, kChannels}, bytes).zero_().view(at::kFloat8_e4m3fn);
  const at::Tensor scales = at::ones({kChannels, 1}, bytes.dtype(at::kFloat));
  try {
    at::_scaled_mm(zeros, zeros.t(), scales, scales.t(), std::nullopt, std::nullopt, at::kBFloat16, false);
  } catch (const c10::Error& e) {
    const std::string what = e.what_without_backtrace();
    throw Error(ErrorKind::BadSettings,
                "Trunk precision fp8: this LibTorch has no product of 8-bit numbers for " + device.str() +
                    " (" + what.substr(0, what.find('\n')) + "). Use trunk precision same.");
  }
}

at::Tensor Fp8Convolution::operator()(const at::Tensor& x) const {
  const Compute& compute = current_compute();
  const at::Tensor in = channels_last(x);
  const PatchGeometry g{static_cast<int>(in.size(0)),        static_cast<int>(in.size(2)),
                        static_cast<int>(in.size(3)),        static_cast<int>(in.size(1)),
                        static_cast<int>(kernel_),           static_cast<int>(geometry_.stride),
                        static_cast<int>(geometry_.padding), static_cast<int>(geometry_.dilation)};
  const bool cpu = compute.device.is_cpu();
  const int64_t all = g.rows(), slice = (cpu ? kCpuSlice : kGpuSlice) / g.row_length();
  const int64_t most = std::min(all, std::max<int64_t>(slice, 128));
  const at::Tensor peaks = peaks_of(in, g, compute);
  const at::Tensor patches = at::empty({most, g.row_length()}, compute.bytes().dtype(at::kFloat8_e4m3fn));
  const at::Tensor scales = at::empty({most, 1}, compute.floats());
  const at::Tensor out = at::empty({all, out_}, compute.bytes().dtype(at::kBFloat16));
  const auto bias = bias_.defined() ? std::optional<at::Tensor>(bias_) : std::nullopt;
  for (int64_t first = 0; first < all; first += most) {
    const int64_t rows = std::min(most, all - first);
    const at::Tensor part = patches.narrow(0, 0, rows), part_scales = scales.narrow(0, 0, rows);
    at::Tensor result = out.narrow(0, first, rows);
    patches_of(in, peaks, g, first, part, part_scales, compute);
    if (cpu) {
      at::Tensor sums = at::mm(part.to(at::kFloat), weight_).mul_(part_scales).mul_(scale_);
      if (bias) sums.add_(*bias);
      result.copy_(sums);
    } else {
      // Sums are kept in float32 throughout (no fast accumulation), as on the CPU.
      at::_scaled_mm_out(result, part, weight_, part_scales, scale_, bias, std::nullopt, at::kBFloat16,
                         false);
    }
  }
  return out.view({g.batch, g.out_height(), g.out_width(), out_}).permute({0, 3, 1, 2});
}

}  // namespace anomaly

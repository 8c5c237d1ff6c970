// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/module.h"

#include "kernels/cuda/entry_points.h"

namespace {

using namespace anomaly::cuda;

constexpr AnomalyCudaKernels kKernels = {
    .abi = kAnomalyCudaAbi,
    .error_string = error_string,
    .device_count = device_count,
    .set_device = set_device,
    .compute_capability = compute_capability,
    .allocate = allocate,
    .release = release,
    .copy_to_device = copy_to_device,
    .copy_to_host = copy_to_host,
    .synchronize = synchronize,
    .uncertainty_maps = uncertainty_maps,
    .pixelwise_depthwise = pixelwise_depthwise,
    .pixelwise_depthwise_backward = pixelwise_depthwise_backward,
    .channel_difference = channel_difference,
    .accumulate_upsampled_bicubic = accumulate_upsampled_bicubic,
    .map_bounds = map_bounds,
    .quantize_entropy = quantize_entropy,
    .quantize_distance = quantize_distance,
    .quantize_perceptual = quantize_perceptual,
    .resampler_create = resampler_create,
    .resampler_destroy = resampler_destroy,
    .ingest_rgb8 = ingest_rgb8,
    .resize_bicubic_f32 = resize_bicubic_f32,
    .map_figures = map_figures,
    .count_over = count_over,
    .blend_heatmap = blend_heatmap,
    .painter_create = painter_create,
    .painter_destroy = painter_destroy,
    .paint = paint,
    .copy_rows = copy_rows,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const AnomalyCudaKernels* anomaly_cuda_kernels(int abi) {
  return abi == kAnomalyCudaAbi ? &kKernels : nullptr;
}

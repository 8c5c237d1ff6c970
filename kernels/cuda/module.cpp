// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/module.h"

#include "kernels/cuda/entry_points.h"

// The stand-in for tests sets it.
#if !defined(ANOMALY_CUDA_EMULATED)
#define ANOMALY_CUDA_EMULATED 0
#endif

namespace {

using namespace anomaly::cuda;

constexpr AnomalyCudaKernels kKernels = {
    .abi = kAnomalyCudaAbi,
    .emulated = ANOMALY_CUDA_EMULATED,
    .error_string = error_string,
    .device_count = device_count,
    .set_device = set_device,
    .compute_capability = compute_capability,
    .memory_info = memory_info,
    .allocate = allocate,
    .release = release,
    .allocate_host = allocate_host,
    .release_host = release_host,
    .copy_to_device = copy_to_device,
    .copy_to_host = copy_to_host,
    .copy_on_device = copy_on_device,
    .copy_rows = copy_rows,
    .synchronize = synchronize,
    .stream_create = stream_create,
    .stream_destroy = stream_destroy,
    .stream_wait = stream_wait,
    .event_create = event_create,
    .event_destroy = event_destroy,
    .event_record = event_record,
    .event_synchronize = event_synchronize,
    .event_elapsed = event_elapsed,
    .resampler_create = resampler_create,
    .resampler_destroy = resampler_destroy,
    .ingest_rgb8 = ingest_rgb8,
    .ingest_tensor = ingest_tensor,
    .resize_bicubic_f32 = resize_bicubic_f32,
    .normalize_rgb8 = normalize_rgb8,
    .to_picture = to_picture,
    .stack_maps = stack_maps,
    .resize_labels = resize_labels,
    .one_hot = one_hot,
    .uncertainty_maps = uncertainty_maps,
    .pixelwise_depthwise = pixelwise_depthwise,
    .pixelwise_depthwise_backward = pixelwise_depthwise_backward,
    .gate = gate,
    .modulate = modulate,
    .instance_norm = instance_norm,
    .channel_peaks = channel_peaks,
    .fp8_patches = fp8_patches,
    .channel_difference = channel_difference,
    .correlation = correlation,
    .accumulate_upsampled_bicubic = accumulate_upsampled_bicubic,
    .perceptual_difference = perceptual_difference,
    .map_bounds = map_bounds,
    .quantize_entropy = quantize_entropy,
    .quantize_distance = quantize_distance,
    .quantize_perceptual = quantize_perceptual,
    .quantize_scores = quantize_scores,
    .ensemble = ensemble,
    .statistics_create = statistics_create,
    .statistics_destroy = statistics_destroy,
    .map_statistics = map_statistics,
    .painter_create = painter_create,
    .painter_destroy = painter_destroy,
    .paint = paint,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const AnomalyCudaKernels* anomaly_cuda_kernels(int abi) {
  return abi == kAnomalyCudaAbi ? &kKernels : nullptr;
}

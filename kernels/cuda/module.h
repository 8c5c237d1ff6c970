// SPDX-License-Identifier: LGPL-2.1-or-later
// The CUDA kernels as a module of their own (libanomaly-cuda.so), loaded with dlopen when a GPU is asked for,
// so that nothing else needs CUDA to build or run. No CUDA headers here.
//
//   auto get = reinterpret_cast<AnomalyCudaModuleEntry>(dlsym(dlopen("libanomaly-cuda.so", RTLD_NOW),
//   kAnomalyCudaEntry)); const AnomalyCudaKernels* cuda = get(kAnomalyCudaAbi);  // null: the module is of
//   another version
//
// Functions return 0 or a cudaError_t (error_string() names it); bad arguments are cudaErrorInvalidValue.
// They work on the calling thread's current device. Pointers are device memory unless said otherwise;
// layouts, formulas and results are those of the CPU kernels in kernels/*.h, bit for bit, sums of a map's
// figures apart. Work is queued on `stream` (a cudaStream_t; null: the default stream) and not waited for.
// Launch errors come back at once, errors of the kernel itself from a later call. Thread safe, but a
// resampler or a statistics object serves one stream at a time. Nothing but the functions that say so
// allocates, so that all others may be captured into a graph; what they are given on the host is read before
// they return.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/module_types.h"
#include "kernels/frame_view.h"
#include "kernels/paint_list.h"

// Raised with every change of the table or of its types.
inline constexpr int kAnomalyCudaAbi = 4;
inline constexpr char kAnomalyCudaEntry[] = "anomaly_cuda_kernels";

struct AnomalyCudaKernels {
  int abi;
  // 1: a stand-in for tests. Its one "device" is the CPU, device memory is ordinary memory, and what is
  // queued on a stream is done before the call returns.
  int emulated;

  const char* (*error_string)(int error);

  // Devices, memory, streams and events. Addresses, streams and events are those of the CUDA runtime.
  int (*device_count)(int* count);  // no driver or no device: an error, and 0
  int (*set_device)(int device);    // of the calling thread
  int (*compute_capability)(int device, int* major, int* minor);
  int (*memory_info)(size_t* free_bytes, size_t* total_bytes);
  int (*allocate)(void** memory, size_t bytes);
  int (*release)(void* memory);                       // null is fine
  int (*allocate_host)(void** memory, size_t bytes);  // pinned host memory
  int (*release_host)(void* memory);                  // null is fine
  int (*copy_to_device)(void* device, const void* host, size_t bytes, void* stream);
  int (*copy_to_host)(void* host, const void* device, size_t bytes, void* stream);
  int (*copy_on_device)(void* to, const void* from, size_t bytes, void* stream);
  // `rows` rows of `row_bytes`, `..._stride` bytes apart (not below row_bytes), between any two memories.
  int (*copy_rows)(void* to, size_t to_stride, const void* from, size_t from_stride, size_t row_bytes,
                   size_t rows, void* stream);
  int (*synchronize)(void* stream);
  int (*stream_create)(void** stream);  // does not wait for the default stream
  int (*stream_destroy)(void* stream);
  int (*stream_wait)(void* stream, void* event);
  int (*event_create)(void** event);
  int (*event_destroy)(void* event);
  int (*event_record)(void* event, void* stream);
  int (*event_synchronize)(void* event);
  int (*event_elapsed)(float* milliseconds, void* start, void* end);  // both have happened

  // Ingest and resizing: `resampler_create` allocates on the current device and waits for it; to be kept for
  // all frames of a size. Sizes 1..32768. *resampler is null after an error. Destroying null is fine; the
  // device must be the one it was created on.
  int (*resampler_create)(int in_width, int in_height, int out_width, int out_height,
                          AnomalyCudaResampler** resampler);
  void (*resampler_destroy)(AnomalyCudaResampler* resampler);
  // ingest.h. `frame` itself is host memory, its planes are on the device and of the resampler's input size.
  // out: R G B of the output size, 4-byte aligned.
  int (*ingest_rgb8)(AnomalyCudaResampler* resampler, const anomaly::FrameView* frame, uint8_t* out,
                     void* stream);
  // The same and/or its pixels as a network takes them; either may be null. Pictures in device memory are
  // frames, too: PixelFormat::RGB.
  int (*ingest_tensor)(AnomalyCudaResampler* resampler, const anomaly::FrameView* frame, uint8_t* rgb,
                       const AnomalyCudaPixels* pixels, void* stream);
  // resize.h
  int (*resize_bicubic_f32)(AnomalyCudaResampler* resampler, const float* in, float* out, void* stream);

  // 8-bit pictures and maps.
  // rgb: batch x in_height x in_width x 3 -> nearest at pixel centres -> `pixels` (batch pictures).
  int (*normalize_rgb8)(const uint8_t* rgb, int batch, int in_width, int in_height, int out_width,
                        int out_height, const AnomalyCudaPixels* pixels, void* stream);
  // A generator's picture (count pixels x 3 of `type` in [-1, 1], channels last) -> trunc((y + 1) / 2 * 255)
  // as R G B, and/or those bytes as a network takes them; either may be null.
  int (*to_picture)(AnomalyCudaType type, const void* image, int64_t count, uint8_t* rgb,
                    const AnomalyCudaPixels* pixels, void* stream);
  // out[.., i] = nearest at pixel centres of map i / 255: batch x out_height x out_width x count, channels
  // last. maps: host array of 1 to 4 maps, each batch x height x width.
  int (*stack_maps)(const AnomalyCudaMap* maps, int count, int batch, int out_width, int out_height,
                    AnomalyCudaType type, void* out, void* stream);
  // Nearest at pixel centres, then ids[value] (ids: host memory, id_count of them; a value beyond becomes 0;
  // null: the value itself). labels: batch x in_height x in_width.
  int (*resize_labels)(const uint8_t* labels, int batch, int in_width, int in_height, int out_width,
                       int out_height, const uint8_t* ids, int id_count, uint8_t* out, void* stream);
  int (*one_hot)(const AnomalyCudaOneHot* arguments, void* stream);

  // uncertainty.h, for a batch of logits of any type.
  int (*uncertainty_maps)(const AnomalyCudaUncertainty* arguments, void* stream);

  // pixelwise_depthwise.h; the gradients are for float32 alone.
  int (*pixelwise_depthwise)(const AnomalyCudaDepthwise* arguments, void* stream);
  int (*pixelwise_depthwise_backward)(const float* grad_output, const float* input, const float* weights,
                                      float* grad_input, float* grad_weights, int batch, int height,
                                      int width, int channels, void* stream);
  int (*gate)(const AnomalyCudaGate* arguments, void* stream);
  int (*modulate)(const AnomalyCudaModulate* arguments, void* stream);
  int (*instance_norm)(const AnomalyCudaInstanceNorm* arguments, void* stream);

  // fp8_patches.h, for pixels and patches of any type. x: pixels x channels; at most 2^31 - 1 pixels.
  int (*channel_peaks)(AnomalyCudaType type, const void* x, int64_t pixels, int channels, float* peaks,
                       void* stream);
  int (*fp8_patches)(const AnomalyCudaFp8Patches* arguments, void* stream);

  // perceptual.h. a, b: batch x height x width x channels of `type`.
  int (*channel_difference)(AnomalyCudaType type, const void* a, const void* b, int batch, int height,
                            int width, int channels, int sum, float* out, void* stream);
  // Sum (mean: divided by their number) over channels of a * b, one value of `type` a pixel; beyond float16's
  // range its largest number.
  int (*correlation)(AnomalyCudaType type, const void* a, const void* b, int batch, int height, int width,
                     int channels, int mean, void* out, void* stream);
  int (*accumulate_upsampled_bicubic)(const float* in, int in_width, int in_height, float weight, float* out,
                                      int out_width, int out_height, void* stream);
  // All levels of a network: what the two above give one level after the other, but in one pass over `out`.
  int (*perceptual_difference)(const AnomalyCudaPerceptual* arguments, void* stream);

  // normalize.h. bounds: two floats, min and max.
  int (*map_bounds)(const float* map, int64_t count, float* bounds, void* stream);
  int (*quantize_entropy)(const float* map, int64_t count, const float* bounds, uint8_t* out, void* stream);
  int (*quantize_distance)(const float* map, int64_t count, const float* bounds, uint8_t* out, void* stream);
  int (*quantize_perceptual)(const float* map, int64_t count, const float* bounds, uint8_t* out,
                             void* stream);
  // trunc(255 * clamp(v, 0, 1)); what is no number becomes 0.
  int (*quantize_scores)(const float* map, int64_t count, uint8_t* out, void* stream);

  int (*ensemble)(const AnomalyCudaEnsemble* arguments, void* stream);

  // statistics.h: all of map_statistics(). `statistics_create` allocates on the current device (about 12
  // bytes a frame pixel and 4 a map row and frame column); to be kept for all frames of a size.
  // Sizes 1..32768. Destroying null is fine.
  int (*statistics_create)(int map_width, int map_height, int frame_width, int frame_height,
                           AnomalyCudaStatistics** statistics);
  void (*statistics_destroy)(AnomalyCudaStatistics* statistics);
  int (*map_statistics)(AnomalyCudaStatistics* statistics, const AnomalyCudaQuery* query,
                        AnomalyCudaFigures* figures, void* stream);

  // paint_list.h. A painter belongs to the device that is current when it is created, serves one thread at a
  // time, and may be destroyed while what it queued still runs (it waits). *painter is null after an error.
  int (*painter_create)(AnomalyCudaPainter** painter);
  void (*painter_destroy)(AnomalyCudaPainter* painter);
  // `frame`, `steps` with their masks and colours, and `map` itself are host memory and read before this
  // returns; the frame's planes, and the map's values unless `map_on_host`, are on the device.
  int (*paint)(AnomalyCudaPainter* painter, const anomaly::MutableFrameView* frame,
               const anomaly::PaintStep* steps, size_t count, const anomaly::ScoreMap* map, int map_on_host,
               void* stream);
};

using AnomalyCudaModuleEntry = const AnomalyCudaKernels* (*)(int abi);

// SPDX-License-Identifier: LGPL-2.1-or-later
// The CUDA kernels as a module of their own (libanomaly-cuda.so), loaded with dlopen when a GPU is asked for,
// so that nothing else needs CUDA to build or run. No CUDA headers here.
//
//   auto get = reinterpret_cast<AnomalyCudaModuleEntry>(dlsym(dlopen("libanomaly-cuda.so", RTLD_NOW),
//   kAnomalyCudaEntry)); const AnomalyCudaKernels* cuda = get(kAnomalyCudaAbi);  // null: the module is of
//   another version
//
// Functions return 0 or a cudaError_t (error_string() names it). They work on the calling thread's current
// device. Pointers are device memory unless said otherwise; layouts, formulas and results are those of the
// CPU kernels in kernels/*.h, bit for bit, map_figures apart. Kernels are queued on `stream` (a cudaStream_t;
// null: the default stream) and not waited for. Launch errors come back at once, errors of the kernel itself
// from a later call. Thread safe, but a resampler serves one stream at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/frame_view.h"
#include "kernels/paint_list.h"

// Raised with every change of the table.
inline constexpr int kAnomalyCudaAbi = 1;
inline constexpr char kAnomalyCudaEntry[] = "anomaly_cuda_kernels";

// Filters and intermediate memory of one resize on one device.
struct AnomalyCudaResampler;

// Memory for lists of paint steps on one device.
struct AnomalyCudaPainter;

struct AnomalyCudaKernels {
  int abi;

  const char* (*error_string)(int error);

  // Devices and memory.
  int (*device_count)(int* count);  // no driver or no device: an error, and 0
  int (*set_device)(int device);    // of the calling thread
  int (*compute_capability)(int device, int* major, int* minor);
  int (*allocate)(void** memory, size_t bytes);
  int (*release)(void* memory);  // null is fine
  int (*copy_to_device)(void* device, const void* host, size_t bytes, void* stream);
  int (*copy_to_host)(void* host, const void* device, size_t bytes, void* stream);
  int (*synchronize)(void* stream);

  // uncertainty.h. bounds: four floats or null.
  int (*uncertainty_maps)(const float* logits, int classes, int in_width, int in_height, int out_width,
                          int out_height, uint8_t* labels, float* entropy, float* distance, float* bounds,
                          void* stream);

  // pixelwise_depthwise.h
  int (*pixelwise_depthwise)(const float* input, const float* weights, float* output, int batch, int height,
                             int width, int channels, void* stream);
  int (*pixelwise_depthwise_backward)(const float* grad_output, const float* input, const float* weights,
                                      float* grad_input, float* grad_weights, int batch, int height,
                                      int width, int channels, void* stream);

  // perceptual.h
  int (*channel_difference)(const float* a, const float* b, int height, int width, int channels, int sum,
                            float* out, void* stream);
  int (*accumulate_upsampled_bicubic)(const float* in, int in_width, int in_height, float weight, float* out,
                                      int out_width, int out_height, void* stream);

  // normalize.h. bounds: two floats, min and max.
  int (*map_bounds)(const float* map, int64_t count, float* bounds, void* stream);
  int (*quantize_entropy)(const float* map, int64_t count, const float* bounds, uint8_t* out, void* stream);
  int (*quantize_distance)(const float* map, int64_t count, const float* bounds, uint8_t* out, void* stream);
  int (*quantize_perceptual)(const float* map, int64_t count, const float* bounds, uint8_t* out,
                             void* stream);

  // Allocates on the current device and waits for it; to be kept for all frames of a size. Sizes 1..32768.
  // *resampler is null after an error. Destroying null is fine; the device must be the one it was created on.
  int (*resampler_create)(int in_width, int in_height, int out_width, int out_height,
                          AnomalyCudaResampler** resampler);
  void (*resampler_destroy)(AnomalyCudaResampler* resampler);

  // ingest.h. `frame` itself is host memory, its planes are on the device and of the resampler's input size.
  // `out`: R G B, 4-byte aligned.
  int (*ingest_rgb8)(AnomalyCudaResampler* resampler, const anomaly::FrameView* frame, uint8_t* out,
                     void* stream);

  // resize.h
  int (*resize_bicubic_f32)(AnomalyCudaResampler* resampler, const float* in, float* out, void* stream);

  // statistics.h in parts. Values that are no numbers count as 0.
  // figures: score, max and mean of the cells x..x+width-1, y..y+height-1. Mean and score are summed in
  // another order than on the CPU (in double) and may differ in the last bit.
  int (*map_figures)(const float* map, int map_width, int x, int y, int width, int height, float* figures,
                     void* stream);
  // over: pixels of a rectangle of the resized map at or over the threshold.
  int (*count_over)(AnomalyCudaResampler* resampler, const float* map, int x, int y, int width, int height,
                    float threshold, unsigned long long* over, void* stream);

  // heatmap.h. `frame` itself and `lut` (256 x 3 R'G'B') are host memory, the frame's planes and the map are
  // on the device. The map covers x, y, width, height; width or height 0: the whole frame.
  int (*blend_heatmap)(const anomaly::MutableFrameView* frame, const float* map, int map_width,
                       int map_height, int x, int y, int width, int height, const uint8_t* lut, float opacity,
                       float threshold, void* stream);

  // paint_list.h. A painter belongs to the device that is current when it is created, serves one thread at a
  // time, and may be destroyed while what it queued still runs (it waits). *painter is null after an error.
  int (*painter_create)(AnomalyCudaPainter** painter);
  void (*painter_destroy)(AnomalyCudaPainter* painter);
  // `frame`, `steps` with their masks and colours, and `map` itself are host memory and read before this
  // returns; the frame's planes, and the map's values unless `map_on_host`, are on the device.
  int (*paint)(AnomalyCudaPainter* painter, const anomaly::MutableFrameView* frame,
               const anomaly::PaintStep* steps, size_t count, const anomaly::ScoreMap* map, int map_on_host,
               void* stream);
  // Copies `rows` rows of `bytes` bytes between places of the device that do not overlap.
  int (*copy_rows)(void* to, size_t to_stride, const void* from, size_t from_stride, size_t bytes, int rows,
                   void* stream);
};

using AnomalyCudaModuleEntry = const AnomalyCudaKernels* (*)(int abi);

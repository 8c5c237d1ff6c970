// SPDX-License-Identifier: LGPL-2.1-or-later
// The functions of the module's table; each is described in module.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/module_types.h"
#include "kernels/frame_view.h"
#include "kernels/paint_list.h"

namespace anomaly::cuda {

const char* error_string(int error);
int device_count(int* count);
int set_device(int device);
int compute_capability(int device, int* major, int* minor);
int memory_info(size_t* free_bytes, size_t* total_bytes);
int allocate(void** memory, size_t bytes);
int release(void* memory);
int allocate_host(void** memory, size_t bytes);
int release_host(void* memory);
int copy_to_device(void* device, const void* host, size_t bytes, void* stream);
int copy_to_host(void* host, const void* device, size_t bytes, void* stream);
int copy_on_device(void* to, const void* from, size_t bytes, void* stream);
int copy_rows(void* to, size_t to_stride, const void* from, size_t from_stride, size_t row_bytes, size_t rows,
              void* stream);
int synchronize(void* stream);
int stream_create(void** stream);
int stream_destroy(void* stream);
int stream_wait(void* stream, void* event);
int event_create(void** event);
int event_destroy(void* event);
int event_record(void* event, void* stream);
int event_synchronize(void* event);
int event_elapsed(float* milliseconds, void* start, void* end);
int resampler_create(int in_width, int in_height, int out_width, int out_height,
                     AnomalyCudaResampler** resampler);
void resampler_destroy(AnomalyCudaResampler* resampler);
int ingest_rgb8(AnomalyCudaResampler* resampler, const FrameView* frame, uint8_t* out, void* stream);
int ingest_tensor(AnomalyCudaResampler* resampler, const FrameView* frame, uint8_t* rgb,
                  const AnomalyCudaPixels* pixels, void* stream);
int resize_bicubic_f32(AnomalyCudaResampler* resampler, const float* in, float* out, void* stream);
int normalize_rgb8(const uint8_t* rgb, int batch, int in_width, int in_height, int out_width, int out_height,
                   const AnomalyCudaPixels* pixels, void* stream);
int to_picture(AnomalyCudaType type, const void* image, int64_t count, uint8_t* rgb,
               const AnomalyCudaPixels* pixels, void* stream);
int stack_maps(const AnomalyCudaMap* maps, int count, int batch, int out_width, int out_height,
               AnomalyCudaType type, void* out, void* stream);
int resize_labels(const uint8_t* labels, int batch, int in_width, int in_height, int out_width,
                  int out_height, const uint8_t* ids, int id_count, uint8_t* out, void* stream);
int one_hot(const AnomalyCudaOneHot* arguments, void* stream);
int uncertainty_maps(const AnomalyCudaUncertainty* arguments, void* stream);
int pixelwise_depthwise(const AnomalyCudaDepthwise* arguments, void* stream);
int pixelwise_depthwise_backward(const float* grad_output, const float* input, const float* weights,
                                 float* grad_input, float* grad_weights, int batch, int height, int width,
                                 int channels, void* stream);
int gate(const AnomalyCudaGate* arguments, void* stream);
int modulate(const AnomalyCudaModulate* arguments, void* stream);
int instance_norm(const AnomalyCudaInstanceNorm* arguments, void* stream);
int channel_peaks(AnomalyCudaType type, const void* x, int64_t pixels, int channels, float* peaks,
                  void* stream);
int fp8_patches(const AnomalyCudaFp8Patches* a, void* stream);
int correlation(AnomalyCudaType type, const void* a, const void* b, int batch, int height, int width,
                int channels, int mean, void* out, void* stream);
int channel_difference(AnomalyCudaType type, const void* a, const void* b, int batch, int height, int width,
                       int channels, int sum, float* out, void* stream);
int accumulate_upsampled_bicubic(const float* in, int in_width, int in_height, float weight, float* out,
                                 int out_width, int out_height, void* stream);
int perceptual_difference(const AnomalyCudaPerceptual* arguments, void* stream);
int map_bounds(const float* map, int64_t count, float* bounds, void* stream);
int quantize_entropy(const float* map, int64_t count, const float* bounds, uint8_t* out, void* stream);
int quantize_distance(const float* map, int64_t count, const float* bounds, uint8_t* out, void* stream);
int quantize_perceptual(const float* map, int64_t count, const float* bounds, uint8_t* out, void* stream);
int quantize_scores(const float* map, int64_t count, uint8_t* out, void* stream);
int ensemble(const AnomalyCudaEnsemble* arguments, void* stream);
int statistics_create(int map_width, int map_height, int frame_width, int frame_height,
                      AnomalyCudaStatistics** statistics);
void statistics_destroy(AnomalyCudaStatistics* statistics);
int map_statistics(AnomalyCudaStatistics* statistics, const AnomalyCudaQuery* query,
                   AnomalyCudaFigures* figures, void* stream);
int painter_create(AnomalyCudaPainter** painter);
void painter_destroy(AnomalyCudaPainter* painter);
int paint(AnomalyCudaPainter* painter, const MutableFrameView* frame, const PaintStep* steps, size_t count,
          const ScoreMap* map, int map_on_host, void* stream);

}  // namespace anomaly::cuda

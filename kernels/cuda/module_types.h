// SPDX-License-Identifier: LGPL-2.1-or-later
// What the functions of the CUDA module take and give (module.h). The structures themselves are host memory,
// their pointers device memory unless said otherwise. Tensors are channels last (N, H, W, C).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/patch_geometry.h"

// Of activations. Arithmetic is float32 throughout; half types are widened when they are read and rounded to
// nearest even when they are written.
enum AnomalyCudaType : int { kAnomalyFloat32 = 0, kAnomalyFloat16 = 1, kAnomalyBFloat16 = 2 };

// Filters and intermediate memory of one resize on one device.
struct AnomalyCudaResampler;
// Workspace of a map's statistics on one device.
struct AnomalyCudaStatistics;
// Memory for lists of paint steps on one device.
struct AnomalyCudaPainter;

// Pixels of 8 bits as a network takes them: (v / 255 - mean) / deviation, divisions as the published code has
// them.
struct AnomalyCudaPixels {
  AnomalyCudaType type;
  void* out;  // pictures x height x width x 3
  float mean[3], deviation[3];
};

// An 8-bit map.
struct AnomalyCudaMap {
  const uint8_t* map;  // batch x height x width
  int width, height;
};

// Train or label ids at one size -> one-hot at another: LibTorch's upsample_nearest2d of the full one-hot
// map, which is never made. Channel c of pixel (n, y, x) is written to out[((n * out_height + y) * out_width
// + x) * pitch + c]; the channels beyond those written are left alone, so that `out` may be part of a
// concatenated tensor.
struct AnomalyCudaOneHot {
  const uint8_t* ids;  // batch x in_height x in_width
  int batch, in_width, in_height, out_width, out_height;
  int classes;  // channels 0..classes-1; an id from `classes` up sets none of them
  int edges;  // 1: channel `classes` is 1 where, at the input's size, one of the four neighbours has another
              // id
  AnomalyCudaType type;
  void* out;
  int pitch;  // elements from pixel to pixel, at least the channels written
};

struct AnomalyCudaUncertainty {
  AnomalyCudaType type;
  const void* logits;  // batch x in_height x in_width x classes, classes 1..64
  int batch, classes, in_width, in_height, out_width, out_height;
  int align_corners;  // 1: as published; 0: half-pixel centres
  // batch x out_height x out_width; any may be null. Labels are train ids, the others are described in
  // kernels/uncertainty.h.
  uint8_t* labels;
  float *entropy, *distance;
  float* bounds;  // batch x {min entropy, max entropy, min distance, max distance}; may be null
};

// output[n, y, x, c] = sum over taps of weights[n, y, x, tap, c] * in[n, y + dy, x + dx, c], in = input *
// scale
// + shift inside the picture and 0 outside. Pixels of input and output lie `..._pitch` elements apart (at
// least `channels`), so that a part of the channels can be done in place of all.
struct AnomalyCudaDepthwise {
  AnomalyCudaType type;
  const void* input;
  int64_t input_pitch;
  const float *scale, *shift;  // one a channel (a folded norm); both null: the input itself
  const void* weights;         // batch x height x width x 9 x channels, no gaps
  void* output;
  int64_t output_pitch;
  int batch, height, width, channels;
};

// out = leaky(x * g) * scale + shift + residual, leaky(v) = v > 0 ? v : slope * v, each part where it is
// there.
struct AnomalyCudaGate {
  AnomalyCudaType type;
  const void *x, *gate;  // pixels x channels
  int sigmoid;           // 1: g is the logistic function of `gate`; 0: `gate` itself
  float slope;
  const float *scale, *shift;  // one a channel; both null: none
  const void* residual;        // pixels x channels; null: none
  void* out;                   // may be x
  int64_t pixels;
  int channels;
};

enum AnomalyCudaActivation : int {
  kAnomalyLeaky = 0,  // v > 0 ? v : slope * v; slope 1: none, 0: ReLU
  kAnomalySelu = 1,
};

// out = activation((x * scale + shift) * (1 + gamma) + beta): SPADE, or without gamma_beta a folded norm.
struct AnomalyCudaModulate {
  AnomalyCudaType type;
  const void* x;           // batch x pixels x channels
  const void* gamma_beta;  // batch x pixels x 2 channels: a pixel's gammas, then its betas; null: none
  const float *scale, *shift;
  int per_picture;  // 1: scale and shift are batch x channels; 0: channels, the same for all pictures
  AnomalyCudaActivation activation;
  float slope;
  void* out;  // may be x
  int batch;
  int64_t pixels;  // of a picture
  int channels;
};

inline constexpr int kAnomalyStrip = 512;  // pixels

// Instance norm as a scale and a shift: 1 / sqrt(variance + epsilon) and -mean times that, of each picture
// and channel, summed in double in an order that depends on the size alone.
struct AnomalyCudaInstanceNorm {
  AnomalyCudaType type;
  const void* x;  // batch x pixels x channels
  int batch;
  int64_t pixels;  // of a picture
  int channels;
  double epsilon;
  double* workspace;     // batch * ceil(pixels / kAnomalyStrip) * 2 * channels
  float *scale, *shift;  // batch x channels
};

// Rows first..first + rows - 1 of a convolution's input as a matrix in float8_e4m3fn. At most 2^31 - 1
// patches in all, and rows * channels.
struct AnomalyCudaFp8Patches {
  AnomalyCudaType type;
  const void* x;                    // batch x height x width x channels of `geometry`
  const float* peaks;               // batch x height x width: channel_peaks() of x
  anomaly::PatchGeometry geometry;  // kernel 1 or 3
  int64_t first, rows;
  uint8_t* out;   // rows x kernel x kernel x channels
  float* scales;  // rows
};

inline constexpr int kAnomalyMostLevels = 8;

// A level of a perceptual network.
struct AnomalyCudaLevel {
  const void *a, *b;  // batch x height x width x channels
  int width, height, channels;
  float weight;
};

// out = sum over the levels of weight * (mean over channels of |a - b|, upsampled by LibTorch's bicubic).
struct AnomalyCudaPerceptual {
  AnomalyCudaType type;
  const AnomalyCudaLevel* levels;  // host
  int count;                       // 1..kAnomalyMostLevels
  int batch;
  float* workspace;  // batch * sum of width * height floats
  float* out;        // batch x out_height x out_width
  int out_width, out_height;
  float* bounds;  // batch x {min, max} of out; may be null
};

// anomaly = w[0] * softmax(logits)[1] + w[1] * entropy / 255 + w[2] * perceptual / 255 + w[3] * distance /
// 255; 8-bit maps nearest at pixel centres. A term is left out where its tensor or map is null.
struct AnomalyCudaEnsemble {
  AnomalyCudaType type;
  const void* logits;  // batch x height x width x 2
  AnomalyCudaMap entropy, perceptual, distance;
  float weight[4];  // dissimilarity, entropy, perceptual, distance
  int batch, width, height;
  float* anomaly;        // batch x height x width
  float* dissimilarity;  // the same: softmax(logits)[1]; may be null
};

// A region's pixels in one row of the frame (anomaly::RegionRun).
struct AnomalyCudaRun {
  int y, first, last, region;
};

// What map_statistics() of statistics.h is asked. labels, mask and runs lie on the device.
struct AnomalyCudaQuery {
  const float* map;       // map_height x map_width
  const uint8_t* labels;  // label_height x label_width train ids (255: none); may be null
  int label_width, label_height;
  float threshold;
  int64_t min_area;
  int x, y, width, height;  // region of interest, frame pixels; width or height 0: the whole frame
  const uint8_t* mask;      // frame_height x frame_width, 1 = counts, 0 = does not; null: all count
  const uint8_t* classes;   // host: 256 bytes, not 0 = only what lies on these; null: all. Needs labels.
  // Where the pixels of the listed regions go, by rising row and column, at most run_capacity of them; null:
  // nowhere.
  AnomalyCudaRun* runs;
  int run_capacity;
};

inline constexpr int kAnomalyMostRegions = 1000;  // anomaly::kMaxRegions

// anomaly::Region without its id, which is its index + 1.
struct AnomalyCudaRegion {
  int x, y, width, height;
  int64_t area;
  float mean, max;
  int label;
  int reserved;
};

// anomaly::MapStatistics, in device memory.
struct AnomalyCudaFigures {
  float score, max, mean;
  int regions;      // listed
  int64_t over;     // frame pixels that count and are at or over the threshold
  int64_t counted;  // frame pixels that count; share = over / counted, and 0 where this is 0
  int64_t runs;  // of the listed regions, those beyond run_capacity included; 0 where they are not asked for
  AnomalyCudaRegion region[kAnomalyMostRegions];
};

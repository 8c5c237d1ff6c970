// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/row_kernels.h"

#include <cstddef>
#include <limits>

#include "kernels/portable.h"

namespace anomaly::row {
namespace {

// Inlined into each clone: a call would leave the clone's instruction set.
#define ANOMALY_INLINE inline __attribute__((always_inline))

template <int Stride>
ANOMALY_INLINE void unpack_bytes(const uint8_t* __restrict in, int count, int16_t* __restrict out) {
  for (int i = 0; i < count; ++i) out[i] = in[Stride * i];
}

template <int Stride>
ANOMALY_INLINE void unpack_words(const uint8_t* __restrict in, int shift, int mask, int count,
                                 int16_t* __restrict out) {
  for (int i = 0; i < count; ++i)
    out[i] = static_cast<int16_t>(((in[Stride * i] | (in[Stride * i + 1] << 8)) >> shift) & mask);
}

template <int Stride>
ANOMALY_INLINE void unpack_three(const uint8_t* __restrict in, int count, int16_t* __restrict first,
                                 int16_t* __restrict second, int16_t* __restrict third) {
  for (int i = 0; i < count; ++i) {
    first[i] = in[Stride * i];
    second[i] = in[Stride * i + 1];
    third[i] = in[Stride * i + 2];
  }
}

ANOMALY_INLINE void to_rgb_of_10_bits(const YuvToRgb& m, const int16_t* __restrict y,
                                      const int16_t* __restrict cb, const int16_t* __restrict cr, int count,
                                      int16_t* __restrict r, int16_t* __restrict g, int16_t* __restrict b) {
  for (int i = 0; i < count; ++i) {
    const Rgb p = yuv_to_rgb8(m, y[i], cb[i], cr[i]);
    r[i] = static_cast<int16_t>(p.r);
    g[i] = static_cast<int16_t>(p.g);
    b[i] = static_cast<int16_t>(p.b);
  }
}

ANOMALY_INLINE int16_t spread(int16_t v) {
  return static_cast<int16_t>((v - 128) * 256 + ((v - 128) & 255));
}
ANOMALY_INLINE int16_t upper_half(int16_t v, int16_t k) {
  return static_cast<int16_t>((v * k) >> 16);
}
ANOMALY_INLINE int16_t to_byte(int v) {
  return static_cast<int16_t>(clamp_int(static_cast<int16_t>(v), 0, 255));
}

// yuv_to_rgb8 in 16-bit types, so that a vector holds twice as many.
ANOMALY_INLINE void to_rgb_of_8_bits(const YuvToRgb& m, const int16_t* __restrict y,
                                     const int16_t* __restrict cb, const int16_t* __restrict cr, int count,
                                     int16_t* __restrict r, int16_t* __restrict g, int16_t* __restrict b) {
  const auto k_y = static_cast<int16_t>(m.y), k_r_cr = static_cast<int16_t>(m.r_cr),
             k_b_cb = static_cast<int16_t>(m.b_cb);
  const auto k_g_cb = static_cast<int16_t>(m.g_cb), k_g_cr = static_cast<int16_t>(m.g_cr);
  const auto add_r = static_cast<int16_t>(m.add_r + 128), add_g = static_cast<int16_t>(m.add_g + 128);
  const auto add_b = static_cast<int16_t>(m.add_b + 128);
  for (int i = 0; i < count; ++i) {
    const int16_t luma = upper_half(spread(y[i]), k_y), u = spread(cb[i]), v = spread(cr[i]);
    r[i] = to_byte(luma + upper_half(v, k_r_cr) + add_r);
    g[i] = to_byte(luma + upper_half(u, k_g_cb) + upper_half(v, k_g_cr) + add_g);
    b[i] = to_byte(luma + upper_half(u, k_b_cb) + add_b);
  }
}

}  // namespace

ANOMALY_CLONES
void unpack(const PixelComponent& c, const uint8_t* row, int count, int16_t* out) {
  const uint8_t* in = row + c.offset;
  if (c.sample_bytes == 1) {  // strides 1, 2, 4: R'G'B' goes through unpack_triples
    if (c.pixel_stride == 1)
      unpack_bytes<1>(in, count, out);
    else if (c.pixel_stride == 2)
      unpack_bytes<2>(in, count, out);
    else
      unpack_bytes<4>(in, count, out);
    return;
  }
  const int mask = (1 << c.depth) - 1;
  if (c.pixel_stride == 2)
    unpack_words<2>(in, c.shift, mask, count, out);
  else
    unpack_words<4>(in, c.shift, mask, count, out);
}

ANOMALY_CLONES
void unpack_triples(const uint8_t* row, int pixel_stride, int count, int16_t* first, int16_t* second,
                    int16_t* third) {
  if (pixel_stride == 3)
    unpack_three<3>(row, count, first, second, third);
  else
    unpack_three<4>(row, count, first, second, third);
}

ANOMALY_CLONES
void to_8_bits(int depth, int count, int16_t* samples) {
  // 16-bit samples fill their word: only the sign of the container is in the way.
  for (int i = 0; i < count; ++i)
    samples[i] = static_cast<int16_t>(sample_to_8(static_cast<uint16_t>(samples[i]), depth));
}

ANOMALY_CLONES
void upsample(const int16_t* in, int width, ChromaWeights weights, int16_t* out) {
  const int16_t* __restrict c = in;
  int16_t* __restrict o = out;
  const int samples = (width + 1) / 2, pairs = width / 2;
  if (weights == ChromaWeights::Repeat) {
    for (int i = 0; i < pairs; ++i) o[2 * i] = o[2 * i + 1] = c[i];
    if (width & 1) o[width - 1] = c[samples - 1];
    return;
  }
  if (weights == ChromaWeights::Cosited) {
    for (int i = 0; i < samples - 1; ++i) {
      o[2 * i] = c[i];
      o[2 * i + 1] = static_cast<int16_t>(chroma_between(c[i], c[i + 1]));
    }
    for (int x = 2 * samples - 2; x < width; ++x) o[x] = c[samples - 1];
    return;
  }
  // Pixels 2 i + 1 and 2 i + 2 lie between samples i and i + 1.
  o[0] = c[0];
  for (int i = 0; i < samples - 1; ++i) {
    o[2 * i + 1] = static_cast<int16_t>(chroma_centred(c[i], c[i + 1]));
    o[2 * i + 2] = static_cast<int16_t>(chroma_centred(c[i + 1], c[i]));
  }
  o[width - 1] = width & 1 ? o[width - 1] : c[samples - 1];
}

ANOMALY_CLONES
void blend_rows(const int16_t* near, const int16_t* far, int count, int16_t* out) {
  for (int i = 0; i < count; ++i) out[i] = static_cast<int16_t>(chroma_centred(near[i], far[i]));
}

ANOMALY_CLONES
void to_rgb(const YuvToRgb& matrix, const int16_t* y, const int16_t* cb, const int16_t* cr, int count,
            int16_t* r, int16_t* g, int16_t* b) {
  const YuvToRgb m = matrix;
  if (m.depth == 8)
    to_rgb_of_8_bits(m, y, cb, cr, count, r, g, b);
  else
    to_rgb_of_10_bits(m, y, cb, cr, count, r, g, b);
}

ANOMALY_CLONES
void interleave(const int16_t* r, const int16_t* g, const int16_t* b, int count, uint8_t* out) {
  uint8_t* __restrict o = out;
  for (int i = 0; i < count; ++i) {
    o[3 * i] = static_cast<uint8_t>(r[i]);
    o[3 * i + 1] = static_cast<uint8_t>(g[i]);
    o[3 * i + 2] = static_cast<uint8_t>(b[i]);
  }
}

ANOMALY_CLONES
void maxima(const float* map, int width, int rows, float* out) {
  constexpr int kLanes =
      16;  // side by side, since the order of a maximum may not be changed for the compiler
  const float lowest = -std::numeric_limits<float>::infinity();
  for (int y = 0; y < rows; ++y) {
    const float* __restrict row = map + static_cast<std::ptrdiff_t>(y) * width;
    float lane[kLanes];
    for (float& highest : lane) highest = lowest;
    int x = 0;
    for (; x + kLanes <= width; x += kLanes)
      for (int i = 0; i < kLanes; ++i) lane[i] = row[x + i] > lane[i] ? row[x + i] : lane[i];
    for (; x < width; ++x) lane[0] = row[x] > lane[0] ? row[x] : lane[0];
    float highest = lowest;
    for (const float l : lane) highest = l > highest ? l : highest;
    out[y] = highest;
  }
}

}  // namespace anomaly::row

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/resampler.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <new>
#include <vector>

#include "kernels/cuda/entry_points.h"

namespace anomaly::cuda {
namespace {

// Appends a table to what will be copied to the device; returns where it begins.
template <typename T>
size_t append(std::vector<unsigned char>& bytes, const std::vector<T>& table) {
  const size_t at = (bytes.size() + 15) / 16 * 16;
  bytes.resize(at + table.size() * sizeof(T));
  std::copy_n(reinterpret_cast<const unsigned char*>(table.data()), table.size() * sizeof(T),
              bytes.data() + at);
  return at;
}

struct Offsets {
  size_t first, count, fixed, weight;
};

Offsets append(std::vector<unsigned char>& bytes, const ResampleFilter& filter) {
  const size_t first = append(bytes, filter.first), count = append(bytes, filter.count);
  const size_t fixed = append(bytes, fixed_weights(filter));
  return {first, count, fixed, append(bytes, filter.weight)};
}

// The first and the last of neighbouring output samples reach furthest.
int widest_span(const ResampleFilter& filter) {
  constexpr int kTile = RowGrid::kThreads;
  int most = 0;
  for (int begin = 0; begin < filter.out_size; begin += kTile) {
    const auto last = static_cast<size_t>(std::min(begin + kTile, filter.out_size) - 1);
    most = std::max(most, filter.first[last] + filter.count[last] - filter.first[static_cast<size_t>(begin)]);
  }
  return most;
}

FilterTables tables(const ResampleFilter& filter, const unsigned char* base, const Offsets& at) {
  return {filter.in_size,
          filter.out_size,
          filter.taps,
          widest_span(filter),
          reinterpret_cast<const int*>(base + at.first),
          reinterpret_cast<const int*>(base + at.count),
          reinterpret_cast<const int32_t*>(base + at.fixed),
          reinterpret_cast<const double*>(base + at.weight)};
}

int fill(AnomalyCudaResampler& r, int in_width, int in_height, int out_width, int out_height) {
  const ResampleFilter across = bicubic_filter(in_width, out_width),
                       down = bicubic_filter(in_height, out_height);
  std::vector<unsigned char> bytes;
  const Offsets across_at = append(bytes, across), down_at = append(bytes, down);
  cudaError_t error = cudaMalloc(&r.memory, bytes.size());
  if (error == cudaSuccess) error = cudaMemcpy(r.memory, bytes.data(), bytes.size(), cudaMemcpyHostToDevice);
  if (error != cudaSuccess) return error;
  r.across = tables(across, static_cast<const unsigned char*>(r.memory), across_at);
  r.down = tables(down, static_cast<const unsigned char*>(r.memory), down_at);
  void* pixels = nullptr;
  error = cudaMalloc(&pixels, sizeof(Rgbx) * static_cast<size_t>(in_width) * static_cast<size_t>(in_height));
  r.pixels = static_cast<Rgbx*>(pixels);
  if (error == cudaSuccess)
    error = cudaMalloc(&r.between,
                       sizeof(Rgbx) * static_cast<size_t>(out_width) * static_cast<size_t>(in_height));
  return error;
}

}  // namespace

int resampler_create(int in_width, int in_height, int out_width, int out_height, AnomalyCudaResampler** out) {
  *out = nullptr;
  for (int size : {in_width, in_height, out_width, out_height})
    if (size < 1 || size > kMaxFrameSize) return cudaErrorInvalidValue;
  try {
    AnomalyCudaResampler* resampler = new AnomalyCudaResampler;
    const int error = fill(*resampler, in_width, in_height, out_width, out_height);
    if (error != cudaSuccess) {
      resampler_destroy(resampler);
      return error;
    }
    *out = resampler;
    return cudaSuccess;
  } catch (const std::bad_alloc&) {
    return cudaErrorMemoryAllocation;
  }
}

void resampler_destroy(AnomalyCudaResampler* resampler) {
  if (!resampler) return;
  cudaFree(resampler->memory);
  cudaFree(resampler->pixels);
  cudaFree(resampler->between);
  delete resampler;
}

}  // namespace anomaly::cuda

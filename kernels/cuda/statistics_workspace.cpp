// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/statistics_workspace.h"

#include <cuda_runtime.h>

#include <new>

#include "kernels/cuda/entry_points.h"

namespace anomaly::cuda {
namespace {

// Puts arrays one behind the other: with memory = null it only finds how much they need.
class Layout {
 public:
  explicit Layout(void* memory) : memory_(static_cast<unsigned char*>(memory)) {}

  template <typename T>
  void place(T*& array, size_t count) {
    array = memory_ ? reinterpret_cast<T*>(memory_ + bytes_) : nullptr;
    bytes_ += (count * sizeof(T) + 255) / 256 * 256;
  }
  size_t bytes() const { return bytes_; }

 private:
  unsigned char* memory_;
  size_t bytes_ = 0;
};

size_t lay_out(AnomalyCudaStatistics& s, void* memory) {
  RunTables& r = s.runs;
  const auto width = static_cast<size_t>(r.frame_width), height = static_cast<size_t>(r.frame_height);
  const size_t slots = r.room * height;
  Layout layout(memory);
  layout.place(r.first, slots);
  layout.place(r.last, slots);
  layout.place(r.row_runs, height);
  for (uint32_t** table : {&r.parent, &r.area, &r.left, &r.right, &r.bottom}) layout.place(*table, slots);
  layout.place(r.roots,
               r.room * ((height + 1) / 2));  // no two of a row and the next one in every second column
  layout.place(r.marks, width * height);
  layout.place(r.counters, 1);
  layout.place(s.cells, static_cast<size_t>(s.map_width) * static_cast<size_t>(s.map_height));
  layout.place(s.row_begin, height);
  layout.place(s.figures, 1);
  return layout.bytes();
}

int fill(AnomalyCudaStatistics& s, int map_width, int map_height, int frame_width, int frame_height) {
  s.map_width = map_width;
  s.map_height = map_height;
  s.runs.frame_width = frame_width;
  s.runs.frame_height = frame_height;
  s.runs.room = static_cast<uint32_t>(frame_width + 1) / 2;
  const int error = resampler_create(map_width, map_height, frame_width, frame_height, &s.resampler);
  if (error != cudaSuccess) return error;
  const cudaError_t allocated = cudaMalloc(&s.memory, lay_out(s, nullptr));
  if (allocated == cudaSuccess) lay_out(s, s.memory);
  return allocated;
}

}  // namespace

int statistics_create(int map_width, int map_height, int frame_width, int frame_height,
                      AnomalyCudaStatistics** out) {
  *out = nullptr;
  AnomalyCudaStatistics* statistics = new (std::nothrow) AnomalyCudaStatistics;
  if (!statistics) return cudaErrorMemoryAllocation;
  const int error = fill(*statistics, map_width, map_height, frame_width, frame_height);
  if (error == cudaSuccess)
    *out = statistics;
  else
    statistics_destroy(statistics);
  return error;
}

void statistics_destroy(AnomalyCudaStatistics* statistics) {
  if (!statistics) return;
  resampler_destroy(statistics->resampler);
  cudaFree(statistics->memory);
  delete statistics;
}

}  // namespace anomaly::cuda

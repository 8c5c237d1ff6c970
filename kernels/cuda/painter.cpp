// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/painter.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/paint_program.h"

namespace anomaly::cuda {
namespace {

// Steps of a launch: bounds what a program's tiles take, whatever the metadata says. A frame's regions with
// their labels are far fewer.
constexpr size_t kMostSteps = 2048;

void release_memory(AnomalyCudaPainter& painter) {
  cudaFreeHost(painter.pinned);
  cudaFree(painter.device);
  painter.pinned = painter.device = nullptr;
  painter.pinned_bytes = painter.device_bytes = 0;
}

// Half as much again, so that frames alike need no more.
size_t generous(size_t bytes) {
  return std::max<size_t>(bytes + bytes / 2, 1 << 16);
}

cudaError_t reserve(AnomalyCudaPainter& painter, const PaintLayout& layout) {
  void* memory = nullptr;
  cudaError_t error = cudaSuccess;
  if (layout.bytes > painter.pinned_bytes) {
    cudaFreeHost(painter.pinned);
    painter.pinned = nullptr;
    painter.pinned_bytes = 0;
    error = cudaMallocHost(&memory, generous(layout.bytes));
    if (error != cudaSuccess) return error;
    painter.pinned = static_cast<unsigned char*>(memory);
    painter.pinned_bytes = generous(layout.bytes);
  }
  if (layout.room > painter.device_bytes) {
    cudaFree(painter.device);
    painter.device = nullptr;
    painter.device_bytes = 0;
    error = cudaMalloc(&memory, generous(layout.room));
    if (error != cudaSuccess) return error;
    painter.device = static_cast<unsigned char*>(memory);
    painter.device_bytes = generous(layout.room);
  }
  return cudaSuccess;
}

int run(AnomalyCudaPainter& painter, const MutableFrameView& frame, const PaintProgram& program,
        const ScoreMap& map, bool map_on_host, cudaStream_t stream) {
  if (program.tiles() == 0) return cudaSuccess;
  const PaintLayout& layout = program.layout();
  // The program before may still be on its way, on any stream.
  cudaError_t error = cudaEventSynchronize(painter.done);
  if (error == cudaSuccess) error = reserve(painter, layout);
  if (error != cudaSuccess) return error;
  program.write(painter.pinned);
  error = cudaMemcpyAsync(painter.device, painter.pinned, layout.bytes, cudaMemcpyHostToDevice, stream);
  if (error != cudaSuccess) return error;
  ScoreMap on_device = map;
  if (map_on_host) on_device.values = reinterpret_cast<const float*>(painter.device + layout.map);
  int launched = cudaSuccess;
  for (const ContourPlanes& planes : program.contours(on_device, painter.device))
    if (launched == cudaSuccess) launched = launch_contours(planes, stream);
  if (launched == cudaSuccess)
    launched = launch_paint({frame, pixel_format_info(frame.format), painter.device, layout,
                             static_cast<unsigned>(program.tiles()), on_device},
                            stream);
  // Recorded whatever came of it: the copy is on its way.
  error = cudaEventRecord(painter.done, stream);
  return launched != cudaSuccess ? launched : error;
}

}  // namespace

int painter_create(AnomalyCudaPainter** out) {
  *out = new (std::nothrow) AnomalyCudaPainter;
  if (!*out) return cudaErrorMemoryAllocation;
  const cudaError_t error = cudaEventCreateWithFlags(&(*out)->done, cudaEventDisableTiming);
  if (error != cudaSuccess) {
    delete *out;
    *out = nullptr;
  }
  return error;
}

void painter_destroy(AnomalyCudaPainter* painter) {
  if (!painter) return;
  cudaEventSynchronize(painter->done);
  release_memory(*painter);
  cudaEventDestroy(painter->done);
  delete painter;
}

int paint(AnomalyCudaPainter* painter, const MutableFrameView* frame, const PaintStep* steps, size_t count,
          const ScoreMap* map, int map_on_host, void* stream) {
  try {
    for (size_t first = 0; first < count; first += kMostSteps) {
      const PaintProgram program(*frame, steps + first, std::min(kMostSteps, count - first), *map,
                                 map_on_host != 0);
      const int error =
          run(*painter, *frame, program, *map, map_on_host != 0, static_cast<cudaStream_t>(stream));
      if (error != cudaSuccess) return error;
    }
    return cudaSuccess;
  } catch (const std::bad_alloc&) {
    return cudaErrorMemoryAllocation;
  } catch (const std::invalid_argument&) {
    return cudaErrorInvalidValue;
  }
}

}  // namespace anomaly::cuda

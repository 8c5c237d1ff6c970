// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cuda_runtime.h>

#include "kernels/cuda/entry_points.h"

namespace anomaly::cuda {

const char* error_string(int error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

int device_count(int* count) {
  *count = 0;
  const cudaError_t error = cudaGetDeviceCount(count);
  if (error != cudaSuccess) {
    *count = 0;
    cudaGetLastError();  // so that the next launch does not report it again
  }
  return error;
}

int set_device(int device) {
  return cudaSetDevice(device);
}

int compute_capability(int device, int* major, int* minor) {
  const cudaError_t error = cudaDeviceGetAttribute(major, cudaDevAttrComputeCapabilityMajor, device);
  if (error != cudaSuccess) return error;
  return cudaDeviceGetAttribute(minor, cudaDevAttrComputeCapabilityMinor, device);
}

int memory_info(size_t* free_bytes, size_t* total_bytes) {
  return cudaMemGetInfo(free_bytes, total_bytes);
}

int allocate(void** memory, size_t bytes) {
  return cudaMalloc(memory, bytes);
}
int release(void* memory) {
  return cudaFree(memory);
}
int allocate_host(void** memory, size_t bytes) {
  return cudaMallocHost(memory, bytes);
}
int release_host(void* memory) {
  return cudaFreeHost(memory);
}

int copy_to_device(void* device, const void* host, size_t bytes, void* stream) {
  return cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, static_cast<cudaStream_t>(stream));
}
int copy_to_host(void* host, const void* device, size_t bytes, void* stream) {
  return cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, static_cast<cudaStream_t>(stream));
}
int copy_on_device(void* to, const void* from, size_t bytes, void* stream) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, static_cast<cudaStream_t>(stream));
}
int copy_rows(void* to, size_t to_stride, const void* from, size_t from_stride, size_t row_bytes, size_t rows,
              void* stream) {
  return cudaMemcpy2DAsync(to, to_stride, from, from_stride, row_bytes, rows, cudaMemcpyDefault,
                           static_cast<cudaStream_t>(stream));
}

int synchronize(void* stream) {
  return cudaStreamSynchronize(static_cast<cudaStream_t>(stream));
}
int stream_create(void** stream) {
  cudaStream_t created = nullptr;
  const cudaError_t error = cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking);
  *stream = error == cudaSuccess ? created : nullptr;
  return error;
}
int stream_destroy(void* stream) {
  return cudaStreamDestroy(static_cast<cudaStream_t>(stream));
}
int stream_wait(void* stream, void* event) {
  return cudaStreamWaitEvent(static_cast<cudaStream_t>(stream), static_cast<cudaEvent_t>(event), 0);
}

int event_create(void** event) {
  cudaEvent_t created = nullptr;
  const cudaError_t error = cudaEventCreate(&created);
  *event = error == cudaSuccess ? created : nullptr;
  return error;
}
int event_destroy(void* event) {
  return cudaEventDestroy(static_cast<cudaEvent_t>(event));
}
int event_record(void* event, void* stream) {
  return cudaEventRecord(static_cast<cudaEvent_t>(event), static_cast<cudaStream_t>(stream));
}
int event_synchronize(void* event) {
  return cudaEventSynchronize(static_cast<cudaEvent_t>(event));
}
int event_elapsed(float* milliseconds, void* start, void* end) {
  return cudaEventElapsedTime(milliseconds, static_cast<cudaEvent_t>(start), static_cast<cudaEvent_t>(end));
}

}  // namespace anomaly::cuda

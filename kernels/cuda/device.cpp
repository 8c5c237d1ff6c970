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

int allocate(void** memory, size_t bytes) {
  return cudaMalloc(memory, bytes);
}
int release(void* memory) {
  return cudaFree(memory);
}

int copy_to_device(void* device, const void* host, size_t bytes, void* stream) {
  return cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, static_cast<cudaStream_t>(stream));
}
int copy_to_host(void* host, const void* device, size_t bytes, void* stream) {
  return cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, static_cast<cudaStream_t>(stream));
}
int synchronize(void* stream) {
  return cudaStreamSynchronize(static_cast<cudaStream_t>(stream));
}

}  // namespace anomaly::cuda

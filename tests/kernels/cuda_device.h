// SPDX-License-Identifier: LGPL-2.1-or-later
// The table of CUDA kernels under test, and memory on its device.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/cuda/module.h"
#include "tests/check.h"

namespace check {

// Skips the test where there is no device. The emulated module's device is the CPU.
const AnomalyCudaKernels& cuda();

#define CHECK_CUDA(call)                                                                           \
  do {                                                                                             \
    const int check_error = (call);                                                                \
    if (check_error != 0)                                                                          \
      check::fail(__FILE__, __LINE__, #call " failed: ", check::cuda().error_string(check_error)); \
  } while (0)

template <typename T>
class DeviceArray {
 public:
  // `offset`: elements to leave free in front, so that the data lies at an odd address.
  explicit DeviceArray(size_t count, size_t offset = 0) : count_(count), offset_(offset) {
    void* memory = nullptr;
    CHECK_CUDA(cuda().allocate(&memory, (count + offset) * sizeof(T) + 1));
    memory_ = static_cast<T*>(memory);
  }
  explicit DeviceArray(const std::vector<T>& values, size_t offset = 0) : DeviceArray(values.size(), offset) {
    CHECK_CUDA(cuda().copy_to_device(data(), values.data(), values.size() * sizeof(T), nullptr));
    CHECK_CUDA(cuda().synchronize(nullptr));
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cuda().release(memory_); }

  T* data() { return memory_ + offset_; }
  std::vector<T> host() {
    std::vector<T> values(count_);
    CHECK_CUDA(cuda().copy_to_host(values.data(), data(), count_ * sizeof(T), nullptr));
    CHECK_CUDA(cuda().synchronize(nullptr));
    return values;
  }

 private:
  size_t count_, offset_;
  T* memory_ = nullptr;
};

// CPU and GPU agree bit for bit; 0 and -0 are one.
template <typename T>
void equal_arrays(const char* file, int line, const std::vector<T>& ours, const std::vector<T>& reference) {
  if (ours.size() != reference.size()) fail(file, line, "sizes ", ours.size(), " and ", reference.size());
  for (size_t i = 0; i < ours.size(); ++i)
    if (!(ours[i] == reference[i]))
      fail(file, line, "element ", i, ": ", +ours[i], " on the device, ", +reference[i], " on the CPU");
}
#define CHECK_SAME(ours, reference) check::equal_arrays(__FILE__, __LINE__, ours, reference)

}  // namespace check

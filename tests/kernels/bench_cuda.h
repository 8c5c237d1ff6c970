// SPDX-License-Identifier: LGPL-2.1-or-later
// What bench_cuda times kernels with.
#pragma once

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "kernels/cuda/load.h"
#include "tests/kernels/cuda_bytes.h"

namespace bench {

inline const AnomalyCudaKernels* cuda = nullptr;

inline void demand(int error, const char* what) {
  if (error == 0) return;
  std::fprintf(stderr, "bench_cuda: %s failed: %s\n", what, cuda->error_string(error));
  std::exit(1);
}

// The real module where it and a device are; else the emulated one beside this program.
inline void load() {
  std::string problem;
  cuda = anomaly::load_cuda_kernels(&problem);
  int count = 0;
  if (cuda) cuda->device_count(&count);
  if (count > 0) return;
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  std::string beside(path, length > 0 ? static_cast<size_t>(length) : 0);
  beside = beside.substr(0, beside.rfind('/') + 1) + "libanomaly-cuda-emulated.so";
  void* module = dlopen(beside.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto entry =
      module ? reinterpret_cast<AnomalyCudaModuleEntry>(dlsym(module, kAnomalyCudaEntry)) : nullptr;
  cuda = entry ? entry(kAnomalyCudaAbi) : nullptr;
  if (cuda) return;
  std::fprintf(stderr, "bench_cuda: no GPU (%s) and no emulated module at %s: build the tests\n",
               problem.empty() ? "no device" : problem.c_str(), beside.c_str());
  std::exit(1);
}

// Device memory with numbers in it, freed at the end.
class Memory {
 public:
  explicit Memory(size_t bytes, unsigned seed = 1) : bytes_(bytes) {
    demand(cuda->allocate(&memory_, bytes), "an allocation");
    std::vector<uint8_t> values(bytes);
    uint32_t state = seed;
    // Of no element type a number that is none: the highest bit but the sign stays 0.
    for (uint8_t& v : values) v = static_cast<uint8_t>((state = state * 1664525u + 1013904223u) >> 24) & 0x3f;
    demand(cuda->copy_to_device(memory_, values.data(), bytes, nullptr), "an upload");
    demand(cuda->synchronize(nullptr), "an upload");
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { cuda->release(memory_); }

  template <typename T = void>
  T* at() const {
    return static_cast<T*>(memory_);
  }
  size_t bytes() const { return bytes_; }

 private:
  void* memory_ = nullptr;
  size_t bytes_;
};

class Clock {
 public:
  explicit Clock(size_t flush_bytes) : from_(flush_bytes), to_(flush_bytes) {
    demand(cuda->event_create(&start_), "an event");
    demand(cuda->event_create(&end_), "an event");
  }
  ~Clock() {
    cuda->event_destroy(start_);
    cuda->event_destroy(end_);
  }
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  // Median, microseconds.
  double time(int repeats, const std::function<int()>& launch) const {
    demand(launch(), "a kernel");
    std::vector<float> ms(static_cast<size_t>(repeats));
    for (float& one : ms) {
      demand(cuda->copy_on_device(to_.at(), from_.at(), from_.bytes(), nullptr), "a copy");
      demand(cuda->event_record(start_, nullptr), "an event");
      demand(launch(), "a kernel");
      demand(cuda->event_record(end_, nullptr), "an event");
      demand(cuda->event_synchronize(end_), "a kernel");
      demand(cuda->event_elapsed(&one, start_, end_), "an event");
    }
    std::nth_element(ms.begin(), ms.begin() + repeats / 2, ms.end());
    return 1e3 * static_cast<double>(ms[static_cast<size_t>(repeats / 2)]);
  }

 private:
  Memory from_, to_;
  void *start_ = nullptr, *end_ = nullptr;
};

class Table {
 public:
  Table(const Clock& clock, int repeats, double copy_rate)
      : clock_(clock), repeats_(repeats), copy_(copy_rate) {
    std::printf("%-34s %9s %10s %10s %9s %9s %7s\n", "kernel", "us", "least MB", "asked MB", "least", "asked",
                "of copy");
    std::printf("%-34s %9s %10s %10s %9s %9s %7s\n", "", "", "", "", "GB/s", "GB/s", "%");
  }
  void row(const char* name, const cuda_bytes::Bytes& bytes, const std::function<int()>& launch) const {
    if (repeats_ == 0) {
      std::printf("%-34s %9s %10.3f %10.3f\n", name, "", bytes.least * 1e-6, bytes.asked * 1e-6);
      return;
    }
    const double us = clock_.time(repeats_, launch);
    const double least = bytes.least / us * 1e-3, asked = bytes.asked / us * 1e-3;
    std::printf("%-34s %9.1f %10.3f %10.3f %9.1f %9.1f %7.1f\n", name, us, bytes.least * 1e-6,
                bytes.asked * 1e-6, least, asked, 100 * least / copy_);
  }

 private:
  const Clock& clock_;
  int repeats_;
  double copy_;  // GB/s
};

// Drawing on an NV12 frame in device memory (bench_paint.cpp).
void bench_painting(int frame_width, int frame_height, int map_width, int map_height, const Table& table);

}  // namespace bench

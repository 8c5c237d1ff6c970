// SPDX-License-Identifier: LGPL-2.1-or-later
// How a CUDA kernel is written here: as a structure whose member function is what one thread does, so that
// the same code runs on a GPU (launch.cuh) and, thread after thread, on the CPU in a test
// (tests/kernels/emulated).
//
// A kernel structure holds its arguments and has
//   static constexpr unsigned kThreads;  threads of a block
//   static constexpr int kPhases;        steps with a barrier between them
//   static constexpr bool kWarpPhases;   the barrier needs to hold a warp only, not a block
//   Grid grid() const;                   blocks
//   size_t shared_bytes() const;         memory that a block's threads share
//   template <int Phase> ANOMALY_HD void run(ThreadIndex at, float* shared) const;
// and may have
//   unsigned items() const;  read on the device: how often the whole is to be done. Block b does b, b +
//   grid().x,
//                            ..., and finds the number in ThreadIndex::block_x. For work that the host does
//                            not know the size of.
// A thread that has nothing to do returns from run(); what it needs in the next phase it leaves in `shared`.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/elements.h"
#include "kernels/float_math.h"
#include "kernels/portable.h"

// Before a loop of few, known turns, whose arrays are to stay in registers.
#if defined(__CUDA_ARCH__)
#define ANOMALY_UNROLL _Pragma("unroll")
#else
#define ANOMALY_UNROLL
#endif

namespace anomaly::cuda {

struct Grid {
  unsigned x = 1, y = 1;  // y at most 65535
};

struct ThreadIndex {
  unsigned block_x, block_y, thread;
};

inline constexpr size_t kSharedLimit = 48 * 1024;  // what every GPU grants a block without asking
inline constexpr int kMostBatch = 65535;           // pictures along y

inline constexpr unsigned blocks_for(int64_t items, unsigned per_block) {
  return static_cast<unsigned>((items + per_block - 1) / per_block);
}

// Floats as unsigned integers of the same order, so that an atomic maximum finds bounds whatever order
// threads come in. 0 stands for "none yet".
ANOMALY_HD inline uint32_t order_key(float x) {
  const uint32_t bits = static_cast<uint32_t>(float_bits(x));
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
ANOMALY_HD inline float from_order_key(uint32_t key) {
  return bits_float(static_cast<int32_t>(key & 0x80000000u ? key & 0x7fffffffu : ~key));
}

ANOMALY_HD inline void atomic_max(uint32_t* p, uint32_t value) {
#if defined(__CUDA_ARCH__)
  atomicMax(p, value);
#else
  if (value > *p) *p = value;
#endif
}

// The value before.
ANOMALY_HD inline uint32_t atomic_min(uint32_t* p, uint32_t value) {
#if defined(__CUDA_ARCH__)
  return atomicMin(p, value);
#else
  const uint32_t before = *p;
  if (value < before) *p = value;
  return before;
#endif
}

// The value before.
ANOMALY_HD inline uint32_t atomic_add(uint32_t* p, uint32_t value) {
#if defined(__CUDA_ARCH__)
  return atomicAdd(p, value);
#else
  const uint32_t before = *p;
  *p += value;
  return before;
#endif
}

ANOMALY_HD inline void atomic_add(unsigned long long* p, unsigned long long value) {
#if defined(__CUDA_ARCH__)
  atomicAdd(p, value);
#else
  *p += value;
#endif
}

}  // namespace anomaly::cuda

// SPDX-License-Identifier: LGPL-2.1-or-later
// Where pixels and maps lie. No LibTorch and no CUDA here: the elements include it.
#pragma once

namespace anomaly {

struct FrameMemory {
  enum class Kind {
    Host,  // memory that the processor sees
    Cuda,  // device memory of one GPU: addresses mean nothing to the processor
  };
  Kind kind = Kind::Host;
  int device = 0;  // Kind::Cuda: the GPU, as CUDA numbers them
  // Kind::Cuda: the cudaStream_t on which the memory is being written; what was queued there before comes
  // first. Null: the legacy default stream.
  void* stream = nullptr;
};

}  // namespace anomaly

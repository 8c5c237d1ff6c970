// SPDX-License-Identifier: LGPL-2.1-or-later
// CUDA graphs through LibTorch's own class, whose memory its allocator sets apart. All that links with
// libtorch_cuda.so: a module of its own, so that nothing else does.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>

#include <vector>

#include "src/engine/torch_cuda.h"

namespace anomaly {
namespace {

class Graph final : public DeviceGraph {
 public:
  void replay() override { graph.replay(); }
  at::cuda::CUDAGraph graph;
};

class Recorder final : public GraphRecorder {
 public:
  std::unique_ptr<DeviceGraph> record(const Compute& compute, c10::Stream stream,
                                      const std::function<void()>& work) override {
    const c10::cuda::CUDAStreamGuard guard(stream);
    stream.synchronize();
    // What the runs before have left in the allocator's cache would lie beside the graph's memory, unused.
    c10::cuda::CUDACachingAllocator::emptyCache();
    auto graph = std::make_unique<Graph>();
    if (pools_.size() <= static_cast<size_t>(compute.device.index()))
      pools_.resize(static_cast<size_t>(compute.device.index()) + 1, {0, 0});
    c10::MempoolId_t& pool = pools_[static_cast<size_t>(compute.device.index())];
    if (pool == c10::MempoolId_t{0, 0}) pool = at::cuda::graph_pool_handle();
    // Thread local: others may allocate meanwhile, as the threads that read frames do. All graphs of a
    // recorder share their memory: they are replayed one after the other, and what one leaves is copied
    // before the next.
    graph->graph.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      const std::exception_ptr failure = std::current_exception();
      try {
        graph->graph.capture_end();
      } catch (...) {  // says again that the capture was broken off
      }
      std::rethrow_exception(failure);
    }
    graph->graph.capture_end();
    return graph;
  }

 private:
  std::vector<c10::MempoolId_t> pools_;  // by device
};

}  // namespace
}  // namespace anomaly

extern "C" __attribute__((visibility("default"))) anomaly::GraphRecorder* anomaly_torch_cuda_recorder(
    int abi) {
  return abi == anomaly::kTorchCudaAbi ? new anomaly::Recorder : nullptr;
}

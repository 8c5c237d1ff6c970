// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/gpu_computation.h"

#include <stdexcept>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "src/engine/buffer_pool.h"
#include "src/engine/device.h"
#include "src/engine/failure.h"
#include "src/engine/gpu_health.h"
#include "src/engine/gpu_reader.h"
#include "src/engine/gpu_statistics.h"
#include "src/engine/torch_cuda.h"
#include "src/error.h"
#include "src/framework/gpu_runner.h"
#include "src/framework/ops.h"

namespace anomaly {
namespace {

// Batches that are queued before the first of them is waited for: one computes, one is behind it.
constexpr int kBatchesQueued = 2;

// Blocks of LibTorch's allocators, which give pinned and device memory back only when they must.
BufferPool::Allocate blocks(const at::TensorOptions& options) {
  return [options](size_t bytes) {
    const at::Tensor block = at::empty({static_cast<int64_t>(bytes)}, options);
    return std::shared_ptr<void>(block.mutable_data_ptr(), [block](void*) {});
  };
}

struct FurtherMap {
  unsigned flag;
  const char* tensor;
};
constexpr FurtherMap kMapTensors[] = {{kMapLabels, "labels"},
                                      {kMapEntropy, "entropy"},
                                      {kMapDistance, "distance"},
                                      {kMapPerceptual, "perceptual"},
                                      {kMapDissimilarity, "dissimilarity"},
                                      {kMapDissimilarity, "baseline_dissimilarity"},
                                      {kMapSynthesis, "synthesis"}};

class GpuComputing final : public Computing {
 public:
  // What is known of a frame when it is queued.
  struct Frame {
    const Request* request;
    bool cut;
    std::shared_ptr<GpuStatistics::Pending> statistics;
  };
  GpuComputing(std::unique_ptr<GpuBatch> batch, std::vector<Frame> frames, std::shared_ptr<GpuHealth> health,
               ComputedFrame::Download download, int device)
      : frames_(std::move(frames)),
        batch_(std::move(batch)),
        health_(std::move(health)),
        download_(std::move(download)),
        device_(device) {}

  std::vector<ComputedFrame> finish() override {
    std::vector<GpuBatch::Frame> frames;
    std::vector<ComputedFrame> out;
    try {
      frames = batch_->finish();
      out.resize(frames.size());
      for (size_t i = 0; i < frames.size(); ++i)
        out[i].statistics = frames_[i].statistics->statistics(download_);
    } catch (...) {
      const std::exception_ptr failure = current_failure("computing a frame");
      health_->failed(failure);
      std::rethrow_exception(failure);
    }
    for (size_t i = 0; i < frames.size(); ++i) {
      ComputedFrame& frame = out[i];
      const Request& request = *frames_[i].request;
      frame.scene_cut = frames_[i].cut;
      if (request.keep_on_device) {
        frame.tensors = std::move(frames[i].device);
        frame.download = download_;
        frame.device = device_;
        continue;
      }
      frame.tensors = std::move(frames[i].host);
      // The pinned memory goes back to its pool; what the caller keeps is the caller's.
      for (auto& [name, tensor] : frame.tensors) tensor = ops::placed_in(request.memory.get(), tensor);
    }
    return out;
  }

 private:
  const std::vector<Frame> frames_;
  const std::unique_ptr<GpuBatch> batch_;  // goes first: its end waits
  const std::shared_ptr<GpuHealth> health_;
  const ComputedFrame::Download download_;
  const int device_;
};

class GpuComputation final : public Computation {
 public:
  GpuComputation(std::shared_ptr<const Bundle> bundle, const std::string& device,
                 const EngineOptions& options)
      : framework_(bundle, device, options.precision, options.trunk_precision),
        device_(cuda_index(device)),
        health_(std::make_shared<GpuHealth>(framework_.compute(), device_)),
        pinned_(BufferPool::create(
            blocks(at::TensorOptions(at::kByte).pinned_memory(framework_.compute().device.is_cuda())))),
        on_device_(BufferPool::create(blocks(framework_.compute().bytes()))),
        reader_(framework_.compute(), device_, health_, pinned_, on_device_),
        statistics_(framework_.compute(), pinned_, on_device_),
        runner_(framework_.compute(), bundle->info(), {pinned_, on_device_},
                graph_recorder(framework_.compute())) {}

  void prepare(const Settings& settings) override {
    guarded("loading the networks", [&] {
      const StreamScope scope(framework_.compute(), runner_.stream());
      framework_.prepare(settings);
      return 0;
    });
  }

  bool reads() const override { return true; }
  PreparedFrame read(const FrameView& frame, const FrameMemory& memory, int width, int height) override {
    try {
      return reader_.read(frame, memory, width, height);
    } catch (const std::invalid_argument&) {
      throw;  // the frame is at fault
    } catch (...) {
      const std::exception_ptr failure = current_failure("reading a frame");
      health_->failed(failure);
      std::rethrow_exception(failure);
    }
  }

  int depth() const override { return kBatchesQueued; }

  std::unique_ptr<Computing> begin(const std::vector<const Request*>& batch) override {
    return guarded("computing a frame", [&] {
      const StreamScope scope(framework_.compute(), runner_.stream());
      const Settings& settings = batch.front()->settings;
      framework_.prepare(settings);
      std::vector<GpuFrame> frames;
      std::vector<GpuComputing::Frame> known(batch.size());
      for (size_t i = 0; i < batch.size(); ++i) {
        const Request& request = *batch[i];
        frames.push_back(frame_of(request));
        known[i] = {&request, request.stream && request.stream->cut(), nullptr};
        frames[i].also = [&, i](const BatchSteps::Tensors& tensors, int64_t index) {
          statistics_.queue(request, tensors.at("anomaly")[index], tensors.at("labels")[index],
                            known[i].statistics);
        };
      }
      auto launched = runner_.launch(framework_.networks(), frames, settings, false);
      return std::make_unique<GpuComputing>(std::move(launched), std::move(known), health_, downloader(),
                                            device_);
    });
  }

  std::vector<FrameTensors> compute(const std::vector<const Request*>&) override {
    throw std::logic_error("frames on a GPU are begun, not computed");
  }

 private:
  // Whatever goes wrong in `work` is an Error, and the GPU is asked whether it lives.
  template <typename Work>
  auto guarded(const char* doing, Work work) -> decltype(work()) {
    health_->check();
    try {
      return work();
    } catch (...) {
      const std::exception_ptr failure = current_failure(doing);
      health_->failed(failure);
      std::rethrow_exception(failure);
    }
  }

  GpuFrame frame_of(const Request& request) const {
    const PreparedFrame& prepared = request.frame;
    if (prepared.kind != FrameMemory::Kind::Cuda || !prepared.reading)
      throw Error(
          ErrorKind::BadSettings,
          "A frame that was read for another engine was given to one on a GPU: let the same engine read it.");
    if (prepared.reading->device() != device_)
      throw Error(ErrorKind::BadSettings,
                  "A frame that was read for GPU " + std::to_string(prepared.reading->device()) +
                      " was given to an engine on GPU " + std::to_string(device_) + ".");
    if (request.settings.normalization == Normalization::Temporal && !request.stream)
      throw Error(ErrorKind::BadSettings,
                  "normalization temporal is for the frames of a stream: use frame or fixed for single ones");
    GpuFrame frame;
    frame.rgb = at::from_blob(
        prepared.rgb.get(), {prepared.height, prepared.width, 3}, [rgb = prepared.rgb](void*) {},
        framework_.compute().bytes(), framework_.compute().device);
    frame.ready = &prepared.reading->done();
    frame.stream = request.stream.get();
    if (frame.stream) frame.stream->begin_frame(prepared.reading->thumbnail(), request.time);
    std::set<std::string> wanted = {"anomaly"};
    for (const FurtherMap& map : kMapTensors)
      if (request.maps & map.flag) wanted.insert(map.tensor);
    if (request.keep_on_device)
      frame.on_device = std::move(wanted);
    else
      frame.to_host.merge(wanted);
    return frame;
  }

  // From any thread, whatever its current device; after the frame's computation has been waited for.
  ComputedFrame::Download downloader() const {
    return [compute = framework_.compute(), device = device_](void* host, const void* plane, size_t bytes) {
      compute.check(compute.kernels->set_device(device), "choosing the device");
      compute.check(compute.kernels->copy_to_host(host, plane, bytes, nullptr), "fetching a map");
      compute.check(compute.kernels->synchronize(nullptr), "fetching a map");
    };
  }

  Framework framework_;
  const int device_;
  const std::shared_ptr<GpuHealth> health_;
  const std::shared_ptr<BufferPool> pinned_, on_device_;
  GpuReader reader_;
  GpuStatistics statistics_;
  GpuRunner runner_;  // goes first: its end waits for the stream
};

}  // namespace

std::unique_ptr<Computation> make_gpu_computation(std::shared_ptr<const Bundle> bundle,
                                                  const std::string& device, const EngineOptions& options) {
  return std::make_unique<GpuComputation>(std::move(bundle), device, options);
}

}  // namespace anomaly

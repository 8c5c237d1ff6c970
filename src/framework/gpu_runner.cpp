// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/framework/gpu_runner.h"

#include <cstdio>
#include <exception>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include "src/error.h"
#include "src/framework/steps.h"

namespace anomaly {
namespace {

// Runs before a graph is recorded: libraries choose their algorithms, allocators find their sizes.
constexpr int kWarmUps = 2;
// A stream may change its size or its settings, and a batch may be partial: so many kinds of work are kept.
constexpr size_t kPlansMost = 12;

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

struct GpuRunner::Plan {
  std::shared_ptr<const NetworkSet> networks;
  Settings settings;
  bool everything;
  std::vector<int64_t> shape;  // N, height, width

  BatchSteps steps;
  at::Tensor frames, numbers;  // what the steps read
  BatchSteps::Tensors results;
  int runs = 0;
  bool recordable;
  std::unique_ptr<DeviceGraph> graph;
};

GpuBatch::~GpuBatch() {
  if (finished_) return;
  try {
    done_.wait();
  } catch (...) {  // the device has failed: it writes nothing any more
  }
}

std::vector<GpuBatch::Frame> GpuBatch::finish() {
  done_.wait();
  finished_ = true;
  for (size_t i = 0; i < streams_.size(); ++i)
    for (const StreamState::Map map : smoothed_) {
      const float* bounds = bounds_.const_data_ptr<float>() + 6 * i + 2 * static_cast<size_t>(map);
      streams_[i]->set_smoothed(map, {bounds[0], bounds[1]});
    }
  inputs_.clear();
  return std::move(frames_);
}

GpuRunner::GpuRunner(const Compute& compute, const BundleInfo& info, Memory memory,
                     std::shared_ptr<GraphRecorder> recorder)
    : compute_(compute),
      info_(info),
      memory_(std::move(memory)),
      recorder_(std::move(recorder)),
      stream_(new_stream(compute)) {}

GpuRunner::~GpuRunner() {
  try {
    const StreamScope scope(compute_, stream_);
    wait_for(stream_);
    plans_.clear();
  } catch (...) {  // a device that has failed
  }
}

at::Tensor GpuRunner::empty(MapMemory* memory, at::IntArrayRef shape, at::ScalarType type,
                            bool pinned) const {
  auto options = at::TensorOptions(type);
  if (pinned)
    options = options.pinned_memory(compute_.device.is_cuda());
  else
    options = options.device(compute_.device);
  if (!memory) return at::empty(shape, options);
  size_t bytes = c10::elementSize(type);
  for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
  std::shared_ptr<void> block = memory->take(bytes);
  const at::Device device = pinned ? at::Device(at::kCPU) : compute_.device;
  return at::from_blob(
      block.get(), shape, [block](void*) {}, at::TensorOptions(type).device(device), device);
}

GpuRunner::Plan& GpuRunner::plan_for(const std::shared_ptr<const NetworkSet>& networks,
                                     const std::vector<GpuFrame>& frames, const Settings& settings,
                                     bool everything) {
  const at::Tensor& first = frames.front().rgb;
  const std::vector<int64_t> shape = {static_cast<int64_t>(frames.size()), first.size(0), first.size(1)};
  for (auto plan = plans_.begin(); plan != plans_.end(); ++plan)
    if ((*plan)->shape == shape && (*plan)->settings == settings && (*plan)->everything == everything &&
        (*plan)->networks == networks) {
      plans_.splice(plans_.begin(), plans_, plan);
      return **plans_.begin();
    }
  if (plans_.size() >= kPlansMost) {
    wait_for(stream_);  // what goes may still be at work
    plans_.pop_back();
  }
  plans_.push_front(std::unique_ptr<Plan>(
      new Plan{networks,
               settings,
               everything,
               shape,
               BatchSteps(compute_, info_, networks, settings, everything, shape[0], shape[1], shape[2]),
               at::empty({shape[0], shape[1], shape[2], 3}, compute_.bytes()),
               at::empty({shape[0], kStreamNumbers}, compute_.floats().dtype(at::kDouble)),
               {},
               0,
               recorder_ != nullptr && !everything,
               nullptr}));
  return *plans_.front();
}

void GpuRunner::compute(Plan& plan) {
  if (!plan.graph && plan.recordable && plan.runs >= kWarmUps) {
    try {
      plan.graph = recorder_->record(compute_, stream_,
                                     [&] { plan.results = plan.steps.run(plan.frames, plan.numbers); });
    } catch (const std::exception& e) {
      plan.recordable = false;
      std::fprintf(
          stderr,
          "anomaly: the work of a batch of %lld at %lldx%lld could not be recorded as a CUDA graph and is "
          "started step by step, which is slower: %s\n",
          static_cast<long long>(plan.shape[0]), static_cast<long long>(plan.shape[2]),
          static_cast<long long>(plan.shape[1]), first_line(e.what()).c_str());
    }
  }
  if (plan.graph) {
    plan.graph->replay();
    ++replays_;
    return;
  }
  plan.results = plan.steps.run(plan.frames, plan.numbers);
  ++plan.runs;
}

std::unique_ptr<GpuBatch> GpuRunner::launch(const std::shared_ptr<const NetworkSet>& networks,
                                            const std::vector<GpuFrame>& frames, const Settings& settings,
                                            bool everything) {
  const c10::InferenceMode inference;
  const StreamScope scope(compute_, stream_);
  try {
    return queue(networks, frames, settings, everything);
  } catch (...) {
    const std::exception_ptr failure = std::current_exception();
    try {
      wait_for(stream_);  // what was queued so far uses what the caller is about to let go of
    } catch (...) {       // the device has failed: it uses nothing any more
    }
    std::rethrow_exception(failure);
  }
}

std::unique_ptr<GpuBatch> GpuRunner::queue(const std::shared_ptr<const NetworkSet>& networks,
                                           const std::vector<GpuFrame>& frames, const Settings& settings,
                                           bool everything) {
  Plan& plan = plan_for(networks, frames, settings, everything);
  auto batch = std::make_unique<GpuBatch>();
  for (size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].ready) frames[i].ready->hold_back(stream_);
    plan.frames[static_cast<int64_t>(i)].copy_(frames[i].rgb, true);
    batch->inputs_.push_back(frames[i].rgb);
  }
  if (settings.normalization == Normalization::Temporal) {
    batch->numbers_ = empty(memory_.pinned.get(), plan.numbers.sizes(), at::kDouble, true);
    for (size_t i = 0; i < frames.size(); ++i) {
      write_stream_numbers(frames[i].stream->smoothing(),
                           batch->numbers_.mutable_data_ptr<double>() + i * size_t{kStreamNumbers});
      batch->streams_.push_back(frames[i].stream);
    }
    plan.numbers.copy_(batch->numbers_, true);
  }
  compute(plan);

  batch->frames_.resize(frames.size());
  for (const auto& [name, all] : plan.results) {
    if (name == "bounds") continue;
    for (size_t i = 0; i < frames.size(); ++i) {
      const at::Tensor own = all[static_cast<int64_t>(i)];
      if (frames[i].all_to_host || frames[i].to_host.contains(name)) {
        at::Tensor to = empty(memory_.pinned.get(), own.sizes(), own.scalar_type(), true);
        to.copy_(own, true);
        batch->frames_[i].host[name] = to;
      }
      if (frames[i].on_device.contains(name)) {
        at::Tensor to = empty(memory_.device.get(), own.sizes(), own.scalar_type(), false);
        to.copy_(own, true);
        batch->frames_[i].device[name] = to;
      }
    }
  }
  for (size_t i = 0; i < frames.size(); ++i)
    if (frames[i].also) frames[i].also(plan.results, static_cast<int64_t>(i));
  if (const auto bounds = plan.results.find("bounds"); bounds != plan.results.end()) {
    batch->bounds_ = empty(memory_.pinned.get(), bounds->second.sizes(), at::kFloat, true);
    batch->bounds_.copy_(bounds->second, true);
    const steps::Needs needs = steps::needs_of(settings.method);
    if (needs.entropy) batch->smoothed_.insert(StreamState::Map::Entropy);
    if (needs.distance) batch->smoothed_.insert(StreamState::Map::Distance);
    if (needs.perceptual) batch->smoothed_.insert(StreamState::Map::Perceptual);
  }
  batch->done_.record(stream_);
  return batch;
}

}  // namespace anomaly

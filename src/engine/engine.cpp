// SPDX-License-Identifier: LGPL-2.1-or-later
// An engine over the networks of a bundle.
#include "src/engine/engine.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "src/bundle/bundle.h"
#include "src/engine/computation.h"
#include "src/engine/device.h"
#include "src/engine/failure.h"
#include "src/engine/gpu_computation.h"
#include "src/framework/framework.h"
#include "src/networks/compute.h"

namespace anomaly {

namespace {

class BundleComputation final : public Computation {
 public:
  BundleComputation(std::shared_ptr<const Bundle> bundle, const std::string& device,
                    const EngineOptions& options)
      : framework_(std::move(bundle), device, options.precision, options.trunk_precision) {}

  void prepare(const Settings& settings) override { framework_.prepare(settings); }

  std::vector<FrameTensors> compute(const std::vector<const Request*>& batch) override {
    std::vector<StreamFrame> streams;
    streams.reserve(batch.size());
    for (const Request* request : batch)
      streams.push_back({request->stream.get(), request->time, request->memory.get()});
    return framework_.run(frames_of(batch), batch.front()->settings, false, streams);
  }

 private:
  // N x height x width x 3.
  static at::Tensor frames_of(const std::vector<const Request*>& batch) {
    const PreparedFrame& first = batch.front()->frame;
    const std::array<int64_t, 4> shape = {static_cast<int64_t>(batch.size()), first.height, first.width, 3};
    // The tensor keeps the pixels of a single frame: nothing is copied.
    if (batch.size() == 1)
      return at::from_blob(
          first.rgb.get(), shape, [rgb = first.rgb](void*) {}, at::TensorOptions(at::kByte));
    at::Tensor frames = at::empty(shape, at::kByte);
    const size_t bytes = size_t{3} * static_cast<size_t>(first.width) * static_cast<size_t>(first.height);
    for (size_t i = 0; i < batch.size(); ++i)
      std::memcpy(frames.data_ptr<uint8_t>() + i * bytes, batch[i]->frame.rgb.get(), bytes);
    return frames;
  }

  Framework framework_;
};

const char* precision_name(at::ScalarType type) {
  return to_string(type == at::kHalf       ? Precision::Float16
                   : type == at::kBFloat16 ? Precision::BFloat16
                                           : Precision::Float32);
}

ModelInfo describe(const Bundle& bundle, const std::string& device, const EngineOptions& options) {
  const BundleInfo& info = bundle.info();
  ModelInfo model;
  model.path = bundle.path();
  model.name = info.name;
  model.license = info.license;
  model.default_method = info.default_method;
  model.device = device_name(device);
  model.precision = precision_name(compute_on(device, options.precision, options.trunk_precision).type);
  model.trunk_precision = to_string(options.trunk_precision);
  model.segmentation_width = info.segmentation_width;
  model.segmentation_height = info.segmentation_height;
  model.map_width = info.map_width;
  model.map_height = info.map_height;
  for (const ClassInfo& c : info.classes) model.classes.push_back(c.name);
  model.threshold = info.threshold;
  std::copy(info.ensemble.begin(), info.ensemble.end(), model.ensemble);
  return model;
}

}  // namespace

std::shared_ptr<Engine> Engine::open(const EngineOptions& options) {
  if (options.threads < 0)
    throw Error(ErrorKind::BadSettings, "The number of threads is negative: use 0 for all cores.");
  const std::string device = resolve_device(options.device);
  const std::string path = options.bundle.empty() ? builtin_bundle_path() : options.bundle;
  try {
    auto bundle = Bundle::open(path);
    ModelInfo model = describe(*bundle, device, options);
    std::unique_ptr<Computation> computation;
    if (device == "cpu")
      computation = std::make_unique<BundleComputation>(std::move(bundle), device, options);
    else
      computation = make_gpu_computation(std::move(bundle), device, options);
    return make_engine(std::move(computation), std::move(model), options.threads);
  } catch (...) {
    std::rethrow_exception(current_failure("opening " + path));
  }
}

}  // namespace anomaly

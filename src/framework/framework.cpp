// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/framework/framework.h"

#include <cmath>

#include <c10/core/InferenceMode.h>

#include "src/engine/device.h"
#include "src/error.h"
#include "src/framework/gpu_runner.h"
#include "src/framework/network_set.h"
#include "src/framework/ops.h"
#include "src/framework/steps.h"
#include "src/networks/tensor_source.h"

namespace anomaly {
namespace {

constexpr int64_t kMinSize = 32, kMaxSize = 16384;

void check_ensemble(const std::array<double, 4>& weights) {
  for (const double w : weights)
    if (!std::isfinite(w) || w < 0)
      throw Error(ErrorKind::BadSettings,
                  "ensemble weight " + std::to_string(w) + " must be a finite number from 0 up");
  if (weights[0] + weights[1] + weights[2] + weights[3] <= 0)
    throw Error(ErrorKind::BadSettings, "the ensemble weights are all 0: at least one must be above");
}

}  // namespace

Framework::Framework(std::shared_ptr<const Bundle> bundle, const std::string& device, Precision precision,
                     TrunkPrecision trunk)
    : bundle_(std::move(bundle)),
      compute_(std::make_unique<const Compute>(compute_on(resolve_device(device), precision, trunk))),
      networks_(std::make_shared<NetworkSet>()) {
  check_no_strays(*bundle_);
}

Framework::~Framework() = default;

void Framework::prepare(const Settings& settings) {
  const steps::Needs needs = steps::needs_of(settings.method);
  const Bundle& bundle = *bundle_;
  const BundleInfo& info = bundle.info();
  const std::string for_method = std::string("method ") + to_string(settings.method);
  const auto need = [&](const char* network) {
    if (!bundle.has(network))
      throw Error(ErrorKind::BadSettings, for_method + " needs the network \"" + network + "\", which " +
                                              bundle.path() +
                                              " does not have: choose another method or bundle");
  };
  // Everything that can be refused without reading weights comes first.
  if (settings.method == Method::Synboost) check_ensemble(settings.ensemble);
  need("segmentation");
  if (needs.synthesis) need("encoder"), need("generator");
  if (needs.perceptual) need("perceptual");
  if (needs.dissimilarity) need("dissimilarity");
  if (needs.baseline) need("baseline");
  if (needs.perceptual && settings.normalization == Normalization::Fixed) {
    if (!info.perceptual_bounds)
      throw Error(
          ErrorKind::BadSettings,
          for_method + " with normalization fixed needs bounds of the perceptual difference, which " +
              bundle.path() +
              " does not have: write them with anomaly-train --calibrate, or use normalization frame");
    if (settings.formulas == Formulas::Paper)
      throw Error(ErrorKind::BadSettings,
                  "the bounds of the perceptual difference in " + bundle.path() +
                      " hold for formulas published: use normalization frame with formulas paper");
  }

  const c10::InferenceMode inference;
  const ComputeScope scope(*compute_);
  NetworkSet n = *networks_;
  if (!n.segmentation) n.segmentation = load_segmentation(bundle);
  if (needs.synthesis && !n.encoder) n.encoder = load_encoder(bundle);
  if (needs.synthesis && !n.generator) n.generator = load_generator(bundle);
  if (needs.perceptual && !n.perceptual) n.perceptual = load_perceptual(bundle);
  if (needs.dissimilarity && !n.dissimilarity) n.dissimilarity = load_dissimilarity(bundle, "dissimilarity");
  if (needs.baseline && !n.baseline) n.baseline = load_dissimilarity(bundle, "baseline");
  if (needs.baseline && n.baseline->uses_uncertainty())
    throw Error(ErrorKind::BadBundle,
                bundle.path() + ": the network \"baseline\" must not use uncertainty maps");
  if (needs.dissimilarity && !n.dissimilarity->uses_uncertainty())
    throw Error(ErrorKind::BadBundle,
                bundle.path() + ": the network \"dissimilarity\" must use uncertainty maps");
  if (n != *networks_) networks_ = std::make_shared<NetworkSet>(std::move(n));
}

std::vector<FrameTensors> Framework::run(const at::Tensor& frames, const Settings& settings, bool everything,
                                         const std::vector<StreamFrame>& streams) {
  if (frames.dim() != 4 || frames.size(3) != 3 || frames.scalar_type() != at::kByte ||
      !frames.is_contiguous() || !frames.device().is_cpu())
    throw Error(ErrorKind::BadSettings, "frames must be contiguous N x H x W x 3 uint8 on the CPU");
  if (frames.size(1) < kMinSize || frames.size(2) < kMinSize || frames.size(1) > kMaxSize ||
      frames.size(2) > kMaxSize)
    throw Error(ErrorKind::BadSettings, "segmentation size " + std::to_string(frames.size(2)) + "x" +
                                            std::to_string(frames.size(1)) +
                                            " is out of range: width and height must be " +
                                            std::to_string(kMinSize) + " to " + std::to_string(kMaxSize));
  if (!streams.empty() && streams.size() != static_cast<size_t>(frames.size(0)))
    throw Error(ErrorKind::BadSettings, std::to_string(frames.size(0)) + " frames came with the streams of " +
                                            std::to_string(streams.size()));
  if (settings.normalization == Normalization::Temporal)
    for (size_t i = 0; i < static_cast<size_t>(frames.size(0)); ++i)
      if (streams.empty() || !streams[i].stream)
        throw Error(
            ErrorKind::BadSettings,
            "normalization temporal is for the frames of a stream: use frame or fixed for single ones");
  prepare(settings);
  if (compute_->gpu()) return run_on_gpu(frames, settings, everything, streams);
  const c10::InferenceMode inference;
  const steps::Needs needs = steps::needs_of(settings.method);
  const NetworkSet& n = *networks_;
  std::vector<FrameTensors> results;
  // Frame by frame: on a CPU a batch saves no time, and so a frame's result cannot depend on its neighbours.
  for (int64_t i = 0; i < frames.size(0); ++i) {
    const at::Tensor frame = frames[i];
    const StreamFrame of_stream = streams.empty() ? StreamFrame{} : streams[static_cast<size_t>(i)];
    if (of_stream.stream)
      of_stream.stream->begin_frame(frame.const_data_ptr<uint8_t>(), static_cast<int>(frame.size(1)),
                                    static_cast<int>(frame.size(0)), of_stream.time);
    const steps::Context context{bundle_->info(), settings, everything, of_stream.stream, of_stream.memory};
    FrameTensors out;
    steps::segment(context, needs, *n.segmentation, frame, out);
    if (needs.synthesis) steps::synthesise(context, *n.encoder, *n.generator, frame, out);
    if (needs.perceptual) steps::compare_features(context, *n.perceptual, frame, out);
    if (needs.dissimilarity) steps::find_dissimilarity(context, *n.dissimilarity, frame, out);
    if (needs.baseline) steps::find_dissimilarity(context, *n.baseline, frame, out);
    steps::score(context, out);
    results.push_back(std::move(out));
  }
  return results;
}

std::vector<FrameTensors> Framework::run_on_gpu(const at::Tensor& frames, const Settings& settings,
                                                bool everything, const std::vector<StreamFrame>& streams) {
  if (!gpu_) gpu_ = std::make_unique<GpuRunner>(*compute_, bundle_->info(), GpuRunner::Memory{}, nullptr);
  const c10::InferenceMode inference;
  std::vector<GpuFrame> batch;
  {
    const StreamScope scope(*compute_, gpu_->stream());
    for (int64_t i = 0; i < frames.size(0); ++i) {
      GpuFrame frame;
      frame.rgb = frames[i].to(compute_->device);
      frame.all_to_host = true;
      if (!streams.empty()) frame.stream = streams[static_cast<size_t>(i)].stream;
      if (frame.stream)
        frame.stream->begin_frame(frames[i].const_data_ptr<uint8_t>(), static_cast<int>(frames.size(2)),
                                  static_cast<int>(frames.size(1)), streams[static_cast<size_t>(i)].time);
      batch.push_back(std::move(frame));
    }
  }
  std::vector<FrameTensors> results;
  for (GpuBatch::Frame& frame : gpu_->launch(networks_, batch, settings, everything)->finish()) {
    if (!streams.empty())
      if (MapMemory* memory = streams[results.size()].memory)
        for (auto& [name, tensor] : frame.host) tensor = ops::placed_in(memory, tensor);
    results.push_back(std::move(frame.host));
  }
  return results;
}

}  // namespace anomaly

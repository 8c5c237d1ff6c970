// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/framework/batch_steps.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "src/framework/steps.h"
#include "src/networks/channels_last.h"

namespace anomaly {
namespace {

int size_of(const at::Tensor& t, int64_t dimension) {
  return static_cast<int>(t.size(dimension));
}

// Between the steps: frames and syntheses at map size, as networks take them.
constexpr char kFrameInput[] = "frame input", kSynthesisInput[] = "synthesis input";

std::vector<uint8_t> label_ids_of(const BundleInfo& info) {
  std::vector<uint8_t> ids;
  for (const ClassInfo& c : info.classes) ids.push_back(static_cast<uint8_t>(c.label_id));
  return ids;
}

const float* frame_floats(const at::Tensor& batch, int64_t frame) {
  return batch.const_data_ptr<float>() + frame * batch.stride(0);
}

}  // namespace

void write_stream_numbers(const StreamState::Smoothing& from, double* numbers) {
  for (size_t i = 0; i < 3; ++i) {
    *numbers++ = from.bounds[i].min;
    *numbers++ = from.bounds[i].max;
    *numbers++ = from.known[i] ? 1 : 0;
  }
  *numbers++ = from.widening;
  *numbers = from.narrowing;
}

BatchSteps::BatchSteps(const Compute& compute, const BundleInfo& info,
                       std::shared_ptr<const NetworkSet> networks, const Settings& settings, bool everything,
                       int64_t batch, int64_t height, int64_t width)
    : compute_(compute),
      info_(info),
      networks_(std::move(networks)),
      settings_(settings),
      everything_(everything),
      batch_(batch),
      height_(height),
      width_(width) {
  const at::Device device = compute.device;
  label_ids_ = label_ids_of(info);
  const bool paper = settings.formulas == Formulas::Paper;
  const double classes = static_cast<double>(info.classes.size());
  const auto bounds = [&](double min, double max) {
    return at::tensor({min, max}, at::kFloat).expand({batch, 2}).contiguous().to(device);
  };
  fixed_bounds_[static_cast<size_t>(StreamState::Map::Entropy)] =
      bounds(0, paper ? std::log2(classes) : std::log(classes));
  fixed_bounds_[static_cast<size_t>(StreamState::Map::Distance)] = bounds(0, 1);
  const auto perceptual = info.perceptual_bounds.value_or(std::array<double, 2>{0, 1});
  fixed_bounds_[static_cast<size_t>(StreamState::Map::Perceptual)] = bounds(perceptual[0], perceptual[1]);
  const bool synthesis = steps::needs_of(settings.method).synthesis;
  if (synthesis && settings.latent == Latent::Draw) {
    // As the CPU draws it: seeded afresh, so that every frame gets the same.
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(settings.seed);
    noise_ = at::randn({1, networks_->generator->latent_size()}, generator, at::kFloat).to(device);
  }
  if (synthesis)
    to_map_size_ = std::make_unique<DeviceResampler>(
        compute, static_cast<int>(width), static_cast<int>(height), info.map_width, info.map_height);
}

AnomalyCudaPixels BatchSteps::pixels(const at::Tensor& out, const std::array<float, 3>& mean,
                                     const std::array<float, 3>& deviation) const {
  AnomalyCudaPixels pixels{};
  pixels.type = cuda_type(compute_.type);
  pixels.out = out.mutable_data_ptr();
  std::copy(mean.begin(), mean.end(), pixels.mean);
  std::copy(deviation.begin(), deviation.end(), pixels.deviation);
  return pixels;
}

at::Tensor BatchSteps::empty_input(int64_t height, int64_t width) const {
  return at::empty({batch_, 3, height, width},
                   compute_.options().memory_format(at::MemoryFormat::ChannelsLast));
}

at::Tensor BatchSteps::network_input(const at::Tensor& rgb, int64_t height, int64_t width) const {
  at::Tensor out = empty_input(height, width);
  const AnomalyCudaPixels to = pixels(out, info_.mean, info_.deviation);
  compute_.check(compute_.kernels->normalize_rgb8(rgb.const_data_ptr<uint8_t>(), static_cast<int>(batch_),
                                                  size_of(rgb, 2), size_of(rgb, 1), static_cast<int>(width),
                                                  static_cast<int>(height), &to, compute_.stream()),
                 "normalising pictures");
  return out;
}

at::Tensor BatchSteps::labels_at_map_size(const at::Tensor& labels, const std::vector<uint8_t>& ids) const {
  at::Tensor out = at::empty({batch_, info_.map_height, info_.map_width}, compute_.bytes());
  compute_.check(compute_.kernels->resize_labels(labels.const_data_ptr<uint8_t>(), static_cast<int>(batch_),
                                                 size_of(labels, 2), size_of(labels, 1), info_.map_width,
                                                 info_.map_height, ids.empty() ? nullptr : ids.data(),
                                                 static_cast<int>(ids.size()),
                                                 out.mutable_data_ptr<uint8_t>(), compute_.stream()),
                 "resizing a label map");
  return out;
}

AnomalyCudaMap BatchSteps::map_of(const Tensors& out, const char* name) const {
  const at::Tensor& map = out.at(name);
  return {map.const_data_ptr<uint8_t>(), size_of(map, 2), size_of(map, 1)};
}

at::Tensor BatchSteps::stacked(const Tensors& out, std::initializer_list<const char*> names,
                               at::ScalarType type) const {
  std::vector<AnomalyCudaMap> maps;
  for (const char* name : names) maps.push_back(map_of(out, name));
  at::Tensor stack = at::empty({batch_, static_cast<int64_t>(maps.size()), info_.map_height, info_.map_width},
                               compute_.options().dtype(type).memory_format(at::MemoryFormat::ChannelsLast));
  compute_.check(compute_.kernels->stack_maps(maps.data(), static_cast<int>(maps.size()),
                                              static_cast<int>(batch_), info_.map_width, info_.map_height,
                                              cuda_type(type), stack.mutable_data_ptr(), compute_.stream()),
                 "stacking maps");
  return stack;
}

// StreamState::smoothed() for every frame, in double as there.
at::Tensor BatchSteps::bounds(StreamState::Map kind, const at::Tensor& own, const at::Tensor& stream_numbers,
                              Tensors& out) const {
  if (settings_.normalization == Normalization::Fixed) return fixed_bounds_[static_cast<size_t>(kind)];
  if (settings_.normalization == Normalization::Frame) return own;
  const int64_t first = 3 * static_cast<int64_t>(kind);
  const auto number = [&](int64_t i) { return stream_numbers.narrow(1, i, 1); };
  const at::Tensor known = number(first + 2) != 0, widening = number(9), narrowing = number(10);
  const auto moved = [&](int64_t side) {
    const at::Tensor to = own.narrow(1, side, 1).to(at::kDouble), from = number(first + side);
    const at::Tensor outwards = side == 0 ? to < from : to > from;
    return at::where(known, from + (to - from) * at::where(outwards, widening, narrowing), to);
  };
  const at::Tensor smoothed = at::cat({moved(0), moved(1)}, 1).to(at::kFloat).contiguous();
  out["bounds"].select(1, static_cast<int64_t>(kind)).copy_(smoothed);
  return smoothed;
}

at::Tensor BatchSteps::quantised(const at::Tensor& raw, const at::Tensor& bounds,
                                 decltype(AnomalyCudaKernels::quantize_entropy) quantise) const {
  at::Tensor bytes = at::empty(raw.sizes(), compute_.bytes());
  const int64_t count = raw.numel() / batch_;
  for (int64_t i = 0; i < batch_; ++i)
    compute_.check(quantise(frame_floats(raw, i), count, frame_floats(bounds, i),
                            bytes.mutable_data_ptr<uint8_t>() + i * count, compute_.stream()),
                   "scaling a map");
  return bytes;
}

void BatchSteps::segment(SegmentationNetwork& network, const at::Tensor& frames,
                         const at::Tensor& stream_numbers, Tensors& out) const {
  const steps::Needs needs = steps::needs_of(settings_.method);
  const AnomalyCudaKernels& kernels = *compute_.kernels;
  const bool paper = settings_.formulas == Formulas::Paper;
  const at::Tensor logits = channels_last(network.logits(network_input(frames, height_, width_)));
  at::Tensor labels = at::empty({batch_, height_, width_}, compute_.bytes());
  at::Tensor entropy, distance, own = at::empty({batch_, 4}, compute_.floats());
  if (needs.entropy) entropy = at::empty({batch_, height_, width_}, compute_.floats());
  if (needs.distance) distance = at::empty({batch_, height_, width_}, compute_.floats());
  AnomalyCudaUncertainty arguments{};
  arguments.type = cuda_type(logits.scalar_type());
  arguments.logits = logits.const_data_ptr();
  arguments.batch = static_cast<int>(batch_);
  arguments.classes = size_of(logits, 1);
  arguments.in_width = size_of(logits, 3);
  arguments.in_height = size_of(logits, 2);
  arguments.out_width = static_cast<int>(width_);
  arguments.out_height = static_cast<int>(height_);
  arguments.align_corners = network.align_corners() ? 1 : 0;
  arguments.labels = labels.mutable_data_ptr<uint8_t>();
  arguments.entropy = needs.entropy ? entropy.mutable_data_ptr<float>() : nullptr;
  arguments.distance = needs.distance ? distance.mutable_data_ptr<float>() : nullptr;
  arguments.bounds = own.mutable_data_ptr<float>();
  compute_.check(kernels.uncertainty_maps(&arguments, compute_.stream()), "the uncertainty maps");
  out["labels"] = labels;
  const auto add_map = [&](const char* name, StreamState::Map kind, at::Tensor& raw, int64_t first,
                           double factor, decltype(kernels.quantize_entropy) quantise) {
    at::Tensor of_map = own.narrow(1, first, 2).contiguous();
    if (factor != 1) raw.mul_(factor), of_map.mul_(factor);
    out[name] = quantised(raw, bounds(kind, of_map, stream_numbers, out), quantise);
    if (everything_) out[std::string(name) + "_raw"] = raw;
  };
  if (needs.entropy)
    add_map("entropy", StreamState::Map::Entropy, entropy, 0, paper ? 1 / std::log(2.0) : 1.0,
            paper ? kernels.quantize_perceptual : kernels.quantize_entropy);
  if (needs.distance)
    add_map("distance", StreamState::Map::Distance, distance, 2, 1.0,
            paper ? kernels.quantize_perceptual : kernels.quantize_distance);
  if (everything_)
    out["logits"] = at::upsample_bilinear2d(logits.to(at::kFloat), {height_, width_}, network.align_corners())
                        .contiguous();
}

void BatchSteps::synthesise(LatentEncoder& encoder, GeneratorNetwork& generator, const at::Tensor& frames,
                            Tensors& out) const {
  at::Tensor small = empty_input(info_.map_height, info_.map_width);
  for (int64_t i = 0; i < batch_; ++i) {
    FrameView view;
    view.range = ColorRange::Full;
    view.width = static_cast<int>(width_);
    view.height = static_cast<int>(height_);
    view.plane[0] = frames.const_data_ptr<uint8_t>() + i * frames.stride(0);
    view.stride[0] = 3 * width_;
    constexpr std::array<float, 3> kHalf = {0.5f, 0.5f, 0.5f};  // [0, 1] -> [-1, 1]
    const AnomalyCudaPixels to = pixels(small[i], kHalf, kHalf);
    compute_.check(
        compute_.kernels->ingest_tensor(to_map_size_->get(), &view, nullptr, &to, compute_.stream()),
        "shrinking a frame");
  }
  const auto [mean, log_variance] = encoder.encode(small);
  at::Tensor z = mean;
  if (settings_.latent == Latent::Draw)
    z = at::addcmul(mean.to(at::kFloat), at::exp(log_variance.to(at::kFloat).mul(0.5)), noise_)
            .to(compute_.type);
  const at::Tensor image =
      channels_last(generator.synthesise(labels_at_map_size(out.at("labels"), label_ids_), z));
  at::Tensor picture = at::empty({batch_, info_.map_height, info_.map_width, 3}, compute_.bytes());
  at::Tensor input = empty_input(info_.map_height, info_.map_width);
  const AnomalyCudaPixels to = pixels(input, info_.mean, info_.deviation);
  compute_.check(compute_.kernels->to_picture(cuda_type(image.scalar_type()), image.const_data_ptr(),
                                              picture.numel() / 3, picture.mutable_data_ptr<uint8_t>(), &to,
                                              compute_.stream()),
                 "the synthesis' picture");
  out["synthesis"] = picture;
  out[kSynthesisInput] = input;
  if (!everything_) return;
  out["latent_mean"] = mean.to(at::kFloat);
  out["latent_logvar"] = log_variance.to(at::kFloat);
}

void BatchSteps::compare_features(PerceptualNetwork& network, const at::Tensor& stream_numbers,
                                  Tensors& out) const {
  const AnomalyCudaKernels& kernels = *compute_.kernels;
  std::vector<double> weights = network.level_weights();
  if (settings_.formulas == Formulas::Paper) std::fill(weights.begin(), weights.end(), 1.0);
  // Frames and syntheses in one pass: twice the pixels for every weight that is read.
  const auto features = network.features(at::cat({out.at(kFrameInput), out.at(kSynthesisInput)}, 0));
  std::vector<at::Tensor> levels;
  std::vector<AnomalyCudaLevel> arguments;
  int64_t pixels = 0;
  for (size_t i = 0; i < features.size(); ++i) {
    levels.push_back(channels_last(features[i].to(compute_.type)));
    const at::Tensor& level = levels.back();
    arguments.push_back({level.const_data_ptr(), level.narrow(0, batch_, batch_).const_data_ptr(),
                         size_of(level, 3), size_of(level, 2), size_of(level, 1),
                         static_cast<float>(weights[i])});
    pixels += level.size(2) * level.size(3);
  }
  at::Tensor raw = at::empty({batch_, info_.map_height, info_.map_width}, compute_.floats());
  at::Tensor own = at::empty({batch_, 2}, compute_.floats());
  at::Tensor workspace = at::empty({batch_ * pixels}, compute_.floats());
  AnomalyCudaPerceptual all{};
  all.type = cuda_type(compute_.type);
  all.levels = arguments.data();
  all.count = static_cast<int>(arguments.size());
  all.batch = static_cast<int>(batch_);
  all.workspace = workspace.mutable_data_ptr<float>();
  all.out = raw.mutable_data_ptr<float>();
  all.out_width = info_.map_width;
  all.out_height = info_.map_height;
  all.bounds = own.mutable_data_ptr<float>();
  compute_.check(kernels.perceptual_difference(&all, compute_.stream()), "the perceptual difference");
  out["perceptual"] = quantised(raw, bounds(StreamState::Map::Perceptual, own, stream_numbers, out),
                                kernels.quantize_perceptual);
  if (everything_) out["perceptual_raw"] = raw;
}

// The dissimilarity, and the score of the methods that use it.
void BatchSteps::find_dissimilarity(DissimilarityNetwork& network, Tensors& out) const {
  at::Tensor maps;
  if (network.uses_uncertainty()) maps = stacked(out, {"entropy", "perceptual", "distance"}, compute_.type);
  const at::Tensor logits = channels_last(network.logits(out.at(kFrameInput), out.at(kSynthesisInput),
                                                         labels_at_map_size(out.at("labels"), {}), maps));
  const bool ensemble = settings_.method == Method::Synboost;
  at::Tensor score = at::empty({batch_, info_.map_height, info_.map_width}, compute_.floats());
  at::Tensor dissimilarity = at::empty_like(score);
  AnomalyCudaEnsemble arguments{};
  arguments.type = cuda_type(logits.scalar_type());
  arguments.logits = logits.const_data_ptr();
  const auto& w = settings_.ensemble;
  if (ensemble) {
    if (w[1] != 0) arguments.entropy = map_of(out, "entropy");
    if (w[2] != 0) arguments.perceptual = map_of(out, "perceptual");
    if (w[3] != 0) arguments.distance = map_of(out, "distance");
    for (size_t i = 0; i < w.size(); ++i) arguments.weight[i] = static_cast<float>(w[i]);
  } else {
    arguments.weight[0] = 1;
  }
  arguments.batch = static_cast<int>(batch_);
  arguments.width = info_.map_width;
  arguments.height = info_.map_height;
  arguments.anomaly = score.mutable_data_ptr<float>();
  arguments.dissimilarity = dissimilarity.mutable_data_ptr<float>();
  compute_.check(compute_.kernels->ensemble(&arguments, compute_.stream()), "the ensemble");
  const std::string name = network.uses_uncertainty() ? "dissimilarity" : "baseline_dissimilarity";
  out[name] = dissimilarity;
  out["anomaly"] = score;
  if (everything_) out[name + "_logits"] = logits.to(at::kFloat).contiguous();
}

// The score of the methods that use one 8-bit map alone.
void BatchSteps::score(const char* map, Tensors& out) const {
  out["anomaly"] = stacked(out, {map}, at::kFloat).select(1, 0);
}

BatchSteps::Tensors BatchSteps::run(const at::Tensor& frames, const at::Tensor& stream_numbers) const {
  const steps::Needs needs = steps::needs_of(settings_.method);
  const ComputeScope scope(compute_);
  Tensors out;
  if (settings_.normalization == Normalization::Temporal)
    out["bounds"] = at::zeros({batch_, 3, 2}, compute_.floats());
  segment(*networks_->segmentation, frames, stream_numbers, out);
  if (needs.perceptual || needs.dissimilarity || needs.baseline)
    out[kFrameInput] = network_input(frames, info_.map_height, info_.map_width);
  if (needs.synthesis) synthesise(*networks_->encoder, *networks_->generator, frames, out);
  if (needs.perceptual) compare_features(*networks_->perceptual, stream_numbers, out);
  if (needs.dissimilarity) find_dissimilarity(*networks_->dissimilarity, out);
  if (needs.baseline) find_dissimilarity(*networks_->baseline, out);
  if (settings_.method == Method::SoftmaxEntropy) score("entropy", out);
  if (settings_.method == Method::SoftmaxDistance) score("distance", out);
  if (settings_.method == Method::PerceptualDifference) score("perceptual", out);
  out.erase(kFrameInput);
  out.erase(kSynthesisInput);
  return out;
}

}  // namespace anomaly

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
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "kernels/resample_plane.h"
#include "src/framework/steps.h"
#include "src/networks/channels_last.h"

namespace anomaly {
namespace {

int size_of(const at::Tensor& t, int64_t dimension) {
  return static_cast<int>(t.size(dimension));
}

// Where each of `out` pixels comes from among `in`: nearest at pixel centres.
at::Tensor nearest_indices(int64_t in, int64_t out) {
  at::Tensor index = at::empty({out}, at::kLong);
  for (int64_t i = 0; i < out; ++i)
    index.mutable_data_ptr<int64_t>()[i] =
        nearest_index(static_cast<int>(i), static_cast<int>(in), static_cast<int>(out));
  return index;
}

at::Tensor three(const std::array<float, 3>& values) {
  return at::tensor({values[0], values[1], values[2]}, at::kFloat);
}

at::Tensor label_ids_of(const BundleInfo& info) {
  at::Tensor ids = at::zeros({256}, at::kByte);
  for (size_t i = 0; i < info.classes.size(); ++i)
    ids.mutable_data_ptr<uint8_t>()[i] = static_cast<uint8_t>(info.classes[i].label_id);
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
  mean_ = three(info.mean).to(device);
  deviation_ = three(info.deviation).to(device);
  half_ = three({0.5f, 0.5f, 0.5f}).to(device);
  rows_ = nearest_indices(height, info.map_height).to(device);
  columns_ = nearest_indices(width, info.map_width).to(device);
  label_ids_ = label_ids_of(info).to(device);
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
  if (synthesis && (height != info.map_height || width != info.map_width))
    to_map_size_ = std::make_unique<DeviceResampler>(compute, static_cast<int>(width),
                                                     static_cast<int>(height), info.map_width,
                                                     info.map_height);
}

at::Tensor BatchSteps::normalised(const at::Tensor& rgb, const at::Tensor& mean,
                                  const at::Tensor& deviation) const {
  return rgb.to(at::kFloat)
      .div_(255)
      .sub_(mean)
      .div_(deviation)
      .to(compute_.type)
      .permute({0, 3, 1, 2});
}

at::Tensor BatchSteps::at_map_size(const at::Tensor& bytes) const {
  if (bytes.size(1) == info_.map_height && bytes.size(2) == info_.map_width) return bytes;
  return bytes.index_select(1, rows_).index_select(2, columns_);
}

at::Tensor BatchSteps::network_input(const at::Tensor& rgb) const {
  return normalised(at_map_size(rgb), mean_, deviation_);
}

at::Tensor BatchSteps::fraction(const Tensors& out, const char* name) const {
  return at_map_size(out.at(name)).to(at::kFloat).div_(255);
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
  const at::Tensor logits = channels_last(network.logits(normalised(frames, mean_, deviation_)).to(at::kFloat));
  at::Tensor labels = at::empty({batch_, height_, width_}, compute_.bytes());
  at::Tensor entropy, distance, own = at::empty({batch_, 4}, compute_.floats());
  if (needs.entropy) entropy = at::empty({batch_, height_, width_}, compute_.floats());
  if (needs.distance) distance = at::empty({batch_, height_, width_}, compute_.floats());
  const auto floats_of = [](at::Tensor& map, int64_t i) {
    return map.defined() ? map.mutable_data_ptr<float>() + i * map.stride(0) : nullptr;
  };
  for (int64_t i = 0; i < batch_; ++i)
    compute_.check(
        kernels.uncertainty_maps(frame_floats(logits, i), size_of(logits, 1), size_of(logits, 3),
                                 size_of(logits, 2), static_cast<int>(width_), static_cast<int>(height_),
                                 labels.mutable_data_ptr<uint8_t>() + i * labels.stride(0),
                                 floats_of(entropy, i), floats_of(distance, i), floats_of(own, i),
                                 compute_.stream()),
        "the uncertainty maps");
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
  if (everything_) out["logits"] = at::upsample_bilinear2d(logits, {height_, width_}, true).contiguous();
}

void BatchSteps::synthesise(LatentEncoder& encoder, GeneratorNetwork& generator, const at::Tensor& frames,
                            Tensors& out) const {
  at::Tensor small = frames;
  if (to_map_size_) {
    small = at::empty({batch_, info_.map_height, info_.map_width, 3}, compute_.bytes());
    for (int64_t i = 0; i < batch_; ++i) {
      FrameView view;
      view.range = ColorRange::Full;
      view.width = static_cast<int>(width_);
      view.height = static_cast<int>(height_);
      view.plane[0] = frames.const_data_ptr<uint8_t>() + i * frames.stride(0);
      view.stride[0] = 3 * width_;
      compute_.check(compute_.kernels->ingest_rgb8(to_map_size_->get(), &view,
                                                   small.mutable_data_ptr<uint8_t>() + i * small.stride(0),
                                                   compute_.stream()),
                     "shrinking a frame");
    }
  }
  const auto [mean, log_variance] = encoder.encode(normalised(small, half_, half_));
  at::Tensor z = mean;
  if (settings_.latent == Latent::Draw)
    z = at::addcmul(mean.to(at::kFloat), at::exp(log_variance.to(at::kFloat).mul(0.5)), noise_)
            .to(compute_.type);
  const at::Tensor labels = at_map_size(out.at("labels"));
  const at::Tensor ids = label_ids_.index_select(0, labels.flatten().to(at::kLong)).view(labels.sizes());
  out["synthesis"] = generator.synthesise(ids, z)
                         .permute({0, 2, 3, 1})
                         .to(at::kFloat)
                         .add_(1)
                         .div_(2)
                         .mul_(255)
                         .clamp_(0, 255)
                         .to(at::kByte)
                         .contiguous();
  if (!everything_) return;
  out["latent_mean"] = mean.to(at::kFloat);
  out["latent_logvar"] = log_variance.to(at::kFloat);
}

void BatchSteps::compare_features(PerceptualNetwork& network, const at::Tensor& frames,
                                  const at::Tensor& stream_numbers, Tensors& out) const {
  const AnomalyCudaKernels& kernels = *compute_.kernels;
  std::vector<double> weights = network.level_weights();
  if (settings_.formulas == Formulas::Paper) std::fill(weights.begin(), weights.end(), 1.0);
  // Frames and syntheses in one pass: twice the pixels for every weight that is read.
  const auto levels =
      network.features(at::cat({network_input(frames), network_input(out.at("synthesis"))}, 0));
  at::Tensor raw = at::zeros({batch_, info_.map_height, info_.map_width}, compute_.floats());
  for (size_t level = 0; level < levels.size(); ++level) {
    const at::Tensor all = channels_last(levels[level]);
    const at::Tensor a = all.narrow(0, 0, batch_), b = all.narrow(0, batch_, batch_);
    at::Tensor difference;
    if (compute_.type == at::kFloat) {
      difference = at::empty({batch_, all.size(2), all.size(3)}, compute_.floats());
      for (int64_t i = 0; i < batch_; ++i)
        compute_.check(kernels.channel_difference(frame_floats(a, i), frame_floats(b, i), size_of(all, 2),
                                                  size_of(all, 3), size_of(all, 1), 0,
                                                  difference.mutable_data_ptr<float>() +
                                                      i * difference.stride(0),
                                                  compute_.stream()),
                       "the features' difference");
    } else {
      difference = (a.to(at::kFloat) - b.to(at::kFloat)).abs_().mean(1).contiguous();
    }
    for (int64_t i = 0; i < batch_; ++i)
      compute_.check(kernels.accumulate_upsampled_bicubic(
                         frame_floats(difference, i), size_of(difference, 2), size_of(difference, 1),
                         static_cast<float>(weights[level]),
                         raw.mutable_data_ptr<float>() + i * raw.stride(0), info_.map_width,
                         info_.map_height, compute_.stream()),
                     "adding up the features' difference");
  }
  at::Tensor own = at::empty({batch_, 2}, compute_.floats());
  for (int64_t i = 0; i < batch_; ++i)
    compute_.check(kernels.map_bounds(frame_floats(raw, i), raw.stride(0),
                                      own.mutable_data_ptr<float>() + 2 * i, compute_.stream()),
                   "the bounds of a map");
  out["perceptual"] = quantised(raw, bounds(StreamState::Map::Perceptual, own, stream_numbers, out),
                                kernels.quantize_perceptual);
  if (everything_) out["perceptual_raw"] = raw;
}

void BatchSteps::find_dissimilarity(DissimilarityNetwork& network, const at::Tensor& frames,
                                    Tensors& out) const {
  at::Tensor maps;
  if (network.uses_uncertainty())
    maps = at::stack({fraction(out, "entropy"), fraction(out, "perceptual"), fraction(out, "distance")}, 1)
               .to(compute_.type);
  const at::Tensor logits =
      network
          .logits(network_input(frames), network_input(out.at("synthesis")), at_map_size(out.at("labels")),
                  maps)
          .to(at::kFloat);
  const std::string name = network.uses_uncertainty() ? "dissimilarity" : "baseline_dissimilarity";
  out[name] = at::softmax(logits, 1).select(1, 1).contiguous();
  if (everything_) out[name + "_logits"] = logits.contiguous();
}

void BatchSteps::score(Tensors& out) const {
  at::Tensor anomaly;
  switch (settings_.method) {
    case Method::Synboost: {
      const auto& w = settings_.ensemble;
      anomaly = out.at("dissimilarity").mul(w[0]);
      if (w[1] != 0) anomaly.add_(fraction(out, "entropy"), w[1]);
      if (w[2] != 0) anomaly.add_(fraction(out, "perceptual"), w[2]);
      if (w[3] != 0) anomaly.add_(fraction(out, "distance"), w[3]);
      break;
    }
    case Method::Resynthesis:
      anomaly = out.at("baseline_dissimilarity").clone();
      break;
    case Method::SoftmaxEntropy:
      anomaly = fraction(out, "entropy");
      break;
    case Method::SoftmaxDistance:
      anomaly = fraction(out, "distance");
      break;
    case Method::PerceptualDifference:
      anomaly = fraction(out, "perceptual");
      break;
  }
  out["anomaly"] = anomaly.contiguous();
}

BatchSteps::Tensors BatchSteps::run(const at::Tensor& frames, const at::Tensor& stream_numbers) const {
  const steps::Needs needs = steps::needs_of(settings_.method);
  const ComputeScope scope(compute_);
  Tensors out;
  if (settings_.normalization == Normalization::Temporal)
    out["bounds"] = at::zeros({batch_, 3, 2}, compute_.floats());
  segment(*networks_->segmentation, frames, stream_numbers, out);
  if (needs.synthesis) synthesise(*networks_->encoder, *networks_->generator, frames, out);
  if (needs.perceptual) compare_features(*networks_->perceptual, frames, stream_numbers, out);
  if (needs.dissimilarity) find_dissimilarity(*networks_->dissimilarity, frames, out);
  if (needs.baseline) find_dissimilarity(*networks_->baseline, frames, out);
  score(out);
  return out;
}

}  // namespace anomaly

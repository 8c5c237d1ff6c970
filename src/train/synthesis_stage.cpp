// SPDX-License-Identifier: LGPL-2.1-or-later
// Stage `synthesis`: latent encoder and generator learn to paint frames from their predicted label maps.
// Loss: L1, distance of trunk features, a divergence that keeps the latent near a unit normal; once pictures
// have taken shape, also a discriminator's verdict and the distance of its features.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cstdio>
#include <opencv2/imgproc.hpp>

#include "src/error.h"
#include "src/framework/ops.h"
#include "src/networks/compact_generator.h"
#include "src/networks/compact_perceptual.h"
#include "src/train/batches.h"
#include "src/train/bundle_writer.h"
#include "src/train/discriminator.h"
#include "src/train/network_setup.h"
#include "src/train/pipeline.h"
#include "src/train/preview.h"
#include "src/train/progress.h"
#include "src/train/session.h"
#include "src/train/stage_loop.h"

namespace anomaly::train {

namespace {

class SynthesisNetworkImpl : public torch::nn::Module {
 public:
  SynthesisNetworkImpl(const CompactEncoderOptions& encoder_options,
                       const CompactGeneratorOptions& generator_options) {
    encoder = register_module("encoder", CompactEncoder(encoder_options));
    generator = register_module("generator", CompactGenerator(generator_options));
  }
  CompactEncoder encoder{nullptr};
  CompactGenerator generator{nullptr};
};
TORCH_MODULE(SynthesisNetwork);

struct Pair {
  at::Tensor picture;  // 1 x 3 x h x w in [-1, 1]
  at::Tensor labels;   // 1 x h x w label ids
};

// Every exact frame, and one in `coarse_every` of the others, with what the segmentation takes them for;
// where a fine label is known, that label.
std::vector<Pair> prepare_pairs(const Session& session, const Pipeline& pipeline, int64_t coarse_every,
                                bool held_out) {
  std::vector<uint8_t> ids;
  for (const ClassInfo& c : pipeline.info().classes) ids.push_back(static_cast<uint8_t>(c.label_id));
  constexpr std::array<float, 3> kHalf = {0.5f, 0.5f, 0.5f};
  std::vector<Pair> pairs;
  for (const Dataset& dataset : session.datasets) {
    const auto& frames = held_out ? dataset.held_out : dataset.training;
    const bool exact = dataset.config.exact_geometry;
    for (size_t i = 0; i < frames.size(); i += exact ? 1 : static_cast<size_t>(coarse_every)) {
      const at::Tensor frame = pipeline.frame(frames[i].rgb);
      at::Tensor labels = pipeline.at_map_size(pipeline.segment(frame).at("labels")).clone();
      if (exact) {
        cv::Mat truth;
        cv::resize(frames[i].groups, truth, {pipeline.info().map_width, pipeline.info().map_height}, 0, 0,
                   cv::INTER_NEAREST_EXACT);
        uint8_t* label = labels.data_ptr<uint8_t>();
        for (int y = 0; y < truth.rows; ++y)
          for (int x = 0; x < truth.cols; ++x, ++label)
            if (truth.at<uint8_t>(y, x) < 19) *label = truth.at<uint8_t>(y, x);
      }
      const at::Tensor small =
          ops::resize_bicubic(frame, pipeline.info().map_height, pipeline.info().map_width);
      pairs.push_back({ops::normalised(small, kHalf, kHalf), ops::mapped_labels(labels, ids).unsqueeze(0)});
    }
  }
  if (pairs.empty())
    throw Error(ErrorKind::BadSettings, "stage synthesis: there are no frames to learn from");
  return pairs;
}

struct SynthesisBatch {
  at::Tensor pictures, labels, noise;
};

SynthesisBatch make_batch(const Session& session, const std::vector<Pair>& pairs, int64_t batch,
                          int64_t latent, int64_t step) {
  std::vector<at::Tensor> pictures, labels;
  Random random({session.config.seed, 2, static_cast<uint64_t>(step)});
  for (int64_t i = 0; i < batch; ++i) {
    const Pair& pair = pairs[static_cast<size_t>(random.below(static_cast<int64_t>(pairs.size())))];
    const bool mirror = random.chance(0.5);
    pictures.push_back(mirror ? pair.picture.flip({3}) : pair.picture);
    labels.push_back(mirror ? pair.labels.flip({2}) : pair.labels);
  }
  auto generator = at::make_generator<at::CPUGeneratorImpl>(random.next());
  return {at::cat(pictures).contiguous(at::MemoryFormat::ChannelsLast), at::cat(labels),
          at::randn({batch, latent}, generator, at::kFloat)};
}

// Frames above their syntheses, R G B; empty without pairs.
cv::Mat synthesis_sheet(CompactEncoder& encoder, CompactGenerator& generator,
                        const std::vector<Pair>& pairs) {
  const at::NoGradGuard no_grad;
  cv::Mat sheet;
  const size_t count = std::min<size_t>(6, pairs.size());
  for (size_t i = 0; i < count; ++i) {
    const Pair& pair = pairs[i * pairs.size() / count];
    const at::Tensor painted = generator(pair.labels, encoder(pair.picture).first);
    const auto pictures = tensor_to_pictures(at::cat({pair.picture, painted}).add(1).div(2));
    cv::Mat both;
    cv::vconcat(pictures, both);
    if (sheet.empty())
      sheet = both;
    else
      cv::hconcat(sheet, both, sheet);
  }
  return sheet;
}

}  // namespace

void train_synthesis(Session& session) {
  const Json& networks = session.config.networks;
  const Json& stage = session.config.stage("synthesis");
  const auto encoder_options =
      CompactEncoderOptions::from_json(networks.at("encoder"), "the configuration", "encoder");
  const auto generator_options =
      CompactGeneratorOptions::from_json(networks.at("generator"), "the configuration", "generator");
  const auto perceptual_options =
      CompactPerceptualOptions::from_json(networks.at("perceptual"), "the configuration", "perceptual");
  if (encoder_options.latent != generator_options.latent)
    throw Error(ErrorKind::BadSettings,
                "the configuration's encoder and generator differ in their latent size");

  seed_weights(session.config.seed + 1);
  SynthesisNetwork network(encoder_options, generator_options);
  start_from_bundle(session, "encoder", *network->encoder);
  start_from_bundle(session, "generator", *network->generator);
  const double adversarial_weight = stage.number_or("adversarial_weight", 0),
               matching_weight = stage.number_or("matching_weight", 0),
               adversarial_from = stage.number_or("adversarial_from", 0.3);
  const bool adversarial = adversarial_weight > 0 || matching_weight > 0;
  if (!(adversarial_weight >= 0) || !(matching_weight >= 0) ||
      !(adversarial_from >= 0 && adversarial_from <= 1))
    throw Error(
        ErrorKind::BadSettings,
        "stage synthesis: adversarial_weight and matching_weight must be at least 0, adversarial_from "
        "(a share of the steps) 0 to 1");
  Discriminator discriminator(stage.int_or("discriminator_width", 24));
  network->to(session.device);
  discriminator->to(session.device);
  StageState state(session, "synthesis", networks.at("generator"), *network,
                   adversarial ? discriminator.get() : nullptr);
  if (state.complete()) {
    std::printf("synthesis: complete\n");
    return;
  }
  const std::string parts = session.work + "/segmentation.safetensors";
  write_bundle(session, parts, {"segmentation", "perceptual"}, {});
  const Pipeline pipeline(parts);
  const auto pairs = prepare_pairs(session, pipeline, stage.int_or("coarse_every", 3), false);
  const auto held_out = prepare_pairs(session, pipeline, 1, true);
  std::printf("synthesis: %zu frames\n", pairs.size());
  CompactStem features(perceptual_options.widths, perceptual_options.blocks);
  copy_tensors(read_stage(session.checkpoint("segmentation"), "average.stem.", !session.partial),
               named_tensors(*features));
  features->to(session.device);
  to_channels_last(*features);
  features->eval();
  for (at::Tensor& parameter : features->parameters()) parameter.set_requires_grad(false);

  const double feature_weight = stage.number_or("feature_weight", 1),
               divergence = stage.number_or("divergence", 0.01);
  Prefetch<SynthesisBatch> batches(
      [&](int64_t step) { return make_batch(session, pairs, state.batch(), encoder_options.latent, step); },
      state.first_step(), state.end_step());
  Progress progress("synthesis", state.first_step(), state.steps(), state.batch(),
                    session.work + "/losses.csv", state.end_step());
  network->train();
  for (int64_t step = state.first_step(); step < state.end_step(); ++step) {
    SynthesisBatch batch = batches.take();
    batch = {batch.pictures.to(session.device), batch.labels.to(session.device),
             batch.noise.to(session.device)};
    const auto [mean, log_variance] = network->encoder(batch.pictures);
    const at::Tensor painted =
        network->generator(batch.labels, mean + batch.noise * (log_variance * 0.5).exp());
    at::Tensor loss = (painted - batch.pictures).abs().mean();
    const auto of_painted = features(normalised(painted.add(1).div(2)));
    std::array<at::Tensor, 3> of_real;
    {
      const at::NoGradGuard no_grad;
      of_real = features(normalised(batch.pictures.add(1).div(2)));
    }
    for (size_t level = 0; level < of_real.size(); ++level)
      loss = loss + feature_weight * (of_painted[level] - of_real[level]).abs().mean() /
                        of_real[level].abs().mean().clamp_min(1e-3);
    loss = loss + divergence * 0.5 * (mean * mean + log_variance.exp() - log_variance - 1).mean();
    if (adversarial && step >= static_cast<int64_t>(adversarial_from * static_cast<double>(state.steps()))) {
      // The discriminator first, on the pictures as they are; its gradients are used up before the painter's.
      const auto of_both = [&](const at::Tensor& pictures) { return discriminator(pictures, batch.labels); };
      discriminator_loss(of_both(batch.pictures), of_both(painted.detach())).backward();
      state.advance_opponent(step);
      std::vector<PatchAnswers> real;
      {
        const at::NoGradGuard no_grad;
        real = of_both(batch.pictures);
      }
      const auto judged = of_both(painted);
      loss = loss + adversarial_weight * adversarial_loss(judged) +
             matching_weight * matching_loss(real, judged);
    }
    loss.backward();
    discriminator->zero_grad();
    progress.step(step, loss.item<double>());
    if (state.advance(step)) {
      SynthesisNetwork averaged(encoder_options, generator_options);
      copy_tensors(state.average(), named_tensors(*averaged));
      averaged->eval();
      write_preview(session, "synthesis", step + 1,
                    synthesis_sheet(averaged->encoder, averaged->generator, held_out));
    }
  }
}

}  // namespace anomaly::train

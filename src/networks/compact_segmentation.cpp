// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/compact_segmentation.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/pixel_shuffle.h>

#include "src/networks/compact_architecture.h"
#include "src/networks/compute.h"

namespace anomaly {

namespace {

constexpr int64_t kDecoderKernel = 5;  // of the decoder's depthwise convolutions

// Inverted residuals that keep width and size.
torch::nn::ModuleList inverted_blocks(int64_t width, int64_t count, int64_t expansion) {
  torch::nn::ModuleList blocks;
  for (int64_t i = 0; i < count; ++i)
    blocks->push_back(InvertedResidual(width, width, (expansion > 0 ? expansion : 2) * width, 3, 1));
  return blocks;
}

}  // namespace

Json CompactSegmentationOptions::to_json() const {
  Json json = Json::object();
  json.set("type", "compact-segmentation");
  Json width_list = Json::array(), block_list = Json::array();
  for (const int64_t width : widths) width_list.push(width);
  for (const int64_t count : blocks) block_list.push(count);
  json.set("widths", width_list);
  json.set("blocks", block_list);
  json.set("decoder", decoder);
  json.set("head", head);
  if (refine != std::array<int64_t, 3>{}) {
    Json refine_list = Json::array();
    for (const int64_t count : refine) refine_list.push(count);
    json.set("refine", refine_list);
  }
  if (detail != 1) json.set("detail", detail);
  if (!align_corners) json.set("align_corners", false);
  if (expansion == 0) return json;
  json.set("expansion", expansion);
  Json kernel_list = Json::array();
  for (const int64_t kernel : kernels) kernel_list.push(kernel);
  json.set("kernels", kernel_list);
  return json;
}

CompactSegmentationOptions CompactSegmentationOptions::from_json(const Json& json, const std::string& file,
                                                                 const std::string& network,
                                                                 int64_t classes) {
  const ArchitectureReader reader(file, network, json, "compact-segmentation");
  CompactSegmentationOptions options;
  const auto widths = reader.integers("widths", options.widths.size(), 1, 512);
  std::copy(widths.begin(), widths.end(), options.widths.begin());
  const auto blocks = reader.integers("blocks", options.blocks.size(), 1, 16);
  std::copy(blocks.begin(), blocks.end(), options.blocks.begin());
  options.decoder = reader.integer("decoder", 1, 512);
  options.head = reader.integer("head", 1, 512);
  if (reader.has("refine")) {
    const auto refine = reader.integers("refine", options.refine.size(), 0, 16);
    std::copy(refine.begin(), refine.end(), options.refine.begin());
  }
  if (reader.has("detail")) options.detail = reader.integer("detail", 1, 4);
  if (reader.has("align_corners")) options.align_corners = reader.boolean("align_corners");
  if (reader.has("expansion")) {
    options.expansion = reader.integer("expansion", 1, 8);
    const auto kernels = reader.odd_integers("kernels", options.kernels.size(), 1, 9);
    std::copy(kernels.begin(), kernels.end(), options.kernels.begin());
  }
  options.classes = classes;
  return options;
}

CompactStemImpl::CompactStemImpl(const std::array<int64_t, 3>& widths, int64_t blocks) {
  half_ = register_module("half", ConvNorm(3, widths[0], 3, 2));
  quarter_ = register_module("quarter", ConvNorm(widths[0], widths[1], 3, 2));
  eighth_ = register_module("eighth", residual_stage(widths[1], widths[2], blocks));
}

std::array<at::Tensor, 3> CompactStemImpl::forward(const at::Tensor& image) {
  const at::Tensor half = half_(image);
  const at::Tensor quarter = quarter_(half);
  return {half, quarter, run_stage(eighth_, quarter)};
}

CompactSegmentationImpl::CompactSegmentationImpl(const CompactSegmentationOptions& options)
    : detail_(options.detail), align_corners_(options.align_corners) {
  const auto& w = options.widths;
  const int64_t d = options.decoder;
  stem_ = register_module("stem", CompactStem(std::array<int64_t, 3>{w[0], w[1], w[2]}, options.blocks[0]));
  const bool dense = options.expansion == 0;
  const auto stage = [&](int64_t in, int64_t out, int64_t count, int64_t kernel) {
    return dense ? residual_stage(in, out, count) : inverted_stage(in, out, count, options.expansion, kernel);
  };
  sixteenth_ = register_module("sixteenth", stage(w[2], w[3], options.blocks[1], options.kernels[0]));
  thirtysecond_ = register_module("thirtysecond", stage(w[3], w[4], options.blocks[2], options.kernels[1]));
  gate_ = register_module("gate", torch::nn::Conv2d(torch::nn::Conv2dOptions(w[4], d, 1)));
  lateral5_ = register_module("lateral5", ConvNorm(w[4], d, 1));
  lateral4_ = register_module("lateral4", ConvNorm(w[3], d, 1, 1, false));
  lateral3_ = register_module("lateral3", ConvNorm(w[2], d, 1, 1, false));
  lateral2_ = register_module("lateral2", ConvNorm(w[1], w[1], 1, 1, false));
  reduce_ = register_module("reduce", ConvNorm(d, w[1], 1, 1, false));
  if (!dense) {
    depth4_ = register_module("depth4", ConvNorm(d, d, kDecoderKernel, 1, false, d));
    depth3_ = register_module("depth3", ConvNorm(d, d, kDecoderKernel, 1, false, d));
  }
  fuse4_ = register_module("fuse4", ConvNorm(d, d, dense ? 3 : 1));
  fuse3_ = register_module("fuse3", ConvNorm(d, d, dense ? 3 : 1));
  fuse2_ = register_module("fuse2", ConvNorm(w[1], options.head, 3));
  const auto& refine = options.refine;
  if (refine[0] > 0) refine_ = register_module("refine", inverted_blocks(w[2], refine[0], options.expansion));
  if (refine[1] > 0) decode_ = register_module("decode", inverted_blocks(d, refine[1], options.expansion));
  if (refine[2] > 0) {
    torch::nn::ModuleList layers;
    for (int64_t i = 0; i < refine[2]; ++i) layers->push_back(ConvNorm(options.head, options.head, 3));
    finish_ = register_module("finish", layers);
  }
  mark_trunk(*stem_);
  mark_trunk(*sixteenth_);
  mark_trunk(*thirtysecond_);
  if (refine_) mark_trunk(*refine_);
  classifier_ = register_module("classifier", torch::nn::Conv2d(torch::nn::Conv2dOptions(
                                                  options.head, options.classes * detail_ * detail_, 1)));
}

at::Tensor CompactSegmentationImpl::forward(const at::Tensor& image) {
  const auto [half, quarter, stem] = stem_(image);
  const at::Tensor eighth = refine_ ? run_stage(refine_, stem) : stem;
  const at::Tensor sixteenth = run_stage(sixteenth_, eighth);
  const at::Tensor deepest = run_stage(thirtysecond_, sixteenth);
  // What the whole frame shows decides how much each channel counts.
  const at::Tensor gate = gate_(deepest.mean({2, 3}, true)).sigmoid();
  at::Tensor y = lateral5_(deepest) * gate;
  y = (upsample_to(y, sixteenth, align_corners_) + lateral4_(sixteenth)).relu_();
  y = fuse4_(depth4_ ? depth4_(y) : y);
  y = (upsample_to(y, eighth, align_corners_) + lateral3_(eighth)).relu_();
  y = fuse3_(depth3_ ? depth3_(y) : y);
  if (decode_) y = run_stage(decode_, y);
  y = fuse2_((upsample_to(reduce_(y), quarter, align_corners_) + lateral2_(quarter)).relu_());
  if (finish_)
    for (const auto& layer : *finish_) y = layer->as<ConvNorm>()->forward(y);
  // Classes whose logits lie closer than a half number tells apart would be ties.
  y = current_compute().gpu()
          ? at::conv2d(y.to(at::kFloat), classifier_->weight.to(at::kFloat), classifier_->bias.to(at::kFloat))
          : classifier_(y);
  return detail_ == 1 ? y : at::pixel_shuffle(y, detail_);
}

}  // namespace anomaly

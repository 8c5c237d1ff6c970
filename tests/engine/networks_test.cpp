// SPDX-License-Identifier: LGPL-2.1-or-later
// The published networks: names and shapes of their parameters, the folded form against the plain one,
// gradients.
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include <ATen/ATen.h>

#include "src/json.h"
#include "src/networks/ccfpse_encoder.h"
#include "src/networks/ccfpse_generator.h"
#include "src/networks/deeplabv3plus.h"
#include "src/networks/dissimilarity_network.h"
#include "src/networks/folded_convolution.h"
#include "src/networks/fused_ops.h"
#include "src/networks/label_convolution.h"
#include "src/networks/one_hot.h"
#include "src/networks/pixelwise_depthwise_op.h"
#include "src/networks/vgg_perceptual.h"
#include "tests/check.h"
#include "tests/engine/networks_fixture.h"

using namespace anomaly;
using fixture::relative_error;

namespace {

constexpr double kFoldedTolerance = 1e-4;

at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(at::MemoryFormat::ChannelsLast);
}

CcFpseOptions tiny_generator() {
  CcFpseOptions o;
  o.height = 64;
  o.width = 128;
  o.latent = 8;
  o.features = o.pyramid = 4;
  o.hidden = 8;
  return o;
}

at::Tensor random_labels(int64_t count, int64_t height, int64_t width, int64_t classes) {
  return at::randint(classes, {count, height / 8, width / 8})
      .repeat_interleave(8, 1)
      .repeat_interleave(8, 2)
      .to(at::kByte);
}

// Loads weights that depend on the keys alone, computes with the plain form, then with the folded one.
template <typename Compute>
void check_folded(torch::nn::Module& network, const Compute& compute) {
  const at::NoGradGuard no_grad;
  fixture::RandomSource source;
  load_layers(network, source);
  network.eval();
  const at::Tensor plain = compute().clone();
  freeze_layers(network);
  CHECK(network.parameters().size() <= 4);  // the linear layers' stay as they are
  const at::Tensor folded = compute();
  CHECK(plain.sizes() == folded.sizes());
  CHECK(plain.std().template item<double>() > 1e-6);
  CHECK(at::isfinite(folded).all().template item<bool>());
  const double error = relative_error(folded, plain);
  std::printf("# relative error of the folded form: %.2e\n", error);
  CHECK(error < kFoldedTolerance);
}

// Every parameter takes part: a backward pass in training mode leaves a gradient that is not zero on all of
// them.
template <typename Compute>
void check_trainable(torch::nn::Module& network, const Compute& compute) {
  at::manual_seed(3);
  initialise_layers(network);
  network.train();
  const at::Tensor out = compute();
  (out * at::randn_like(out)).sum().backward();
  for (const auto& item : network.named_parameters()) {
    if (!item.value().grad().defined()) check::fail(__FILE__, __LINE__, item.key(), " has no gradient");
    if (item.value().grad().abs().sum().template item<double>() == 0)
      check::fail(__FILE__, __LINE__, "the gradient of ", item.key(), " is zero");
  }
}

using Shapes = std::map<std::string, std::vector<int64_t>>;

Shapes shapes_of(const torch::nn::Module& network) {
  Shapes shapes;
  for (const auto& item : network.named_parameters()) shapes[item.key()] = item.value().sizes().vec();
  for (const auto& item : network.named_buffers()) shapes[item.key()] = item.value().sizes().vec();
  return shapes;
}

// The published table whose title begins with `title`, without what takes no part.
Shapes published_shapes(const std::string& title) {
  std::ifstream file(check::shared_data("spec/checkpoint-keys.json"));
  const Json tables = Json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
  Shapes shapes;
  for (const auto& [name, table] : tables.members()) {
    if (!name.starts_with(title)) continue;
    for (const auto& [key, entry] : table.members()) {
      if (key.ends_with("num_batches_tracked") || key.find(".norm_0.") != std::string::npos ||
          key.find(".norm_layer.") != std::string::npos)
        continue;
      std::vector<int64_t> shape;
      for (const Json& size : entry.items()[1].items()) shape.push_back(size.as_int());
      shapes[key] = shape;
    }
  }
  CHECK(!shapes.empty());
  return shapes;
}

void check_published(const torch::nn::Module& network, const std::string& title) {
  const Shapes ours = shapes_of(network), published = published_shapes(title);
  for (const auto& [key, shape] : published) {
    const auto found = ours.find(key);
    if (found == ours.end()) check::fail(__FILE__, __LINE__, title, ": no parameter ", key);
    if (found->second != shape) check::fail(__FILE__, __LINE__, title, ": another shape of ", key);
  }
  for (const auto& [key, shape] : ours)
    if (!published.contains(key)) check::fail(__FILE__, __LINE__, title, ": surplus parameter ", key);
}

// The per-pixel convolution as LibTorch's unfold writes it, kernels as published: c * 9 + tap.
at::Tensor unfolded_depthwise(const at::Tensor& x, const at::Tensor& kernels) {
  const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  const at::Tensor patches = at::im2col(x, {3, 3}, {1, 1}, {1, 1}, {1, 1}).view({n, c, 9, h, w});
  return (patches * kernels.view({n, c, 9, h, w})).sum(2);
}

}  // namespace

TEST(published_keys_of_segmentation) {
  check_published(DeepLabV3Plus(), "segmentation");
}
TEST(published_keys_of_generator) {
  check_published(CcFpseGenerator(), "synthesis generator");
}
TEST(published_keys_of_encoder) {
  check_published(CcFpseEncoder(), "synthesis encoder");
}
TEST(published_keys_of_perceptual) {
  check_published(VggPerceptual(VggDepth::Vgg19), "perceptual");
}
TEST(published_keys_of_dissimilarity) {
  check_published(VggDissimilarity(), "dissimilarity (prior");
}
TEST(published_keys_of_baseline) {
  DissimilarityOptions options;
  options.uncertainty = false;
  check_published(VggDissimilarity(options), "dissimilarity baseline");
}

TEST(folded_segmentation) {
  DeepLabV3Plus network(DeepLabWidths::scaled(8, 19));
  const at::Tensor image = channels_last(at::randn({2, 3, 61, 83}));
  check_folded(network, [&] { return network.logits(image); });
}

TEST(folded_generator) {
  CcFpseGenerator network(tiny_generator());
  const at::Tensor labels = random_labels(2, 64, 128, 35), z = at::randn({2, 8});
  check_folded(network, [&] { return network.synthesise(labels, z); });
}

TEST(folded_encoder) {
  CcFpseEncoderOptions options;
  options.features = 4;
  options.latent = 8;
  CcFpseEncoder network(options);
  const at::Tensor image = channels_last(at::rand({2, 3, 64, 128}) * 2 - 1);
  check_folded(network, [&] {
    const auto [mean, log_variance] = network.encode(image);
    return at::cat({mean, log_variance}, 1);
  });
}

TEST(folded_perceptual) {
  for (const VggDepth depth : {VggDepth::Vgg19, VggDepth::Vgg16}) {
    VggPerceptual network(depth, 4);
    const at::Tensor image = channels_last(at::randn({2, 3, 64, 128}));
    check_folded(network, [&] {
      std::vector<at::Tensor> flat;
      for (const auto& level : network.features(image)) flat.push_back(level.flatten());
      CHECK_EQ(flat.size(), size_t{5});
      return at::cat(flat);
    });
  }
}

// Both depths as their paper's table lists them, in plain convolutions, with torchvision's keys.
TEST(perceptual_equals_plain_convolutions) {
  struct Layer {
    const char* key;  // empty: pooling
    bool level;       // the features after it are compared
  };
  const std::vector<Layer> vgg16 = {{"slice1.0", true},   {"slice2.2", false},  {"", false},
                                    {"slice2.5", true},   {"slice3.7", false},  {"", false},
                                    {"slice3.10", true},  {"slice4.12", false}, {"slice4.14", false},
                                    {"", false},          {"slice4.17", true},  {"slice5.19", false},
                                    {"slice5.21", false}, {"", false},          {"slice5.24", true}};
  const std::vector<Layer> vgg19 = {{"slice1.0", true},   {"slice2.2", false},  {"", false},
                                    {"slice2.5", true},   {"slice3.7", false},  {"", false},
                                    {"slice3.10", true},  {"slice4.12", false}, {"slice4.14", false},
                                    {"slice4.16", false}, {"", false},          {"slice4.19", true},
                                    {"slice5.21", false}, {"slice5.23", false}, {"slice5.25", false},
                                    {"", false},          {"slice5.28", true}};
  const at::NoGradGuard no_grad;
  const at::Tensor image = at::randn({2, 3, 48, 80});
  for (const auto& [depth, layers] : {std::pair(VggDepth::Vgg16, vgg16), std::pair(VggDepth::Vgg19, vgg19)}) {
    VggPerceptual network(depth, 4);
    fixture::RandomSource source;
    load_layers(network, source);
    network.eval();
    freeze_layers(network);
    const auto levels = network.features(channels_last(image));
    std::map<std::string, at::Tensor> weights(source.taken().begin(), source.taken().end());
    at::Tensor x = image;
    size_t level = 0, used = 0;
    for (const Layer& layer : layers) {
      const std::string key = layer.key;
      if (key.empty()) {
        x = at::max_pool2d(x, {2, 2}, {2, 2});
        continue;
      }
      x = at::relu(at::conv2d(x, weights.at(key + ".weight"), weights.at(key + ".bias"), 1, 1));
      used += 2;
      if (layer.level) CHECK(relative_error(levels.at(level++), x) < kFoldedTolerance);
    }
    CHECK_EQ(level, size_t{5});
    CHECK_EQ(used, weights.size());
    const int64_t widths[] = {4, 8, 16, 32, 32};
    for (size_t i = 0; i < levels.size(); ++i)
      CHECK((levels[i].sizes() == std::vector<int64_t>{2, widths[i], 48 >> i, 80 >> i}));
  }
}

TEST(folded_dissimilarity) {
  for (const bool uncertainty : {true, false}) {
    DissimilarityOptions options;
    options.features = 8;
    options.hidden = 16;
    options.uncertainty = uncertainty;
    VggDissimilarity network(options);
    const at::Tensor frame = channels_last(at::randn({2, 3, 64, 128})),
                     synthesis = channels_last(at::randn_like(frame));
    const at::Tensor labels = random_labels(2, 64, 128, 19), maps = channels_last(at::rand({2, 3, 64, 128}));
    check_folded(network, [&] { return network.logits(frame, synthesis, labels, maps); });
  }
}

TEST(training_reaches_every_parameter) {
  DeepLabV3Plus segmentation(DeepLabWidths::scaled(4, 19));
  const at::Tensor image = at::randn({2, 3, 64, 64});
  check_trainable(segmentation, [&] { return segmentation.logits(image); });

  CcFpseGenerator generator(tiny_generator());
  const at::Tensor labels = random_labels(2, 64, 128, 35), z = at::randn({2, 8});
  check_trainable(generator, [&] { return generator.synthesise(labels, z); });

  CcFpseEncoderOptions encoder_options;
  encoder_options.features = 4;
  CcFpseEncoder encoder(encoder_options);
  check_trainable(encoder, [&] {
    const auto [mean, log_variance] = encoder.encode(at::rand({2, 3, 64, 128}));
    return at::cat({mean, log_variance}, 1);
  });

  DissimilarityOptions options;
  options.features = 4;
  options.hidden = 8;
  VggDissimilarity dissimilarity(options);
  check_trainable(dissimilarity, [&] {
    return dissimilarity.logits(at::randn({2, 3, 64, 64}), at::randn({2, 3, 64, 64}),
                                random_labels(2, 64, 64, 19), at::rand({2, 3, 64, 64}));
  });
}

TEST(pixelwise_depthwise_equals_unfold) {
  at::manual_seed(5);
  for (const int64_t channels : {1, 3, 8, 33}) {
    const at::Tensor x = at::randn({2, channels, 5, 7}), kernels = at::randn({2, 9 * channels, 5, 7});
    const at::Tensor y = pixelwise_depthwise(x, taps_outermost(kernels));
    CHECK(y.is_contiguous(at::MemoryFormat::ChannelsLast));
    CHECK(relative_error(y, unfolded_depthwise(x, kernels)) < 1e-6);
  }
  const at::Tensor x = at::randn({1, 4, 5, 7});
  CHECK_THROWS(pixelwise_depthwise(x, at::randn({1, 35, 5, 7})), c10::Error, "9C");
}

TEST(pixelwise_depthwise_gradients) {
  at::manual_seed(6);
  const at::Tensor x0 = at::randn({2, 6, 5, 7}), k0 = at::randn({2, 54, 5, 7}),
                   seed = at::randn({2, 6, 5, 7});
  const auto gradients = [&](const auto& convolve) {
    const at::Tensor x = x0.clone().requires_grad_(), k = k0.clone().requires_grad_();
    (convolve(x, k) * seed).sum().backward();
    return std::make_pair(x.grad().clone(), k.grad().clone());
  };
  const auto ours = gradients(
      [](const at::Tensor& x, const at::Tensor& k) { return pixelwise_depthwise(x, taps_outermost(k)); });
  const auto plain = gradients(unfolded_depthwise);
  CHECK(relative_error(ours.first, plain.first) < 1e-5);
  CHECK(relative_error(ours.second, plain.second) < 1e-5);
  // One of the two alone.
  const at::Tensor k = k0.clone().requires_grad_();
  (pixelwise_depthwise(x0, taps_outermost(k)) * seed).sum().backward();
  CHECK(relative_error(k.grad(), plain.second) < 1e-5);
}

TEST(kernels_predicted_in_parts) {
  // More channels than one part holds at this size, and a rest: 48 + 48 + 4 of 100.
  const at::NoGradGuard no_grad;
  const int64_t pixels = (320 << 20) / (36 * 48);
  KernelPrediction network(3, 100, pixels);
  fixture::RandomSource source;
  network.load(source, "");
  const at::Tensor x = at::randn({1, 100, 6, 9}), features = at::randn({1, 3, 6, 9});
  const at::Tensor plain = network.apply(x, features);
  network.freeze();
  CHECK(relative_error(network.apply(x, features), plain) < 1e-5);
}

TEST(edges_of_a_label_map) {
  at::Tensor labels = at::zeros({1, 4, 5}, at::kByte);
  labels[0][1][2] = 7;
  const at::Tensor map = one_hot_with_edges(labels, 35);
  CHECK_EQ(map.size(1), int64_t{36});
  CHECK_EQ(map.narrow(1, 0, 35).sum().item<double>(), 20.0);
  CHECK_EQ(map[0][7][1][2].item<double>(), 1.0);
  const at::Tensor edges = map[0][35];
  CHECK_EQ(edges.sum().item<double>(), 5.0);  // the pixel and its four neighbours
  for (const auto& [y, x] : std::vector<std::pair<int, int>>{{1, 2}, {0, 2}, {2, 2}, {1, 1}, {1, 3}})
    CHECK_EQ(edges[y][x].item<double>(), 1.0);
}

TEST(one_hot_by_operators_equals_the_loops) {
  at::manual_seed(3);
  const at::Tensor labels = at::randint(0, 40, {2, 7, 9}, at::kByte);  // some beyond the classes
  CHECK(one_hot_by_operators(labels, 35, 40).equal(one_hot(labels, 35, 40)));
  CHECK(one_hot_by_operators(labels, 19, 19).equal(one_hot(labels, 19, 19)));
  const at::Tensor map = one_hot_with_edges(labels.div(10, "floor").to(at::kByte), 35);
  CHECK(label_edges_by_operators(labels.div(10, "floor").to(at::kByte)).equal(map.narrow(1, 35, 1)));
}

TEST(label_convolution_equals_that_of_the_one_hot_map) {
  const at::NoGradGuard no_grad;
  for (const int64_t stride : {1, 2})
    for (const bool edges : {false, true})
      for (const int64_t out : {5, 12, 24})
        for (const auto& [height, width] :
             std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {7, 10}, {32, 45}}) {
          at::Tensor labels = at::randint(0, 21, {2, height, width}, at::kByte);  // 19 and 20: no class
          labels.select(1, height / 2).fill_(255);
          labels.narrow(2, width / 2, width - width / 2).fill_(3);
          const at::Tensor weight = at::randn({out, 19 + edges, 3, 3}), bias = at::randn({out});
          const at::Tensor map = edges ? one_hot_with_edges(labels, 19) : one_hot(labels, 19, 19);
          const at::Tensor plain = at::conv2d(map, weight, bias, stride, 1);
          const LabelConvolution linear(weight, bias, stride, edges, Activation::None);
          const LabelConvolution rectified(weight, bias, stride, edges, Activation::ReLU);
          CHECK(linear(labels).sizes() == plain.sizes());
          CHECK(linear(labels).is_contiguous(at::MemoryFormat::ChannelsLast));
          CHECK((linear(labels) - plain).abs().max().item<double>() < 1e-5);
          CHECK((rectified(labels) - plain.relu()).abs().max().item<double>() < 1e-5);
        }
}

TEST(convolutions_of_many_sizes) {
  const at::NoGradGuard no_grad;
  at::manual_seed(8);
  for (const int64_t groups : {1, 32})
    for (const int stride : {1, 2}) {
      const at::Tensor weight = at::randn({32, 32 / groups, 3, 3}), bias = at::randn({32});
      const FoldedConvolution layer(weight, bias,
                                    ConvolutionGeometry{.stride = stride, .padding = 1, .groups = groups},
                                    Activation::None);
      std::vector<at::Tensor> first;
      for (int round = 0; round < 2; ++round)
        for (int64_t i = 0; i < 6; ++i) {  // more than are laid out at a time
          at::manual_seed(9 + i);
          const at::Tensor x = channels_last(at::randn({1, 32, 9 + 4 * i, 33 - 5 * i})), y = layer(x);
          CHECK(relative_error(y, at::conv2d(x, weight, bias, stride, 1, 1, groups)) < 1e-5);
          if (round == 0)
            first.push_back(y.clone());
          else
            CHECK(at::equal(y, first[static_cast<size_t>(i)]));
        }
    }
}

TEST(fused_ops_equal_plain_ones) {
  at::manual_seed(7);
  const at::Tensor x = channels_last(at::randn({2, 37, 9, 11})),
                   gate = channels_last(at::rand({2, 37, 9, 11}));
  const at::Tensor scale = at::randn({37}), shift = at::randn({37});
  const auto view = [](const at::Tensor& t) { return t.view({1, -1, 1, 1}); };
  const at::Tensor scaled = x * view(scale) + view(shift);
  CHECK(relative_error(scale_shift(x, scale, shift, Activation::None), scaled) < 1e-6);
  CHECK(relative_error(scale_shift(x, scale, shift, Activation::ReLU), at::relu(scaled)) < 1e-6);
  CHECK(relative_error(scale_shift(x, scale, shift, Activation::LeakyReLU), at::leaky_relu(scaled, 0.2)) <
        1e-6);

  const at::Tensor gated = at::leaky_relu(x * gate, 0.2);
  at::Tensor y = x.clone();
  gate_in_place(y, gate, {});
  CHECK(relative_error(y, gated) < 1e-6);
  y = x.clone();
  gate_in_place(y, gate, {.scale = scale, .shift = shift});
  CHECK(relative_error(y, gated * view(scale) + view(shift)) < 1e-6);
  y = x.clone();
  gate_in_place(y, gate, {.logistic = true, .residual = gate});
  CHECK(relative_error(y, at::leaky_relu(x * at::sigmoid(gate), 0.2) + gate) < 1e-6);

  const at::Tensor factors = channels_last(at::randn({2, 74, 9, 11}));
  const auto [s, t] = instance_scale_shift(x);
  const at::Tensor norm = at::instance_norm(x, {}, {}, {}, {}, true, 0.1, 1e-5, false);
  const at::Tensor expected = at::selu(norm * (1 + factors.narrow(1, 0, 37)) + factors.narrow(1, 37, 37));
  CHECK(relative_error(modulate(x, s, t, factors, Activation::SELU), expected) < 1e-5);
}

TEST_MAIN()

// SPDX-License-Identifier: LGPL-2.1-or-later
// The compact networks: both forms agree, gradients reach every weight, bundles that do not fit are refused
// by name.
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "src/bundle/bundle.h"
#include "src/error.h"
#include "src/networks/compact.h"
#include "src/networks/compact_dissimilarity.h"
#include "src/networks/compact_generator.h"
#include "src/networks/compact_perceptual.h"
#include "src/networks/compact_segmentation.h"
#include "tests/check.h"

using namespace anomaly;

namespace {

constexpr int64_t kHeight = 64, kWidth = 96;

CompactSegmentationOptions small_segmentation() {
  CompactSegmentationOptions options;
  options.widths = {8, 12, 16, 20, 24};
  options.blocks = {1, 2, 1};
  options.decoder = 16;
  options.head = 8;
  return options;
}
CompactSegmentationOptions small_separable() {
  CompactSegmentationOptions options = small_segmentation();
  options.expansion = 2;
  options.kernels = {3, 5};
  options.refine = {1, 2, 1};
  options.detail = 2;
  options.align_corners = false;
  return options;
}
CompactEncoderOptions small_encoder() {
  CompactEncoderOptions options;
  options.widths = {4, 6, 8, 10};
  options.latent = 5;
  return options;
}
CompactGeneratorOptions small_generator() {
  CompactGeneratorOptions options;
  options.widths = {6, 8, 10, 12};
  options.latent = 5;
  return options;
}
CompactPerceptualOptions small_perceptual() {
  CompactPerceptualOptions options;
  options.widths = {4, 6, 8};
  options.blocks = 1;
  return options;
}
CompactDissimilarityOptions small_dissimilarity(bool uncertainty) {
  CompactDissimilarityOptions options;
  options.uncertainty = uncertainty;
  options.image = {4, 6, 8, 10};
  options.semantic = {3, 4, 5, 6};
  options.fused = {5, 6, 7, 8};
  options.decoder = {6, 7, 8, 9};
  options.spade_hidden = 4;
  return options;
}

// Statistics and scales away from 0 and 1, so that folding has something to get wrong.
void disturb(torch::nn::Module& network) {
  const at::NoGradGuard no_grad;
  for (const auto& item : network.named_parameters())
    if (item.value().dim() == 1) item.value().copy_(at::rand(item.value().sizes()) + 0.3);
  for (const auto& item : network.named_buffers())
    if (item.value().is_floating_point()) item.value().copy_(at::rand(item.value().sizes()) + 0.2);
}

using Tensors = std::vector<std::pair<std::string, at::Tensor>>;

void add(Tensors& tensors, const std::string& name, const torch::nn::Module& network) {
  for (const auto& item : network.named_parameters())
    tensors.emplace_back(name + "." + item.key(), item.value().detach());
  for (const auto& item : network.named_buffers())
    if (item.value().is_floating_point()) tensors.emplace_back(name + "." + item.key(), item.value());
}

struct Networks {
  CompactSegmentation segmentation{small_segmentation()};
  CompactEncoder encoder{small_encoder()};
  CompactGenerator generator{small_generator()};
  CompactStem perceptual{small_perceptual().widths, small_perceptual().blocks};
  CompactDissimilarity dissimilarity{small_dissimilarity(true)}, baseline{small_dissimilarity(false)};

  std::vector<std::pair<std::string, torch::nn::Module*>> all() {
    return {{"segmentation", segmentation.get()},   {"encoder", encoder.get()},
            {"generator", generator.get()},         {"perceptual", perceptual.get()},
            {"dissimilarity", dissimilarity.get()}, {"baseline", baseline.get()}};
  }
  Networks() {
    for (const auto& [name, network] : all()) {
      disturb(*network);
      network->eval();
    }
  }
};

Json architecture() {
  return Json::object({{"segmentation", small_segmentation().to_json()},
                       {"encoder", small_encoder().to_json()},
                       {"generator", small_generator().to_json()},
                       {"perceptual", small_perceptual().to_json()},
                       {"dissimilarity", small_dissimilarity(true).to_json()},
                       {"baseline", small_dissimilarity(false).to_json()}});
}

// A bundle file that goes with the object.
struct File {
  std::string path =
      (std::filesystem::temp_directory_path() / ("compact-" + std::to_string(getpid()) + ".safetensors"));
  File(const Tensors& tensors, const Json& arch, int map_height = kHeight) {
    BundleInfo info;
    info.name = "small";
    info.classes = cityscapes_classes();
    info.mean = {0.5f, 0.5f, 0.5f};
    info.deviation = {0.5f, 0.5f, 0.5f};
    info.segmentation_height = info.map_height = kHeight;
    info.segmentation_width = info.map_width = kWidth;
    info.map_height = map_height;
    info.architecture = arch;
    info.license = "for tests";
    write_safetensors(path, tensors, {{"format_version", "1"}, {"bundle", info.to_json().dump()}});
  }
  ~File() { std::filesystem::remove(path); }
};

Tensors tensors_of(Networks& networks) {
  Tensors tensors;
  for (const auto& [name, network] : networks.all()) add(tensors, name, *network);
  return tensors;
}

void check_close(const at::Tensor& a, const at::Tensor& b) {
  CHECK_EQ(a.sizes(), b.sizes());
  const double error = (a - b).norm().item<double>() / b.norm().item<double>();
  CHECK_NEAR(error, 0, 1e-4);
  CHECK(b.norm().item<double>() > 1e-3);  // an answer of nothing would agree with anything
}

bool has_shape(const at::Tensor& x, const std::vector<int64_t>& shape) {
  return x.sizes() == at::IntArrayRef(shape);
}

at::Tensor image() {
  return at::randn({2, 3, kHeight, kWidth});
}
at::Tensor ids(int64_t count) {
  return at::randint(0, count, {2, kHeight, kWidth}, at::kByte);
}

void refused(const std::function<void(Tensors&)>& damage, const std::string& part) {
  Networks networks;
  Tensors tensors = tensors_of(networks);
  damage(tensors);
  const File file(tensors, architecture());
  const auto bundle = Bundle::open(file.path);
  CHECK_THROWS(load_compact_generator(*bundle, bundle->info().architecture.at("generator")), Error, part);
}

void architecture_refused(const std::string& network, const std::string& member, const Json& value,
                          const std::string& part) {
  Networks networks;
  Json arch = architecture(), share = arch.at(network);
  share.set(member, value);
  arch.set(network, share);
  const File file(tensors_of(networks), arch);
  const auto bundle = Bundle::open(file.path);
  CHECK_THROWS(load_compact_segmentation(*bundle, bundle->info().architecture.at("segmentation")), Error,
               part);
}

}  // namespace

TEST(inference_form_equals_plain_form) {
  at::manual_seed(1);
  Networks n;
  const File file(tensors_of(n), architecture());
  const auto bundle = Bundle::open(file.path);
  const Json& arch = bundle->info().architecture;
  const at::NoGradGuard no_grad;
  const at::Tensor frame = image(), synthesis = image(), labels = ids(19), z = at::randn({2, 5}),
                   maps = at::rand({2, 3, kHeight, kWidth});

  check_close(load_compact_segmentation(*bundle, arch.at("segmentation"))->logits(frame),
              n.segmentation(frame));
  const auto code = load_compact_encoder(*bundle, arch.at("encoder"))->encode(frame);
  check_close(code.first, n.encoder(frame).first);
  check_close(code.second, n.encoder(frame).second);
  const auto generator = load_compact_generator(*bundle, arch.at("generator"));
  CHECK_EQ(generator->latent_size(), 5);
  check_close(generator->synthesise(labels, z), n.generator(labels, z));
  const auto perceptual = load_compact_perceptual(*bundle, arch.at("perceptual"));
  const auto features = perceptual->features(frame);
  const auto plain = n.perceptual(frame);
  CHECK_EQ(features.size(), plain.size());
  CHECK_EQ(perceptual->level_weights().size(), plain.size());
  for (size_t i = 0; i < plain.size(); ++i) check_close(features[i], plain[i]);
  const auto with = load_compact_dissimilarity(*bundle, "dissimilarity", arch.at("dissimilarity"));
  CHECK(with->uses_uncertainty());
  check_close(with->logits(frame, synthesis, labels, maps), n.dissimilarity(frame, synthesis, labels, maps));
  const auto without = load_compact_dissimilarity(*bundle, "baseline", arch.at("baseline"));
  CHECK(!without->uses_uncertainty());
  check_close(without->logits(frame, synthesis, labels, {}),
              n.baseline(frame, synthesis, labels, at::Tensor()));
}

TEST(separable_segmentation) {
  at::manual_seed(3);
  Networks n;
  CompactSegmentation separable(small_separable());
  disturb(*separable);
  separable->train();
  separable(image()).square().mean().backward();
  for (const auto& item : separable->named_parameters())
    if (!(item.value().grad().defined() && item.value().grad().abs().sum().item<double>() > 0))
      check::fail(__FILE__, __LINE__, item.key(), " has no gradient but zeros");
  separable->eval();
  Tensors tensors = tensors_of(n);
  tensors.erase(
      std::remove_if(tensors.begin(), tensors.end(),
                     [](const auto& tensor) { return tensor.first.rfind("segmentation.", 0) == 0; }),
      tensors.end());
  add(tensors, "segmentation", *separable);
  Json arch = architecture();
  arch.set("segmentation", small_separable().to_json());
  const File file(tensors, arch);
  const auto bundle = Bundle::open(file.path);
  const at::NoGradGuard no_grad;
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{32, 32}, {70, 131}, {256, 512}}) {
    const at::Tensor frame = at::randn({1, 3, height, width});
    const at::Tensor logits = separable(frame);
    CHECK(has_shape(logits, {1, 19, 2 * ((height + 3) / 4), 2 * ((width + 3) / 4)}));
    check_close(
        load_compact_segmentation(*bundle, bundle->info().architecture.at("segmentation"))->logits(frame),
        logits);
  }
}

TEST(sizes_of_the_answers) {
  Networks n;
  const at::NoGradGuard no_grad;
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{32, 32}, {70, 131}, {256, 512}}) {
    const at::Tensor logits = n.segmentation(at::zeros({1, 3, height, width}));
    CHECK(has_shape(logits, {1, 19, (height + 3) / 4, (width + 3) / 4}));
  }
  CHECK(has_shape(n.generator(ids(35), at::zeros({2, 5})), {2, 3, kHeight, kWidth}));
}

TEST(generator_sees_every_label_and_edges) {
  // Planes: one-hot ids, and 1 where an id differs from one of its four neighbours.
  at::Tensor labels = at::zeros({1, 3, 4}, at::kByte);
  labels[0][1][2] = 34;
  const at::Tensor planes = label_planes(labels);
  CHECK(has_shape(planes, {1, 36, 3, 4}));
  CHECK_EQ(planes[0][34][1][2].item<float>(), 1.0f);
  CHECK_EQ(planes[0][0][1][2].item<float>(), 0.0f);
  CHECK_EQ(planes.narrow(1, 0, 35).sum().item<float>(), 12.0f);
  const at::Tensor edges = planes[0][35];
  CHECK_EQ(edges.sum().item<float>(), 5.0f);  // the pixel and its four neighbours
  CHECK_EQ(edges[0][2].item<float>(), 1.0f);
  CHECK_EQ(edges[0][1].item<float>(), 0.0f);
}

TEST(gradients_reach_every_weight) {
  at::manual_seed(2);
  Networks n;
  for (const auto& [name, network] : n.all()) network->train();
  const at::Tensor frame = image(), labels = ids(19), z = at::randn({2, 5}),
                   maps = at::rand({2, 3, kHeight, kWidth});
  at::Tensor sum = n.segmentation(frame).square().mean();
  const auto code = n.encoder(frame);
  sum = sum + code.first.square().mean() + code.second.square().mean();
  const at::Tensor painted = n.generator(labels, z);
  sum = sum + painted.square().mean();
  for (const at::Tensor& level : n.perceptual(frame)) sum = sum + level.square().mean();
  sum = sum + n.dissimilarity(frame, painted, labels, maps).square().mean();
  sum = sum + n.baseline(frame, painted, labels, at::Tensor()).square().mean();
  sum.backward();
  for (const auto& [name, network] : n.all())
    for (const auto& item : network->named_parameters()) {
      if (!item.value().grad().defined())
        check::fail(__FILE__, __LINE__, name, ".", item.key(), " has no gradient");
      if (!(item.value().grad().abs().sum().item<double>() > 0))
        check::fail(__FILE__, __LINE__, name, ".", item.key(), " has a gradient of nothing but zeros");
    }
}

TEST(bad_tensors_are_refused_by_name) {
  const std::string name = "generator.paint.weight";
  const auto find = [&](Tensors& tensors) {
    return std::find_if(tensors.begin(), tensors.end(), [&](const auto& item) { return item.first == name; });
  };
  refused([&](Tensors& tensors) { tensors.erase(find(tensors)); }, name);
  refused([&](Tensors& tensors) { find(tensors)->second = at::zeros({12, 6, 3, 2}); }, name);
  refused([&](Tensors& tensors) { find(tensors)->second = find(tensors)->second.to(at::kInt); }, name);
  refused([&](Tensors& tensors) { tensors.emplace_back("generator.spare.weight", at::zeros({1})); },
          "generator.spare.weight");
}

TEST(bad_architectures_are_refused_by_name) {
  architecture_refused("segmentation", "decoder", 0, "architecture.segmentation.decoder");
  architecture_refused("segmentation", "decoder", 1000000, "architecture.segmentation.decoder");
  architecture_refused("segmentation", "decoder", "16", "architecture.segmentation.decoder");
  architecture_refused("segmentation", "decoder", 16.5, "architecture.segmentation.decoder");
  architecture_refused("segmentation", "widths", Json::array({8, 8}), "architecture.segmentation.widths");
  architecture_refused("segmentation", "widths", Json::array({8, 12, -16, 20, 24}),
                       "architecture.segmentation.widths[2]");
  architecture_refused("segmentation", "refine", Json::array({1, 2, 17}),
                       "architecture.segmentation.refine[2]");
  architecture_refused("segmentation", "detail", 5, "architecture.segmentation.detail");
  architecture_refused("segmentation", "align_corners", "no", "architecture.segmentation.align_corners");
  architecture_refused("segmentation", "expansion", 9, "architecture.segmentation.expansion");
  architecture_refused("segmentation", "expansion", 2, "architecture.segmentation.kernels");
  architecture_refused("segmentation", "type", "compact-other", "architecture.segmentation.type");
}

TEST(map_size_must_fit_the_generator) {
  Networks networks;
  const File file(tensors_of(networks), architecture(), 72);
  const auto bundle = Bundle::open(file.path);
  CHECK_THROWS(load_compact_generator(*bundle, bundle->info().architecture.at("generator")), Error,
               "map_height");
}

TEST_MAIN()

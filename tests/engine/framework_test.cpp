// SPDX-License-Identifier: LGPL-2.1-or-later
// The framework over tiny networks: what each method computes, its independence of the batch, its formulas
// and refusals.
#include <algorithm>
#include <cmath>
#include <new>
#include <set>

#include <ATen/ATen.h>

#include "src/error.h"
#include "src/framework/framework.h"
#include "src/networks/network.h"
#include "src/networks/vgg_perceptual.h"
#include "tests/check.h"
#include "tests/engine/networks_fixture.h"

using namespace anomaly;
using fixture::kMapHeight, fixture::kMapWidth;

namespace {

const std::shared_ptr<const Bundle>& tiny_bundle() {
  static const fixture::BundleFile file(fixture::tiny_info(), fixture::tiny_tensors());
  static const std::shared_ptr<const Bundle> bundle = file.open();
  return bundle;
}

Framework& tiny_framework() {
  static Framework framework(tiny_bundle(), "cpu");
  return framework;
}

Settings with(Method method) {
  Settings settings;
  settings.method = method;
  return settings;
}

FrameTensors run_one(const at::Tensor& frames, const Settings& settings, bool everything = true) {
  return tiny_framework().run(frames, settings, everything).at(0);
}

bool equal(const FrameTensors& a, const FrameTensors& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || !at::equal(tensor, b.at(name))) return false;
  return true;
}

std::set<std::string> names_of(const FrameTensors& tensors) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : tensors) names.insert(name);
  return names;
}

void check_shape(const FrameTensors& tensors, const std::string& name, at::IntArrayRef shape,
                 at::ScalarType type) {
  const at::Tensor& t = tensors.at(name);
  if (t.sizes() != shape || t.scalar_type() != type || !t.is_contiguous())
    check::fail(__FILE__, __LINE__, name, " has shape ", t.sizes(), " of ", t.scalar_type());
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// trunc(255 * (v - min) / (max - min)) of a raw map.
at::Tensor spread(const at::Tensor& raw) {
  return ((raw - raw.min()) / (raw.max() - raw.min()) * 255).to(at::kByte);
}

// The papers' perceptual difference: the plain sum over the levels of 1 / M_i times the features' distance.
at::Tensor plain_perceptual_sum(const Bundle& bundle, const at::Tensor& frame, const at::Tensor& synthesis) {
  const c10::InferenceMode inference;
  const auto vgg = load_perceptual(bundle);
  const auto features = [&](const at::Tensor& rgb) {
    const at::Tensor mean = at::tensor({0.485, 0.456, 0.406}), deviation = at::tensor({0.229, 0.224, 0.225});
    return vgg->features(((rgb / 255.0 - mean) / deviation).to(at::kFloat).permute({2, 0, 1}).unsqueeze(0));
  };
  const auto a = features(frame), b = features(synthesis);
  at::Tensor sum = at::zeros({kMapHeight, kMapWidth});
  for (size_t level = 0; level < a.size(); ++level)
    sum += at::upsample_bicubic2d((a[level] - b[level]).abs().mean(1, true), {kMapHeight, kMapWidth},
                                  false)[0][0];
  return sum;
}

// At map size by nearest at pixel centres, index by index.
at::Tensor at_map_size(const at::Tensor& map) {
  at::Tensor out = at::empty({kMapHeight, kMapWidth}, map.options());
  for (int64_t y = 0; y < kMapHeight; ++y)
    for (int64_t x = 0; x < kMapWidth; ++x)
      out[y][x] = map[static_cast<int64_t>((y + 0.5) * map.size(0) / kMapHeight)]
                     [static_cast<int64_t>((x + 0.5) * map.size(1) / kMapWidth)];
  return out;
}

const std::vector<Method> kAllMethods = {Method::Synboost, Method::Resynthesis, Method::SoftmaxEntropy,
                                         Method::SoftmaxDistance, Method::PerceptualDifference};

}  // namespace

TEST(methods_compute_what_they_need) {
  const at::Tensor frame = fixture::pictures(1, 48, 80);
  const std::set<std::string> segmentation = {"anomaly", "labels", "logits"};
  const auto plus = [](std::set<std::string> base, const std::set<std::string>& more) {
    base.insert(more.begin(), more.end());
    return base;
  };
  const auto resynthesis = plus(segmentation, {"latent_mean", "latent_logvar", "synthesis"});
  const std::set<std::string> entropy = {"entropy", "entropy_raw"}, distance = {"distance", "distance_raw"},
                              perceptual = {"perceptual", "perceptual_raw"};
  const auto full = plus(plus(plus(plus(resynthesis, entropy), distance), perceptual),
                         {"dissimilarity", "dissimilarity_logits"});
  CHECK(names_of(run_one(frame, with(Method::Synboost))) == full);
  CHECK(names_of(run_one(frame, with(Method::Resynthesis))) ==
        plus(resynthesis, {"baseline_dissimilarity", "baseline_dissimilarity_logits"}));
  CHECK(names_of(run_one(frame, with(Method::SoftmaxEntropy))) == plus(segmentation, entropy));
  CHECK(names_of(run_one(frame, with(Method::SoftmaxDistance))) == plus(segmentation, distance));
  CHECK(names_of(run_one(frame, with(Method::PerceptualDifference))) == plus(resynthesis, perceptual));
  const std::set<std::string> short_form = {"anomaly",   "labels",     "entropy",      "distance",
                                            "synthesis", "perceptual", "dissimilarity"};
  CHECK(names_of(run_one(frame, with(Method::Synboost), false)) == short_form);
}

TEST(shapes_as_in_the_golden_cases) {
  const FrameTensors full = run_one(fixture::pictures(1, 48, 80), with(Method::Synboost));
  check_shape(full, "logits", {19, 48, 80}, at::kFloat);
  for (const char* name : {"labels", "entropy", "distance"}) check_shape(full, name, {48, 80}, at::kByte);
  for (const char* name : {"entropy_raw", "distance_raw"}) check_shape(full, name, {48, 80}, at::kFloat);
  for (const char* name : {"latent_mean", "latent_logvar"})
    check_shape(full, name, {fixture::kLatent}, at::kFloat);
  check_shape(full, "synthesis", {kMapHeight, kMapWidth, 3}, at::kByte);
  check_shape(full, "perceptual", {kMapHeight, kMapWidth}, at::kByte);
  check_shape(full, "dissimilarity_logits", {2, kMapHeight, kMapWidth}, at::kFloat);
  for (const char* name : {"perceptual_raw", "dissimilarity", "anomaly"})
    check_shape(full, name, {kMapHeight, kMapWidth}, at::kFloat);
}

TEST(labels_and_maps_follow_from_the_logits) {
  const FrameTensors full = run_one(fixture::pictures(1, 50, 70), with(Method::Synboost));
  const at::Tensor logits = full.at("logits"), p = at::softmax(logits.to(at::kDouble), 0);
  CHECK((full.at("labels") == logits.argmax(0)).to(at::kFloat).mean().item<double>() > 0.999);
  const at::Tensor entropy = -(p * p.log()).sum(0);
  const auto top = std::get<0>(p.topk(2, 0));
  CHECK(largest_difference(full.at("entropy_raw"), entropy) < 1e-5);
  CHECK(largest_difference(full.at("distance_raw"), 1 - top[0] + top[1]) < 1e-5);
  const at::Tensor r = top[0] - top[1];
  CHECK(largest_difference(full.at("entropy"),
                           ((entropy - entropy.min()) / entropy.max() * 255).to(at::kByte)) <= 1);
  CHECK(largest_difference(full.at("distance"), ((1 - (r - r.min()) / r.max()) * 255).to(at::kByte)) <= 1);
  CHECK(largest_difference(full.at("perceptual"), spread(full.at("perceptual_raw"))) <= 1);
}

TEST(paper_formulas) {
  const at::Tensor frame = fixture::pictures(1, 64, 128);
  Settings settings = with(Method::Synboost);
  const FrameTensors published = run_one(frame, settings);
  settings.formulas = Formulas::Paper;
  const FrameTensors paper = run_one(frame, settings);
  const at::Tensor p = at::softmax(paper.at("logits").to(at::kDouble), 0);
  const at::Tensor bits = -(p * p.log2()).sum(0);
  const auto top = std::get<0>(p.topk(2, 0));
  const at::Tensor distance = 1 - top[0] + top[1];
  CHECK(largest_difference(paper.at("entropy_raw"), bits) < 1e-5);
  CHECK(largest_difference(paper.at("distance_raw"), distance) < 1e-5);
  CHECK(largest_difference(paper.at("entropy"), spread(bits)) <= 1);
  CHECK(largest_difference(paper.at("distance"), spread(distance)) <= 1);
  CHECK(!at::equal(paper.at("entropy"), published.at("entropy")));
  CHECK(!at::equal(paper.at("distance"), published.at("distance")));

  const at::Tensor sum = plain_perceptual_sum(*tiny_bundle(), frame[0], paper.at("synthesis"));
  CHECK(fixture::relative_error(paper.at("perceptual_raw"), sum) < 1e-5);
}

TEST(perceptual_difference_on_vgg16) {
  BundleInfo info = fixture::tiny_info();
  Json architecture = info.architecture.at("perceptual");
  architecture.set("type", "vgg16");
  info.architecture.set("perceptual", architecture);
  fixture::NamedTensors tensors = fixture::tiny_tensors();
  std::erase_if(tensors, [](const auto& item) { return item.first.starts_with("perceptual."); });
  VggPerceptual network(VggDepth::Vgg16, fixture::kFeatures);
  fixture::add_tensors(tensors, "perceptual", network);
  const fixture::BundleFile file(info, tensors);
  const auto bundle = file.open();

  const at::Tensor frame = fixture::pictures(1, 64, 128);
  Settings settings = with(Method::PerceptualDifference);
  settings.formulas = Formulas::Paper;
  const FrameTensors paper = Framework(bundle, "cpu").run(frame, settings, true).at(0);
  const at::Tensor sum = plain_perceptual_sum(*bundle, frame[0], paper.at("synthesis"));
  CHECK(fixture::relative_error(paper.at("perceptual_raw"), sum) < 1e-5);
  CHECK(fixture::relative_error(run_one(frame, settings).at("perceptual_raw"), sum) > 1e-2);  // VGG-19's
}

TEST(scores_of_the_methods) {
  const at::Tensor frame = fixture::pictures(1, 90, 150);
  Settings settings = with(Method::Synboost);
  settings.ensemble = {0.4, 0.3, 0.2, 0.1};
  const FrameTensors full = run_one(frame, settings);
  const at::Tensor expected = full.at("dissimilarity").to(at::kDouble) * 0.4 +
                              at_map_size(full.at("entropy")).to(at::kDouble) / 255 * 0.3 +
                              full.at("perceptual").to(at::kDouble) / 255 * 0.2 +
                              at_map_size(full.at("distance")).to(at::kDouble) / 255 * 0.1;
  CHECK(largest_difference(full.at("anomaly"), expected) < 1e-6);
  CHECK(largest_difference(full.at("dissimilarity"), at::softmax(full.at("dissimilarity_logits"), 0)[1]) <
        1e-6);

  const FrameTensors entropy = run_one(frame, with(Method::SoftmaxEntropy));
  CHECK(largest_difference(entropy.at("anomaly"), at_map_size(full.at("entropy")).to(at::kDouble) / 255) <
        1e-6);
  const FrameTensors distance = run_one(frame, with(Method::SoftmaxDistance));
  CHECK(largest_difference(distance.at("anomaly"), at_map_size(full.at("distance")).to(at::kDouble) / 255) <
        1e-6);
  const FrameTensors perceptual = run_one(frame, with(Method::PerceptualDifference));
  CHECK(largest_difference(perceptual.at("anomaly"), full.at("perceptual").to(at::kDouble) / 255) < 1e-6);
  const FrameTensors baseline = run_one(frame, with(Method::Resynthesis));
  CHECK(at::equal(baseline.at("anomaly"), baseline.at("baseline_dissimilarity")));
  CHECK(at::equal(baseline.at("synthesis"), full.at("synthesis")));
}

TEST(fixed_bounds) {
  Settings settings = with(Method::SoftmaxEntropy);
  settings.normalization = Normalization::Fixed;
  const at::Tensor frame = fixture::pictures(1, 64, 128);
  const FrameTensors entropy = run_one(frame, settings);
  CHECK(largest_difference(entropy.at("entropy"),
                           (entropy.at("entropy_raw") / std::log(19.0) * 255).to(at::kByte)) <= 1);
  settings.method = Method::SoftmaxDistance;
  const FrameTensors distance = run_one(frame, settings);
  CHECK(largest_difference(distance.at("distance"), (distance.at("distance_raw") * 255).to(at::kByte)) <= 1);
  settings.formulas = Formulas::Paper;
  CHECK(largest_difference(run_one(frame, settings).at("distance"), distance.at("distance")) <= 1);
  settings.method = Method::PerceptualDifference;
  settings.formulas = Formulas::Published;
  CHECK_THROWS(run_one(frame, settings), Error, "anomaly-train --calibrate");

  BundleInfo info = fixture::tiny_info();
  info.perceptual_bounds = {{0.25, 0.75}};
  const fixture::BundleFile file(info, fixture::tiny_tensors());
  Framework framework(file.open(), "cpu");
  const FrameTensors perceptual = framework.run(frame, settings, true).at(0);
  const at::Tensor expected = ((perceptual.at("perceptual_raw") - 0.25) / 0.5).clamp(0, 1);
  CHECK(largest_difference(perceptual.at("perceptual"), (expected * 255).to(at::kByte)) <= 1);
  settings.formulas = Formulas::Paper;
  CHECK_THROWS(framework.run(frame, settings), Error, "formulas");
}

namespace {

// Frames too much alike for a cut between them.
at::Tensor similar_pictures(int64_t count, int64_t height, int64_t width) {
  const at::Tensor scene = fixture::pictures(1, height, width, 1),
                   changes = fixture::pictures(count, height, width, 2);
  return (scene * 0.8 + changes * 0.2).to(at::kByte);
}

}  // namespace

TEST(temporal_bounds) {
  Settings settings = with(Method::Synboost);
  const at::Tensor pair = similar_pictures(2, 64, 128);
  const at::Tensor first = pair.narrow(0, 0, 1), second = pair.narrow(0, 1, 1);
  const FrameTensors own_first = run_one(first, settings), own_second = run_one(second, settings);
  CHECK(!at::equal(own_first.at("entropy"), own_second.at("entropy")));

  settings.normalization = Normalization::Temporal;
  CHECK_THROWS(run_one(first, settings), Error, "stream");
  StreamState stream;
  // A stream's first frame is scaled by its own bounds.
  CHECK(equal(tiny_framework().run(first, settings, true, {{&stream, 0}}).at(0), own_first));
  // A nanosecond later the bounds are still those of the first frame.
  const FrameTensors held = tiny_framework().run(second, settings, true, {{&stream, 1}}).at(0);
  CHECK(!stream.cut());
  const auto scaled_by_first = [&](const char* name, const auto& scale) {
    const std::string raw = std::string(name) + "_raw";
    const at::Tensor &a = own_first.at(raw), &v = own_second.at(raw);
    const at::Tensor expected = (scale(v, a.min(), a.max()) * 255).clamp(0, 255).to(at::kByte);
    CHECK(largest_difference(held.at(name), expected) <= 1);
    CHECK(!at::equal(held.at(name), own_second.at(name)));
  };
  scaled_by_first("entropy", [](auto v, auto low, auto high) { return (v - low) / high; });
  scaled_by_first("perceptual", [](auto v, auto low, auto high) { return (v - low) / (high - low); });
  scaled_by_first("distance",
                  [](auto v, auto low, auto high) { return 1 - ((1 - v) - (1 - high)) / (1 - low); });
  // What the networks make of the frame itself is the same.
  CHECK(at::equal(held.at("labels"), own_second.at("labels")));
  CHECK(at::equal(held.at("synthesis"), own_second.at("synthesis")));
  // Long after, they are the second frame's own.
  const FrameTensors later =
      tiny_framework().run(second, settings, true, {{&stream, 100 * StreamState::kNarrowing}}).at(0);
  CHECK(largest_difference(later.at("entropy"), own_second.at("entropy")) <= 1);
}

TEST(streams_in_a_batch_do_not_mix) {
  Settings settings = with(Method::SoftmaxEntropy);
  settings.normalization = Normalization::Temporal;
  const at::Tensor frames = similar_pictures(4, 64, 96);
  StreamState a, b, alone;
  // Frames 0 and 2 are of one stream, 1 and 3 of another.
  const auto together = tiny_framework().run(frames, settings, true, {{&a, 0}, {&b, 0}, {&a, 9}, {&b, 9}});
  const FrameTensors first =
      tiny_framework().run(frames.narrow(0, 1, 1), settings, true, {{&alone, 0}}).at(0);
  const FrameTensors second =
      tiny_framework().run(frames.narrow(0, 3, 1), settings, true, {{&alone, 9}}).at(0);
  CHECK(equal(together[1], first));
  CHECK(equal(together[3], second));
  CHECK_THROWS(tiny_framework().run(frames, settings, false, {{&a, 10}}), Error, "4 frames");
}

namespace {

// Counts what it gives out and what came back.
struct CountingMemory final : MapMemory {
  int taken = 0, alive = 0;
  std::vector<void*> blocks;
  std::shared_ptr<void> take(size_t bytes) override {
    ++taken, ++alive;
    blocks.push_back(::operator new(bytes));
    return {blocks.back(), [this](void* block) {
              --alive;
              ::operator delete(block);
            }};
  }
};

}  // namespace

TEST(maps_lie_in_the_memory_that_was_given) {
  for (const Method method : kAllMethods) {
    CountingMemory memory;
    const at::Tensor frame = fixture::pictures(1, 64, 96);
    {
      const FrameTensors out =
          tiny_framework().run(frame, with(method), false, {{nullptr, -1, &memory}}).at(0);
      for (const auto& [name, tensor] : out) {
        const void* data = tensor.const_data_ptr();
        if (std::find(memory.blocks.begin(), memory.blocks.end(), data) == memory.blocks.end())
          check::fail(__FILE__, __LINE__, to_string(method), ": ", name, " lies elsewhere");
      }
      CHECK(equal(out, run_one(frame, with(method), false)));
      CHECK_EQ(memory.taken, static_cast<int>(out.size()));
    }
    CHECK_EQ(memory.alive, 0);
  }
}

TEST(batch_equals_single_frames) {
  const at::Tensor frames = fixture::pictures(3, 64, 96);
  for (const Method method : {Method::Synboost, Method::Resynthesis}) {
    const auto together = tiny_framework().run(frames, with(method), true);
    CHECK_EQ(together.size(), size_t{3});
    for (int64_t i = 0; i < 3; ++i) CHECK(equal(together[i], run_one(frames.narrow(0, i, 1), with(method))));
    CHECK(!at::equal(together[0].at("anomaly"), together[1].at("anomaly")));
  }
}

TEST(any_size) {
  const std::vector<std::pair<int64_t, int64_t>> sizes = {{32, 32},  {33, 47},  {37, 121},
                                                          {64, 128}, {101, 35}, {255, 257}};
  for (const auto& [height, width] : sizes) {
    const FrameTensors full = run_one(fixture::pictures(1, height, width), with(Method::Synboost));
    check_shape(full, "labels", {height, width}, at::kByte);
    check_shape(full, "anomaly", {kMapHeight, kMapWidth}, at::kFloat);
    CHECK(at::isfinite(full.at("anomaly")).all().item<bool>());
  }
  CHECK_THROWS(run_one(fixture::pictures(1, 31, 64), with(Method::SoftmaxEntropy)), Error, "64x31");
  CHECK_THROWS(run_one(fixture::pictures(1, 64, 64).to(at::kFloat), with(Method::SoftmaxEntropy)), Error,
               "uint8");
}

TEST(constant_frames_give_numbers) {
  for (const int value : {0, 128, 255})
    for (const Method method : kAllMethods)
      for (const Formulas formulas : {Formulas::Published, Formulas::Paper}) {
        Settings settings = with(method);
        settings.formulas = formulas;
        const at::Tensor frame = at::full({1, 40, 56, 3}, value, at::kByte);
        const at::Tensor anomaly = run_one(frame, settings).at("anomaly");
        CHECK(at::isfinite(anomaly).all().item<bool>());
        CHECK(anomaly.min().item<float>() >= 0 && anomaly.max().item<float>() <= 1);
      }
}

TEST(flat_logits_give_numbers) {
  // All classes alike everywhere: the entropy is constant and max p = second max p, so both maps have no
  // range.
  fixture::NamedTensors tensors = fixture::tiny_tensors();
  for (auto& [name, tensor] : tensors)
    if (name == "segmentation.final.6.weight") tensor = at::zeros_like(tensor);
  const fixture::BundleFile file(fixture::tiny_info(), tensors);
  Framework framework(file.open(), "cpu");
  for (const Method method : kAllMethods) {
    const FrameTensors full = framework.run(fixture::pictures(1, 64, 64), with(method), true).at(0);
    CHECK(at::isfinite(full.at("anomaly")).all().item<bool>());
    CHECK_EQ(full.at("labels").max().item<int>(), 0);
  }
}

TEST(latent_draw_is_seeded) {
  const at::Tensor frames = fixture::pictures(2, 64, 128);
  Settings settings = with(Method::PerceptualDifference);
  const FrameTensors mean = run_one(frames.narrow(0, 0, 1), settings);
  settings.latent = Latent::Draw;
  settings.seed = 11;
  const auto first = tiny_framework().run(frames, settings, true);
  CHECK(equal(first[0], run_one(frames.narrow(0, 0, 1), settings)));
  CHECK(equal(first[1], run_one(frames.narrow(0, 1, 1), settings)));
  CHECK(!at::equal(first[0].at("synthesis"), mean.at("synthesis")));
  CHECK(at::equal(first[0].at("latent_mean"), mean.at("latent_mean")));
  settings.seed = 12;
  CHECK(!at::equal(run_one(frames.narrow(0, 0, 1), settings).at("synthesis"), first[0].at("synthesis")));
}

TEST(half_weights) {
  fixture::NamedTensors tensors = fixture::tiny_tensors();
  for (auto& [name, tensor] : tensors) tensor = tensor.to(at::kHalf);
  const fixture::BundleFile half(fixture::tiny_info(), tensors);
  for (auto& [name, tensor] : tensors) tensor = tensor.to(at::kFloat);
  const fixture::BundleFile widened(fixture::tiny_info(), tensors);
  Framework a(half.open(), "cpu"), b(widened.open(), "cpu");
  const at::Tensor frame = fixture::pictures(1, 64, 64);
  CHECK(equal(a.run(frame, with(Method::Synboost), true).at(0),
              b.run(frame, with(Method::Synboost), true).at(0)));
}

TEST(bundles_that_lie) {
  const at::Tensor frame = fixture::pictures(1, 64, 64);
  const auto message = [&](const auto& change) {
    BundleInfo info = fixture::tiny_info();
    fixture::NamedTensors tensors = fixture::tiny_tensors();
    change(info, tensors);
    const fixture::BundleFile file(info, tensors);
    try {
      Framework framework(file.open(), "cpu");
      framework.run(frame, with(Method::Synboost));
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::BadBundle);
      CHECK(std::string(e.what()).find(file.path()) != std::string::npos);
      return std::string(e.what());
    }
    check::fail(__FILE__, __LINE__, "nothing was refused");
  };
  const auto says = [](const std::string& text, const std::string& part) {
    if (text.find(part) == std::string::npos)
      check::fail(__FILE__, __LINE__, "\"", text, "\" lacks \"", part, "\"");
  };
  using Tensors = fixture::NamedTensors;
  const auto change_tensor = [&](const std::string& name,
                                 const std::function<at::Tensor(const at::Tensor&)>& f) {
    return message([&](BundleInfo&, Tensors& tensors) {
      for (auto& [key, tensor] : tensors)
        if (key == name) tensor = f(tensor);
    });
  };
  says(message([](BundleInfo&, Tensors& t) {
         std::erase_if(t, [](const auto& item) { return item.first == "generator.up_1.conv_1.bias"; });
       }),
       "\"generator.up_1.conv_1.bias\" is missing");
  says(message([](BundleInfo&, Tensors& t) { t.emplace_back("dissimilarity.more", at::zeros({2})); }),
       "\"dissimilarity.more\" does not belong");
  says(message([](BundleInfo&, Tensors& t) { t.emplace_back("stray.weight", at::zeros({2})); }),
       "\"stray.weight\"");
  says(message([](BundleInfo&, Tensors& t) { t.emplace_back("segmentation", at::zeros({2})); }),
       "\"segmentation\"");
  says(change_tensor("segmentation.bot_fine.weight", [](const at::Tensor& t) { return t.squeeze(); }),
       "has shape [");
  says(change_tensor("perceptual.slice1.0.bias", [](const at::Tensor& t) { return t.to(at::kDouble); }),
       "is F64");
  says(change_tensor("encoder.fc_mu.bias", [](const at::Tensor& t) { return t.to(at::kInt); }), "is I32");
  const auto architecture = [&](const std::string& network, const std::string& member, const Json& value) {
    return message([&](BundleInfo& info, Tensors&) {
      Json changed = info.architecture.at(network);
      changed.set(member, value);
      info.architecture.set(network, changed);
    });
  };
  says(architecture("segmentation", "type", "unet"), "\"unet\" is unknown");
  says(architecture("perceptual", "type", "vgg13"), "known are \"vgg19\", \"vgg16\" and \"compact-...\"");
  says(architecture("perceptual", "type", "vgg16"), "\"perceptual.slice4.17.weight\" is missing");
  says(architecture("generator", "latent", 0), "\"latent\"");
  says(architecture("encoder", "features", 6), "multiple of 4");
  says(architecture("encoder", "features", "wide"), "is not an integer");
  says(architecture("dissimilarity", "uncertainty", 1), "true or false");
  says(message([](BundleInfo& info, Tensors&) { info.map_width = 100; }), "multiples of 64");
}

TEST(missing_networks_are_named) {
  BundleInfo info = fixture::tiny_info();
  Json::Members kept;
  for (const auto& [name, value] : info.architecture.members())
    if (name != "baseline" && name != "perceptual") kept.emplace_back(name, value);
  info.architecture = Json::object(kept);
  fixture::NamedTensors tensors = fixture::tiny_tensors();
  std::erase_if(tensors, [](const auto& item) {
    return item.first.starts_with("baseline.") || item.first.starts_with("perceptual.");
  });
  const fixture::BundleFile file(info, tensors);
  Framework framework(file.open(), "cpu");
  CHECK_THROWS(framework.prepare(with(Method::Resynthesis)), Error, "\"baseline\"");
  CHECK_THROWS(framework.prepare(with(Method::PerceptualDifference)), Error, "\"perceptual\"");
  CHECK_THROWS(framework.prepare(with(Method::Synboost)), Error, "\"perceptual\"");
  CHECK_EQ(framework.run(fixture::pictures(1, 64, 64), with(Method::SoftmaxEntropy)).size(), size_t{1});
}

TEST(settings_out_of_range) {
  Settings settings = with(Method::Synboost);
  settings.ensemble = {0, 0, 0, 0};
  CHECK_THROWS(tiny_framework().prepare(settings), Error, "all 0");
  settings.ensemble = {1, std::nan(""), 0, 0};
  CHECK_THROWS(tiny_framework().prepare(settings), Error, "ensemble weight");
  settings.ensemble = {1, -1, 0, 0};
  CHECK_THROWS(tiny_framework().prepare(settings), Error, "ensemble weight");
  CHECK_THROWS(Framework(tiny_bundle(), "tpu"), Error, "tpu");
  CHECK_THROWS(method_from_string("magic"), Error, "softmax-entropy");
  for (const Method method : kAllMethods) CHECK(method_from_string(to_string(method)) == method);
  CHECK(formulas_from_string("paper") == Formulas::Paper);
  CHECK(latent_from_string("draw") == Latent::Draw);
  CHECK(normalization_from_string("fixed") == Normalization::Fixed);
  CHECK(normalization_from_string("temporal") == Normalization::Temporal);
}

TEST_MAIN()

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/eval/methods.h"

#include <ATen/ops/full_like.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "src/error.h"
#include "src/framework/ops.h"

namespace anomaly::eval {

namespace {

constexpr const char* kWithoutEnsemble = "without-ensemble";
constexpr const char* kWithoutUncertainty = "without-uncertainty";
constexpr const char* kWithoutSynthesis = "without-synthesis";

bool served(const Bundle& bundle, const MethodInfo& method) {
  return std::all_of(method.networks.begin(), method.networks.end(),
                     [&](const char* network) { return bundle.has(network); });
}

std::vector<const MethodInfo*> choose(const Bundle& bundle, const std::vector<std::string>& names) {
  std::vector<const MethodInfo*> chosen;
  for (const MethodInfo& method : known_methods())
    if (names.empty() && served(bundle, method)) chosen.push_back(&method);
  for (const std::string& name : names) {
    const auto& all = known_methods();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const MethodInfo& m) { return name == m.name; });
    if (found == all.end()) {
      std::string list;
      for (const MethodInfo& method : all) list += (list.empty() ? "" : ", ") + std::string(method.name);
      throw Error(ErrorKind::BadSettings, "there is no method \"" + name + "\": use " + list);
    }
    if (std::find(chosen.begin(), chosen.end(), &*found) != chosen.end())
      throw Error(ErrorKind::BadSettings, "method " + name + " is named twice");
    for (const char* network : found->networks)
      if (!bundle.has(network))
        throw Error(ErrorKind::BadSettings, "method " + name + " needs the network \"" + network +
                                                "\", which " + bundle.path() +
                                                " does not have: leave the method out");
    chosen.push_back(&*found);
  }
  if (chosen.empty())
    throw Error(ErrorKind::BadSettings, bundle.path() + " has no network that a method needs");
  return chosen;
}

std::set<std::string> networks_of(const std::vector<const MethodInfo*>& methods) {
  std::set<std::string> networks;
  for (const MethodInfo* method : methods) networks.insert(method->networks.begin(), method->networks.end());
  return networks;
}

Settings with_ensemble(Settings settings, const BundleInfo& info) {
  settings.ensemble = info.ensemble;
  return settings;
}

std::shared_ptr<const Bundle> checked(std::shared_ptr<const Bundle> bundle, const Settings& settings) {
  if (settings.normalization == Normalization::Fixed && bundle->has("perceptual") &&
      !bundle->info().perceptual_bounds)
    throw Error(ErrorKind::BadSettings,
                "normalization fixed needs bounds of the perceptual difference, which " + bundle->path() +
                    " does not have: write them with anomaly-train --calibrate, or use normalization frame");
  return bundle;
}

}  // namespace

const std::vector<MethodInfo>& known_methods() {
  static const std::vector<const char*> kWhole = {"segmentation", "encoder", "generator", "perceptual",
                                                  "dissimilarity"};
  static const std::vector<MethodInfo> kMethods = {
      {"synboost", "the whole framework: an ensemble", kWhole},
      {kWithoutEnsemble, "the dissimilarity network alone", kWhole},
      {kWithoutUncertainty, "the dissimilarity network, its uncertainty maps levelled", kWhole},
      {kWithoutSynthesis,
       "the framework, the frame in its synthesis' place",
       {"segmentation", "perceptual", "dissimilarity"}},
      {"resynthesis",
       "the network trained without uncertainty maps",
       {"segmentation", "encoder", "generator", "baseline"}},
      {"softmax-entropy", "entropy of the segmentation's probabilities", {"segmentation"}},
      {"softmax-distance", "1 - highest + second highest probability", {"segmentation"}},
      {"perceptual-difference",
       "features of the frame against the synthesis",
       {"segmentation", "encoder", "generator", "perceptual"}},
  };
  return kMethods;
}

Methods::Methods(std::shared_ptr<const Bundle> bundle, const Settings& settings,
                 const std::vector<std::string>& names, TrunkPrecision trunk)
    : chosen_(choose(*bundle, names)),
      pipeline_(checked(bundle, settings), with_ensemble(settings, bundle->info()), networks_of(chosen_),
                trunk) {}

bool Methods::wants(const std::string& name) const {
  return std::any_of(chosen_.begin(), chosen_.end(), [&](const MethodInfo* m) { return name == m->name; });
}

at::Tensor Methods::labels_at(const at::Tensor& frame, int64_t height, int64_t width) const {
  const at::NoGradGuard no_grad;
  const BundleInfo& info = pipeline_.info();
  const at::Tensor logits = pipeline_.segmentation_logits(ops::normalised(frame, info.mean, info.deviation));
  return at::upsample_bilinear2d(logits, {height, width}, pipeline_.logits_align_corners())
      .argmax(1)
      .to(at::kByte)
      .squeeze(0)
      .contiguous();
}

Scores Methods::run(const at::Tensor& frame, StreamState* stream) const {
  const auto timed = [](auto step) {
    const auto start = std::chrono::steady_clock::now();
    step();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const Pipeline& p = pipeline_;
  std::map<std::string, at::Tensor> maps;
  std::map<std::string, double> seconds;
  const auto finish = [&](const std::string& name, const at::Tensor& map, double time) {
    maps[name] = map.to(at::kFloat).contiguous();
    seconds[name] = time;
  };

  Scores out;
  FrameTensors tensors;
  const double segmented = timed([&] { tensors = p.segment(frame, stream); });
  out.labels = tensors.at("labels");
  out.rgb = p.at_map_size(frame);
  for (const Method method : {Method::SoftmaxEntropy, Method::SoftmaxDistance})
    if (wants(to_string(method))) finish(to_string(method), p.score(method, tensors), segmented);

  const bool maps_of_dissimilarity =
      wants("synboost") || wants(kWithoutEnsemble) || wants(kWithoutUncertainty);
  const bool perceptual = maps_of_dissimilarity || wants("perceptual-difference");
  double synthesised = segmented, compared = 0;
  if (perceptual || wants("resynthesis")) synthesised += timed([&] { p.resynthesise(frame, tensors); });
  if (perceptual) compared = synthesised + timed([&] { p.compare_features(frame, tensors, stream); });
  if (wants("perceptual-difference"))
    finish("perceptual-difference", p.score(Method::PerceptualDifference, tensors), compared);
  if (wants("resynthesis")) {
    const double time = timed([&] { p.find_baseline(frame, tensors); });
    finish("resynthesis", p.score(Method::Resynthesis, tensors), synthesised + time);
  }
  if (wants("synboost") || wants(kWithoutEnsemble)) {
    const double time = compared + timed([&] { p.find_dissimilarity(frame, tensors); });
    if (wants("synboost")) finish("synboost", p.score(Method::Synboost, tensors), time);
    if (wants(kWithoutEnsemble)) finish(kWithoutEnsemble, tensors.at("dissimilarity"), time);
  }
  if (wants(kWithoutUncertainty)) {
    FrameTensors levelled = tensors;
    for (const char* name : {"entropy", "distance", "perceptual"}) {
      const at::Tensor map = p.at_map_size(tensors.at(name));
      levelled[name] = at::full_like(map, map.to(at::kFloat).mean().round().item());
    }
    const double time = compared + timed([&] { p.find_dissimilarity(frame, levelled); });
    finish(kWithoutUncertainty, levelled.at("dissimilarity"), time);
  }
  if (wants(kWithoutSynthesis)) {
    FrameTensors alone = tensors;
    alone["synthesis"] = out.rgb;
    alone["perceptual"] = at::zeros_like(out.rgb.select(2, 0));
    const double time = segmented + timed([&] { p.find_dissimilarity(frame, alone); });
    finish(kWithoutSynthesis, p.score(Method::Synboost, alone), time);
  }

  for (const MethodInfo* method : chosen_) {
    out.maps.push_back(maps.at(method->name));
    out.seconds.push_back(seconds.at(method->name));
  }
  return out;
}

}  // namespace anomaly::eval

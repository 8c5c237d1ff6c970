// SPDX-License-Identifier: LGPL-2.1-or-later
// anomaly-train: trains the networks of a compact bundle, stage by stage.
#include <ATen/Parallel.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "src/engine/device.h"
#include "src/error.h"
#include "src/networks/compute.h"
#include "src/train/adapt.h"
#include "src/train/calibrate.h"
#include "src/train/evaluate.h"
#include "src/train/session.h"
#include "src/train/test_composites.h"

namespace {

using anomaly::Error;
using anomaly::ErrorKind;
using anomaly::train::Session;

constexpr const char* kUsage =
    "usage: anomaly-train --config FILE --data DIR --work DIR [options] STAGE...\n"
    "       anomaly-train --config FILE --data DIR --work DIR --evaluate BUNDLE [--trunk-precision NAME]\n"
    "                     [--json FILE]\n"
    "       anomaly-train --config FILE --data DIR --write-composites FOLDER\n"
    "       anomaly-train --calibrate BUNDLE --data DIR [--bundle FILE]\n"
    "       anomaly-train --adapt BUNDLE --data DIR --bundle FILE [--steps N] [--json FILE]\n"
    "\n"
    "Stages, in order: segmentation, synthesis, dissimilarity, baseline, ensemble (which writes the "
    "bundle).\n"
    "Each resumes from its checkpoint in the work folder; a complete stage is left as it is.\n"
    "\n"
    "  --config FILE      the training configuration (models/compact.json)\n"
    "  --data DIR         the folder that the configuration's data folders are in\n"
    "  --work DIR         for checkpoints, losses.csv and preview pictures\n"
    "  --device cpu|cuda|cuda:N\n"
    "                     where the stages' networks learn (default: cpu)\n"
    "  --threads N        (default: what the machine has)\n"
    "  --stop-after N     leave each stage after N steps; a later run resumes\n"
    "  --partial          build on stages that are not complete\n"
    "  --start BUNDLE     stages begin with that bundle's networks instead of random weights; given again: "
    "with\n"
    "                     the mean of the bundles' weights\n"
    "  --bundle FILE      what the stage ensemble writes (default: NAME.safetensors in the work folder)\n"
    "  --evaluate BUNDLE  measures a bundle on the configuration's test frames, which no stage reads\n"
    "  --trunk-precision same|fp8\n"
    "                     of the segmentation's trunk that --evaluate measures (default: same)\n"
    "  --json FILE        the measures as JSON too\n"
    "  --write-composites FOLDER\n"
    "                     writes the composites that --evaluate measures, with their masks, for "
    "anomaly-eval\n"
    "  --calibrate BUNDLE measures the bounds that normalization fixed needs on the pictures of ordinary\n"
    "                     streets in DIR, and writes the bundle with them (to --bundle, else in its place)\n"
    "  --adapt BUNDLE     fits a compact bundle to a camera: DIR holds ordinary frames of it, without "
    "labels, in\n"
    "                     order; prints the false regions on the last quarter of them before and after\n"
    "  --steps N          of --adapt (default 300)\n";

struct Options {
  std::string device = "cpu";
  std::string config, data, work, bundle, evaluate, json, composites, calibrate, adapt;
  std::vector<std::string> start;
  int threads = 0;
  int64_t stop_after = 0, steps = 300;
  anomaly::TrunkPrecision trunk = anomaly::TrunkPrecision::Same;
  bool partial = false;
  std::vector<std::string> stages;
};

int64_t number(const std::string& option, const std::string& text) {
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < 1 || value > 1000000000)
    throw Error(ErrorKind::BadSettings, option + " " + text + ": expected a whole number above 0");
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 >= argc) throw Error(ErrorKind::BadSettings, argument + ": its value is missing");
      return argv[++i];
    };
    if (argument == "--config")
      options.config = value();
    else if (argument == "--data")
      options.data = value();
    else if (argument == "--work")
      options.work = value();
    else if (argument == "--device")
      options.device = value();
    else if (argument == "--threads")
      options.threads = static_cast<int>(number(argument, value()));
    else if (argument == "--stop-after")
      options.stop_after = number(argument, value());
    else if (argument == "--bundle")
      options.bundle = value();
    else if (argument == "--evaluate")
      options.evaluate = value();
    else if (argument == "--write-composites")
      options.composites = value();
    else if (argument == "--trunk-precision")
      options.trunk = anomaly::trunk_precision_from_string(value());
    else if (argument == "--calibrate")
      options.calibrate = value();
    else if (argument == "--adapt")
      options.adapt = value();
    else if (argument == "--steps")
      options.steps = number(argument, value());
    else if (argument == "--json")
      options.json = value();
    else if (argument == "--start")
      options.start.push_back(value());
    else if (argument == "--partial")
      options.partial = true;
    else if (argument[0] == '-')
      throw Error(ErrorKind::BadSettings, argument + ": no such option; see --help");
    else
      options.stages.push_back(argument);
  }
  if (!options.calibrate.empty()) {
    if (options.data.empty() || !options.stages.empty())
      throw Error(ErrorKind::BadSettings, "--calibrate needs --data, and no stages; see --help");
    return options;
  }
  if (!options.adapt.empty()) {
    if (options.data.empty() || options.bundle.empty() || !options.stages.empty())
      throw Error(ErrorKind::BadSettings, "--adapt needs --data and --bundle, and no stages; see --help");
    return options;
  }
  if (!options.composites.empty()) {
    if (options.config.empty() || options.data.empty() || !options.stages.empty())
      throw Error(ErrorKind::BadSettings,
                  "--write-composites needs --config and --data, and no stages; see --help");
    return options;
  }
  if (options.config.empty() || options.data.empty() || options.work.empty() ||
      options.stages.empty() == options.evaluate.empty())
    throw Error(ErrorKind::BadSettings,
                "--config, --data, --work and either stages or --evaluate are needed; see --help");
  if (options.evaluate.empty() && options.trunk != anomaly::TrunkPrecision::Same)
    throw Error(ErrorKind::BadSettings,
                "--trunk-precision is for --evaluate: training computes in the numbers of its configuration");
  return options;
}

int run(const Options& options) {
  const std::vector<std::pair<std::string, std::function<void(Session&)>>> known = {
      {"segmentation", anomaly::train::train_segmentation},
      {"synthesis", anomaly::train::train_synthesis},
      {"dissimilarity", anomaly::train::train_dissimilarity},
      {"baseline", anomaly::train::train_baseline},
      {"ensemble",
       [&](Session& session) {
         finish_ensemble(session, options.bundle.empty()
                                      ? session.work + "/" + session.config.name + ".safetensors"
                                      : options.bundle);
       }},
  };
  for (const std::string& stage : options.stages) {
    bool found = false;
    for (const auto& entry : known) found = found || entry.first == stage;
    if (!found) throw Error(ErrorKind::BadSettings, stage + ": no such stage; see --help");
  }
  const at::Device device =
      anomaly::compute_on(anomaly::resolve_device(options.device), anomaly::Precision::Auto).device;
  if (options.stages.empty() && options.device != "cpu")
    throw Error(ErrorKind::BadSettings, "--device is for stages: everything else runs on the CPU");
  if (options.threads > 0) at::set_num_threads(options.threads);
  if (!options.calibrate.empty()) {
    anomaly::train::calibrate(options.calibrate, options.data,
                              options.bundle.empty() ? options.calibrate : options.bundle);
    return 0;
  }
  if (!options.adapt.empty()) {
    anomaly::train::AdaptOptions adapting;
    adapting.bundle = options.adapt;
    adapting.frames = options.data;
    adapting.output = options.bundle;
    adapting.json = options.json;
    adapting.steps = options.steps;
    anomaly::train::adapt(adapting);
    return 0;
  }
  Session session;
  session.config = anomaly::train::Config::read(options.config);
  session.data = options.data;
  session.work = options.work;
  session.device = device;
  session.partial = options.partial;
  session.stop_after = options.stop_after;
  session.start = options.start;
  if (!options.composites.empty()) {
    anomaly::train::write_test_composites(session, options.composites);
    return 0;
  }
  std::filesystem::create_directories(session.work);
  if (!options.evaluate.empty()) {
    anomaly::train::evaluate(session, options.evaluate, options.json, options.trunk);
    return 0;
  }
  for (const auto& dataset : session.config.datasets) {
    session.datasets.push_back(anomaly::train::read_dataset_frames(
        session.data, dataset, session.config.held_out_share, session.groups));
    std::printf("%s: %zu frames to train on, %zu held out\n", dataset.name.c_str(),
                session.datasets.back().training.size(), session.datasets.back().held_out.size());
  }
  for (const auto& [name, stage] : known)
    for (const std::string& wanted : options.stages)
      if (wanted == name) stage(session);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    for (int i = 1; i < argc; ++i)
      if (std::strcmp(argv[i], "--help") == 0) {
        std::fputs(kUsage, stdout);
        return 0;
      }
    return run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "anomaly-train: %s\n", error.what());
    return 1;
  }
}

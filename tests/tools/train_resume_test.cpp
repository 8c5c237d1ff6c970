// SPDX-License-Identifier: LGPL-2.1-or-later
// What a stage's checkpoint is good for: going on where a run was broken off, on another device, and never on
// weights that it was not made on.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <filesystem>

#include "src/bundle/safetensors.h"
#include "src/engine/device.h"
#include "src/error.h"
#include "src/networks/compute.h"
#include "src/train/bundle_writer.h"
#include "src/train/checkpoint.h"
#include "src/train/session.h"
#include "tests/check.h"
#include "tests/tools/drawn_data.h"

using namespace anomaly;
using namespace anomaly::train;
namespace fs = std::filesystem;

TEST(a_resumed_run_equals_an_uninterrupted_one) {
  const Aside aside;
  at::set_num_threads(1);
  const DrawnData data;
  Session whole = data.session("whole");
  train_segmentation(whole);
  Session first = data.session("parts", 3);
  train_segmentation(first);
  CHECK_THROWS(read_stage(first.checkpoint("segmentation"), "average.", true), Error, "not complete");
  Session second = data.session("parts");
  train_segmentation(second);
  for (const char* prefix : {"model.", "average.", "adam."}) {
    const auto a = read_stage(whole.checkpoint("segmentation"), prefix, true);
    const auto b = read_stage(second.checkpoint("segmentation"), prefix, true);
    CHECK_EQ(a.size(), b.size());
    CHECK(!a.empty());
    for (size_t i = 0; i < a.size(); ++i)
      if (!a[i].second.equal(b[i].second)) check::fail(__FILE__, __LINE__, prefix, a[i].first, " differs");
  }
  const auto start = read_stage(first.checkpoint("segmentation"), "model.stem.half.conv.", true);
  CHECK_EQ(start.size(), size_t{1});

  Session other = data.session("parts");
  other.config.stages = Json::parse(R"({"segmentation": {"steps": 6, "batch": 1, "checkpoint_every": 3}})");
  CHECK_THROWS(train_segmentation(other), Error, "other settings");
}

TEST(stages_on_other_weights_than_those_of_now_are_refused) {
  const Aside aside;
  const DrawnData data;
  Session session = data.session("work");
  train_segmentation(session);
  train_synthesis(session);
  const std::string path = session.work + "/parts.safetensors";
  write_bundle(session, path, {"segmentation", "perceptual", "encoder", "generator"}, {});
  // The first stage anew, from another seed.
  fs::remove(session.checkpoint("segmentation"));
  session.config.seed += 1;
  train_segmentation(session);
  CHECK_THROWS(write_bundle(session, path, {"segmentation", "perceptual", "encoder", "generator"}, {}), Error,
               "changed since");
  CHECK_THROWS(train_synthesis(session), Error, "changed since");
  CHECK_THROWS(train_dissimilarity(session), Error, "changed since");
  fs::remove(session.checkpoint("synthesis"));
  train_synthesis(session);
  write_bundle(session, path, {"segmentation", "perceptual", "encoder", "generator"}, {});
}

TEST(a_run_broken_off_before_the_statistics_measures_them) {
  const Aside aside;
  at::set_num_threads(1);
  const DrawnData data;
  Session session = data.session("work");
  Json stages = session.config.stages, stage = stages.at("segmentation");
  stage.set("statistics", 3);
  stages.set("segmentation", stage);
  session.config.stages = stages;
  train_segmentation(session);
  const std::string path = session.checkpoint("segmentation");
  const NamedTensors whole = read_stage(path, "", true);
  // As it was when the last step had been made: the statistics are other ones, and it is not complete.
  {
    const auto file = SafetensorsFile::open(path);
    auto metadata = file->metadata();
    metadata["complete"] = "no";
    NamedTensors tensors;
    for (const auto& entry : file->tensors()) {
      at::Tensor tensor = file->tensor(entry.first).clone();
      if (entry.first.starts_with("average.") && entry.first.ends_with("running_mean")) tensor.add_(1);
      tensors.emplace_back(entry.first, tensor);
    }
    write_safetensors(path, tensors, {metadata.begin(), metadata.end()});
  }
  CHECK_THROWS(read_stage(path, "", true), Error, "not complete");
  train_segmentation(session);
  const NamedTensors again = read_stage(path, "", true);
  CHECK_EQ(again.size(), whole.size());
  for (size_t i = 0; i < whole.size(); ++i) CHECK(again[i].second.equal(whole[i].second));
}

TEST(a_gpu_learns_what_the_cpu_does) {
  at::Device device = at::kCPU;
  try {
    device = compute_on(resolve_device("cuda"), Precision::Auto).device;
  } catch (const Error& problem) {
    SKIP(problem.what());
  }
  if (device.is_cpu()) SKIP("the GPU is an emulated one");
  const Aside aside;
  const DrawnData data;
  using Stage = void (*)(Session&);
  Session cpu = data.session("cpu"), gpu = data.session("gpu");
  gpu.device = device;
  for (const auto& [name, train] : {std::pair<const char*, Stage>{"segmentation", train_segmentation},
                                    {"synthesis", train_synthesis},
                                    {"dissimilarity", train_dissimilarity}}) {
    train(cpu);
    train(gpu);
    const NamedTensors expected = read_stage(cpu.checkpoint(name), "average.", true),
                       found = read_stage(gpu.checkpoint(name), "average.", true);
    CHECK_EQ(found.size(), expected.size());
    // Adam's first steps follow the gradients' signs, which rounding may turn: in few weights.
    double difference = 0, count = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      difference += (found[i].second - expected[i].second).abs().sum().item<double>();
      count += static_cast<double>(found[i].second.numel());
    }
    CHECK(difference / count < 1e-3);
    // The next stage builds on the same weights, and may go on on the other device.
    fs::copy_file(cpu.checkpoint(name), gpu.checkpoint(name), fs::copy_options::overwrite_existing);
  }
}

TEST_MAIN()

// SPDX-License-Identifier: LGPL-2.1-or-later
// The framework's GPU path against its CPU path: the CUDA module is the emulated one, LibTorch's tensors lie
// in ordinary memory, everything between is what runs on a GPU.
#include <cmath>
#include <set>

#include <ATen/ATen.h>

#include "src/engine/buffer_pool.h"
#include "src/engine/device.h"
#include "src/error.h"
#include "src/framework/framework.h"
#include "src/framework/gpu_runner.h"
#include "src/networks/compute.h"
#include "src/networks/fused_ops.h"
#include "tests/check.h"
#include "tests/engine/networks_fixture.h"
#include "tests/engine/small_bundles.h"

using namespace anomaly;
using fixture::compact_bundle;
using fixture::tiny_bundle;

namespace {

struct Tolerance {
  double labels;   // share of pixels that must be equal
  double maps;     // share of pixels of 8-bit maps that must lie within `step`
  int step;        // of 255
  double anomaly;  // mean absolute error
};
// float32: the same arithmetic in another order. Halves: those of the golden cases; but where networks are
// four channels wide, the 8 bits of a bfloat16 decide the class of more pixels.
constexpr Tolerance kFloat = {1.0, 1.0, 1, 2e-3}, kHalf = {0.995, 0, 0, 1.5e-2}, kBFloat = {0.98, 0, 0, 3e-2};
constexpr Tolerance kTinyBFloat = {0.97, 0, 0, 3e-2};

double share_within(const at::Tensor& a, const at::Tensor& b, int step) {
  CHECK(a.sizes() == b.sizes());
  return ((a.to(at::kInt) - b.to(at::kInt)).abs() <= step).to(at::kDouble).mean().item<double>();
}

void check_frame(const std::string& what, const FrameTensors& got, const FrameTensors& reference,
                 const Tolerance& tolerance) {
  for (const auto& [name, wanted] : reference) {
    if (!got.contains(name)) check::fail(__FILE__, __LINE__, what, ": no ", name);
    const at::Tensor& have = got.at(name);
    CHECK(have.sizes() == wanted.sizes());
    CHECK(have.scalar_type() == wanted.scalar_type());
    CHECK(have.is_contiguous());
    if (wanted.scalar_type() == at::kByte) {
      const bool labels = name == "labels";
      const double share = share_within(have, wanted, labels ? 0 : tolerance.step);
      const double least = labels ? tolerance.labels : tolerance.maps;
      std::printf("# %s, %s: %.4f %% agree\n", what.c_str(), name.c_str(), 100 * share);
      if (!(share >= least)) check::fail(__FILE__, __LINE__, what, ": ", name, " agrees on ", share, " only");
    }
  }
  CHECK_EQ(got.size(), reference.size());
  const double error = (got.at("anomaly").to(at::kDouble) - reference.at("anomaly").to(at::kDouble))
                           .abs()
                           .mean()
                           .item<double>();
  std::printf("# %s, anomaly: mean absolute error %.2e\n", what.c_str(), error);
  if (!(error <= tolerance.anomaly)) check::fail(__FILE__, __LINE__, what, ": anomaly differs by ", error);
}

void compare(const std::string& what, const std::shared_ptr<const Bundle>& bundle, Precision precision,
             const at::Tensor& frames, const Settings& settings, const Tolerance& tolerance) {
  Framework cpu(bundle, "cpu"), gpu(bundle, "cuda", precision);
  const auto wanted = cpu.run(frames, settings, true), got = gpu.run(frames, settings, true);
  CHECK_EQ(wanted.size(), got.size());
  for (size_t i = 0; i < wanted.size(); ++i)
    check_frame(what + " frame " + std::to_string(i), got[i], wanted[i], tolerance);
}

Settings with(Method method) {
  Settings settings;
  settings.method = method;
  return settings;
}

constexpr Method kMethods[] = {Method::Synboost, Method::Resynthesis, Method::SoftmaxEntropy,
                               Method::SoftmaxDistance, Method::PerceptualDifference};

}  // namespace

TEST(the_device_says_that_it_is_emulated) {
  CHECK_EQ(resolve_device("cuda"), "cuda:0");
  CHECK_EQ(device_name("cuda:0"), "cuda:0 (emulated)");
  CHECK_EQ(device_name("cpu"), "cpu");
  CHECK_EQ(resolve_device("auto"), "cpu");  // nobody gets it unasked
  CHECK_THROWS(resolve_device("cuda:7"), Error, "numbered from 0");
  const Compute compute = compute_on("cuda:0", Precision::Auto);
  CHECK(compute.gpu());
  CHECK(compute.device.is_cpu());
  CHECK(!compute_on("cpu", Precision::Auto).gpu());
  CHECK_THROWS(compute_on("cpu", Precision::Float16), Error, "is for GPUs");
  CHECK_THROWS(compute_on("cpu", Precision::BFloat16), Error, "use precision auto or float32");
}

TEST(float32_equals_the_cpu) {
  const at::Tensor frames = fixture::pictures(1, 96, 160);
  for (const Method method : kMethods)
    compare(to_string(method), tiny_bundle(), Precision::Float32, frames, with(method), kFloat);
}

TEST(float32_at_map_size_and_with_paper_formulas) {
  Settings paper;
  paper.formulas = Formulas::Paper;
  paper.ensemble = {0.4, 0.3, 0.2, 0.1};
  paper.latent = Latent::Draw;
  paper.seed = 7;
  compare("paper", tiny_bundle(), Precision::Float32,
          fixture::pictures(1, fixture::kMapHeight, fixture::kMapWidth), paper, kFloat);
}

TEST(batches_equal_the_cpus_single_frames) {
  compare("batch", tiny_bundle(), Precision::Float32, fixture::pictures(3, 96, 160, 5), {}, kFloat);
  compare("compact batch", compact_bundle(), Precision::Float32, fixture::pictures(2, 128, 256, 9), {},
          kFloat);
}

TEST(halves_are_within_the_golden_tolerances) {
  const at::Tensor frames = fixture::pictures(2, 96, 160, 3);
  compare("float16", tiny_bundle(), Precision::Float16, frames, {}, kHalf);
  compare("bfloat16", tiny_bundle(), Precision::BFloat16, frames, {}, kTinyBFloat);
  compare("compact float16", compact_bundle(), Precision::Float16, fixture::pictures(1, 128, 256, 9), {},
          kHalf);
  compare("compact bfloat16", compact_bundle(), Precision::BFloat16, fixture::pictures(1, 128, 256, 9), {},
          kBFloat);
}

// Recorded graphs: what is replayed, and what happens where nothing can be recorded.
namespace {

class Recorder final : public GraphRecorder {
 public:
  int recorded = 0, replayed = 0;
  bool fails = false;

  std::unique_ptr<DeviceGraph> record(const Compute&, c10::Stream,
                                      const std::function<void()>& work) override {
    if (fails) throw std::runtime_error("operation not permitted when stream is capturing\nmore of it");
    ++recorded;
    work();  // as a capture does: buffers get their places
    return std::make_unique<Graph>(*this, work);
  }

 private:
  struct Graph final : DeviceGraph {
    Graph(Recorder& owner, std::function<void()> body) : recorder(owner), work(std::move(body)) {}
    void replay() override {
      ++recorder.replayed;
      work();
    }
    Recorder& recorder;
    const std::function<void()> work;
  };
};

struct Runner {
  Framework framework{tiny_bundle(), "cuda", Precision::Float32};
  std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>();
  std::shared_ptr<BufferPool> pinned = BufferPool::create(), on_device = BufferPool::create();
  GpuRunner runner{framework.compute(), tiny_bundle()->info(), {pinned, on_device}, recorder};

  std::vector<GpuBatch::Frame> run(const at::Tensor& frames, const Settings& settings = {}) {
    framework.prepare(settings);
    std::vector<GpuFrame> batch;
    for (int64_t i = 0; i < frames.size(0); ++i) {
      GpuFrame frame;
      frame.rgb = frames[i];
      frame.to_host = {"anomaly"};
      frame.on_device = {"labels", "no such map"};
      batch.push_back(std::move(frame));
    }
    return runner.launch(framework.networks(), batch, settings, false)->finish();
  }
};

}  // namespace

TEST(a_graph_is_recorded_for_each_size_batch_and_settings) {
  Runner gpu;
  const at::Tensor pictures = fixture::pictures(2, 64, 128, 2);
  const at::Tensor first = gpu.run(pictures)[1].host.at("anomaly").clone();
  for (int i = 0; i < 4; ++i) {
    const auto frames = gpu.run(pictures);
    CHECK(at::equal(frames[1].host.at("anomaly"), first));
    CHECK_EQ(frames[0].host.size(), size_t{1});
    CHECK_EQ(frames[0].device.size(), size_t{1});
  }
  CHECK_EQ(gpu.recorder->recorded, 1);
  CHECK_EQ(gpu.recorder->replayed, 3);  // after two runs that warm up
  CHECK_EQ(gpu.runner.replays(), uint64_t{3});
  for (int i = 0; i < 3; ++i) gpu.run(pictures.narrow(0, 0, 1));
  CHECK_EQ(gpu.recorder->recorded, 2);
  for (int i = 0; i < 3; ++i) gpu.run(pictures, with(Method::SoftmaxEntropy));
  CHECK_EQ(gpu.recorder->recorded, 3);
  gpu.run(pictures);
  CHECK_EQ(gpu.recorder->recorded, 3);
}

// CC-FPSE's gate with its logistic function, norm and shortcut in one pass, as the processor has them one
// after the other.
TEST(a_gate_takes_along_what_follows_it) {
  const Compute emulated = compute_on(resolve_device("cuda"), Precision::Float32);
  at::manual_seed(5);
  const at::Tensor x = at::randn({2, 12, 5, 7}), gate = at::randn({2, 12, 5, 7}), rest = at::randn_like(x);
  const at::Tensor scale = at::randn({12}), shift = at::randn({12});
  for (const GateForm& form :
       {GateForm{.logistic = true}, GateForm{.logistic = true, .scale = scale, .shift = shift},
        GateForm{.logistic = true, .residual = rest},
        GateForm{.scale = scale, .shift = shift, .residual = rest}}) {
    at::Tensor ours = x.clone(), reference = x.clone();
    gate_in_place(reference, gate, form);
    const ComputeScope scope(emulated);
    gate_in_place(ours, gate, form);
    CHECK(fixture::relative_error(ours, reference) < 1e-6);
    CHECK(fixture::relative_error(ours, x) > 1e-2);
  }
}

TEST(work_that_cannot_be_recorded_is_done_all_the_same) {
  Runner gpu;
  gpu.recorder->fails = true;
  const at::Tensor pictures = fixture::pictures(1, 64, 128, 2);
  const at::Tensor first = gpu.run(pictures)[0].host.at("anomaly").clone();
  for (int i = 0; i < 4; ++i) CHECK(at::equal(gpu.run(pictures)[0].host.at("anomaly"), first));
  CHECK_EQ(gpu.runner.replays(), uint64_t{0});
}

TEST(buffers_of_results_are_used_again) {
  Runner gpu;
  const at::Tensor pictures = fixture::pictures(2, 64, 128, 2);
  gpu.run(pictures);
  const uint64_t pinned = gpu.pinned->allocated(), on_device = gpu.on_device->allocated();
  CHECK(pinned > 0);
  CHECK(on_device > 0);
  for (int i = 0; i < 5; ++i) gpu.run(pictures);
  CHECK_EQ(gpu.pinned->allocated(), pinned);
  CHECK_EQ(gpu.on_device->allocated(), on_device);
}

TEST(batches_wait_for_nobody_and_keep_their_own_results) {
  Runner gpu;
  const at::Tensor pictures = fixture::pictures(2, 64, 128, 6);
  gpu.framework.prepare({});
  std::vector<std::unique_ptr<GpuBatch>> batches;
  for (int i = 0; i < 4; ++i) {
    GpuFrame frame;
    frame.rgb = pictures[i % 2];
    frame.to_host = {"anomaly"};
    batches.push_back(gpu.runner.launch(gpu.framework.networks(), {frame}, {}, false));
  }
  std::vector<at::Tensor> maps;
  for (auto& batch : batches) maps.push_back(batch->finish()[0].host.at("anomaly"));
  CHECK(at::equal(maps[0], maps[2]));
  CHECK(at::equal(maps[1], maps[3]));
  CHECK(!at::equal(maps[0], maps[1]));
}

TEST_MAIN()

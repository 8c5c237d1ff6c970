// SPDX-License-Identifier: LGPL-2.1-or-later
// A trunk of 8-bit products on the GPU's code path, its module emulated: against the same trunk on the CPU,
// and against the network without it.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "src/engine/device.h"
#include "src/engine/engine.h"
#include "src/engine/shared_engine.h"
#include "src/error.h"
#include "src/framework/framework.h"
#include "src/networks/compute.h"
#include "src/networks/fp8_convolution.h"
#include "tests/check.h"
#include "tests/engine/networks_fixture.h"
#include "tests/engine/small_bundles.h"

using namespace anomaly;
using fixture::compact_bundle;
using fixture::tiny_bundle;

namespace {

struct Agreement {
  double labels, anomaly;  // share of equal pixels; mean absolute difference
};

Agreement compare(const std::string& what, const FrameTensors& a, const FrameTensors& b) {
  const Agreement found{a.at("labels").eq(b.at("labels")).to(at::kDouble).mean().item<double>(),
                        (a.at("anomaly") - b.at("anomaly")).abs().to(at::kDouble).mean().item<double>()};
  std::printf("# %s: labels agree on %.3f %%, anomaly differs by %.2e\n", what.c_str(), 100 * found.labels,
              found.anomaly);
  return found;
}

}  // namespace

TEST(a_convolution_is_the_cpus_whatever_the_activations_type) {
  const c10::InferenceMode inference;
  at::manual_seed(11);
  const at::Tensor weight = at::randn({48, 32, 3, 3}), bias = at::randn({48});
  const ConvolutionGeometry geometry{1, 2, 2, 1};
  for (const auto type : {Precision::Float32, Precision::Float16, Precision::BFloat16}) {
    const Compute gpu = compute_on("cuda:0", type, TrunkPrecision::Fp8);
    CHECK(gpu.fp8_trunk);
    const at::Tensor x = at::randn({2, 32, 11, 17}).to(gpu.type);
    const at::Tensor wanted = Fp8Convolution(weight, bias, geometry)(x.to(at::kFloat));
    const ComputeScope scope(gpu);
    CHECK(at::equal(Fp8Convolution(weight, bias, geometry)(x), wanted));
    // In the layers: with the activation behind it, in the engine's type.
    const FoldedConvolution layer(weight, bias, geometry, Activation::ReLU, true);
    CHECK(layer.fp8());
    CHECK(at::equal(layer(x), wanted.relu().to(gpu.type)));
    CHECK(!FoldedConvolution(weight, bias, geometry, Activation::ReLU).fp8());
  }
}

TEST(frames_equal_the_cpus) {
  const at::Tensor frames = fixture::pictures(2, 96, 160, 3);
  Framework cpu(tiny_bundle(), "cpu", Precision::Auto, TrunkPrecision::Fp8),
      gpu(tiny_bundle(), "cuda", Precision::Float32, TrunkPrecision::Fp8),
      plain(tiny_bundle(), "cuda", Precision::Float32);
  const auto wanted = cpu.run(frames, {}), got = gpu.run(frames, {}), without = plain.run(frames, {});
  for (size_t i = 0; i < wanted.size(); ++i) {
    // Mostly all labels; but a sum in another order, as with another number of threads, can round to another
    // 8-bit number in the next layer, and from there on the two differ as much as with and without. That one
    // layer gives the same is the test above.
    const Agreement same = compare("GPU and CPU", got[i], wanted[i]);
    CHECK(same.labels >= 0.85);
    CHECK(same.anomaly <= 0.1);
    const Agreement cost = compare("with and without", got[i], without[i]);
    CHECK(cost.labels >= 0.85);  // four channels wide, of random weights
    CHECK(cost.labels < 1 || cost.anomaly > 0);
  }
}

TEST(the_compact_bundle_in_halves) {
  const at::Tensor frames = fixture::pictures(2, 128, 256, 9);
  Framework fp8(compact_bundle(), "cuda", Precision::BFloat16, TrunkPrecision::Fp8),
      half(compact_bundle(), "cuda", Precision::BFloat16);
  const auto got = fp8.run(frames, {}), without = half.run(frames, {});
  const auto alone = fp8.run(frames.narrow(0, 1, 1), {});
  for (size_t i = 0; i < got.size(); ++i) {
    const Agreement cost = compare("with and without", got[i], without[i]);
    CHECK(cost.labels >= 0.9);
    CHECK(cost.anomaly <= 5e-2);
  }
  const Agreement batch = compare("in a batch and alone", got[1], alone[0]);
  CHECK(batch.labels >= 0.9);
}

TEST(engines_say_so_and_are_told_apart) {
  EngineOptions options;
  options.bundle = tiny_bundle()->path();
  options.device = "cuda";
  options.threads = 1;
  options.trunk_precision = TrunkPrecision::Fp8;
  EngineRegistry registry;
  const auto first = registry.share(options, "", new_caller());
  CHECK_EQ(first->engine().model().trunk_precision, "fp8");
  options.trunk_precision = TrunkPrecision::Same;
  const auto second = registry.share(options, "", new_caller());
  CHECK_EQ(second->engine().model().trunk_precision, "same");
  CHECK(&first->engine() != &second->engine());
  const auto named = registry.share(options, "one", new_caller());
  options.trunk_precision = TrunkPrecision::Fp8;
  CHECK_THROWS(registry.share(options, "one", new_caller()), Error, "trunk in fp8");
}

TEST_MAIN()

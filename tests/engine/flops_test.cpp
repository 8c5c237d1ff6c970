// SPDX-License-Identifier: LGPL-2.1-or-later
// Operations of the networks: those of the published ones at the reference size, and that what is counted
// does not depend on the form that runs.
#include <cmath>
#include <cstdio>

#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include "src/engine/device.h"
#include "src/framework/framework.h"
#include "src/networks/compute.h"
#include "tests/check.h"
#include "tests/engine/flops.h"

using namespace anomaly;

namespace {

double cost_of(const flops::Costs& costs, const std::string& name) {
  for (const auto& [network, cost] : costs)
    if (network == name) return cost;
  check::fail(__FILE__, __LINE__, "no ", name);
}

flops::Costs counted_on(const char* device, TrunkPrecision trunk) {
  const fixture::BundleFile file(fixture::tiny_info(), fixture::tiny_tensors());
  const auto bundle = file.open();
  Framework framework(bundle, device, Precision::Float32, trunk);
  framework.prepare({});
  const Compute& compute = framework.compute();
  const ComputeScope scope(compute);
  return flops::count(*framework.networks(), bundle->info(), 64, 128, compute.options());
}

}  // namespace

TEST(single_operations) {
  const flops::Counter counter;
  at::conv2d(at::zeros({2, 8, 10, 12}), at::zeros({6, 4, 3, 3}), {}, {2, 2}, {1, 1}, {1, 1}, 2);
  CHECK_EQ(counter.count(), 2.0 * 2 * 6 * 5 * 6 * 4 * 9);
  const double before = counter.count();
  at::conv_transpose2d(at::zeros({1, 5, 7, 3}), at::zeros({5, 4, 2, 2}), {}, {2, 2});
  CHECK_EQ(counter.count() - before, 2.0 * 7 * 3 * 5 * 4 * 4);
  const double then = counter.count();
  at::linear(at::zeros({3, 11}), at::zeros({13, 11}));
  CHECK_EQ(counter.count() - then, 2.0 * 3 * 13 * 11);
  const double last = counter.count();
  at::mm(at::zeros({3, 11}), at::zeros({11, 13}));
  CHECK_EQ(counter.count() - last, 2.0 * 3 * 13 * 11);
}

// framework.md, to the digits that it has.
TEST(published_networks_at_the_reference_size) {
  const flops::Costs costs = flops::count_published({64, 256, 256, 512}, 1024, 2048);
  for (const auto& [network, cost] : costs) std::printf("# %s: %.4f TFLOP\n", network.c_str(), cost / 1e12);
  std::printf("# in all: %.4f TFLOP\n", flops::sum_of(costs) / 1e12);
  CHECK_NEAR(cost_of(costs, "segmentation") / 1e12, 11.65, 0.005);
  CHECK_NEAR(cost_of(costs, "generator") / 1e12, 1.48, 0.005);
  CHECK_NEAR(cost_of(costs, "dissimilarity") / 1e12, 0.46, 0.005);
  CHECK_NEAR(cost_of(costs, "perceptual") / 1e12, 0.19, 0.005);
  CHECK_NEAR(cost_of(costs, "encoder") / 1e12, 0.002, 0.0005);
  CHECK_NEAR(flops::sum_of(costs) / 1e12, 13.8, 0.05);
}

// The folded networks that compute on the processor and, emulated, on a GPU, with a trunk of 8-bit products,
// too: the same as the plain ones' shapes.
TEST(folded_networks) {
  const flops::Costs shapes = flops::count_published({}, 64, 128);
  for (const char* device : {"cpu", "cuda"})
    for (const TrunkPrecision trunk : {TrunkPrecision::Same, TrunkPrecision::Fp8}) {
      const flops::Costs counted = counted_on(device, trunk);
      CHECK_EQ(counted.size(), shapes.size());
      for (const auto& [network, cost] : shapes)
        if (std::abs(cost_of(counted, network) - cost) > 1e-9 * cost)
          check::fail(__FILE__, __LINE__, network, " on ", device, ", trunk ", to_string(trunk), ": ",
                      cost_of(counted, network), " operations, its shapes say ", cost);
    }
}

TEST_MAIN()

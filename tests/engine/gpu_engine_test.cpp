// SPDX-License-Identifier: LGPL-2.1-or-later
// Engines on a GPU, as elements use them; the CUDA module is the emulated one.
#include "src/engine/engine.h"
#include "tests/check.h"
using namespace anomaly;
TEST(opens) {
  EngineOptions options;
  options.device = "cuda";
  auto engine = Engine::open(options);
  CHECK_EQ(engine->model().device, "cuda:0 (emulated)");
}
TEST_MAIN()

// SPDX-License-Identifier: LGPL-2.1-or-later
// The cases without a GPU: every thread of every block runs on the CPU (emulated/). Shows that indices and
// arithmetic are right, not that a GPU runs them.
#include "tests/kernels/cuda_device.h"

extern "C" const AnomalyCudaKernels* anomaly_cuda_kernels(int abi);

const AnomalyCudaKernels& check::cuda() {
  return *anomaly_cuda_kernels(kAnomalyCudaAbi);
}

TEST(another_version_of_the_table_is_refused) {
  CHECK(anomaly_cuda_kernels(kAnomalyCudaAbi) != nullptr);
  CHECK(anomaly_cuda_kernels(kAnomalyCudaAbi + 1) == nullptr);
  CHECK(anomaly_cuda_kernels(0) == nullptr);
}

TEST_MAIN()

// SPDX-License-Identifier: LGPL-2.1-or-later
// The cases on a GPU, through the module as an application loads it.
#include "kernels/cuda/load.h"
#include "tests/kernels/cuda_device.h"

const AnomalyCudaKernels& check::cuda() {
  std::string problem;
  const AnomalyCudaKernels* kernels = anomaly::load_cuda_kernels(&problem);
  if (!kernels) SKIP("no CUDA module: " + problem);
  int count = 0;
  const int error = kernels->device_count(&count);
  if (count == 0) SKIP(std::string("no CUDA device: ") + kernels->error_string(error));
  return *kernels;
}

// The module was built with this program, so it must open wherever its build was asked for, GPU or not.
TEST(the_module_opens_and_refuses_another_version) {
  std::string problem;
  const AnomalyCudaKernels* kernels = anomaly::load_cuda_kernels(&problem);
  if (!kernels) check::fail(__FILE__, __LINE__, problem);
  CHECK_EQ(kernels->abi, kAnomalyCudaAbi);
  CHECK_EQ(kernels->emulated, 0);
  int count = -1;
  const int error = kernels->device_count(&count);
  CHECK(count > 0 || error != 0);
  CHECK(kernels->error_string(error)[0] != '\0');
}

TEST_MAIN()

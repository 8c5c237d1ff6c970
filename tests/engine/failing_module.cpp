// SPDX-License-Identifier: LGPL-2.1-or-later
// The emulated CUDA module with functions that fail when a test says so. It passes everything else on to the
// module that ANOMALY_EMULATED_MODULE names.
#include "tests/engine/failing_module.h"
#include "tests/kernels/emulated_entry.h"

#include <dlfcn.h>

#include <cstdlib>

namespace {

Faults faults;
AnomalyCudaKernels kernels;
const AnomalyCudaKernels* emulated = nullptr;

int ensemble(const AnomalyCudaEnsemble* arguments, void* stream) {
  return faults.ensemble ? faults.ensemble.load() : emulated->ensemble(arguments, stream);
}

int ingest_rgb8(AnomalyCudaResampler* resampler, const anomaly::FrameView* frame, uint8_t* out,
                void* stream) {
  return faults.ingest ? faults.ingest.load() : emulated->ingest_rgb8(resampler, frame, out, stream);
}

int synchronize(void* stream) {
  return faults.synchronize ? faults.synchronize.load() : emulated->synchronize(stream);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) Faults* anomaly_faults() {
  return &faults;
}

extern "C" __attribute__((visibility("default"))) const AnomalyCudaKernels* anomaly_cuda_kernels(int abi) {
  emulated = emulated_kernels(abi);
  if (!emulated) return nullptr;
  kernels = *emulated;
  kernels.ensemble = ensemble;
  kernels.ingest_rgb8 = ingest_rgb8;
  kernels.synchronize = synchronize;
  return &kernels;
}

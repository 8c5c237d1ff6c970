// SPDX-License-Identifier: LGPL-2.1-or-later
// What lets one function serve the CPU and the GPU, and one CPU build serve every processor.
#pragma once

// Arithmetic that a CPU loop and a CUDA kernel share: `ANOMALY_HD inline float f(float x)`.
// Both sides are compiled without contraction to fused multiply-adds (-ffp-contract=off, -fmad=false), so
// that they agree bit for bit.
#if defined(__CUDACC__)
#define ANOMALY_HD __host__ __device__
#else
#define ANOMALY_HD
#endif

// A hot loop's function, compiled for the baseline processor and for wider vectors; the loader picks one when
// the library is loaded. OpenMP regions belong into the caller: their outlined bodies are not cloned. Needs
// external linkage. Sanitizers instrument the loader's hook before they are set up, so they get the baseline
// alone.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__CUDACC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ANOMALY_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define ANOMALY_CLONES
#endif

// Before a loop whose turns do not write what others read.
#if defined(__clang__)
#define ANOMALY_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define ANOMALY_INDEPENDENT _Pragma("GCC ivdep")
#else
#define ANOMALY_INDEPENDENT
#endif

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cpu_threads.h"

#include <algorithm>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace anomaly {

int cpu_threads(int64_t work, int parts) {
  constexpr int64_t kWorkPerThread = 512 * 1024;  // about 1.5 ms
  constexpr int kMost = 4;
#if defined(_OPENMP)
  const int64_t useful = std::min<int64_t>({work / kWorkPerThread, parts, kMost, omp_get_max_threads()});
  return static_cast<int>(std::max<int64_t>(useful, 1));
#else
  return 1;
#endif
}

}  // namespace anomaly

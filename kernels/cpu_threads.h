// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace anomaly {

// Threads worth starting for `work` pixels that split into at most `parts`: none beside the caller's for
// small frames, and never more than four, because networks and decoders run at the same time.
int cpu_threads(int64_t work, int parts);

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// How many threads a thread's computations take.
#pragma once

#include <omp.h>
#include <pthread.h>

#include <ATen/Parallel.h>

namespace anomaly {

// OpenMP keeps its number of threads for each thread that starts parallel regions.
class OpenMpThreads {
 public:
  explicit OpenMpThreads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~OpenMpThreads() { omp_set_num_threads(before_); }
  OpenMpThreads(const OpenMpThreads&) = delete;
  OpenMpThreads& operator=(const OpenMpThreads&) = delete;

 private:
  int before_;
};

// Names the calling thread, at most 15 letters, and sets how many threads its computations take from here on.
inline void become_worker(const char* name, int threads) {
  pthread_setname_np(pthread_self(), name);
  // LibTorch sets a thread's number on its first use to what was last asked for anywhere in the process:
  // let it do that now, then set ours.
  at::get_num_threads();
  at::set_num_threads(threads);
  omp_set_num_threads(threads);
}

}  // namespace anomaly

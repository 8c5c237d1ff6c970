// SPDX-License-Identifier: LGPL-2.1-or-later
// The CUDA context that elements of a pipeline share. Builds without gstcuda have the class too, and it does
// nothing. Nothing of CUDA is needed to include this.
#pragma once

#include <gst/gst.h>

#include <mutex>

typedef struct _GstCudaContext GstCudaContext;

namespace anomaly {

// One element's hold on it. Any thread.
class CudaElementContext {
 public:
  explicit CudaElementContext(GstElement* element) : element_(element) {}
  ~CudaElementContext() { forget(); }
  CudaElementContext(const CudaElementContext&) = delete;
  CudaElementContext& operator=(const CudaElementContext&) = delete;

  // For GstElement::set_context: takes a context of this kind that somebody offers, unless there is one.
  void offer(GstContext* context);
  // For CONTEXT queries: whether it has answered.
  bool answer(GstQuery* query);

  // Asks the neighbours, then the application, for a context; does not make one. Whether there is one now.
  bool find();
  // The same, and then makes one on GPU `device` in its primary context and tells the others. Throws
  // Error(Device) where there is no driver or no such GPU. One that is there stays, whatever its GPU.
  void ensure(int device);
  // The frames come with this one: it is ours, too, from here on.
  void adopt(GstCudaContext* context);
  void forget();

  int device() const;  // -1: there is none
  // Transfer full; null where there is none.
  GstCudaContext* get() const;

 private:
  bool has_one() const;

  [[maybe_unused]] GstElement* const element_;
  mutable std::mutex mutex_;  // of what follows
  [[maybe_unused]] GstCudaContext* context_ = nullptr;
};

// For ALLOCATION queries for CUDA memory, after downstream has answered: adds a pool of ours where it offered
// none of CUDA memory. min: buffers that are held downstream of it.
void offer_cuda_pool(const CudaElementContext& context, GstQuery* query, guint min);

}  // namespace anomaly

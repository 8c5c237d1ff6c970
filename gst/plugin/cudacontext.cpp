// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/cudacontext.h"

#ifdef HAVE_CUDA_MEMORY
#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudautils.h>
#include <gst/video/video.h>

#include "gst/plugin/cudabuffer.h"
#include "gst/plugin/cudaprimary.h"
#endif

namespace anomaly {

#ifdef HAVE_CUDA_MEMORY

namespace {

using Lock = std::lock_guard<std::mutex>;

// Whoever answers first, downstream of the element, then upstream. Transfer full, or null.
GstContext* ask_neighbours(GstElement* element) {
  GstQuery* query = gst_query_new_context(GST_CUDA_CONTEXT_TYPE);
  GstContext* found = nullptr;
  for (const char* name : {"src", "sink"}) {
    GstPad* pad = gst_element_get_static_pad(element, name);
    if (pad && gst_pad_peer_query(pad, query)) gst_query_parse_context(query, &found);
    if (pad) gst_object_unref(pad);
    if (found) break;
  }
  if (found) gst_context_ref(found);
  gst_query_unref(query);
  return found;
}

GstBufferPool* pool_new(GstCudaContext* context, GstCaps* caps, guint* size, guint min) {
  GstBufferPool* pool = gst_cuda_buffer_pool_new(context);
  GstStructure* config = gst_buffer_pool_get_config(pool);
  gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_config_set_params(config, caps, *size, min, 0);
  if (!gst_buffer_pool_set_config(pool, config)) {
    gst_object_unref(pool);
    return nullptr;
  }
  config = gst_buffer_pool_get_config(pool);  // the size has changed with the driver's pitch
  gst_buffer_pool_config_get_params(config, nullptr, size, nullptr, nullptr);
  gst_structure_free(config);
  return pool;
}

bool has_cuda_pool(GstQuery* query) {
  for (guint i = 0; i < gst_query_get_n_allocation_pools(query); ++i) {
    GstBufferPool* pool = nullptr;
    gst_query_parse_nth_allocation_pool(query, i, &pool, nullptr, nullptr, nullptr);
    if (!pool) continue;
    const bool cuda = GST_IS_CUDA_BUFFER_POOL(pool);
    gst_object_unref(pool);
    if (cuda) return true;
  }
  return false;
}

}  // namespace

void CudaElementContext::offer(GstContext* context) {
  const Lock lock(mutex_);
  gst_cuda_handle_set_context(element_, context, -1, &context_);
}

bool CudaElementContext::answer(GstQuery* query) {
  const Lock lock(mutex_);
  return context_ && gst_cuda_handle_context_query(element_, query, context_);
}

// Nothing is locked while others are asked, who may be asking us. What they have comes through offer().
bool CudaElementContext::find() {
  if (has_one()) return true;
  if (GstContext* found = ask_neighbours(element_)) {
    gst_element_set_context(element_, found);
    gst_context_unref(found);
  }
  if (has_one()) return true;
  // The bin, or the application's synchronous handler, sets it before this returns.
  gst_element_post_message(element_,
                           gst_message_new_need_context(GST_OBJECT(element_), GST_CUDA_CONTEXT_TYPE));
  return has_one();
}

void CudaElementContext::ensure(int device) {
  if (find()) return;
  GstContext* context = gst_context_new_cuda_context(primary_cuda_context(device));
  gst_element_set_context(element_, context);
  gst_element_post_message(element_, gst_message_new_have_context(GST_OBJECT(element_), context));
}

bool CudaElementContext::has_one() const {
  const Lock lock(mutex_);
  return context_ != nullptr;
}

void CudaElementContext::adopt(GstCudaContext* context) {
  const Lock lock(mutex_);
  gst_object_replace(reinterpret_cast<GstObject**>(&context_), GST_OBJECT(context));
}

void CudaElementContext::forget() {
  const Lock lock(mutex_);
  gst_clear_object(&context_);
}

int CudaElementContext::device() const {
  const Lock lock(mutex_);
  return context_ ? cuda_device_of(context_) : -1;
}

GstCudaContext* CudaElementContext::get() const {
  const Lock lock(mutex_);
  return context_ ? GST_CUDA_CONTEXT(gst_object_ref(context_)) : nullptr;
}

void offer_cuda_pool(const CudaElementContext& context, GstQuery* query, guint min) {
  GstCaps* caps = nullptr;
  gboolean need_pool = FALSE;
  GstVideoInfo info;
  gst_query_parse_allocation(query, &caps, &need_pool);
  if (!need_pool || !caps || !gst_video_info_from_caps(&info, caps) || has_cuda_pool(query)) return;
  // gstcuda aborts the process over formats that its allocator does not know.
  if (!is_cuda_format(GST_VIDEO_INFO_FORMAT(&info))) return;
  GstCudaContext* shared = context.get();
  if (!shared) return;
  guint size = static_cast<guint>(GST_VIDEO_INFO_SIZE(&info));
  gst_cuda_memory_init_once();
  if (GstBufferPool* pool = pool_new(shared, caps, &size, min)) {
    gst_query_add_allocation_pool(query, pool, size, min, 0);
    gst_object_unref(pool);
  }
  gst_object_unref(shared);
}

#else  // without gstcuda

void CudaElementContext::offer(GstContext*) {}
bool CudaElementContext::answer(GstQuery*) {
  return false;
}
bool CudaElementContext::find() {
  return false;
}
void CudaElementContext::ensure(int) {}
bool CudaElementContext::has_one() const {
  return false;
}
void CudaElementContext::adopt(GstCudaContext*) {}
void CudaElementContext::forget() {}
int CudaElementContext::device() const {
  return -1;
}
GstCudaContext* CudaElementContext::get() const {
  return nullptr;
}
void offer_cuda_pool(const CudaElementContext&, GstQuery*, guint) {}

#endif

}  // namespace anomaly

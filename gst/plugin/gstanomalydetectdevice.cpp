// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectdevice.h"

#include <cstdlib>
#include <string>
#include <utility>

#include "gst/plugin/cudabuffer.h"
#include "gst/plugin/gstanomalydetectproperties.h"
#include "gst/plugin/gstanomalydetectstate.h"
#include "src/error.h"

namespace anomaly {

namespace {

// Where an engine computes on "cpu" or "cuda:N".
FrameMemory memory_of(const std::string& device) {
  FrameMemory memory;
  if (device.rfind("cuda", 0) != 0) return memory;
  memory.kind = FrameMemory::Kind::Cuda;
  if (const size_t colon = device.find(':'); colon != std::string::npos)
    memory.device = std::atoi(device.c_str() + colon + 1);
  return memory;
}

FrameMemory engine_memory(const DetectState& state) {
  return memory_of(state.queue->model().engine->model().device);
}

std::string elsewhere(const std::string& device) {
  return "use device=auto or device=" + device +
         ", or copy frames to system memory before this element (cudadownload, nvvideoconvert)";
}

// Frames in device memory are computed on their GPU, or not at all.
void follow(GstAnomalyDetect* self, const FrameMemory& frame) {
  DetectState& state = *self->state;
  if (frame.kind == FrameMemory::Kind::Host) return;
  const FrameMemory engine = engine_memory(state);
  if (engine.kind == frame.kind && engine.device == frame.device) return;
  const std::string device = "cuda:" + std::to_string(frame.device);
  if (state.device != "auto" && !state.device.empty())
    throw Error(ErrorKind::Device, "The frames lie in the memory of GPU " + std::to_string(frame.device) +
                                       ", and device=" + state.device + ": " + elsewhere(device) + ".");
  DetectConfig config = config_now(self);
  config.device = device;
  GST_INFO_OBJECT(self, "frames lie in the memory of GPU %d: the engine follows", frame.device);
  state.queue->set_model(open_detect_model(config));
  state.swap.move_to(device);
  state.on_gpu = true;
}

#ifdef HAVE_CUDA_MEMORY
void adopt(DetectState& state, GstBuffer* buffer) {
  GstCudaContext* own = state.cuda.get();
  GstCudaContext* frames = cuda_context_of(buffer);
  if (own != frames) state.cuda.adopt(frames);
  if (own) gst_object_unref(own);
}
#else
void adopt(DetectState&, GstBuffer*) {}
#endif

}  // namespace

void share_context(GstAnomalyDetect* self) noexcept {
  DetectState& state = *self->state;
  try {
    const FrameMemory engine = engine_memory(state);
    state.on_gpu = engine.kind == FrameMemory::Kind::Cuda;
    if (state.on_gpu) state.cuda.ensure(engine.device);
  } catch (const std::exception& failure) {
    GST_WARNING_OBJECT(self, "no CUDA context to share: %s", failure.what());
  }
}

bool check_device(GstAnomalyDetect* self, BufferKind kind) {
  const std::string& device = self->state->device;
  if (kind != BufferKind::Cuda || device != "cpu") return true;
  GST_ELEMENT_ERROR(self, LIBRARY, INIT,
                    ("The frames lie in a GPU's memory, and device=cpu: %s.", elsewhere("cuda").c_str()),
                    (nullptr));
  return false;
}

std::unique_ptr<MappedPictures> map_for_engine(GstAnomalyDetect* self, GstBuffer* buffer) {
  DetectState& state = *self->state;
  auto frame = map_pictures(state.kind, state.info, buffer, Access::Read, engine_memory(state));
  if (state.kind == BufferKind::Cuda) adopt(state, buffer);
  follow(self, frame->pictures().front().memory);
  return frame;
}

GstCaps* prefer_device(GstAnomalyDetect* self, GstCaps* caps) {
  if (!self->state->on_gpu) return caps;
  GstCaps *device = gst_caps_new_empty(), *rest = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
    GstCaps* one = gst_caps_copy_nth(caps, i);
    gst_caps_append(buffer_kind(one) == BufferKind::System ? rest : device, one);
  }
  gst_caps_append(device, rest);
  gst_caps_unref(caps);
  return device;
}

void offer_device_pool(GstAnomalyDetect* self, GstQuery* query, guint held) {
  DetectState& state = *self->state;
  GstCaps* caps = nullptr;
  gst_query_parse_allocation(query, &caps, nullptr);
  if (!state.queue || buffer_kind(caps) != BufferKind::Cuda) return;
  try {
    const FrameMemory engine = engine_memory(state);
    if (engine.kind == FrameMemory::Kind::Cuda)
      state.cuda.ensure(engine.device);
    else if (!state.cuda.find())
      return;
    offer_cuda_pool(state.cuda, query, held);
  } catch (const std::exception& failure) {
    GST_WARNING_OBJECT(self, "no pool of CUDA memory to offer: %s", failure.what());
  }
}

}  // namespace anomaly

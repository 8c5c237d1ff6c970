// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlaypainter.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "gst/plugin/overlaysides.h"
#include "kernels/cuda/load.h"
#include "kernels/pixel_format.h"
#include "src/error.h"

namespace anomaly {

OverlayPainter::~OverlayPainter() {
  release();
}

void OverlayPainter::release() noexcept {
  if (!painter_) return;
  cuda_->set_device(device_);
  cuda_->painter_destroy(painter_);
  painter_ = nullptr;
  device_ = -1;
}

void OverlayPainter::check(int error, const char* what) const {
  if (error == 0) return;
  throw Error(ErrorKind::Device, std::string(what) + " in the memory of GPU " + std::to_string(device_) +
                                     " failed: " + cuda_->error_string(error) + ".");
}

// The module, with that GPU current in this thread and the painter on it.
const AnomalyCudaKernels& OverlayPainter::kernels_on(const FrameMemory& memory) {
  if (!cuda_) {
    std::string problem;
    cuda_ = load_cuda_kernels(&problem);
    if (!cuda_)
      throw Error(ErrorKind::Device, "Frames in a GPU's memory cannot be drawn on, for " + problem +
                                         ": install it, or copy frames to system memory before "
                                         "anomalyoverlay (cudadownload, nvvideoconvert).");
  }
  if (painter_ && device_ != memory.device) release();
  const int error = cuda_->set_device(memory.device);
  if (error != 0)
    throw Error(ErrorKind::Device, "GPU " + std::to_string(memory.device) +
                                       ", in whose memory frames lie, "
                                       "cannot be used: " +
                                       cuda_->error_string(error) + ".");
  device_ = memory.device;
  if (!painter_) check(cuda_->painter_create(&painter_), "Drawing on frames");
  if (std::find(queued_.begin(), queued_.end(), memory.stream) == queued_.end())
    queued_.push_back(memory.stream);
  return *cuda_;
}

void OverlayPainter::paint(const Picture& picture, const PaintList& list, Scores& scores) {
  const std::vector<PaintStep>& steps = list.steps();
  if (steps.empty()) return;
  const bool mapped = list.needs_map();
  if (picture.memory.kind == FrameMemory::Kind::Host) {
    paint_steps(picture.view, steps.data(), steps.size(), mapped ? scores.on_host() : ScoreMap{});
    return;
  }
  const AnomalyCudaKernels& cuda = kernels_on(picture.memory);
  ScoreMap map;
  if (mapped) map = scores.on_device(picture.memory.device);
  const bool elsewhere = mapped && !map.values;
  if (elsewhere) map = scores.on_host();
  check(
      cuda.paint(painter_, &picture.view, steps.data(), steps.size(), &map, elsewhere, picture.memory.stream),
      "Drawing on a frame");
}

Picture OverlayPainter::copy_to_both_sides(const Picture& in, const Picture& out) {
  const FrameMemory &from = in.memory, &to = out.memory;
  Picture right = {right_half(in.view, out.view), to};
  if (from.kind != to.kind || from.device != to.device)
    throw Error(ErrorKind::Device,
                "A frame and the one that it is copied to for mode=side-by-side lie in "
                "different memories.");
  if (to.kind == FrameMemory::Kind::Host) {
    anomaly::copy_to_both_sides(in.view, out.view);
    return right;
  }
  const AnomalyCudaKernels& cuda = kernels_on(to);
  // What is being written there comes first.
  if (from.stream != to.stream) check(cuda.synchronize(from.stream), "Waiting for a frame");
  const PixelFormatInfo& format = pixel_format_info(in.view.format);
  for (int plane = 0; plane < format.planes; ++plane) {
    if (in.view.stride[plane] < 0 || out.view.stride[plane] < 0)
      throw Error(ErrorKind::Io, "A frame in a GPU's memory has its rows upside down.");
    for (uint8_t* half : {out.view.plane[plane], right.view.plane[plane]})
      check(cuda.copy_rows(half, static_cast<size_t>(out.view.stride[plane]), in.view.plane[plane],
                           static_cast<size_t>(in.view.stride[plane]),
                           static_cast<size_t>(plane_row_bytes(format, plane, in.view.width)),
                           static_cast<size_t>(plane_rows(format, plane, in.view.height)), to.stream),
            "Copying a frame");
  }
  return right;
}

void OverlayPainter::finish() {
  while (!queued_.empty()) {
    void* stream = queued_.back();
    queued_.pop_back();
    check(cuda_->synchronize(stream), "Drawing on a frame");
  }
}

void OverlayPainter::abandon() noexcept {
  for (void* stream : queued_) cuda_->synchronize(stream);
  queued_.clear();
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// Executes what anomalyoverlay lists, where the frame lies: on the processor, or on the GPU in whose memory
// the frame is. The CUDA module is opened with the first such frame.
#pragma once

#include <vector>

#include "gst/plugin/devicebuffer.h"
#include "gst/plugin/overlayscores.h"
#include "kernels/cuda/module.h"
#include "kernels/paint_list.h"

namespace anomaly {

// One thread at a time. Functions throw Error(Device) where a GPU's frame cannot be worked on, saying why.
class OverlayPainter {
 public:
  OverlayPainter() = default;
  ~OverlayPainter();
  OverlayPainter(const OverlayPainter&) = delete;
  OverlayPainter& operator=(const OverlayPainter&) = delete;

  // Queues the list on the picture's stream, or does it at once in host memory. The list may end then; the
  // map, where it stays in device memory, and the picture's mapping must last until finish().
  void paint(const Picture& picture, const PaintList& list, Scores& scores);

  // Copies `in` into both halves of `out`, which lies in the same memory, and returns the right half to
  // paint on. Throws std::invalid_argument where `out` is not twice as wide and else the same.
  Picture copy_to_both_sides(const Picture& in, const Picture& out);

  // Waits for what was queued. Errors that the kernels met come out here.
  void finish();
  // The same on the way out of a failure: without a word.
  void abandon() noexcept;

 private:
  const AnomalyCudaKernels& kernels_on(const FrameMemory& memory);
  void check(int error, const char* what) const;
  void release() noexcept;

  const AnomalyCudaKernels* cuda_ = nullptr;
  AnomalyCudaPainter* painter_ = nullptr;
  int device_ = -1;            // that `painter_` belongs to
  std::vector<void*> queued_;  // streams that finish() waits for
};

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames between the element's two pads: submitted to the engine, waited for, given metadata, in order.
#pragma once

#include <gst/gst.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "gst/plugin/gstanomalydetectconfig.h"
#include "gst/plugin/gstanomalydetectmeta.h"
#include "gst/plugin/gstanomalydetectstats.h"

namespace anomaly {

// Lets the streaming thread sleep until a result is there or another thread wants it back (a flush, a state
// change).
struct DetectSignal {
  std::mutex mutex;
  std::condition_variable changed;
  bool interrupted = false;

  void interrupt(bool on) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      interrupted = on;
    }
    changed.notify_all();
  }
};

// From the element's start to its stop. For the streaming thread; everything may throw Error or
// std::bad_alloc.
class DetectQueue {
 public:
  // Opens the engine and loads what the settings need.
  DetectQueue(const DetectConfig& config, std::shared_ptr<DetectSignal> signal, DetectStats& stats);
  ~DetectQueue();
  DetectQueue(const DetectQueue&) = delete;
  DetectQueue& operator=(const DetectQueue&) = delete;

  const ModelInfo& model() const { return engine_->model(); }
  size_t size() const { return frames_.size(); }

  // Queues `buffer` (taken over, whatever happens), which holds `view`; it is read before this returns.
  // `config`: what the properties that may change say now.
  void push(GstBuffer* buffer, const FrameView& view, const DetectConfig& config);
  // Queues a buffer to be passed on as it is.
  void push_untouched(GstBuffer* buffer);

  // The next frame, with its metadata: *out is null where it still computes and the queue has room. drain:
  // wait for it in any case. GST_FLOW_FLUSHING when interrupted; the frame stays queued then.
  GstFlowReturn pop(bool drain, GstBuffer** out);

  void clear();   // drops all frames; forgets the last map
  void forget();  // the next frame is computed, whatever the interval

 private:
  struct Ticket {  // shared with the engine's worker
    std::atomic<bool> cancelled{false};
    bool ready = false;  // under the signal's mutex
  };
  enum class Kind { Untouched, Repeated, Computed };
  struct Frame {
    Kind kind = Kind::Untouched;
    GstBuffer* buffer = nullptr;
    int width = 0, height = 0;
    float threshold = 0;
    double ingest_ms = 0;
    std::shared_ptr<Ticket> ticket;  // of a computed one
    std::future<Result> result;
  };

  bool skip(int interval);
  void submit(Frame& frame, const FrameView& view, const DetectConfig& config);
  void finish(Frame& frame);

  const std::shared_ptr<DetectSignal> signal_;
  DetectStats& stats_;
  Settings settings_;
  int segmentation_width_, segmentation_height_;
  size_t max_in_flight_;
  std::shared_ptr<Engine> engine_;
  const char* method_ = nullptr;  // interned, as are the others
  const char* model_name_ = nullptr;
  std::vector<const char*> classes_;

  std::deque<Frame> frames_;
  int since_computed_ = -1;  // frames queued since one to compute; -1 = none yet
  std::unique_ptr<Findings> last_;
  guint age_ = 0;  // of `last_`
};

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames between the element's two pads: submitted to the engine, waited for, given metadata, in order.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "gst/plugin/devicebuffer.h"
#include "gst/plugin/gstanomalydetectmemory.h"
#include "gst/plugin/gstanomalydetectmeta.h"
#include "gst/plugin/gstanomalydetectmodel.h"
#include "gst/plugin/gstanomalydetectpace.h"
#include "gst/plugin/gstanomalydetectregions.h"
#include "gst/plugin/gstanomalydetectstats.h"
#include "src/engine/region_tracker.h"

namespace anomaly {

// Lets threads sleep until a result is there, there is room, or another thread wants them back (a flush, a
// state change).
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

struct FrameTimes {
  GstClockTime running = GST_CLOCK_TIME_NONE, stream = GST_CLOCK_TIME_NONE;
};

// How long a frame may wait for its result.
struct FrameBudget {
  bool late = false;  // not at all: it is not computed if an earlier frame's map can stand for its own
  std::optional<GstClockTime> max_latency;  // that long, less what it has lost; nothing: as long as it takes
  GstClockTime lateness = 0;                // when it came: lost, as is what it waited for those before it
};

// A frame that may leave. `buffer` is null where there is none.
struct FinishedFrame {
  GstBuffer* buffer = nullptr;
  FrameTimes times;
  bool late = false;              // it was not waited for any longer
  GstClockTimeDiff lateness = 0;  // in that case
};

// From the element's start to its stop. Frames are put in by the streaming thread and taken out by one
// thread, the same or another. What is not marked noexcept may throw Error or std::bad_alloc.
class DetectQueue {
 public:
  DetectQueue(std::shared_ptr<const DetectModel> model, int max_in_flight,
              std::shared_ptr<DetectSignal> signal, DetectStats& stats);
  ~DetectQueue();
  DetectQueue(const DetectQueue&) = delete;
  DetectQueue& operator=(const DetectQueue&) = delete;

  // For the streaming thread.

  // The next frame is computed, by `model`; those inside keep theirs, which goes with the last of them.
  void set_model(std::shared_ptr<const DetectModel> model);

  // That of the next frame.
  const DetectModel& model() const noexcept { return *model_; }

  // Whether an earlier frame's map could stand for the next one's.
  bool can_repeat() const noexcept { return since_computed_ >= 0 && !reopened_; }

  // Queues `buffer` (taken over, whatever happens), which holds `pictures`, all of one size; they are read
  // before this returns. `config`: what the properties that may change say now. A frame whose result is not
  // there within its budget leaves with the last map of its stream, or with none; its own stands for the
  // frames after it, when it is there. One whose result cannot be expected within it leaves at once; it is
  // computed for those after it only where fewer than max_in_flight frames are being computed.
  void push(GstBuffer* buffer, const std::vector<Picture>& pictures, const DetectConfig& config,
            const FrameTimes& times, const FrameBudget& budget);
  // Queues a buffer to be passed on as it is.
  void push_untouched(GstBuffer* buffer);

  // Wait until fewer than max_in_flight frames are inside, before and behind each push(), or until none is
  // and the last taken out is gone. Return what flow() says then, GST_FLOW_FLUSHING when interrupted.
  GstFlowReturn wait_for_room() noexcept;
  GstFlowReturn wait_until_empty() noexcept;

  // Drops all frames, forgets the last map; nobody may be taking frames out.
  void clear() noexcept;
  // The next frame has nothing to do with those before: it is computed, whatever the interval, its bounds are
  // its own, its regions new.
  void forget() noexcept;

  // For any thread: drops all frames, and takes new ones again whatever a push came to.
  void reopen() noexcept;

  // For the thread that takes frames out.

  // The next frame with its metadata, as soon as it is computed. idle: wait for one to come, else empty where
  // none is inside. GST_FLOW_FLUSHING when interrupted; the frame stays inside then.
  GstFlowReturn pop(bool idle, FinishedFrame* out);
  // The frame that pop() gave has left, with this result, or pop() gave none for this reason; where it is not
  // OK all others are dropped and nothing more is taken until clear() or resume(). False where that came to
  // nothing because the queue has been cleared since.
  bool left(GstFlowReturn flow) noexcept;
  // Frames are taken again behind the end of a stream. Returns whether there was one.
  bool resume() noexcept;

 private:
  struct Ticket {  // shared with the engine's worker
    std::atomic<bool> cancelled{false};
    size_t computing = 0;  // pictures; under the signal's mutex, as is what follows
    bool ready = false;
    std::chrono::steady_clock::time_point finished;
  };
  // What the frames before left of each picture of a buffer: the surfaces of a batch are streams of their
  // own.
  using Streams = std::vector<std::shared_ptr<StreamState>>;
  // Where a frame comes from.
  struct Origin {
    int64_t number = 0;     // counts all that came
    int64_t looked_at = 0;  // counts those that are not untouched
    FrameTimes times;
    std::chrono::steady_clock::time_point arrived;
    std::shared_ptr<Streams> streams;
  };
  // A result that is to come: one for each picture.
  struct Pending {
    Origin origin;
    float threshold = 0;
    guint standard = 0;
    std::shared_ptr<const DetectModel> model;
    std::shared_ptr<Ticket> ticket;
    std::vector<std::future<Result>> results;
  };
  struct Frame {
    GstBuffer* buffer = nullptr;
    bool untouched = false;
    int width = 0, height = 0;
    size_t pictures = 0;
    Origin origin;
    GstClockTime lateness = 0;  // when it came
    std::optional<std::chrono::steady_clock::time_point> deadline;
    bool late = false;                 // leaves without being waited for, or any longer
    std::unique_ptr<Pending> pending;  // null: it is not computed, or not waited for
  };

  class Busy;

  enum class Plan { Repeat, PassOn, Compute, ComputeForOthers };
  struct Took {
    double held_ms, inference_ms;
    int batch;
  };

  Plan plan_for(const DetectConfig& config, const FrameBudget& budget, Frame& frame);
  void submit(Frame& frame, const std::vector<Picture>& pictures, const DetectConfig& config);
  uint64_t caller_of(size_t picture, const DetectConfig& config);
  void wait_no_longer(Frame& frame);
  void enqueue(Frame frame);
  void finish(Frame& frame);
  void take_overdue(int64_t up_to);
  Took take_result(Pending& pending);
  using Overdue = std::deque<std::unique_ptr<Pending>>;
  static void drop(std::deque<Frame>& frames, Overdue& overdue) noexcept;

  const std::shared_ptr<DetectSignal> signal_;
  DetectStats& stats_;
  const size_t max_in_flight_;
  const std::shared_ptr<BufferMemory> memory_ = BufferMemory::create();
  std::shared_ptr<const DetectModel> model_;

  // Under the signal's mutex.
  std::deque<Frame> frames_;
  Overdue overdue_;  // of frames that leave, or have left, without them
  DetectPace pace_;
  bool leaving_ = false;  // a frame was taken out and has not left yet
  GstFlowReturn flow_ = GST_FLOW_OK;
  unsigned cleared_ = 0;         // how often
  unsigned popped_cleared_ = 0;  // how often at the last pop()

  std::atomic<bool> reopened_{false};  // since the last push()

  // Of the streaming thread.
  int64_t pushed_ = 0, looked_at_ = 0;
  int since_computed_ = -1;  // frames queued since one to compute; -1 = none yet
  int width_ = 0, height_ = 0;
  std::shared_ptr<Streams> streams_;  // from one forget() to the next
  std::vector<uint64_t> callers_;     // of the pictures behind the first
  FrameMask mask_;
  // Since the last push(): how long the stream was held up here, and how long it was not; until when it was.
  std::chrono::steady_clock::duration busy_{}, idle_{};
  std::chrono::steady_clock::time_point let_go_;

  // Of the thread that takes frames out.
  std::vector<RegionTracker> trackers_;     // of the pictures
  std::shared_ptr<const Streams> tracked_;  // what they have followed
  std::vector<std::unique_ptr<Findings>> last_;
  int64_t last_looked_at_ = 0;  // of the frame of `last_`
  std::chrono::steady_clock::time_point last_finished_;
};

}  // namespace anomaly

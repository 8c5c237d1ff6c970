// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectqueue.h"

#include <algorithm>
#include <utility>

namespace anomaly {

namespace {

using Clock = std::chrono::steady_clock;

// Where the clock would end: no deadline that anybody reaches.
std::optional<Clock::time_point> after(Clock::time_point start, GstClockTime time) {
  const auto most = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::time_point::max() - start);
  if (time >= static_cast<GstClockTime>(most.count())) return std::nullopt;
  return start + std::chrono::nanoseconds(time);
}

GstClockTime nanoseconds_of(Clock::duration time) {
  return static_cast<GstClockTime>(
      std::max(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count(), int64_t{0}));
}

}  // namespace

DetectQueue::DetectQueue(std::shared_ptr<const DetectModel> model, int max_in_flight,
                         std::shared_ptr<DetectSignal> signal, DetectStats& stats)
    : signal_(std::move(signal)),
      stats_(stats),
      max_in_flight_(static_cast<size_t>(max_in_flight)),
      model_(std::move(model)) {
  stats_.start(max_in_flight, memory_);
  stats_.model(model_->engine->model(), model_->method, model_->share);
}

DetectQueue::~DetectQueue() {
  clear();
  stats_.stop();
}

void DetectQueue::set_model(std::shared_ptr<const DetectModel> model) {
  model_ = std::move(model);
  stats_.model(model_->engine->model(), model_->method, model_->share);
  forget();
}

void DetectQueue::push(GstBuffer* buffer, const FrameView& view, const DetectConfig& config,
                       const FrameTimes& times, const FrameBudget& budget) {
  Frame frame;
  frame.buffer = buffer;
  try {
    if (reopened_.exchange(false)) forget();  // no frame that could be repeated has come through
    frame.arrived = Clock::now();
    if (budget.slack) frame.deadline = after(frame.arrived, *budget.slack);
    frame.lateness = budget.lateness;
    frame.width = view.width;
    frame.height = view.height;
    frame.times = times;
    // Regions of a frame of another size would lie elsewhere on this one.
    if (view.width != width_ || view.height != height_) forget();
    width_ = view.width;
    height_ = view.height;
    if (!stream_) stream_ = std::make_shared<StreamState>();
    frame.stream = stream_;
    frame.looked_at = looked_at_++;
    const Plan plan = plan_for(config, times, budget);
    if (plan == Plan::Repeat || plan == Plan::PassOn) {
      if (since_computed_ >= 0 && since_computed_ < G_MAXINT) ++since_computed_;
      frame.kind = Kind::Repeated;
      frame.late = plan == Plan::PassOn;
    } else {
      since_computed_ = 0;
      submit(frame, view, config);
      if (plan == Plan::ComputeForOthers) {
        const std::lock_guard<std::mutex> lock(signal_->mutex);
        overdue_.push_back(without_result(frame, pushed_));
      }
    }
  } catch (...) {
    if (frame.ticket) frame.ticket->cancelled = true;
    gst_buffer_unref(buffer);
    throw;
  }
  enqueue(std::move(frame));
}

// Counts a frame, and says what becomes of it.
DetectQueue::Plan DetectQueue::plan_for(const DetectConfig& config, const FrameTimes& times,
                                        const FrameBudget& budget) {
  const std::lock_guard<std::mutex> lock(signal_->mutex);
  pace_.arrived(times.running);
  const int interval = config.interval < 0 ? pace_.interval() : config.interval;
  if (since_computed_ >= 0 && (budget.late || since_computed_ < interval)) return Plan::Repeat;
  if (!budget.slack) return Plan::Compute;
  const auto computing = [](const Frame& frame) { return frame.ticket && !frame.ticket->ready; };
  const auto count = std::count_if(frames_.begin(), frames_.end(), computing) +
                     std::count_if(overdue_.begin(), overdue_.end(), computing);
  if (static_cast<size_t>(count) >= max_in_flight_) return Plan::PassOn;
  return *budget.slack == 0 || pace_.expected() > *budget.slack ? Plan::ComputeForOthers : Plan::Compute;
}

// What `frame` would have waited for; the frame itself waits no longer.
DetectQueue::Frame DetectQueue::without_result(Frame& frame, int64_t number) {
  Frame overdue = std::move(frame);
  frame = {};
  frame.kind = Kind::Repeated;
  frame.buffer = std::exchange(overdue.buffer, nullptr);
  frame.width = overdue.width;
  frame.height = overdue.height;
  frame.times = overdue.times;
  frame.number = overdue.number;
  frame.looked_at = overdue.looked_at;
  frame.arrived = overdue.arrived;
  frame.lateness = overdue.lateness;
  frame.stream = overdue.stream;
  frame.late = true;
  overdue.number = number;
  return overdue;
}

void DetectQueue::push_untouched(GstBuffer* buffer) {
  Frame frame;
  frame.buffer = buffer;
  enqueue(std::move(frame));
}

void DetectQueue::enqueue(Frame frame) {
  frame.number = pushed_++;
  const auto ticket = frame.ticket;
  GstBuffer* buffer = frame.buffer;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    try {
      frames_.push_back(std::move(frame));
    } catch (...) {
      if (ticket) ticket->cancelled = true;
      gst_buffer_unref(buffer);
      throw;
    }
  }
  signal_->changed.notify_all();
}

void DetectQueue::submit(Frame& frame, const FrameView& view, const DetectConfig& config) {
  Engine& engine = *model_->engine;
  Request request;
  request.frame = engine.ingest(view, model_->segmentation_width, model_->segmentation_height);

  frame.kind = Kind::Computed;
  frame.model = model_;
  frame.ticket = std::make_shared<Ticket>();
  frame.threshold = static_cast<float>(config.threshold < 0 ? engine.model().threshold : config.threshold);
  request.caller = config.streams.caller;
  request.batch_size = config.streams.batch_size;
  request.batch_timeout = std::chrono::nanoseconds(config.streams.batch_timeout);
  request.settings = model_->settings;
  request.threshold = frame.threshold;
  request.min_area = static_cast<int64_t>(config.min_area);
  request.roi = config.roi;
  request.mask = mask_.at(config.regions.mask, view.width, view.height);
  request.classes = class_set(config.regions.classes, engine.model().classes);
  request.maps = config.attach;
  request.memory = memory_;
  request.stream = frame.stream;
  if (GST_CLOCK_TIME_IS_VALID(frame.times.running)) request.time = static_cast<int64_t>(frame.times.running);
  request.cancelled = std::shared_ptr<const std::atomic<bool>>(frame.ticket, &frame.ticket->cancelled);
  request.done = [signal = signal_, ticket = frame.ticket] {
    {
      const std::lock_guard<std::mutex> lock(signal->mutex);
      ticket->ready = true;
      ticket->finished = Clock::now();
    }
    signal->changed.notify_all();
  };
  frame.result = engine.submit(std::move(request));
}

GstFlowReturn DetectQueue::wait_for_room() noexcept {
  std::unique_lock<std::mutex> lock(signal_->mutex);
  signal_->changed.wait(lock, [this] {
    return signal_->interrupted || flow_ != GST_FLOW_OK || frames_.size() < max_in_flight_;
  });
  return signal_->interrupted ? GST_FLOW_FLUSHING : flow_;
}

GstFlowReturn DetectQueue::wait_until_empty() noexcept {
  std::unique_lock<std::mutex> lock(signal_->mutex);
  signal_->changed.wait(lock, [this] {
    return signal_->interrupted || flow_ != GST_FLOW_OK || (frames_.empty() && !leaving_);
  });
  return signal_->interrupted ? GST_FLOW_FLUSHING : flow_;
}

GstFlowReturn DetectQueue::pop(bool idle, FinishedFrame* out) {
  *out = {};
  Frame frame;
  {
    std::unique_lock<std::mutex> lock(signal_->mutex);
    const auto ready = [this] {
      return !frames_.empty() && (!frames_.front().ticket || frames_.front().ticket->ready);
    };
    const auto due = [this] { return frames_.empty() ? std::nullopt : frames_.front().deadline; };
    while (!signal_->interrupted && flow_ == GST_FLOW_OK && !ready() && (idle || !frames_.empty())) {
      if (const auto deadline = due(); !deadline)
        signal_->changed.wait(lock);
      else if (signal_->changed.wait_until(lock, *deadline) == std::cv_status::timeout && due() == deadline)
        break;
    }
    popped_cleared_ = cleared_;
    if (signal_->interrupted) return GST_FLOW_FLUSHING;
    if (flow_ != GST_FLOW_OK || frames_.empty()) return flow_;
    Frame& front = frames_.front();
    if (!ready()) overdue_.push_back(without_result(front, front.number));
    frame = std::move(frames_.front());
    frames_.pop_front();
    leaving_ = true;
  }
  signal_->changed.notify_all();
  try {
    finish(frame);
  } catch (...) {
    gst_buffer_unref(frame.buffer);
    throw;
  }
  *out = {frame.buffer, frame.times, frame.late};
  if (frame.late) {
    const auto held = Clock::now() - frame.arrived;
    stats_.late(std::chrono::duration<double, std::milli>(held).count());
    out->lateness = static_cast<GstClockTimeDiff>(frame.lateness + nanoseconds_of(held));
  }
  return GST_FLOW_OK;
}

bool DetectQueue::left(GstFlowReturn flow) noexcept {
  std::deque<Frame> rest, overdue;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    if (cleared_ != popped_cleared_) return false;
    leaving_ = false;
    flow_ = flow;
    if (flow != GST_FLOW_OK) rest.swap(frames_), overdue.swap(overdue_);
  }
  signal_->changed.notify_all();
  drop(rest);
  drop(overdue);
  return true;
}

bool DetectQueue::resume() noexcept {
  const std::lock_guard<std::mutex> lock(signal_->mutex);
  if (flow_ != GST_FLOW_EOS) return false;
  flow_ = GST_FLOW_OK;
  return true;
}

void DetectQueue::finish(Frame& frame) {
  if (frame.kind == Kind::Untouched) {
    stats_.passed();
    return;
  }
  take_overdue(frame.number);
  if (frame.kind == Kind::Computed) {
    const Took took = take_result(frame);
    stats_.computed(took.held_ms, took.inference_ms, took.batch);
  } else if (last_ && tracked_ == frame.stream) {
    stats_.repeated();
  } else {  // nothing stands for a late one yet
    stats_.passed();
    return;
  }
  // Only the buffer's own structure is copied where somebody else holds it: the pixels are shared.
  frame.buffer = gst_buffer_make_writable(frame.buffer);
  last_->attach(frame.buffer, frame.width, frame.height,
                static_cast<guint>(frame.looked_at - last_looked_at_), frame.number);
}

// The results that have come too late for their own frames, of frames before `up_to` and itself.
void DetectQueue::take_overdue(int64_t up_to) {
  for (;;) {
    Frame frame;
    {
      const std::lock_guard<std::mutex> lock(signal_->mutex);
      if (overdue_.empty() || overdue_.front().number > up_to || !overdue_.front().ticket->ready) return;
      frame = std::move(overdue_.front());
      overdue_.pop_front();
    }
    const Took took = take_result(frame);
    stats_.computed_late(took.inference_ms, took.batch);
  }
}

DetectQueue::Took DetectQueue::take_result(Frame& frame) {
  Result result = frame.result.get();
  const auto finished = frame.ticket->finished;
  const auto alone = finished - std::max(frame.arrived, last_finished_);
  last_finished_ = finished;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    pace_.computed(nanoseconds_of(finished - frame.arrived), nanoseconds_of(alone));
  }
  const Took took = {std::chrono::duration<double, std::milli>(finished - frame.arrived).count(),
                     result.inference_ms, result.batch};
  if (result.scene_cut || frame.stream != tracked_) tracker_.forget();
  tracked_ = frame.stream;
  const bool timed = GST_CLOCK_TIME_IS_VALID(frame.times.running);
  const auto sightings = tracker_.update(result.statistics.regions, frame.number,
                                         timed ? static_cast<int64_t>(frame.times.running) : -1);
  last_ = std::make_unique<Findings>(std::move(result), sightings, *memory_, frame.threshold, *frame.model);
  last_looked_at_ = frame.looked_at;
  return took;
}

void DetectQueue::drop(std::deque<Frame>& frames) noexcept {
  for (Frame& frame : frames) {
    if (frame.ticket) frame.ticket->cancelled = true;
    if (frame.buffer) gst_buffer_unref(frame.buffer);
  }
  frames.clear();
}

void DetectQueue::reopen() noexcept {
  std::deque<Frame> all, overdue;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    all.swap(frames_);
    overdue.swap(overdue_);
    leaving_ = false;
    flow_ = GST_FLOW_OK;
    ++cleared_;
  }
  reopened_ = true;
  drop(all);
  drop(overdue);
}

void DetectQueue::clear() noexcept {
  reopen();
  forget();
  last_.reset();
}

void DetectQueue::forget() noexcept {
  since_computed_ = -1;
  stream_.reset();
  std::deque<Frame> overdue;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    overdue.swap(overdue_);
  }
  drop(overdue);
}

}  // namespace anomaly

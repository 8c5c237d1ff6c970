// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectqueue.h"

#include <utility>

namespace anomaly {

namespace {

using Clock = std::chrono::steady_clock;

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
                       const FrameTimes& times, bool late) {
  Frame frame;
  frame.buffer = buffer;
  try {
    if (reopened_.exchange(false)) forget();  // no frame that could be repeated has come through
    frame.arrived = Clock::now();
    frame.width = view.width;
    frame.height = view.height;
    frame.times = times;
    frame.model = model_;
    // Regions of a frame of another size would lie elsewhere on this one.
    if (view.width != width_ || view.height != height_) forget();
    width_ = view.width;
    height_ = view.height;
    if (skip(config.interval, late))
      frame.kind = Kind::Repeated;
    else
      submit(frame, view, config);
  } catch (...) {
    gst_buffer_unref(buffer);
    throw;
  }
  enqueue(std::move(frame));
}

void DetectQueue::push_untouched(GstBuffer* buffer) {
  Frame frame;
  frame.buffer = buffer;
  enqueue(std::move(frame));
}

void DetectQueue::enqueue(Frame frame) {
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

// Counts a frame, and says whether it repeats the last map.
bool DetectQueue::skip(int interval, bool late) {
  if (since_computed_ >= 0 && (late || since_computed_ < interval)) {
    if (since_computed_ < G_MAXINT) ++since_computed_;
    return true;
  }
  since_computed_ = 0;
  return false;
}

void DetectQueue::submit(Frame& frame, const FrameView& view, const DetectConfig& config) {
  Engine& engine = *model_->engine;
  Request request;
  request.frame = engine.ingest(view, model_->segmentation_width, model_->segmentation_height);

  frame.kind = Kind::Computed;
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
  if (!stream_) stream_ = std::make_shared<StreamState>();
  request.stream = frame.stream = stream_;
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
    signal_->changed.wait(lock, [&] {
      return signal_->interrupted || flow_ != GST_FLOW_OK || ready() || (!idle && frames_.empty());
    });
    popped_cleared_ = cleared_;
    if (signal_->interrupted) return GST_FLOW_FLUSHING;
    if (flow_ != GST_FLOW_OK || frames_.empty()) return flow_;
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
  *out = {frame.buffer, frame.times};
  return GST_FLOW_OK;
}

bool DetectQueue::left(GstFlowReturn flow) noexcept {
  std::deque<Frame> rest;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    if (cleared_ != popped_cleared_) return false;
    leaving_ = false;
    flow_ = flow;
    if (flow != GST_FLOW_OK) rest.swap(frames_);
  }
  signal_->changed.notify_all();
  drop(rest);
  return true;
}

bool DetectQueue::resume() noexcept {
  const std::lock_guard<std::mutex> lock(signal_->mutex);
  if (flow_ != GST_FLOW_EOS) return false;
  flow_ = GST_FLOW_OK;
  return true;
}

void DetectQueue::finish(Frame& frame) {
  ++number_;
  if (frame.kind == Kind::Untouched) {
    stats_.passed();
    return;
  }
  if (frame.kind == Kind::Computed) {
    Result result = frame.result.get();
    const std::chrono::duration<double, std::milli> held = frame.ticket->finished - frame.arrived;
    stats_.computed(held.count(), result.inference_ms, result.batch);
    if (result.scene_cut || frame.stream != tracked_) tracker_.forget();
    tracked_ = frame.stream;
    const bool timed = GST_CLOCK_TIME_IS_VALID(frame.times.running);
    const auto sightings = tracker_.update(result.statistics.regions, number_,
                                           timed ? static_cast<int64_t>(frame.times.running) : -1);
    last_ = std::make_unique<Findings>(std::move(result), sightings, *memory_, frame.threshold, *frame.model);
    age_ = 0;
  } else {
    stats_.repeated();
    ++age_;
  }
  // Only the buffer's own structure is copied where somebody else holds it: the pixels are shared.
  frame.buffer = gst_buffer_make_writable(frame.buffer);
  last_->attach(frame.buffer, frame.width, frame.height, age_, number_);
}

void DetectQueue::drop(std::deque<Frame>& frames) noexcept {
  for (Frame& frame : frames) {
    if (frame.ticket) frame.ticket->cancelled = true;
    gst_buffer_unref(frame.buffer);
  }
  frames.clear();
}

void DetectQueue::reopen() noexcept {
  std::deque<Frame> all;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    all.swap(frames_);
    leaving_ = false;
    flow_ = GST_FLOW_OK;
    ++cleared_;
  }
  reopened_ = true;
  drop(all);
}

void DetectQueue::clear() noexcept {
  reopen();
  forget();
  last_.reset();
}

void DetectQueue::forget() noexcept {
  since_computed_ = -1;
  stream_.reset();
}

}  // namespace anomaly

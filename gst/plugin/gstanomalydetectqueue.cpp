// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectqueue.h"

#include <chrono>
#include <utility>

namespace anomaly {

namespace {

EngineOptions engine_options(const DetectConfig& config) {
  EngineOptions options;
  options.bundle = config.model;
  options.device = config.device;
  options.threads = config.threads;
  return options;
}

}  // namespace

DetectQueue::DetectQueue(const DetectConfig& config, std::shared_ptr<DetectSignal> signal, DetectStats& stats)
    : signal_(std::move(signal)),
      stats_(stats),
      segmentation_width_(config.segmentation_width),
      segmentation_height_(config.segmentation_height),
      max_in_flight_(static_cast<size_t>(config.max_in_flight)),
      engine_(Engine::open(engine_options(config))) {
  settings_ = detect_settings(config, engine_->model());
  engine_->prepare(settings_);
  method_ = g_intern_string(to_string(settings_.method));
  model_name_ = g_intern_string(engine_->model().name.c_str());
  for (const std::string& name : engine_->model().classes) classes_.push_back(g_intern_string(name.c_str()));
  stats_.start(engine_->model(), method_, config.max_in_flight);
}

DetectQueue::~DetectQueue() {
  clear();
}

void DetectQueue::push(GstBuffer* buffer, const FrameView& view, const DetectConfig& config) {
  Frame frame;
  frame.buffer = buffer;
  try {
    frame.width = view.width;
    frame.height = view.height;
    if (skip(config.interval))
      frame.kind = Kind::Repeated;
    else
      submit(frame, view, config);
    frames_.push_back(std::move(frame));
  } catch (...) {
    if (frame.ticket) frame.ticket->cancelled = true;
    gst_buffer_unref(buffer);
    throw;
  }
}

void DetectQueue::push_untouched(GstBuffer* buffer) {
  Frame frame;
  frame.buffer = buffer;
  try {
    frames_.push_back(std::move(frame));
  } catch (...) {
    gst_buffer_unref(buffer);
    throw;
  }
}

// Counts a frame, and says whether it repeats the last map.
bool DetectQueue::skip(int interval) {
  if (since_computed_ >= 0 && since_computed_ < interval) {
    ++since_computed_;
    return true;
  }
  since_computed_ = 0;
  return false;
}

void DetectQueue::submit(Frame& frame, const FrameView& view, const DetectConfig& config) {
  const auto start = std::chrono::steady_clock::now();
  Request request;
  request.frame = engine_->ingest(view, segmentation_width_, segmentation_height_);
  frame.ingest_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();

  frame.kind = Kind::Computed;
  frame.ticket = std::make_shared<Ticket>();
  frame.threshold = static_cast<float>(config.threshold < 0 ? engine_->model().threshold : config.threshold);
  request.settings = settings_;
  request.threshold = frame.threshold;
  request.min_area = static_cast<int64_t>(config.min_area);
  request.roi = config.roi;
  request.maps = config.attach;
  request.cancelled = std::shared_ptr<const std::atomic<bool>>(frame.ticket, &frame.ticket->cancelled);
  request.done = [signal = signal_, ticket = frame.ticket] {
    {
      const std::lock_guard<std::mutex> lock(signal->mutex);
      ticket->ready = true;
    }
    signal->changed.notify_all();
  };
  frame.result = engine_->submit(std::move(request));
}

GstFlowReturn DetectQueue::pop(bool drain, GstBuffer** out) {
  *out = nullptr;
  if (frames_.empty()) return GST_FLOW_OK;
  const bool wait = drain || frames_.size() >= max_in_flight_;
  if (const auto ticket = frames_.front().ticket) {
    std::unique_lock<std::mutex> lock(signal_->mutex);
    if (wait) signal_->changed.wait(lock, [&] { return ticket->ready || signal_->interrupted; });
    if (signal_->interrupted) return GST_FLOW_FLUSHING;
    if (!ticket->ready) return GST_FLOW_OK;
  }
  Frame frame = std::move(frames_.front());
  frames_.pop_front();
  try {
    finish(frame);
  } catch (...) {
    gst_buffer_unref(frame.buffer);
    throw;
  }
  *out = frame.buffer;
  return GST_FLOW_OK;
}

void DetectQueue::finish(Frame& frame) {
  if (frame.kind == Kind::Untouched) {
    stats_.passed();
    return;
  }
  if (frame.kind == Kind::Computed) {
    Result result = frame.result.get();
    stats_.computed(frame.ingest_ms, result.inference_ms);
    last_ = std::make_unique<Findings>(std::move(result), frame.threshold, method_, model_name_, classes_);
    age_ = 0;
  } else {
    stats_.repeated();
    ++age_;
  }
  // Only the buffer's own structure is copied where somebody else holds it: the pixels are shared.
  frame.buffer = gst_buffer_make_writable(frame.buffer);
  last_->attach(frame.buffer, frame.width, frame.height, age_);
}

void DetectQueue::clear() {
  for (Frame& frame : frames_) {
    if (frame.ticket) frame.ticket->cancelled = true;
    gst_buffer_unref(frame.buffer);
  }
  frames_.clear();
  forget();
  last_.reset();
}

void DetectQueue::forget() {
  since_computed_ = -1;
}

}  // namespace anomaly

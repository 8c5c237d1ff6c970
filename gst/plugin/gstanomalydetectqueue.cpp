// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectqueue.h"

#include <algorithm>
#include <utility>

namespace anomaly {

namespace {

using Clock = std::chrono::steady_clock;

// How long the engine waits for the other pictures of a batched buffer.
constexpr std::chrono::milliseconds kBatchComes(5);

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

int64_t nanoseconds_or_unknown(GstClockTime time) {
  return GST_CLOCK_TIME_IS_VALID(time) ? static_cast<int64_t>(time) : -1;
}

}  // namespace

// The streaming thread is held up in here, for as long as this lives.
class DetectQueue::Busy {
 public:
  explicit Busy(DetectQueue& queue) : queue_(queue) {}
  ~Busy() {
    queue_.let_go_ = Clock::now();
    queue_.busy_ += queue_.let_go_ - began;
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

  Clock::time_point began = Clock::now();

 private:
  DetectQueue& queue_;
};

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

void DetectQueue::push(GstBuffer* buffer, const std::vector<Picture>& pictures, const DetectConfig& config,
                       const FrameTimes& times, const FrameBudget& budget) {
  const Busy busy(*this);
  const MutableFrameView& view = pictures.front().view;
  Frame frame;
  frame.buffer = buffer;
  try {
    if (reopened_.exchange(false)) forget();  // no frame that could be repeated has come through
    // Regions of a frame of another size would lie elsewhere on this one.
    if (view.width != width_ || view.height != height_) forget();
    frame.width = width_ = view.width;
    frame.height = height_ = view.height;
    frame.pictures = pictures.size();
    if (!streams_) streams_ = std::make_shared<Streams>();
    while (streams_->size() < pictures.size()) streams_->push_back(std::make_shared<StreamState>());
    frame.origin = {pushed_++, looked_at_++, times, busy.began, streams_};
    frame.lateness = budget.lateness;
    const Plan plan = plan_for(config, budget, frame);
    if (plan == Plan::Repeat || plan == Plan::PassOn) {
      if (since_computed_ >= 0 && since_computed_ < G_MAXINT) ++since_computed_;
      frame.late = plan == Plan::PassOn;
    } else {
      since_computed_ = 0;
      submit(frame, pictures, config);
      if (plan == Plan::ComputeForOthers) {
        const std::lock_guard<std::mutex> lock(signal_->mutex);
        wait_no_longer(frame);
      }
    }
  } catch (...) {
    if (frame.pending) frame.pending->ticket->cancelled = true;
    gst_buffer_unref(buffer);
    throw;
  }
  enqueue(std::move(frame));
}

// Counts a frame, says until when it is waited for, and what becomes of it.
DetectQueue::Plan DetectQueue::plan_for(const DetectConfig& config, const FrameBudget& budget, Frame& frame) {
  const std::lock_guard<std::mutex> lock(signal_->mutex);
  pace_.arrived(frame.origin.times.running, nanoseconds_of(std::exchange(busy_, {})),
                nanoseconds_of(std::exchange(idle_, {})));
  const int interval = config.interval < 0 ? pace_.interval() : config.interval;
  if (since_computed_ >= 0 && (budget.late || since_computed_ < interval)) return Plan::Repeat;
  if (!budget.max_latency) return Plan::Compute;
  const GstClockTime lost = std::max(budget.lateness, pace_.backlog());
  const GstClockTime slack = *budget.max_latency > lost ? *budget.max_latency - lost : 0;
  frame.deadline = after(frame.origin.arrived, slack);
  const auto computing = [](const std::unique_ptr<Pending>& p) { return p && !p->ticket->ready; };
  const auto count =
      std::count_if(frames_.begin(), frames_.end(), [&](const Frame& f) { return computing(f.pending); }) +
      std::count_if(overdue_.begin(), overdue_.end(), computing);
  if (static_cast<size_t>(count) >= max_in_flight_) return Plan::PassOn;
  return slack == 0 || pace_.expected() > slack ? Plan::ComputeForOthers : Plan::Compute;
}

// The frame leaves without its result, which stands for later ones. Under the signal's mutex.
void DetectQueue::wait_no_longer(Frame& frame) {
  overdue_.push_back(std::move(frame.pending));
  frame.late = true;
}

void DetectQueue::push_untouched(GstBuffer* buffer) {
  Frame frame;
  frame.buffer = buffer;
  frame.untouched = true;
  frame.origin.number = pushed_++;
  enqueue(std::move(frame));
}

void DetectQueue::enqueue(Frame frame) {
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    try {
      frames_.push_back(std::move(frame));  // leaves `frame` as it is where it throws
    } catch (...) {
      if (frame.pending) frame.pending->ticket->cancelled = true;
      gst_buffer_unref(frame.buffer);
      throw;
    }
  }
  signal_->changed.notify_all();
}

// Each picture of a batch is a caller of its own, since results of one caller are not computed together.
uint64_t DetectQueue::caller_of(size_t picture, const DetectConfig& config) {
  if (picture == 0) return config.streams.caller;
  while (callers_.size() < picture) callers_.push_back(new_caller());
  return callers_[picture - 1];
}

void DetectQueue::submit(Frame& frame, const std::vector<Picture>& pictures, const DetectConfig& config) {
  Engine& engine = *model_->engine;
  auto pending = std::make_unique<Pending>();
  pending->origin = frame.origin;
  pending->model = model_;
  pending->ticket = std::make_shared<Ticket>();
  pending->threshold = static_cast<float>(config.threshold < 0 ? engine.model().threshold : config.threshold);
  pending->standard = supported_standard(config.standard);
  // They speak of one picture a frame.
  if (pictures.size() > 1) pending->standard = 0;

  std::vector<Request> requests(pictures.size());
  for (size_t i = 0; i < pictures.size(); ++i) {
    const auto& [view, memory] = pictures[i];
    Request& request = requests[i];
    request.frame = engine.ingest(view, memory, model_->segmentation_width, model_->segmentation_height);
    request.caller = caller_of(i, config);
    request.batch_size = std::max(config.streams.batch_size, static_cast<int>(pictures.size()));
    request.batch_timeout = std::chrono::nanoseconds(config.streams.batch_timeout);
    // The others are read already: they come at once.
    if (pictures.size() > 1)
      request.batch_timeout = std::max<Clock::duration>(request.batch_timeout, kBatchComes);
    request.settings = model_->settings;
    request.threshold = pending->threshold;
    request.min_area = static_cast<int64_t>(config.min_area);
    request.roi = config.roi;
    request.mask = mask_.at(config.regions.mask, view.width, view.height);
    request.classes = class_set(config.regions.classes, engine.model().classes);
    request.maps = config.attach;
    request.with_runs = (pending->standard & kStandardSegmentation) != 0;
    request.memory = memory_;
    // Whoever takes frames in device memory may take their maps there.
    request.keep_on_device = memory.kind == FrameMemory::Kind::Cuda;
    request.stream = (*frame.origin.streams)[i];
    request.time = nanoseconds_or_unknown(frame.origin.times.running);
    request.cancelled =
        std::shared_ptr<const std::atomic<bool>>(pending->ticket, &pending->ticket->cancelled);
    request.done = [signal = signal_, ticket = pending->ticket] {
      {
        const std::lock_guard<std::mutex> lock(signal->mutex);
        if (--ticket->computing > 0) return;
        ticket->ready = true;
        ticket->finished = Clock::now();
      }
      signal->changed.notify_all();
    };
  }
  pending->ticket->computing = requests.size();  // nobody else knows of it yet
  pending->results.reserve(requests.size());
  try {
    for (Request& request : requests) pending->results.push_back(engine.submit(std::move(request)));
  } catch (...) {
    pending->ticket->cancelled = true;
    throw;
  }
  frame.pending = std::move(pending);
}

GstFlowReturn DetectQueue::wait_for_room() noexcept {
  Busy busy(*this);
  if (let_go_ != Clock::time_point()) idle_ += busy.began - let_go_;
  std::unique_lock<std::mutex> lock(signal_->mutex);
  while (!signal_->interrupted && flow_ == GST_FLOW_OK && frames_.size() >= max_in_flight_) {
    const bool downstream = leaving_;
    const auto began = Clock::now();
    signal_->changed.wait(lock);
    if (downstream) busy.began += Clock::now() - began;  // it is not we who hold up the stream
  }
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
  std::optional<Busy> busy;
  if (!idle) busy.emplace(*this);
  {
    std::unique_lock<std::mutex> lock(signal_->mutex);
    const auto ready = [this] {
      if (frames_.empty()) return false;
      const auto& pending = frames_.front().pending;
      return !pending || pending->ticket->ready;
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
    if (!ready()) wait_no_longer(frames_.front());
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
  *out = {frame.buffer, frame.origin.times, frame.late};
  if (frame.late) {
    const auto held = Clock::now() - frame.origin.arrived;
    stats_.late(std::chrono::duration<double, std::milli>(held).count());
    out->lateness = static_cast<GstClockTimeDiff>(frame.lateness + nanoseconds_of(held));
  }
  return GST_FLOW_OK;
}

bool DetectQueue::left(GstFlowReturn flow) noexcept {
  std::deque<Frame> rest;
  Overdue overdue;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    if (cleared_ != popped_cleared_) return false;
    leaving_ = false;
    flow_ = flow;
    if (flow != GST_FLOW_OK) rest.swap(frames_), overdue.swap(overdue_);
  }
  signal_->changed.notify_all();
  drop(rest, overdue);
  return true;
}

bool DetectQueue::resume() noexcept {
  const std::lock_guard<std::mutex> lock(signal_->mutex);
  if (flow_ != GST_FLOW_EOS) return false;
  flow_ = GST_FLOW_OK;
  return true;
}

void DetectQueue::finish(Frame& frame) {
  if (frame.untouched) {
    stats_.passed();
    return;
  }
  const Origin& origin = frame.origin;
  take_overdue(origin.number);
  if (frame.pending) {
    const Took took = take_result(*frame.pending);
    stats_.computed(took.held_ms, took.inference_ms, took.batch);
  } else if (!last_.empty() && tracked_ == origin.streams) {
    stats_.repeated();
  } else {  // nothing stands for a late one yet
    stats_.passed();
    return;
  }
  // Only the buffer's own structure is copied where somebody else holds it: the pixels are shared.
  frame.buffer = gst_buffer_make_writable(frame.buffer);
  const auto age = static_cast<guint>(origin.looked_at - last_looked_at_);
  remove_findings(frame.buffer);
  for (size_t i = 0; i < std::min(frame.pictures, last_.size()); ++i)
    last_[i]->attach(frame.buffer, frame.width, frame.height, static_cast<guint>(i), age, origin.number);
}

// The results that have come too late for their own frames, up to the frame of this number.
void DetectQueue::take_overdue(int64_t up_to) {
  for (;;) {
    std::unique_ptr<Pending> pending;
    {
      const std::lock_guard<std::mutex> lock(signal_->mutex);
      if (overdue_.empty() || overdue_.front()->origin.number > up_to || !overdue_.front()->ticket->ready)
        return;
      pending = std::move(overdue_.front());
      overdue_.pop_front();
    }
    const Took took = take_result(*pending);
    stats_.computed_late(took.inference_ms, took.batch);
  }
}

DetectQueue::Took DetectQueue::take_result(Pending& pending) {
  std::vector<Result> results;
  results.reserve(pending.results.size());
  for (auto& result : pending.results) results.push_back(result.get());
  const Origin& origin = pending.origin;
  const auto finished = pending.ticket->finished;
  const auto alone = finished - std::max(origin.arrived, last_finished_);
  last_finished_ = finished;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    pace_.computed(nanoseconds_of(finished - origin.arrived), nanoseconds_of(alone));
  }
  Took took = {std::chrono::duration<double, std::milli>(finished - origin.arrived).count(), 0, 1};
  if (origin.streams != tracked_)
    for (RegionTracker& tracker : trackers_) tracker.forget();
  tracked_ = origin.streams;
  if (trackers_.size() < results.size()) trackers_.resize(results.size());
  last_.clear();
  for (size_t i = 0; i < results.size(); ++i) {
    Result& result = results[i];
    took.inference_ms += result.inference_ms;
    took.batch = std::max(took.batch, result.batch);
    if (result.scene_cut) trackers_[i].forget();
    const auto sightings = trackers_[i].update(result.statistics.regions, origin.number,
                                               nanoseconds_or_unknown(origin.times.running));
    last_.push_back(std::make_unique<Findings>(std::move(result), sightings, *memory_, pending.threshold,
                                               *pending.model, pending.standard, origin.times.running));
  }
  last_looked_at_ = origin.looked_at;
  return took;
}

void DetectQueue::drop(std::deque<Frame>& frames, Overdue& overdue) noexcept {
  for (Frame& frame : frames) {
    if (frame.pending) frame.pending->ticket->cancelled = true;
    gst_buffer_unref(frame.buffer);
  }
  for (const auto& pending : overdue) pending->ticket->cancelled = true;
  frames.clear();
  overdue.clear();
}

void DetectQueue::reopen() noexcept {
  std::deque<Frame> all;
  Overdue overdue;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    all.swap(frames_);
    overdue.swap(overdue_);
    leaving_ = false;
    flow_ = GST_FLOW_OK;
    ++cleared_;
    pace_.flushed();
  }
  reopened_ = true;
  drop(all, overdue);
}

void DetectQueue::clear() noexcept {
  reopen();
  forget();
  last_.clear();
}

void DetectQueue::forget() noexcept {
  since_computed_ = -1;
  streams_.reset();
  std::deque<Frame> none;
  Overdue overdue;
  {
    const std::lock_guard<std::mutex> lock(signal_->mutex);
    overdue.swap(overdue_);
  }
  drop(none, overdue);
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/sourcekeeper.h"

#include <algorithm>
#include <cstring>
#include <exception>

namespace anomaly {
namespace {

// The time between two looks at a connection.
GstClockTime look_interval(GstClockTime timeout) {
  return std::clamp<GstClockTime>(timeout / 4, 20 * GST_MSECOND, GST_SECOND);
}

// "Service Unavailable (503)", which is all that rtspsrc says of an answer, and says it where nobody looks.
std::string status_of(const char* debug) {
  const char* line = debug ? std::strrchr(debug, '\n') : nullptr;
  const auto none = static_cast<GRegexMatchFlags>(0);
  if (!line || !g_regex_match_simple("^[A-Za-z ]{3,60} \\([1-9][0-9]{2}\\)$", line + 1,
                                     static_cast<GRegexCompileFlags>(0), none))
    return "";
  return std::string(": ") + (line + 1);
}

}  // namespace

SourceKeeper::SourceKeeper(SourceLocation location, SourceConfig config, SourceQueue& queue,
                           Listener listener)
    : location_(std::move(location)),
      config_(std::move(config)),
      queue_(queue),
      listener_(std::move(listener)),
      context_(g_main_context_new()),
      loop_(g_main_loop_new(context_, FALSE)),
      pause_(config_.min_delay) {
  try {
    thread_ = std::thread(&SourceKeeper::run, this);
  } catch (...) {
    g_main_loop_unref(loop_);
    g_main_context_unref(context_);
    throw;
  }
}

SourceKeeper::~SourceKeeper() {
  in_thread([](gpointer self) -> gboolean {
    g_main_loop_quit(static_cast<SourceKeeper*>(self)->loop_);
    return G_SOURCE_REMOVE;
  });
  thread_.join();
  g_main_loop_unref(loop_);
  g_main_context_unref(context_);
  gst_clear_object(&clock_);
}

void SourceKeeper::run() {
  g_main_context_push_thread_default(context_);
  g_main_loop_run(loop_);
  close_now();
  g_main_context_pop_thread_default(context_);
}

void SourceKeeper::in_thread(Step step) {
  GSource* source = g_idle_source_new();
  g_source_set_priority(source, G_PRIORITY_DEFAULT);
  g_source_set_callback(source, step, this, nullptr);
  g_source_attach(source, context_);
  g_source_unref(source);
}

void SourceKeeper::set_timer(GstClockTime after, Step step) {
  if (timer_) g_source_destroy(timer_);
  g_clear_pointer(&timer_, g_source_unref);
  timer_ = g_timeout_source_new(static_cast<guint>(std::min<GstClockTime>(after / GST_MSECOND, G_MAXUINT)));
  g_source_set_callback(timer_, step, this, nullptr);
  g_source_attach(timer_, context_);
}

void SourceKeeper::open(GstClock* clock) {
  if (asked_.exchange(true)) return;
  clock_ = clock ? GST_CLOCK(gst_object_ref(clock)) : nullptr;
  in_thread([](gpointer self) -> gboolean {
    static_cast<SourceKeeper*>(self)->open_now();
    return G_SOURCE_REMOVE;
  });
}

void SourceKeeper::open_now() {
  opened_ = g_get_monotonic_time();
  missing_.clear();
  try {
    auto input =
        std::make_unique<SourceInput>(location_, config_, clock_, queue_, facts_,
                                      SourceInput::Listener{listener_.on_source, listener_.on_latency});
    const std::lock_guard<std::mutex> lock(mutex_);
    input_ = std::move(input);
  } catch (const std::exception& failure) {
    GError* error = g_error_new(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "%s", failure.what());
    listener_.on_failed(error, nullptr);
    g_error_free(error);
    queue_.finish(SourceQueue::Outcome::Failed);
    return;
  }
  GstBus* bus = gst_element_get_bus(input_->pipeline());
  watch_ = gst_bus_create_watch(bus);
  gst_object_unref(bus);
  const auto on_message = +[](GstBus*, GstMessage* message, gpointer self) -> gboolean {
    static_cast<SourceKeeper*>(self)->message(message);
    return G_SOURCE_CONTINUE;  // where it was closed its source is destroyed
  };
  g_source_set_callback(watch_, G_SOURCE_FUNC(on_message), this, nullptr);
  g_source_attach(watch_, context_);
  set_timer(look_interval(config_.timeout), [](gpointer self) -> gboolean {
    static_cast<SourceKeeper*>(self)->attend();
    return G_SOURCE_CONTINUE;
  });
  input_->open();
}

void SourceKeeper::close_now() {
  for (GSource** source : {&timer_, &watch_}) {
    if (*source) g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
  }
  std::unique_ptr<SourceInput> input;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    input = std::move(input_);
  }
}

// Whether frames come.
void SourceKeeper::attend() {
  const gint64 now = g_get_monotonic_time(), arrived = facts_.arrived;
  if (arrived > opened_) {
    given_ = true;
    attempts_ = 0;
    pause_ = config_.min_delay;
  }
  // Nobody takes what it has: that is not its fault.
  if (!live() && queue_.is_full()) facts_.arrived = now;
  if (config_.timeout == 0 || !location_.remote) return;
  const auto silent =
      static_cast<GstClockTime>(now - std::max<gint64>(facts_.arrived, opened_)) * GST_USECOND;
  if (silent < config_.timeout) return;
  GError* error = g_error_new(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, "no frame has come for %.1f s",
                              static_cast<double>(config_.timeout) / GST_SECOND);
  lost(error, nullptr);
  g_error_free(error);
}

void SourceKeeper::message(GstMessage* message) {
  GError* error = nullptr;
  gchar* debug = nullptr;
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ERROR:
      gst_message_parse_error(message, &error, &debug);
      lost(error, debug);
      g_error_free(error);
      g_free(debug);
      break;
    case GST_MESSAGE_EOS:
      ended();
      break;
    case GST_MESSAGE_LATENCY:
      gst_bin_recalculate_latency(GST_BIN(input_->pipeline()));
      break;
    case GST_MESSAGE_ELEMENT: {
      const GstStructure* said = gst_message_get_structure(message);
      if (!gst_structure_has_name(said, "missing-plugin")) break;
      const gchar* name = gst_structure_get_string(said, "name");
      if (missing_.empty() && name) missing_ = name;
      break;
    }
    default:
      break;
  }
}

void SourceKeeper::ended() {
  if (location_.remote && live()) {
    GError* error = g_error_new_literal(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, "it has ended");
    if (config_.reconnect) {
      lost(error, nullptr);
    } else {
      close_now();
      queue_.finish(SourceQueue::Outcome::End);
    }
    g_error_free(error);
    return;
  }
  if (config_.loop && input_->has_given()) {
    given_ = true;
    opened_ = g_get_monotonic_time();
    if (input_->rewind()) return;
    // What cannot be sought in is opened again.
    close_now();
    open_now();
    return;
  }
  queue_.finish(SourceQueue::Outcome::End);
}

// An address that is reached again may do what it did not do; a file will not, unless it did once.
bool SourceKeeper::may_come_back(const GError* error) const {
  if (!config_.reconnect) return false;
  if (error->domain == GST_CORE_ERROR ||
      g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED) ||
      g_error_matches(error, GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND) ||
      g_error_matches(error, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE))
    return false;
  return location_.remote || (config_.loop && (given_ || facts_.arrived > opened_));
}

void SourceKeeper::lost(GError* error, const char* debug) {
  // A phrase, to be put into a sentence.
  const bool gave = facts_.arrived > opened_, missing = !gave && !missing_.empty();
  std::string reason = missing ? "there is no element for " + missing_ : error->message;
  while (!reason.empty() && reason.back() == '.') reason.pop_back();
  reason += status_of(debug);
  if (gave) {
    given_ = true;
    attempts_ = 0;
    pause_ = config_.min_delay;
  }
  const bool again = may_come_back(error) && !missing;
  close_now();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stats_.last_error = reason;
    stats_.reconnects += again;
  }
  if (!again) {
    GError* told = g_error_new_literal(error->domain, error->code, reason.c_str());
    listener_.on_failed(told, debug);
    g_error_free(told);
    queue_.finish(SourceQueue::Outcome::Failed);
    return;
  }
  listener_.on_lost(reason, pause_, ++attempts_);
  set_timer(pause_, [](gpointer self) -> gboolean {
    static_cast<SourceKeeper*>(self)->open_now();
    return G_SOURCE_REMOVE;
  });
  pause_ = std::min(2 * pause_, std::max(config_.max_delay, config_.min_delay));
}

SourceKeeper::Stats SourceKeeper::stats() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

bool SourceKeeper::query(GstQuery* query) const {
  GstElement* pipeline = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (input_) pipeline = GST_ELEMENT(gst_object_ref(input_->pipeline()));
  }
  if (!pipeline) return false;
  const bool known = gst_element_query(pipeline, query);
  gst_object_unref(pipeline);
  return known;
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectoutput.h"

#include <utility>

#include "gst/plugin/gstanomalydetecterror.h"

namespace anomaly {

DetectOutput::DetectOutput(GstElement* element, GstPad* pad, DetectQueue& queue, DetectStats& stats,
                           DetectQos& qos, EventTracker& events, std::function<EventSettings()> settings)
    : element_(element),
      pad_(pad),
      queue_(queue),
      stats_(stats),
      qos_(qos),
      events_(events),
      settings_(std::move(settings)) {}

// To whoever has connected to the signal, and to the bus. Transfer full, or null.
void DetectOutput::tell_event(GstStructure* event, bool post) {
  if (!event) return;
  g_signal_emit(element_, event_signal(), 0, event);
  if (post)
    gst_element_post_message(element_, gst_message_new_element(GST_OBJECT(element_), event));
  else
    gst_structure_free(event);
}

void DetectOutput::tell(const FinishedFrame& frame) {
  // The pipeline asks again for latencies when a frame's cost has changed.
  if (stats_.latency_changed())
    gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT(element_)));
  if (frame.late)
    gst_element_post_message(element_, qos_.passed_on(GST_OBJECT(element_), frame.times.running,
                                                      frame.times.stream, frame.buffer, frame.lateness));
  EventFrame seen;
  bool looked_at = false;
  gpointer next = nullptr;
  // Of a batch the picture with the highest score counts, and the regions of all.
  while (GstMeta* each = gst_buffer_iterate_meta_filtered(frame.buffer, &next, GST_ANOMALY_META_API_TYPE)) {
    const auto* meta = reinterpret_cast<const GstAnomalyMeta*>(each);
    if (!looked_at || meta->score > seen.score) seen.score = meta->score;
    seen.threshold = meta->threshold;
    seen.regions += gst_anomaly_meta_n_regions(meta);
    seen.model = meta->model;
    looked_at = true;
  }
  if (!looked_at) return;
  seen.timestamp = GST_BUFFER_PTS(frame.buffer);
  seen.stream_time = frame.times.stream;
  seen.running_time = frame.times.running;
  EventSettings settings = settings_();
  const bool post = settings.post;
  settings.post |= g_signal_has_handler_pending(element_, event_signal(), 0, FALSE);
  std::function<Thumbnail()> picture;
  if (settings.thumbnail) picture = [this, &frame] { return thumbnails_.take(pad_, frame.buffer); };
  tell_event(events_.frame(seen, settings, picture), post);
}

GstFlowReturn DetectOutput::next(bool idle, GstBuffer** out) noexcept {
  FinishedFrame frame;
  try {
    const GstFlowReturn flow = queue_.pop(idle, &frame);
    if (frame.buffer) tell(frame);
    *out = frame.buffer;
    return flow;
  } catch (...) {
    post_failure(element_, std::current_exception());
    if (frame.buffer) gst_buffer_unref(frame.buffer);
    *out = nullptr;
    return GST_FLOW_ERROR;
  }
}

void DetectOutput::push_frames(gpointer data) {
  auto* self = static_cast<DetectOutput*>(data);
  GstBuffer* buffer = nullptr;
  GstFlowReturn flow = self->next(true, &buffer);
  if (buffer) flow = gst_pad_push(self->pad_, buffer);
  // A flush that came from this very thread, by a seek from downstream, is over: the task goes on.
  if (!self->queue_.left(flow) || flow == GST_FLOW_OK) return;
  GST_DEBUG_OBJECT(self->element_, "pushing pauses: %s", gst_flow_get_name(flow));
  gst_pad_pause_task(self->pad_);
}

void DetectOutput::start_task() {
  gst_pad_start_task(pad_, &DetectOutput::push_frames, this, nullptr);
}

void DetectOutput::stop_task() {
  gst_pad_stop_task(pad_);
}

void DetectOutput::end_event(const char* reason) {
  tell_event(events_.end(reason), settings_().post);
}

}  // namespace anomaly

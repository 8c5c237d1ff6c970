// SPDX-License-Identifier: LGPL-2.1-or-later
// Pipelines from their description, played to their end.
#pragma once

#include <string>

#include <gst/check/gstcheck.h>

// Stopped and let go of with this.
class Launched {
 public:
  explicit Launched(const std::string& description) : description_(description) {
    GError* failure = nullptr;
    pipeline_ = gst_parse_launch(description.c_str(), &failure);
    fail_unless(failure == nullptr, "%s: %s", description.c_str(), failure ? failure->message : "");
  }
  ~Launched() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
  }
  Launched(const Launched&) = delete;
  Launched& operator=(const Launched&) = delete;

  GstElement* get() const { return pipeline_; }

  // Plays until the end, or until an element gives up: its error's text, else nothing.
  std::string play() const {
    GstBus* bus = gst_element_get_bus(pipeline_);
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    GstMessage* message = gst_bus_timed_pop_filtered(
        bus, 100 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_EOS));
    fail_unless(message != nullptr, "%s does not end", description_.c_str());
    std::string text;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      GError* failure = nullptr;
      gst_message_parse_error(message, &failure, nullptr);
      text = failure->message;
      g_clear_error(&failure);
    }
    gst_message_unref(message);
    gst_object_unref(bus);
    return text;
  }

  // Until the first frame has come to the sinks.
  void pause() const {
    gst_element_set_state(pipeline_, GST_STATE_PAUSED);
    fail_unless_equals_int(gst_element_get_state(pipeline_, nullptr, nullptr, 60 * GST_SECOND),
                           GST_STATE_CHANGE_SUCCESS);
  }

  // What was agreed on at an element's pad. Transfer full.
  GstCaps* caps_at(const char* element, const char* pad_name) const {
    GstElement* found = gst_bin_get_by_name(GST_BIN(pipeline_), element);
    fail_unless(found != nullptr, "%s has no %s", description_.c_str(), element);
    GstPad* pad = gst_element_get_static_pad(found, pad_name);
    GstCaps* caps = gst_pad_get_current_caps(pad);
    fail_unless(caps != nullptr, "%s: no caps at %s", description_.c_str(), element);
    gst_object_unref(pad);
    gst_object_unref(found);
    return caps;
  }

  // The last frame that came to the fakesink of that name, and its caps. Transfer full.
  GstBuffer* last(const char* sink, GstCaps** caps) const {
    GstElement* found = gst_bin_get_by_name(GST_BIN(pipeline_), sink);
    GstSample* sample = nullptr;
    g_object_get(found, "last-sample", &sample, nullptr);
    fail_unless(sample != nullptr, "%s: no frame came", description_.c_str());
    GstBuffer* buffer = gst_buffer_ref(gst_sample_get_buffer(sample));
    *caps = gst_caps_ref(gst_sample_get_caps(sample));
    gst_sample_unref(sample);
    gst_object_unref(found);
    return buffer;
  }

 private:
  std::string description_;
  GstElement* pipeline_ = nullptr;
};

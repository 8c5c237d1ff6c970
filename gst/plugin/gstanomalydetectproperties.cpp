// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectproperties.h"

#include <string>
#include <utility>
#include <vector>

#include "gst/plugin/gstanomalydetecterror.h"
#include "gst/plugin/gstanomalydetectregions.h"

namespace anomaly {

DetectConfig config_now(GstAnomalyDetect* self) {
  const ObjectLock lock(self);
  return self->state->config;
}

EventSettings event_settings_now(GstAnomalyDetect* self) {
  const ObjectLock lock(self);
  return self->state->event_settings;
}

void start_regions(GstAnomalyDetect* self, RegionConfig regions, const std::vector<std::string>& classes) {
  DetectState& state = *self->state;
  for (;;) {
    check_classes(regions, classes);
    check_mask(regions);
    const ObjectLock lock(self);
    if (state.config.regions.same_texts(regions)) {
      state.config.regions = std::move(regions);
      state.classes = classes;
      state.started = true;
      return;
    }
    regions = state.config.regions;  // set meanwhile
  }
}

namespace {

// A running element keeps what it had where the new text cannot be used, and warns.
void set_text(GstAnomalyDetect* self, guint id, const GValue* value) {
  DetectState& state = *self->state;
  RegionConfig regions;
  std::vector<std::string> classes;
  {
    const ObjectLock lock(self);
    if (!state.started) {
      set_region_property(state.config.regions, id, value);
      return;
    }
    regions = state.config.regions;
    classes = state.classes;
  }
  set_region_property(regions, id, value);
  try {
    if (id == PROP_CLASSES)
      check_classes(regions, classes);
    else
      check_mask(regions);
  } catch (...) {
    post_warning(GST_ELEMENT(self), std::current_exception(), "What was set before stays in force.");
    return;
  }
  const ObjectLock lock(self);
  take_region_property(state.config.regions, id, regions);
}

// Loads another bundle in the calling thread, while frames flow; the next frame uses it. One that cannot be
// used is a warning, and what was there before stays. False where the element has not started.
bool swap_model(GstAnomalyDetect* self, const GValue* value) {
  DetectState& state = *self->state;
  std::exception_ptr failure;
  {
    const std::lock_guard<std::mutex> model_lock(state.model);
    GST_OBJECT_LOCK(self);
    const bool started = state.started;
    GST_OBJECT_UNLOCK(self);
    if (!started) return false;
    const gchar* path = g_value_get_string(value);
    try {
      if (!state.swap.offer(path ? path : "", config_now(self).regions)) return false;
      std::string problem;
      const ObjectLock lock(self);
      set_detect_property(state.config, PROP_MODEL, value, problem);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (failure) post_warning(GST_ELEMENT(self), failure, "The bundle that was in use before stays in use.");
  return true;
}

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* pspec) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(object);
  try {
    if (id == PROP_MODEL && swap_model(self, value)) return;
    if (id == PROP_IGNORE_MASK || id == PROP_CLASSES) {
      set_text(self, id, value);
      return;
    }
    std::string problem;
    bool known = false, running = false;
    {
      const ObjectLock lock(self);
      DetectConfig& config = self->state->config;
      known = set_detect_property(config, id, value, problem) ||
              set_stream_property(config.streams, id, value) ||
              set_standard_property(config.standard, id, value) ||
              set_event_property(self->state->event_settings, id, value);
      // A running element keeps the region that it had and warns; one that is not refuses to start.
      running = self->state->started;
      if (running) config.roi_problem.clear();
    }
    if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    if (running && !problem.empty())
      GST_ELEMENT_WARNING(self, RESOURCE, SETTINGS, ("%s", problem.c_str()), (nullptr));
  } catch (...) {
    post_failure(GST_ELEMENT(self), std::current_exception());
  }
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* pspec) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(object);
  if (id == PROP_STATS) {
    g_value_take_boxed(value, self->state->stats.to_structure());
    return;
  }
  GST_OBJECT_LOCK(self);
  const bool known = get_detect_property(self->state->config, id, value) ||
                     get_stream_property(self->state->config.streams, id, value) ||
                     get_event_property(self->state->event_settings, id, value) ||
                     get_standard_property(self->state->config.standard, id, value) ||
                     get_region_property(self->state->config.regions, id, value);
  GST_OBJECT_UNLOCK(self);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

}  // namespace

void install_properties(GObjectClass* klass) {
  klass->set_property = set_property;
  klass->get_property = get_property;
  install_detect_properties(klass);
  install_event_properties(klass);
  install_region_properties(klass);
  install_standard_properties(klass);
  install_stream_properties(klass);
}

}  // namespace anomaly

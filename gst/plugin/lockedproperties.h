// SPDX-License-Identifier: LGPL-2.1-or-later
// Properties of elements that keep what they say in a configuration, under the object lock.
#pragma once

#include <gst/gst.h>

#include <exception>

#include "gst/plugin/gstanomalydetecterror.h"
#include "gst/plugin/objectlock.h"

namespace anomaly {

// As GObjectClass::set_property. set: puts a value into `config`, false for a property that it does not have;
// may throw. locked: whether the element runs, and this property can't be changed then; asked under the
// lock.
template <typename Config, typename Locked>
void set_locked_property(GObject* object, guint id, const GValue* value, GParamSpec* spec, Config& config,
                         bool (*set)(Config&, guint, const GValue*), Locked locked) {
  bool refused = false, known = true;
  try {
    const ObjectLock lock(object);
    refused = locked();
    if (!refused) known = set(config, id, value);
  } catch (...) {
    post_failure(GST_ELEMENT(object), std::current_exception());
  }
  if (refused)
    g_warning("%s: \"%s\" cannot be changed while the element runs",
              GST_OBJECT_NAME(gst_element_get_factory(GST_ELEMENT(object))), spec->name);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

// As GObjectClass::get_property. stats_id: of the property whose structure `stats` makes, without the lock.
template <typename Config, typename Stats>
void get_locked_property(GObject* object, guint id, GValue* value, GParamSpec* spec, const Config& config,
                         bool (*get)(const Config&, guint, GValue*), guint stats_id, Stats stats) {
  if (id == stats_id) {
    g_value_take_boxed(value, stats());
    return;
  }
  const ObjectLock lock(object);
  if (!get(config, id, value)) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

}  // namespace anomaly

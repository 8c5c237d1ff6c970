// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_ANOMALY_PUBLISH (gst_anomaly_publish_get_type())
G_DECLARE_FINAL_TYPE(GstAnomalyPublish, gst_anomaly_publish, GST, ANOMALY_PUBLISH, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE(anomalypublish);

G_END_DECLS

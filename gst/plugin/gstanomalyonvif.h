// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_ANOMALY_ONVIF (gst_anomaly_onvif_get_type())
G_DECLARE_FINAL_TYPE(GstAnomalyOnvif, gst_anomaly_onvif, GST, ANOMALY_ONVIF, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE(anomalyonvif);

G_END_DECLS

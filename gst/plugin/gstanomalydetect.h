// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect: finds what does not belong on the road and says so in metadata; frames pass untouched.
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_ANOMALY_DETECT (gst_anomaly_detect_get_type())
G_DECLARE_FINAL_TYPE(GstAnomalyDetect, gst_anomaly_detect, GST, ANOMALY_DETECT, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE(anomalydetect);

G_END_DECLS

// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/gstvideofilter.h>

G_BEGIN_DECLS

#define GST_TYPE_ANOMALY_OVERLAY (gst_anomaly_overlay_get_type())
G_DECLARE_FINAL_TYPE(GstAnomalyOverlay, gst_anomaly_overlay, GST, ANOMALY_OVERLAY, GstVideoFilter)

GST_ELEMENT_REGISTER_DECLARE(anomalyoverlay);

G_END_DECLS

// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_ANOMALY_SOURCE (gst_anomaly_source_get_type())
G_DECLARE_FINAL_TYPE(GstAnomalySource, gst_anomaly_source, GST, ANOMALY_SOURCE, GstPushSrc)

GST_ELEMENT_REGISTER_DECLARE(anomalysource);

G_END_DECLS

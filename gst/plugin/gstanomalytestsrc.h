// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_ANOMALY_TEST_SRC (gst_anomaly_test_src_get_type())
G_DECLARE_FINAL_TYPE(GstAnomalyTestSrc, gst_anomaly_test_src, GST, ANOMALY_TEST_SRC, GstPushSrc)

GST_ELEMENT_REGISTER_DECLARE(anomalytestsrc);

G_END_DECLS

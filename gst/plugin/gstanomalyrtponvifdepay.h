// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/rtp/gstrtpbasedepayload.h>

G_BEGIN_DECLS

#define GST_TYPE_ANOMALY_RTP_ONVIF_DEPAY (gst_anomaly_rtp_onvif_depay_get_type())
G_DECLARE_FINAL_TYPE(GstAnomalyRtpOnvifDepay, gst_anomaly_rtp_onvif_depay, GST, ANOMALY_RTP_ONVIF_DEPAY,
                     GstRTPBaseDepayload)

GST_ELEMENT_REGISTER_DECLARE(anomalyrtponvifdepay);

G_END_DECLS

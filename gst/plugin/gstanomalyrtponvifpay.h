// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/rtp/gstrtpbasepayload.h>

G_BEGIN_DECLS

#define GST_TYPE_ANOMALY_RTP_ONVIF_PAY (gst_anomaly_rtp_onvif_pay_get_type())
G_DECLARE_FINAL_TYPE(GstAnomalyRtpOnvifPay, gst_anomaly_rtp_onvif_pay, GST, ANOMALY_RTP_ONVIF_PAY,
                     GstRTPBasePayload)

GST_ELEMENT_REGISTER_DECLARE(anomalyrtponvifpay);

G_END_DECLS

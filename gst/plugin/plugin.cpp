// SPDX-License-Identifier: LGPL-2.1-or-later
// The plugin `anomaly`: every element that this build could make.
#include <gst/gst.h>

GST_ELEMENT_REGISTER_DECLARE(anomalydetect);
GST_ELEMENT_REGISTER_DECLARE(anomalyonvif);
GST_ELEMENT_REGISTER_DECLARE(anomalyoverlay);
GST_ELEMENT_REGISTER_DECLARE(anomalypublish);
GST_ELEMENT_REGISTER_DECLARE(anomalyrtponvifdepay);
GST_ELEMENT_REGISTER_DECLARE(anomalyrtponvifpay);
GST_ELEMENT_REGISTER_DECLARE(anomalysource);
GST_ELEMENT_REGISTER_DECLARE(anomalytestsrc);

static gboolean plugin_init([[maybe_unused]] GstPlugin* plugin) {
  gboolean all = GST_ELEMENT_REGISTER(anomalydetect, plugin);
  all &= GST_ELEMENT_REGISTER(anomalyonvif, plugin);
  all &= GST_ELEMENT_REGISTER(anomalypublish, plugin);
  all &= GST_ELEMENT_REGISTER(anomalyrtponvifdepay, plugin);
  all &= GST_ELEMENT_REGISTER(anomalyrtponvifpay, plugin);
  all &= GST_ELEMENT_REGISTER(anomalysource, plugin);
  all &= GST_ELEMENT_REGISTER(anomalytestsrc, plugin);
#ifdef HAVE_ANOMALYOVERLAY
  all &= GST_ELEMENT_REGISTER(anomalyoverlay, plugin);
#endif
  return all;
}

#define PACKAGE "gst-anomaly"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, anomaly,
                  "Finds what does not belong on the road, pixel by pixel, in driving video", plugin_init,
                  ANOMALY_VERSION, "LGPL", ANOMALY_PACKAGE_NAME, ANOMALY_PACKAGE_ORIGIN)

// SPDX-License-Identifier: LGPL-2.1-or-later
// The plugin `anomaly`: every element that this build could make.
#include <gst/gst.h>

#ifdef HAVE_ANOMALYDETECT
GST_ELEMENT_REGISTER_DECLARE(anomalydetect);
#endif
#ifdef HAVE_ANOMALYOVERLAY
GST_ELEMENT_REGISTER_DECLARE(anomalyoverlay);
#endif
#ifdef HAVE_ANOMALYPUBLISH
GST_ELEMENT_REGISTER_DECLARE(anomalypublish);
#endif
#ifdef HAVE_ANOMALYTESTSRC
GST_ELEMENT_REGISTER_DECLARE(anomalytestsrc);
#endif

static gboolean plugin_init([[maybe_unused]] GstPlugin* plugin) {
  gboolean any = FALSE;
#ifdef HAVE_ANOMALYDETECT
  any |= GST_ELEMENT_REGISTER(anomalydetect, plugin);
#endif
#ifdef HAVE_ANOMALYOVERLAY
  any |= GST_ELEMENT_REGISTER(anomalyoverlay, plugin);
#endif
#ifdef HAVE_ANOMALYPUBLISH
  any |= GST_ELEMENT_REGISTER(anomalypublish, plugin);
#endif
#ifdef HAVE_ANOMALYTESTSRC
  any |= GST_ELEMENT_REGISTER(anomalytestsrc, plugin);
#endif
  return any;
}

#define PACKAGE "gst-anomaly"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, anomaly,
                  "Finds what does not belong on the road, pixel by pixel, in driving video", plugin_init,
                  ANOMALY_VERSION, "LGPL", "gst-anomaly", "https://gstreamer.freedesktop.org/")

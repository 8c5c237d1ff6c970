/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * anomaly-report's parts: anomaly-report.c (options, pipeline, progress), report-page.c (the page).
 */
#ifndef __ANOMALY_REPORT_H__
#define __ANOMALY_REPORT_H__

#include <gst/gst.h>

typedef struct {
  gdouble time;  /* seconds from the start */
  gdouble score; /* NaN = nobody looked at the frame */
  gdouble on;    /* score from which it counts as anomalous */
} ReportFrame;

typedef struct {
  guint id;
  gdouble start, end, peak_at, peak; /* seconds from the start; the score */
  GBytes* picture;                   /* JPEG of the highest frame; NULL = not kept */
  const gchar* beneath;              /* class under its largest region, an interned string; NULL = unknown */
} ReportEvent;

typedef struct {
  const gchar *name, *value;
} ReportSetting;

typedef struct {
  const gchar* title;  /* of the recording */
  gboolean incomplete; /* it breaks off, or was not looked at to its end */
  GArray* frames;      /* of ReportFrame, in their order */
  GArray* events;      /* of ReportEvent, in their order */
  GArray* settings;    /* of ReportSetting */
  gint width, height;  /* of the frames */
} Report;

/* One HTML page, complete in itself: no script, and nothing from anywhere else. */
GString* report_page(const Report* report);

#endif

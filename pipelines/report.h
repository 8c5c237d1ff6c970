/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * anomaly-report's parts: anomaly-report.c (options, pipeline, progress), report-collect.c
 * (what the pipeline tells), report-page.c (the page).
 */
#ifndef __ANOMALY_REPORT_H__
#define __ANOMALY_REPORT_H__

#include <gst/gst.h>

#include "paint.h"

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
  const gchar* name;
  gchar* value;
} ReportSetting;

typedef struct {
  const gchar* title;  /* of the recording */
  gboolean incomplete; /* it breaks off, or was not looked at to its end */
  GArray* frames;      /* of ReportFrame, in their order */
  GArray* events;      /* of ReportEvent, in their order */
  GArray* settings;    /* of ReportSetting */
  gint width, height;  /* of the frames */
} Report;

/* A report that grows while a pipeline runs. */
typedef struct {
  GMutex lock; /* of the report's frames and events meanwhile */
  Report report;
  gdouble on; /* score from which a frame counts; below 0 = the threshold that its metadata names */
  Painter* painter;
} Collection;

void collection_init(Collection* all);
void collection_clear(Collection* all);
/* Collects what a detector tells, from the next start on. */
void collection_watch(Collection* all, GstElement* detect, gdouble on);
/* How many frames there are so far; *time is the last one's, seconds. */
guint collection_frames(Collection* all, gdouble* time);
/* From which frames count: NaN before the first that was looked at. */
gdouble collection_on_score(Collection* all);
/* Takes the value. */
void collection_add_setting(Collection* all, const gchar* name, gchar* value);

/* One HTML page, complete in itself: no script, and nothing from anywhere else. */
GString* report_page(const Report* report);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A clip and its events: for record-clips.c and record-facts.c, and for them alone.
 */
#ifndef __ANOMALY_RECORD_CLIPS_H__
#define __ANOMALY_RECORD_CLIPS_H__

#include "record.h"

typedef struct {
  guint id;
  GstClockTime start, end, peak_at; /* end: none while it goes on */
  gdouble peak;
  gchar *model, *reason;
  GstSample* picture;
} Event;

typedef struct {
  Recorder* recorder;
  gchar *path, *part;            /* the latter while it is written */
  GstElement *pipeline, *appsrc; /* NULL before its first frame */
  GstClockTime from;             /* where it is to begin */
  GstClockTime begin, last;      /* running times of the first and the last frame */
  guint frames;
  GPtrArray* events; /* of Event */
} Clip;

/* path with another ending. */
gchar* clip_beside(const gchar* path, const gchar* ending);
/* The highest event's picture and the figures of all of them, beside a clip that is finished. FALSE after a
 * complaint. source: may be NULL. */
gboolean clip_write_facts(const Clip* clip, const gchar* source);

#endif

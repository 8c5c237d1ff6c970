/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the web page shows of a mount: the newest picture, the score over the last minutes, the last events.
 */
#ifndef __ANOMALY_RTSP_VIEW_H__
#define __ANOMALY_RTSP_VIEW_H__

#include "server.h"

View* view_new(Mount* mount);
/* Stops what it runs. The mount's RTSP pipeline is gone by then. */
void view_free(View* view);

/* --- Of the mount's pipelines, by mount.c. Any thread; a NULL view is ignored.
 * A media of the RTSP server is about to open the source: returns when the view has closed it. */
void view_media_begins(View* view);
void view_media_ended(View* view);
/* A frame that leaves the detector of `bin`. */
void view_frame(View* view, GstPad* pad, GstBuffer* frame);
/* The detector's signal. */
void view_event(View* view, const GstStructure* event);
/* The source has failed. */
void view_lost(View* view, const gchar* why);

/* --- Of the page, by web.c. Any thread.
 * The newest picture as JPEG, later than number *after, which is waited for for a short time; *after is its
 * number then. NULL: there is none yet. Until some seconds after the last call, pictures are made, and, where
 * no RTSP client watches the mount, the view runs a pipeline of its own. */
GBytes* view_picture(View* view, guint64* after, GCancellable* end);
/* An event's picture; NULL where there is none (any more). */
GBytes* view_event_picture(View* view, guint64 id);
/* Appends an object: state, figures, the score's points from number `since` on, events. */
void view_describe(View* view, guint64 since, GString* json);
/* The number of the score's point that is now; a point is VIEW_POINT_MS milliseconds. */
guint64 view_now(void);

#define VIEW_POINT_MS 500
#define VIEW_POINTS 600 /* that are kept */

#endif

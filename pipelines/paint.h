/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames with their heatmap as JPEG pictures.
 */
#ifndef __ANOMALY_PAINT_H__
#define __ANOMALY_PAINT_H__

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _Painter Painter;

/* Pictures at most `widest` pixels wide, in the frame's proportions. One thread at a time uses a painter. */
Painter* painter_new(guint widest);
void painter_free(Painter* painter);

/* A raw frame of system memory, with its GstAnomalyMeta if it has one; NULL where it cannot be painted. */
GBytes* painter_paint(Painter* painter, GstBuffer* frame, GstCaps* caps);

/* What painters need: the name of an element that is missing, and in *package what it comes with; else NULL.
 */
const gchar* painter_lacks(const gchar** package);

G_END_DECLS

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the metadata library share. Not installed. */
#pragma once

#include "gst/lib/gstanomalymeta.h"

G_BEGIN_DECLS

G_GNUC_INTERNAL gboolean gst_anomaly_meta_transform(GstBuffer* dest, GstMeta* meta, GstBuffer* source,
                                                    GQuark type, gpointer data);

/* Copies up to `size` bytes from `offset` on, and returns how many. Maps that lie on a GPU may fail to be
 * mapped, which gst_buffer_extract() does not survive (1.22: the buffer is left without its memory). */
G_GNUC_INTERNAL gsize gst_anomaly_values_read(GstBuffer* values, gsize offset, gpointer out, gsize size);

/* Fills `meta`, empty before, from bytes. NULL, or what is wrong with them; then `meta` is to be removed. */
G_GNUC_INTERNAL const gchar* gst_anomaly_meta_read(GstAnomalyMeta* meta, const guint8* data, gsize size);

#if GST_CHECK_VERSION(1, 24, 0)
G_GNUC_INTERNAL gboolean gst_anomaly_meta_serialize_func(const GstMeta* meta, GstByteArrayInterface* data,
                                                         guint8* version);
G_GNUC_INTERNAL GstMeta* gst_anomaly_meta_deserialize_func(const GstMetaInfo* info, GstBuffer* buffer,
                                                           const guint8* data, gsize size, guint8 version);
#endif

/* Layout of the data of the "gst-video-matrix" transform (GstVideoMetaTransformMatrix of GStreamer 1.28). It
 * is declared here so that a build against an older GStreamer follows matrices too when it runs under a newer
 * one. */
typedef struct {
  const GstVideoInfo* in_info;
  GstVideoRectangle in_rectangle;
  const GstVideoInfo* out_info;
  GstVideoRectangle out_rectangle;
  gfloat matrix[3][3];
} GstAnomalyMatrixTransform;

G_END_DECLS

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GstAnomalyMeta: what anomalydetect found in one video frame.
 *
 * Scores are dimensionless, higher = more anomalous, usually [0, 1]. Lengths are frame pixels unless stated.
 * A meta belongs to its buffer; read it while you hold the buffer; change it only on a writable buffer.
 */
#ifndef __GST_ANOMALY_META_H__
#define __GST_ANOMALY_META_H__

#include <gst/gst.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

#ifndef GST_ANOMALY_API
#define GST_ANOMALY_API __attribute__((visibility("default")))
#endif

#define GST_TYPE_ANOMALY_PLANE_TYPE (gst_anomaly_plane_type_get_type())
#define GST_TYPE_ANOMALY_REGION (gst_anomaly_region_get_type())
#define GST_TYPE_ANOMALY_PLANE (gst_anomaly_plane_get_type())
#define GST_ANOMALY_META_API_TYPE (gst_anomaly_meta_api_get_type())
#define GST_ANOMALY_META_INFO (gst_anomaly_meta_get_info())

typedef struct _GstAnomalyRegion GstAnomalyRegion;
typedef struct _GstAnomalyPlane GstAnomalyPlane;
typedef struct _GstAnomalyMeta GstAnomalyMeta;

/**
 * GstAnomalyPlaneType:
 * @GST_ANOMALY_PLANE_U8: unsigned bytes
 * @GST_ANOMALY_PLANE_F32: 32-bit floats, host byte order
 *
 * What one value of a plane is.
 *
 * Since: 0.1
 */
typedef enum {
  GST_ANOMALY_PLANE_U8 = 0,
  GST_ANOMALY_PLANE_F32 = 1,
} GstAnomalyPlaneType;

/**
 * GstAnomalyRegion:
 * @id: number of the region: the same from frame to frame for as long as the region is followed
 * @x: left edge of the bounding box
 * @y: top edge of the bounding box
 * @width: of the bounding box
 * @height: of the bounding box
 * @area: pixels in the region
 * @mean: mean score over the region
 * @max: highest score in the region
 * @label: (nullable): name of the most frequent class beneath the region, an interned string
 * @first_seen: running time of the frame in which it was first seen; %GST_CLOCK_TIME_NONE where unknown
 * @age: frames since that one; 0 = it is new
 *
 * An 8-connected set of frame pixels whose score is at or over the threshold. A plain value: it owns nothing.
 *
 * Since: 0.1
 */
struct _GstAnomalyRegion {
  guint id;
  gint x, y, width, height;
  guint64 area;
  gdouble mean, max;
  const gchar* label;
  GstClockTime first_seen;
  guint age;

  /*< private >*/
  gpointer _gst_reserved[GST_PADDING - 2];
};

/**
 * GstAnomalyPlane:
 * @name: an interned string: "anomaly", "labels", "entropy", "distance", "perceptual", "dissimilarity" or
 * "synthesis"
 * @type: of one value
 * @width: in values
 * @height: in values
 * @channels: interleaved values a pixel: 1, or 3 for "synthesis"
 * @data: the values, row-major, no padding: width * height * channels of them
 *
 * A plane of numbers over the meta's rectangle. It holds a reference on @data; whoever changes the numbers
 * replaces the buffer, because other metas may share it.
 *
 * Since: 0.1
 */
struct _GstAnomalyPlane {
  const gchar* name;
  GstAnomalyPlaneType type;
  guint width, height, channels;
  GstBuffer* data;

  /*< private >*/
  gpointer _gst_reserved[GST_PADDING];
};

/**
 * GstAnomalyMeta:
 * @meta: parent
 * @score: mean of the highest 0.1 % of the map's values
 * @max: highest value of the map
 * @mean: mean of the map
 * @share: part of the frame's pixels at or over @threshold, [0, 1]
 * @threshold: the threshold that was in force
 * @x: left edge of the rectangle of the frame that the maps cover
 * @y: top edge of it
 * @width: of it
 * @height: of it
 * @map: the score map, float; use gst_anomaly_meta_map_scores() to read it
 * @regions: (element-type GstAnomalyRegion): regions by falling area
 * @planes: (element-type GstAnomalyPlane): further maps that were asked for
 * @method: name of the method, an interned string
 * @model: name of the bundle, an interned string
 * @inference_ms: time that the engine spent on the map, milliseconds
 * @age: frames since the map was computed; 0 = computed from this frame
 * @surface: which picture of the buffer, where it holds a batch of them; 0 = the first or only one
 *
 * What was found in one video frame. The figures (@score, @max, @mean, @share) are those of the frame that
 * was analysed: scaling and cropping move the rectangle, the regions and the maps, and leave the figures
 * alone.
 *
 * Since: 0.1
 */
struct _GstAnomalyMeta {
  GstMeta meta;

  gdouble score, max, mean, share, threshold;
  gint x, y, width, height;
  GstAnomalyPlane map;
  GArray* regions;
  GArray* planes;
  const gchar* method;
  const gchar* model;
  gdouble inference_ms;
  guint age;
  guint surface;

  /*< private >*/
  gpointer _gst_reserved[GST_PADDING_LARGE];
};

GST_ANOMALY_API GType gst_anomaly_plane_type_get_type(void);
GST_ANOMALY_API GType gst_anomaly_region_get_type(void);
GST_ANOMALY_API GType gst_anomaly_plane_get_type(void);
GST_ANOMALY_API GType gst_anomaly_meta_api_get_type(void);
GST_ANOMALY_API const GstMetaInfo* gst_anomaly_meta_get_info(void);

/* Adds an empty meta: no map, no regions, rectangle 0 0 0 0. The buffer must be writable. */
GST_ANOMALY_API GstAnomalyMeta* gst_buffer_add_anomaly_meta(GstBuffer* buffer);
/* The first (normally the only) one, or NULL. */
GST_ANOMALY_API GstAnomalyMeta* gst_buffer_get_anomaly_meta(GstBuffer* buffer);

/* Sets the names of the method and of the bundle; both are interned. NULL = unknown. */
GST_ANOMALY_API void gst_anomaly_meta_set_names(GstAnomalyMeta* meta, const gchar* method,
                                                const gchar* model);
/* Sets the score map. Takes ownership of @data: width * height floats. */
GST_ANOMALY_API void gst_anomaly_meta_set_map(GstAnomalyMeta* meta, guint width, guint height,
                                              GstBuffer* data);

/* Appends a copy of @region; its label is interned. */
GST_ANOMALY_API void gst_anomaly_meta_add_region(GstAnomalyMeta* meta, const GstAnomalyRegion* region);
GST_ANOMALY_API guint gst_anomaly_meta_n_regions(const GstAnomalyMeta* meta);
/* (transfer none) (nullable): NULL where @index is out of range. */
GST_ANOMALY_API const GstAnomalyRegion* gst_anomaly_meta_get_region(const GstAnomalyMeta* meta, guint index);

/* Appends a further map. Takes ownership of @data. */
GST_ANOMALY_API void gst_anomaly_meta_add_plane(GstAnomalyMeta* meta, const gchar* name,
                                                GstAnomalyPlaneType type, guint width, guint height,
                                                guint channels, GstBuffer* data);
/* Further maps only: the score map is not counted. */
GST_ANOMALY_API guint gst_anomaly_meta_n_planes(const GstAnomalyMeta* meta);
/* (transfer none) (nullable): NULL where @index is out of range. */
GST_ANOMALY_API const GstAnomalyPlane* gst_anomaly_meta_get_nth_plane(const GstAnomalyMeta* meta,
                                                                      guint index);
/* (transfer none) (nullable): the map of that name ("anomaly" = the score map), or NULL. */
GST_ANOMALY_API const GstAnomalyPlane* gst_anomaly_meta_get_plane(const GstAnomalyMeta* meta,
                                                                  const gchar* name);

/* Maps the score map for reading: *scores points at *width x *height floats until
 * gst_anomaly_meta_unmap_scores(). FALSE where there is no map or it cannot be mapped. */
GST_ANOMALY_API gboolean gst_anomaly_meta_map_scores(const GstAnomalyMeta* meta, GstMapInfo* info,
                                                     const gfloat** scores, guint* width, guint* height);
GST_ANOMALY_API void gst_anomaly_meta_unmap_scores(const GstAnomalyMeta* meta, GstMapInfo* info);
/* The score at a pixel of the frame; FALSE where the map does not cover it. */
GST_ANOMALY_API gboolean gst_anomaly_meta_get_score_at(const GstAnomalyMeta* meta, gint x, gint y,
                                                       gdouble* score);

/* (transfer full) (nullable): the meta, its maps and regions included, for a file or another process. */
GST_ANOMALY_API GBytes* gst_anomaly_meta_serialize(const GstAnomalyMeta* meta);
/* (transfer none) (nullable): adds what those bytes hold; they are checked. NULL with @error set where they
 * are wrong. */
GST_ANOMALY_API GstAnomalyMeta* gst_buffer_add_anomaly_meta_from_bytes(GstBuffer* buffer, GBytes* bytes,
                                                                       GError** error);

GST_ANOMALY_API GstAnomalyRegion* gst_anomaly_region_copy(const GstAnomalyRegion* region);
GST_ANOMALY_API void gst_anomaly_region_free(GstAnomalyRegion* region);
GST_ANOMALY_API GstAnomalyPlane* gst_anomaly_plane_copy(const GstAnomalyPlane* plane);
GST_ANOMALY_API void gst_anomaly_plane_free(GstAnomalyPlane* plane);
/* Bytes that the values take; 0 where they would not fit a gsize. */
GST_ANOMALY_API gsize gst_anomaly_plane_get_size(const GstAnomalyPlane* plane);
/* (transfer full) (nullable): a copy of the values. */
GST_ANOMALY_API GBytes* gst_anomaly_plane_dup_bytes(const GstAnomalyPlane* plane);
/* (transfer full) (nullable): the values themselves, mapped for as long as the bytes live. */
GST_ANOMALY_API GBytes* gst_anomaly_plane_ref_bytes(const GstAnomalyPlane* plane);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GstAnomalyRegion, gst_anomaly_region_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GstAnomalyPlane, gst_anomaly_plane_free)

G_END_DECLS

#endif /* __GST_ANOMALY_META_H__ */

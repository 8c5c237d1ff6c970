/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:gstanomalymeta
 * @title: GstAnomalyMeta
 * @short_description: What anomalydetect found in one video frame
 *
 * A #GstAnomalyMeta belongs to its buffer. Read it while you hold a reference on the buffer, from any thread;
 * add one, or change one, only on a writable buffer. Pointers that the getters return stay valid until the
 * meta is changed or removed, or its buffer is freed. Strings are interned: they live as long as the process.
 */
#include "gst/lib/gstanomalymeta-private.h"

#include <string.h>

#define SCORE_MAP "anomaly"

GType gst_anomaly_meta_api_get_type(void) {
  static gsize once = 0;
  /* Size and orientation: an element that changes either asks our transform function, or, where it does not
   * know how (crops, boxes, flips, rotations before GStreamer 1.28), leaves the metadata out. */
  static const gchar* tags[] = {GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR,
                                GST_META_TAG_VIDEO_SIZE_STR, NULL};
  if (g_once_init_enter(&once)) {
    GType type = gst_meta_api_type_register("GstAnomalyMetaAPI", tags);
    g_once_init_leave(&once, type);
  }
  return (GType)once;
}

static void clear_plane(gpointer plane) {
  gst_clear_buffer(&((GstAnomalyPlane*)plane)->data);
}

static gboolean gst_anomaly_meta_init(GstMeta* meta, G_GNUC_UNUSED gpointer params,
                                      G_GNUC_UNUSED GstBuffer* buffer) {
  GstAnomalyMeta* self = (GstAnomalyMeta*)meta;
  memset((guint8*)self + sizeof(GstMeta), 0, sizeof(*self) - sizeof(GstMeta));
  self->map.name = g_intern_static_string(SCORE_MAP);
  self->map.type = GST_ANOMALY_PLANE_F32;
  self->map.channels = 1;
  self->regions = g_array_new(FALSE, TRUE, sizeof(GstAnomalyRegion));
  self->planes = g_array_new(FALSE, TRUE, sizeof(GstAnomalyPlane));
  g_array_set_clear_func(self->planes, clear_plane);
  return TRUE;
}

static void gst_anomaly_meta_free(GstMeta* meta, G_GNUC_UNUSED GstBuffer* buffer) {
  GstAnomalyMeta* self = (GstAnomalyMeta*)meta;
  gst_clear_buffer(&self->map.data);
  g_clear_pointer(&self->regions, g_array_unref);
  g_clear_pointer(&self->planes, g_array_unref);
}

/**
 * gst_anomaly_meta_get_info: (skip)
 *
 * Returns: (transfer none): how the metadata is made, freed and transformed
 *
 * Since: 0.1
 */
const GstMetaInfo* gst_anomaly_meta_get_info(void) {
  static const GstMetaInfo* once = NULL;
  if (g_once_init_enter((GstMetaInfo**)&once)) {
#if GST_CHECK_VERSION(1, 24, 0)
    GstMetaInfo* made =
        gst_meta_info_new(GST_ANOMALY_META_API_TYPE, "GstAnomalyMeta", sizeof(GstAnomalyMeta));
    made->init_func = gst_anomaly_meta_init;
    made->free_func = gst_anomaly_meta_free;
    made->transform_func = gst_anomaly_meta_transform;
    made->serialize_func = gst_anomaly_meta_serialize_func;
    made->deserialize_func = gst_anomaly_meta_deserialize_func;
    const GstMetaInfo* info = gst_meta_info_register(made);
#else
    const GstMetaInfo* info =
        gst_meta_register(GST_ANOMALY_META_API_TYPE, "GstAnomalyMeta", sizeof(GstAnomalyMeta),
                          gst_anomaly_meta_init, gst_anomaly_meta_free, gst_anomaly_meta_transform);
#endif
    g_once_init_leave((GstMetaInfo**)&once, (GstMetaInfo*)info);
  }
  return once;
}

/**
 * gst_buffer_add_anomaly_meta:
 * @buffer: (transfer none): a writable buffer
 *
 * Adds an empty #GstAnomalyMeta: no map, no regions, rectangle 0 0 0 0. Fill it by its fields and setters.
 *
 * Returns: (transfer none): the metadata, owned by @buffer
 *
 * Since: 0.1
 */
GstAnomalyMeta* gst_buffer_add_anomaly_meta(GstBuffer* buffer) {
  g_return_val_if_fail(GST_IS_BUFFER(buffer), NULL);
  g_return_val_if_fail(gst_buffer_is_writable(buffer), NULL);
  return (GstAnomalyMeta*)gst_buffer_add_meta(buffer, GST_ANOMALY_META_INFO, NULL);
}

/**
 * gst_buffer_get_anomaly_meta:
 * @buffer: (transfer none): a buffer
 *
 * Returns: (transfer none) (nullable): the first (normally the only) #GstAnomalyMeta of @buffer, or %NULL
 *
 * Since: 0.1
 */
GstAnomalyMeta* gst_buffer_get_anomaly_meta(GstBuffer* buffer) {
  g_return_val_if_fail(GST_IS_BUFFER(buffer), NULL);
  return (GstAnomalyMeta*)gst_buffer_get_meta(buffer, GST_ANOMALY_META_API_TYPE);
}

/**
 * gst_anomaly_meta_set_names:
 * @meta: the metadata of a writable buffer
 * @method: (nullable): name of the method, or %NULL where unknown
 * @model: (nullable): name of the bundle, or %NULL where unknown
 *
 * Sets the names; both are interned.
 *
 * Since: 0.1
 */
void gst_anomaly_meta_set_names(GstAnomalyMeta* meta, const gchar* method, const gchar* model) {
  g_return_if_fail(meta != NULL);
  meta->method = g_intern_string(method);
  meta->model = g_intern_string(model);
}

/* Whether `data` holds at least what `plane` says. */
static gboolean plane_fits(const GstAnomalyPlane* plane, GstBuffer* data) {
  const gsize size = gst_anomaly_plane_get_size(plane);
  return size > 0 && gst_buffer_get_size(data) >= size;
}

/**
 * gst_anomaly_meta_set_map:
 * @meta: the metadata of a writable buffer
 * @width: values in a row, at least 1
 * @height: rows, at least 1
 * @data: (transfer full): @width * @height floats, row-major, host byte order
 *
 * Sets the score map, which covers the rectangle of @meta.
 *
 * Since: 0.1
 */
void gst_anomaly_meta_set_map(GstAnomalyMeta* meta, guint width, guint height, GstBuffer* data) {
  g_return_if_fail(meta != NULL);
  g_return_if_fail(GST_IS_BUFFER(data));
  GstAnomalyPlane map = meta->map;
  map.width = width;
  map.height = height;
  map.data = data;
  if (!plane_fits(&map, data)) {
    g_critical("%s: %ux%u floats do not fit the buffer's %" G_GSIZE_FORMAT " bytes", G_STRFUNC, width, height,
               gst_buffer_get_size(data));
    gst_buffer_unref(data);
    return;
  }
  gst_clear_buffer(&meta->map.data);
  meta->map = map;
}

/**
 * gst_anomaly_meta_add_region:
 * @meta: the metadata of a writable buffer
 * @region: (transfer none): what to append
 *
 * Appends a copy of @region; its label is interned.
 *
 * Since: 0.1
 */
void gst_anomaly_meta_add_region(GstAnomalyMeta* meta, const GstAnomalyRegion* region) {
  g_return_if_fail(meta != NULL && region != NULL);
  GstAnomalyRegion copy = *region;
  copy.label = g_intern_string(region->label);
  memset(copy._gst_reserved, 0, sizeof copy._gst_reserved);
  g_array_append_val(meta->regions, copy);
}

/**
 * gst_anomaly_meta_n_regions:
 * @meta: the metadata
 *
 * Returns: how many regions there are
 *
 * Since: 0.1
 */
guint gst_anomaly_meta_n_regions(const GstAnomalyMeta* meta) {
  g_return_val_if_fail(meta != NULL, 0);
  return meta->regions->len;
}

/**
 * gst_anomaly_meta_get_region:
 * @meta: the metadata
 * @index: 0 is the largest region
 *
 * Returns: (transfer none) (nullable): the region, or %NULL where @index is out of range
 *
 * Since: 0.1
 */
const GstAnomalyRegion* gst_anomaly_meta_get_region(const GstAnomalyMeta* meta, guint index) {
  g_return_val_if_fail(meta != NULL, NULL);
  if (index >= meta->regions->len) return NULL;
  return &g_array_index(meta->regions, GstAnomalyRegion, index);
}

/**
 * gst_anomaly_meta_add_plane:
 * @meta: the metadata of a writable buffer
 * @name: the map's name, interned
 * @type: of one value
 * @width: pixels in a row, at least 1
 * @height: rows, at least 1
 * @channels: interleaved values a pixel, at least 1
 * @data: (transfer full): the values, row-major, without padding
 *
 * Appends a further map, which covers the rectangle of @meta.
 *
 * Since: 0.1
 */
void gst_anomaly_meta_add_plane(GstAnomalyMeta* meta, const gchar* name, GstAnomalyPlaneType type,
                                guint width, guint height, guint channels, GstBuffer* data) {
  g_return_if_fail(meta != NULL && name != NULL);
  g_return_if_fail(GST_IS_BUFFER(data));
  GstAnomalyPlane plane = {.name = g_intern_string(name),
                           .type = type,
                           .width = width,
                           .height = height,
                           .channels = channels,
                           .data = data};
  if ((type != GST_ANOMALY_PLANE_U8 && type != GST_ANOMALY_PLANE_F32) || !plane_fits(&plane, data)) {
    g_critical("%s: %ux%ux%u values of type %d do not fit the buffer's %" G_GSIZE_FORMAT " bytes", G_STRFUNC,
               width, height, channels, (gint)type, gst_buffer_get_size(data));
    gst_buffer_unref(data);
    return;
  }
  g_array_append_val(meta->planes, plane);
}

/**
 * gst_anomaly_meta_n_planes:
 * @meta: the metadata
 *
 * Returns: how many further maps there are; the score map is not counted
 *
 * Since: 0.1
 */
guint gst_anomaly_meta_n_planes(const GstAnomalyMeta* meta) {
  g_return_val_if_fail(meta != NULL, 0);
  return meta->planes->len;
}

/**
 * gst_anomaly_meta_get_nth_plane:
 * @meta: the metadata
 * @index: 0 is the first further map
 *
 * Returns: (transfer none) (nullable): the map, or %NULL where @index is out of range
 *
 * Since: 0.1
 */
const GstAnomalyPlane* gst_anomaly_meta_get_nth_plane(const GstAnomalyMeta* meta, guint index) {
  g_return_val_if_fail(meta != NULL, NULL);
  if (index >= meta->planes->len) return NULL;
  return &g_array_index(meta->planes, GstAnomalyPlane, index);
}

/**
 * gst_anomaly_meta_get_plane:
 * @meta: the metadata
 * @name: a map's name; "anomaly" is the score map
 *
 * Returns: (transfer none) (nullable): the map, or %NULL where there is none of that name
 *
 * Since: 0.1
 */
const GstAnomalyPlane* gst_anomaly_meta_get_plane(const GstAnomalyMeta* meta, const gchar* name) {
  g_return_val_if_fail(meta != NULL && name != NULL, NULL);
  if (strcmp(name, SCORE_MAP) == 0) return meta->map.data != NULL ? &meta->map : NULL;
  for (guint i = 0; i < meta->planes->len; i++) {
    const GstAnomalyPlane* plane = &g_array_index(meta->planes, GstAnomalyPlane, i);
    if (strcmp(plane->name, name) == 0) return plane;
  }
  return NULL;
}

/**
 * gst_anomaly_meta_map_scores: (skip)
 * @meta: the metadata
 * @info: (out caller-allocates): for gst_anomaly_meta_unmap_scores()
 * @scores: (out): the scores, row-major, without padding
 * @width: (out): scores in a row
 * @height: (out): rows
 *
 * Maps the score map for reading. Bindings use gst_anomaly_plane_dup_bytes().
 *
 * Returns: %FALSE where there is no map or it cannot be mapped
 *
 * Since: 0.1
 */
gboolean gst_anomaly_meta_map_scores(const GstAnomalyMeta* meta, GstMapInfo* info, const gfloat** scores,
                                     guint* width, guint* height) {
  g_return_val_if_fail(meta != NULL && info != NULL, FALSE);
  g_return_val_if_fail(scores != NULL && width != NULL && height != NULL, FALSE);
  if (meta->map.data == NULL || !gst_buffer_map(meta->map.data, info, GST_MAP_READ)) return FALSE;
  const gsize size = gst_anomaly_plane_get_size(&meta->map);
  if (size == 0 || info->size < size || ((gsize)info->data % G_ALIGNOF(gfloat)) != 0) {
    gst_buffer_unmap(meta->map.data, info);
    return FALSE;
  }
  *scores = (const gfloat*)info->data;
  *width = meta->map.width;
  *height = meta->map.height;
  return TRUE;
}

/**
 * gst_anomaly_meta_unmap_scores: (skip)
 * @meta: the metadata
 * @info: as gst_anomaly_meta_map_scores() left it
 *
 * Since: 0.1
 */
void gst_anomaly_meta_unmap_scores(const GstAnomalyMeta* meta, GstMapInfo* info) {
  g_return_if_fail(meta != NULL && info != NULL);
  gst_buffer_unmap(meta->map.data, info);
}

/**
 * gst_anomaly_meta_get_score_at:
 * @meta: the metadata
 * @x: column of the frame
 * @y: row of the frame
 * @score: (out): the score of the map's value whose area holds the centre of that pixel
 *
 * For a glance at a few pixels; whoever wants many maps the scores.
 *
 * Returns: %FALSE where the map does not cover the pixel, and where the rectangle is 0 x 0, "all of the
 * frame": the metadata does not know the frame's size
 *
 * Since: 0.1
 */
gboolean gst_anomaly_meta_get_score_at(const GstAnomalyMeta* meta, gint x, gint y, gdouble* score) {
  gfloat value;
  g_return_val_if_fail(meta != NULL && score != NULL, FALSE);
  const gint64 dx = (gint64)x - meta->x, dy = (gint64)y - meta->y;
  if (meta->map.data == NULL || dx < 0 || dy < 0 || dx >= meta->width || dy >= meta->height) return FALSE;
  const guint64 column = (guint64)((dx + 0.5) * meta->map.width / meta->width);
  const guint64 row = (guint64)((dy + 0.5) * meta->map.height / meta->height);
  const gsize offset = (gsize)(row * meta->map.width + column) * sizeof value;
  if (gst_anomaly_values_read(meta->map.data, offset, &value, sizeof value) != sizeof value) return FALSE;
  *score = value;
  return TRUE;
}

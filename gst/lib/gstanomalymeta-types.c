/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The metadata's parts as values of their own: regions and planes. */
#include <string.h>

#include "gst/lib/gstanomalymeta-private.h"

GType gst_anomaly_plane_type_get_type(void) {
  static gsize once = 0;
  static const GEnumValue values[] = {{GST_ANOMALY_PLANE_U8, "GST_ANOMALY_PLANE_U8", "u8"},
                                      {GST_ANOMALY_PLANE_F32, "GST_ANOMALY_PLANE_F32", "f32"},
                                      {0, NULL, NULL}};
  if (g_once_init_enter(&once)) {
    GType type = g_enum_register_static("GstAnomalyPlaneType", values);
    g_once_init_leave(&once, type);
  }
  return (GType)once;
}

G_DEFINE_BOXED_TYPE(GstAnomalyRegion, gst_anomaly_region, gst_anomaly_region_copy, gst_anomaly_region_free)
G_DEFINE_BOXED_TYPE(GstAnomalyPlane, gst_anomaly_plane, gst_anomaly_plane_copy, gst_anomaly_plane_free)

/**
 * gst_anomaly_region_copy:
 * @region: a region
 *
 * Returns: (transfer full): a copy of @region
 *
 * Since: 0.1
 */
GstAnomalyRegion* gst_anomaly_region_copy(const GstAnomalyRegion* region) {
  g_return_val_if_fail(region != NULL, NULL);
  GstAnomalyRegion* copy = g_new(GstAnomalyRegion, 1);
  *copy = *region;
  return copy;
}

/**
 * gst_anomaly_region_free:
 * @region: (nullable) (transfer full): a region made by gst_anomaly_region_copy()
 *
 * Since: 0.1
 */
void gst_anomaly_region_free(GstAnomalyRegion* region) {
  g_free(region);
}

/**
 * gst_anomaly_plane_copy:
 * @plane: a plane
 *
 * Returns: (transfer full): a copy of @plane that holds a reference of its own on the same buffer
 *
 * Since: 0.1
 */
GstAnomalyPlane* gst_anomaly_plane_copy(const GstAnomalyPlane* plane) {
  g_return_val_if_fail(plane != NULL, NULL);
  GstAnomalyPlane* copy = g_new(GstAnomalyPlane, 1);
  *copy = *plane;
  if (copy->data != NULL) gst_buffer_ref(copy->data);
  return copy;
}

/**
 * gst_anomaly_plane_free:
 * @plane: (nullable) (transfer full): a plane made by gst_anomaly_plane_copy()
 *
 * Since: 0.1
 */
void gst_anomaly_plane_free(GstAnomalyPlane* plane) {
  if (plane == NULL) return;
  gst_clear_buffer(&plane->data);
  g_free(plane);
}

/**
 * gst_anomaly_plane_get_size:
 * @plane: a plane
 *
 * Returns: bytes that the values take: width * height * channels * 1 or 4; 0 where that does not fit a #gsize
 *
 * Since: 0.1
 */
gsize gst_anomaly_plane_get_size(const GstAnomalyPlane* plane) {
  g_return_val_if_fail(plane != NULL, 0);
  gsize size = plane->type == GST_ANOMALY_PLANE_F32 ? sizeof(gfloat) : 1;
  if (!g_size_checked_mul(&size, size, plane->width) || !g_size_checked_mul(&size, size, plane->height) ||
      !g_size_checked_mul(&size, size, plane->channels))
    return 0;
  return size;
}

/**
 * gst_anomaly_plane_dup_bytes:
 * @plane: a plane
 *
 * The values, row-major, without padding, floats in host byte order: what a binding hands to its array type.
 * C code saves the copy by mapping @plane's data.
 *
 * Returns: (transfer full) (nullable): a copy of the values, or %NULL where @plane has none, or they cannot
 * be read
 *
 * Since: 0.1
 */
GBytes* gst_anomaly_plane_dup_bytes(const GstAnomalyPlane* plane) {
  g_return_val_if_fail(plane != NULL, NULL);
  if (plane->data == NULL) return NULL;
  const gsize size = MIN(gst_anomaly_plane_get_size(plane), gst_buffer_get_size(plane->data));
  gpointer copy = g_malloc(size);
  const gsize there = gst_anomaly_values_read(plane->data, 0, copy, size);
  if (there == size) return g_bytes_new_take(copy, size);
  g_free(copy);
  return NULL;
}

gsize gst_anomaly_values_read(GstBuffer* values, gsize offset, gpointer out, gsize size) {
  GstMapInfo info;
  if (gst_buffer_n_memory(values) != 1) return gst_buffer_extract(values, offset, out, size);
  if (!gst_buffer_map(values, &info, GST_MAP_READ)) return 0;
  const gsize there = info.size > offset ? MIN(size, info.size - offset) : 0;
  if (there > 0) memcpy(out, info.data + offset, there);
  gst_buffer_unmap(values, &info);
  return there;
}

typedef struct {
  GstBuffer* buffer;
  GstMapInfo info;
} Held;

static void held_free(gpointer data) {
  Held* held = data;
  gst_buffer_unmap(held->buffer, &held->info);
  gst_buffer_unref(held->buffer);
  g_free(held);
}

/**
 * gst_anomaly_plane_ref_bytes:
 * @plane: a plane
 *
 * The values as gst_anomaly_plane_dup_bytes() has them, but without a copy: @plane's buffer stays mapped for
 * reading until the bytes are freed, whatever becomes of the frame. In Python their address is
 * `bytes.get_region(1, 0, bytes.get_size())`.
 *
 * Returns: (transfer full) (nullable): the values, or %NULL where @plane has none or they cannot be mapped
 *
 * Since: 0.1
 */
GBytes* gst_anomaly_plane_ref_bytes(const GstAnomalyPlane* plane) {
  g_return_val_if_fail(plane != NULL, NULL);
  const gsize size = gst_anomaly_plane_get_size(plane);
  if (plane->data == NULL || size == 0) return NULL;
  Held* held = g_new0(Held, 1);
  if (!gst_buffer_map(plane->data, &held->info, GST_MAP_READ)) {
    g_free(held);
    return NULL;
  }
  held->buffer = gst_buffer_ref(plane->data);
  if (held->info.size < size) {
    held_free(held);
    return NULL;
  }
  return g_bytes_new_with_free_func(held->info.data, size, held_free, held);
}

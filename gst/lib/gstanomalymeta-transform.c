/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the metadata follows its frame through copies, scaling and, where GStreamer tells (1.28), matrices. */
#include <math.h>
#include <string.h>

#include "gst/lib/gstanomalymeta-private.h"

/* Frame pixel edges of the input, (u, v), to those of the output: x = sx * u + tx, y = sy * v + ty, where u
 * and v have changed places first if `swap` is set. A negative scale is a flip. */
typedef struct {
  gdouble sx, tx, sy, ty;
  gboolean swap;
  gint left, top, right, bottom; /* of the output that shows any of the input, frame pixels */
} Mapping;

typedef struct {
  gint x, y, width, height;
} Box;

static gint to_pixel(gdouble value) {
  return (gint)CLAMP(round(value), G_MININT / 4, G_MAXINT / 4);
}

static void map_interval(gdouble scale, gdouble shift, gint start, gint length, gint* out_start,
                         gint* out_length) {
  const gdouble a = scale * start + shift, b = scale * ((gdouble)start + length) + shift;
  const gint low = to_pixel(MIN(a, b)), high = to_pixel(MAX(a, b));
  *out_start = low;
  *out_length = length > 0 ? MAX(1, high - low) : 0;
}

static Box map_box(const Mapping* mapping, Box box) {
  Box out;
  const gboolean swap = mapping->swap;
  map_interval(mapping->sx, mapping->tx, swap ? box.y : box.x, swap ? box.height : box.width, &out.x,
               &out.width);
  map_interval(mapping->sy, mapping->ty, swap ? box.x : box.y, swap ? box.width : box.height, &out.y,
               &out.height);
  return out;
}

/* The values of `plane` turned and flipped as `mapping` turns and flips the frame, in a buffer of their own.
 */
static GstBuffer* reorient_plane(const GstAnomalyPlane* plane, const Mapping* mapping, guint out_width,
                                 guint out_height) {
  const gsize value = plane->channels * (plane->type == GST_ANOMALY_PLANE_F32 ? sizeof(gfloat) : 1);
  const gsize size = gst_anomaly_plane_get_size(plane);
  GstMapInfo from, to;
  if (!gst_buffer_map(plane->data, &from, GST_MAP_READ)) return NULL;
  GstBuffer* out = from.size >= size ? gst_buffer_new_allocate(NULL, size, NULL) : NULL;
  if (out != NULL && !gst_buffer_map(out, &to, GST_MAP_WRITE)) gst_clear_buffer(&out);
  if (out != NULL) {
    for (guint y = 0; y < out_height; y++) {
      for (guint x = 0; x < out_width; x++) {
        const guint u = mapping->sx < 0 ? out_width - 1 - x : x, v = mapping->sy < 0 ? out_height - 1 - y : y;
        const gsize source = mapping->swap ? (gsize)u * plane->width + v : (gsize)v * plane->width + u;
        memcpy(to.data + ((gsize)y * out_width + x) * value, from.data + source * value, value);
      }
    }
    gst_buffer_unmap(out, &to);
  }
  gst_buffer_unmap(plane->data, &from);
  return out;
}

/* `plane` as it lies over the output: shares its buffer where the frame is neither turned nor flipped. */
static gboolean map_plane(const GstAnomalyPlane* plane, const Mapping* mapping, GstAnomalyPlane* out) {
  *out = *plane;
  if (plane->data == NULL) return TRUE;
  if (mapping == NULL || (mapping->sx > 0 && mapping->sy > 0 && !mapping->swap)) {
    gst_buffer_ref(out->data);
    return TRUE;
  }
  if (mapping->swap) {
    out->width = plane->height;
    out->height = plane->width;
  }
  out->data = reorient_plane(plane, mapping, out->width, out->height);
  return out->data != NULL;
}

/* FALSE where nothing of the region is left in the picture. The area shrinks with the box where that is cut.
 */
static gboolean map_region(GstAnomalyRegion* region, const Mapping* mapping) {
  const Box box = map_box(mapping, (Box){region->x, region->y, region->width, region->height});
  const gint left = MAX(box.x, mapping->left), top = MAX(box.y, mapping->top);
  const gint right = (gint)MIN((gint64)box.x + box.width, mapping->right);
  const gint bottom = (gint)MIN((gint64)box.y + box.height, mapping->bottom);
  if (right <= left || bottom <= top) return FALSE;
  const gdouble kept = ((gdouble)(right - left) * (bottom - top)) / ((gdouble)box.width * box.height);
  const gdouble area = round((gdouble)region->area * fabs(mapping->sx * mapping->sy) * kept);
  region->x = left;
  region->y = top;
  region->width = right - left;
  region->height = bottom - top;
  region->area = (guint64)CLAMP(area, 1.0, (gdouble)region->width * region->height);
  return TRUE;
}

/* Adds to `dest` what `self`, whose maps cover `box`, is after `mapping`, or a plain copy where that is NULL.
 */
static gboolean carry(GstBuffer* dest, const GstAnomalyMeta* self, Box box, const Mapping* mapping) {
  GstAnomalyPlane plane;
  GstAnomalyMeta* copy = gst_buffer_add_anomaly_meta(dest);
  if (copy == NULL) return FALSE;
  copy->score = self->score;
  copy->max = self->max;
  copy->mean = self->mean;
  copy->share = self->share;
  copy->threshold = self->threshold;
  copy->method = self->method;
  copy->model = self->model;
  copy->inference_ms = self->inference_ms;
  copy->age = self->age;
  copy->surface = self->surface;

  if (mapping != NULL) box = map_box(mapping, box);
  copy->x = box.x;
  copy->y = box.y;
  copy->width = box.width;
  copy->height = box.height;

  if (!map_plane(&self->map, mapping, &plane)) goto failed;
  copy->map = plane;
  for (guint i = 0; i < self->planes->len; i++) {
    if (!map_plane(&g_array_index(self->planes, GstAnomalyPlane, i), mapping, &plane)) goto failed;
    g_array_append_val(copy->planes, plane);
  }
  for (guint i = 0; i < self->regions->len; i++) {
    GstAnomalyRegion region = g_array_index(self->regions, GstAnomalyRegion, i);
    if (mapping == NULL || map_region(&region, mapping)) g_array_append_val(copy->regions, region);
  }
  return TRUE;

failed:
  gst_buffer_remove_meta(dest, &copy->meta);
  return FALSE;
}

static Box covered(const GstAnomalyMeta* self) {
  return (Box){self->x, self->y, self->width, self->height};
}

/* Whether a scaler would have to add borders, more than rounding explains, to keep the picture's shape. The
 * transform does not tell whether it did or stretched the picture instead. */
static gboolean shape_changes(const GstVideoInfo* in, const GstVideoInfo* out) {
  const gdouble in_shape = (gdouble)in->width * MAX(in->par_n, 1) / ((gdouble)in->height * MAX(in->par_d, 1));
  const gdouble out_par = (gdouble)MAX(out->par_n, 1) / MAX(out->par_d, 1);
  const gdouble fitting_height = out->width * out_par / in_shape,
                fitting_width = out->height * in_shape / out_par;
  return fabs(fitting_height - out->height) > 2 && fabs(fitting_width - out->width) > 2;
}

static gboolean scale(GstBuffer* dest, const GstAnomalyMeta* self, const GstVideoMetaTransform* data) {
  const GstVideoInfo *in = data->in_info, *out = data->out_info;
  if (in->width < 1 || in->height < 1 || out->width < 1 || out->height < 1) return FALSE;
  if ((in->width != out->width || in->height != out->height) && shape_changes(in, out)) return FALSE;
  const Mapping mapping = {.sx = (gdouble)out->width / in->width,
                           .sy = (gdouble)out->height / in->height,
                           .right = out->width,
                           .bottom = out->height};
  return carry(dest, self, covered(self), &mapping);
}

/* Whether `box`, after the mapping, leaves borders of the frame alone. Half a pixel more is rounding. */
static gboolean spares_borders(const Mapping* mapping, Box box, const GstVideoInfo* out) {
  const Box mapped = map_box(mapping, box);
  const gint64 right = (gint64)mapped.x + mapped.width, bottom = (gint64)mapped.y + mapped.height;
  return (mapping->left <= 0 || mapped.x >= mapping->left - 1) &&
         (mapping->top <= 0 || mapped.y >= mapping->top - 1) &&
         (mapping->right >= out->width || right <= mapping->right + 1) &&
         (mapping->bottom >= out->height || bottom <= mapping->bottom + 1);
}

/* Follows scaling, shifts, flips and quarter turns; anything else cannot be said with a rectangle, nor can a
 * part of the maps that lies over borders. */
static gboolean follow_matrix(GstBuffer* dest, const GstAnomalyMeta* self,
                              const GstAnomalyMatrixTransform* data) {
  const gfloat(*m)[3] = data->matrix;
  const GstVideoRectangle *in = &data->in_rectangle, *out = &data->out_rectangle;
  const gdouble tiny = 1e-6;
  if (data->in_info == NULL || data->out_info == NULL) return FALSE;
  if (fabs(m[2][0]) > tiny || fabs(m[2][1]) > tiny || fabs(m[2][2]) < tiny) return FALSE;
  const gboolean straight = fabs(m[0][1]) <= tiny && fabs(m[1][0]) <= tiny;
  const gboolean turned = fabs(m[0][0]) <= tiny && fabs(m[1][1]) <= tiny;
  if (straight == turned) return FALSE;
  const gdouble w = m[2][2];
  Mapping mapping = {.swap = turned,
                     .sx = (turned ? m[0][1] : m[0][0]) / w,
                     .sy = (turned ? m[1][0] : m[1][1]) / w,
                     .left = MAX(out->x, 0),
                     .top = MAX(out->y, 0),
                     .right = (gint)MIN((gint64)out->x + out->w, data->out_info->width),
                     .bottom = (gint)MIN((gint64)out->y + out->h, data->out_info->height)};
  mapping.tx = m[0][2] / w + out->x - mapping.sx * (turned ? in->y : in->x);
  mapping.ty = m[1][2] / w + out->y - mapping.sy * (turned ? in->x : in->y);
  if (!(fabs(mapping.sx) > tiny && fabs(mapping.sy) > tiny && isfinite(mapping.sx) && isfinite(mapping.sy) &&
        isfinite(mapping.tx) && isfinite(mapping.ty)))
    return FALSE;
  /* Unlike scaling, a matrix may leave part of the frame without a picture: "all of it" must be spelt out. */
  const gboolean whole = self->width < 1 || self->height < 1;
  const Box box = whole ? (Box){0, 0, data->in_info->width, data->in_info->height} : covered(self);
  return spares_borders(&mapping, box, data->out_info) && carry(dest, self, box, &mapping);
}

gboolean gst_anomaly_meta_transform(GstBuffer* dest, GstMeta* meta, G_GNUC_UNUSED GstBuffer* source,
                                    GQuark type, gpointer data) {
  const GstAnomalyMeta* self = (const GstAnomalyMeta*)meta;
  /* A part of the buffer's bytes still belongs to the frame that the metadata tells of, so it is carried
   * whole. */
  if (GST_META_TRANSFORM_IS_COPY(type)) return carry(dest, self, covered(self), NULL);
  if (GST_VIDEO_META_TRANSFORM_IS_SCALE(type)) return scale(dest, self, (const GstVideoMetaTransform*)data);
  if (type == g_quark_try_string("gst-video-matrix"))
    return follow_matrix(dest, self, (const GstAnomalyMatrixTransform*)data);
  return FALSE;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GstAnomalyMeta as bytes, for files, sockets and other processes. Everything is little endian:
 *
 *   "GANM", u32 version, u64 size of all
 *   f64 score, max, mean, share, threshold, inference_ms; u32 age; from version 3 on u32 surface;
 *     i32 x, y, width, height
 *   string method, model
 *   u8 whether there is a map, then that as a plane
 *   u32 further planes, then each: string name; u8 type; u32 width, height, channels; the values
 *   u32 regions, then each: u32 id; i32 x, y, width, height; u64 area; f64 mean, max; string label;
 *     u64 first_seen; u32 age
 *
 * where a string is u16 length and UTF-8 without a terminator, length 0xffff = NULL. Version 1 had no
 * first_seen and no age of regions: read as unknown and 0. Version 3 is written only where there is a surface
 * to name, so that what reads version 2 goes on reading all else. What is read may come from anyone: every
 * length is checked against what is left before anything is allocated, so memory stays within a small
 * multiple of the input's size. */
#include <string.h>

#include "gst/lib/gstanomalymeta-private.h"

#define MAGIC "GANM"
#define VERSION 3
#define VERSION_WITHOUT_SURFACE 2
#define OLDEST_VERSION 1
#define MOST_SURFACES 4096
#define NO_STRING 0xffff
#define LONGEST_STRING 1024
#define MOST_PLANES 64
#define FARTHEST_PIXEL (1 << 28)                    /* so that sums of two lengths fit an int */
#define SMALLEST_REGION (4 + 4 * 4 + 8 + 2 * 8 + 2) /* of version 1, the shortest */
/* Interned strings stay for the life of the process: so many different ones are taken from bytes, and no
 * more. */
#define MOST_NEW_STRINGS 4096

static void put_u8(GByteArray* out, guint8 value) {
  g_byte_array_append(out, &value, 1);
}

static void put_u16(GByteArray* out, guint16 value) {
  value = GUINT16_TO_LE(value);
  g_byte_array_append(out, (const guint8*)&value, sizeof value);
}

static void put_u32(GByteArray* out, guint32 value) {
  value = GUINT32_TO_LE(value);
  g_byte_array_append(out, (const guint8*)&value, sizeof value);
}

static void put_u64(GByteArray* out, guint64 value) {
  value = GUINT64_TO_LE(value);
  g_byte_array_append(out, (const guint8*)&value, sizeof value);
}

static void put_f64(GByteArray* out, gdouble value) {
  guint64 bits;
  memcpy(&bits, &value, sizeof bits);
  put_u64(out, bits);
}

static void put_string(GByteArray* out, const gchar* value) {
  if (value == NULL) {
    put_u16(out, NO_STRING);
    return;
  }
  gchar* valid = g_utf8_make_valid(value, -1);
  gsize length = strlen(valid);
  if (length > LONGEST_STRING)
    length = (gsize)(g_utf8_find_prev_char(valid, valid + LONGEST_STRING + 1) - valid);
  put_u16(out, (guint16)length);
  g_byte_array_append(out, (const guint8*)valid, (guint)length);
  g_free(valid);
}

static void put_box(GByteArray* out, gint x, gint y, gint width, gint height) {
  put_u32(out, (guint32)x);
  put_u32(out, (guint32)y);
  put_u32(out, (guint32)width);
  put_u32(out, (guint32)height);
}

/* Floats to the other byte order on hosts that need it; the same function goes both ways. */
static void swap_floats(guint8* values, gsize size) {
#if G_BYTE_ORDER == G_BIG_ENDIAN
  for (gsize i = 0; i + 4 <= size; i += 4) {
    guint32 bits;
    memcpy(&bits, values + i, sizeof bits);
    bits = GUINT32_SWAP_LE_BE(bits);
    memcpy(values + i, &bits, sizeof bits);
  }
#else
  (void)values;
  (void)size;
#endif
}

static gboolean put_plane(GByteArray* out, const GstAnomalyPlane* plane) {
  const gsize size = gst_anomaly_plane_get_size(plane);
  const guint start = out->len;
  put_string(out, plane->name);
  put_u8(out, (guint8)plane->type);
  put_u32(out, plane->width);
  put_u32(out, plane->height);
  put_u32(out, plane->channels);
  const guint values = out->len;
  if (size == 0 || size > G_MAXINT32 || out->len > G_MAXINT32 - size) return FALSE;
  g_byte_array_set_size(out, out->len + (guint)size);
  if (gst_anomaly_values_read(plane->data, 0, out->data + values, size) != size) {
    g_byte_array_set_size(out, start);
    return FALSE;
  }
  if (plane->type == GST_ANOMALY_PLANE_F32) swap_floats(out->data + values, size);
  return TRUE;
}

static guint8 version_of(const GstAnomalyMeta* meta) {
  return meta->surface == 0 ? VERSION_WITHOUT_SURFACE : VERSION;
}

/**
 * gst_anomaly_meta_serialize:
 * @meta: the metadata
 *
 * Writes @meta, its maps and regions included, as bytes that gst_buffer_add_anomaly_meta_from_bytes() reads
 * on any machine. Names are cut to 1024 bytes of UTF-8.
 *
 * Returns: (transfer full) (nullable): the bytes, or %NULL where a map cannot be read, there are more than 64
 * of them, or all of it exceeds 2 GiB
 *
 * Since: 0.1
 */
GBytes* gst_anomaly_meta_serialize(const GstAnomalyMeta* meta) {
  g_return_val_if_fail(meta != NULL, NULL);
  GByteArray* out = g_byte_array_new();
  g_byte_array_append(out, (const guint8*)MAGIC, 4);
  put_u32(out, version_of(meta));
  put_u64(out, 0); /* the size, once it is known */
  put_f64(out, meta->score);
  put_f64(out, meta->max);
  put_f64(out, meta->mean);
  put_f64(out, meta->share);
  put_f64(out, meta->threshold);
  put_f64(out, meta->inference_ms);
  put_u32(out, meta->age);
  if (meta->surface != 0) put_u32(out, meta->surface);
  put_box(out, meta->x, meta->y, meta->width, meta->height);
  put_string(out, meta->method);
  put_string(out, meta->model);
  put_u8(out, meta->map.data != NULL);
  if (meta->map.data != NULL && !put_plane(out, &meta->map)) goto failed;
  if (meta->planes->len > MOST_PLANES) goto failed;
  put_u32(out, meta->planes->len);
  for (guint i = 0; i < meta->planes->len; i++)
    if (!put_plane(out, &g_array_index(meta->planes, GstAnomalyPlane, i))) goto failed;
  put_u32(out, meta->regions->len);
  for (guint i = 0; i < meta->regions->len; i++) {
    const GstAnomalyRegion* region = &g_array_index(meta->regions, GstAnomalyRegion, i);
    put_u32(out, region->id);
    put_box(out, region->x, region->y, region->width, region->height);
    put_u64(out, region->area);
    put_f64(out, region->mean);
    put_f64(out, region->max);
    put_string(out, region->label);
    put_u64(out, region->first_seen);
    put_u32(out, region->age);
  }
  const guint64 size = GUINT64_TO_LE((guint64)out->len);
  memcpy(out->data + 8, &size, sizeof size);
  return g_byte_array_free_to_bytes(out);

failed:
  g_byte_array_unref(out);
  return NULL;
}

/* What is left to read, and what was wrong first. After that, everything reads as zero. */
typedef struct {
  const guint8* at;
  gsize left;
  guint32 version;
  const gchar* problem;
} Reader;

static void reject(Reader* in, const gchar* problem) {
  if (in->problem == NULL) in->problem = problem;
  in->left = 0;
}

static const guint8* take(Reader* in, gsize size) {
  if (in->problem != NULL || size > in->left) {
    reject(in, "it ends too early");
    return NULL;
  }
  const guint8* start = in->at;
  in->at += size;
  in->left -= size;
  return start;
}

static guint8 take_u8(Reader* in) {
  const guint8* p = take(in, 1);
  return p != NULL ? *p : 0;
}

static guint16 take_u16(Reader* in) {
  const guint8* p = take(in, 2);
  guint16 value = 0;
  if (p != NULL) memcpy(&value, p, sizeof value);
  return GUINT16_FROM_LE(value);
}

static guint32 take_u32(Reader* in) {
  const guint8* p = take(in, 4);
  guint32 value = 0;
  if (p != NULL) memcpy(&value, p, sizeof value);
  return GUINT32_FROM_LE(value);
}

static guint64 take_u64(Reader* in) {
  const guint8* p = take(in, 8);
  guint64 value = 0;
  if (p != NULL) memcpy(&value, p, sizeof value);
  return GUINT64_FROM_LE(value);
}

static gdouble take_f64(Reader* in) {
  const guint64 bits = take_u64(in);
  gdouble value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static const gchar* intern_foreign(Reader* in, const gchar* text) {
  static gint taken = 0;
  if (g_quark_try_string(text) == 0 && g_atomic_int_add(&taken, 1) >= MOST_NEW_STRINGS) {
    g_atomic_int_add(&taken, -1);
    reject(in, "it brings too many names that were never seen before");
    return NULL;
  }
  return g_intern_string(text);
}

static const gchar* take_string(Reader* in) {
  gchar text[LONGEST_STRING + 1];
  const guint16 length = take_u16(in);
  if (in->problem != NULL || length == NO_STRING) return NULL;
  if (length > LONGEST_STRING) {
    reject(in, "a name in it is too long");
    return NULL;
  }
  const guint8* bytes = take(in, length);
  if (bytes == NULL) return NULL;
  if (!g_utf8_validate_len((const gchar*)bytes, length, NULL)) {
    reject(in, "a name in it is not UTF-8");
    return NULL;
  }
  memcpy(text, bytes, length);
  text[length] = '\0';
  return intern_foreign(in, text);
}

static void take_box(Reader* in, gint* x, gint* y, gint* width, gint* height) {
  *x = (gint)take_u32(in);
  *y = (gint)take_u32(in);
  *width = (gint)take_u32(in);
  *height = (gint)take_u32(in);
  if (ABS((gint64)*x) > FARTHEST_PIXEL || ABS((gint64)*y) > FARTHEST_PIXEL || *width < 0 || *height < 0 ||
      *width > FARTHEST_PIXEL || *height > FARTHEST_PIXEL)
    reject(in, "a rectangle in it lies out of bounds");
}

static gboolean take_plane(Reader* in, GstAnomalyPlane* plane) {
  memset(plane, 0, sizeof *plane);
  plane->name = take_string(in);
  const guint8 type = take_u8(in);
  plane->width = take_u32(in);
  plane->height = take_u32(in);
  plane->channels = take_u32(in);
  plane->type = (GstAnomalyPlaneType)type;
  if (in->problem != NULL) return FALSE;
  if (plane->name == NULL || (type != GST_ANOMALY_PLANE_U8 && type != GST_ANOMALY_PLANE_F32)) {
    reject(in, "a map in it has no name or a type that does not exist");
    return FALSE;
  }
  const gsize size = gst_anomaly_plane_get_size(plane);
  const guint8* values = size > 0 && size <= in->left ? take(in, size) : NULL;
  if (values == NULL) {
    reject(in, "a map in it is empty or larger than it says");
    return FALSE;
  }
  guint8* copy = g_memdup2(values, size);
  if (plane->type == GST_ANOMALY_PLANE_F32) swap_floats(copy, size);
  plane->data = gst_buffer_new_wrapped(copy, size);
  return TRUE;
}

static void take_map(Reader* in, GstAnomalyMeta* meta) {
  GstAnomalyPlane map;
  const guint8 has_map = take_u8(in);
  if (has_map > 1) reject(in, "its map is neither there nor not");
  if (has_map != 1 || !take_plane(in, &map)) return;
  if (map.name != meta->map.name || map.type != GST_ANOMALY_PLANE_F32 || map.channels != 1) {
    gst_buffer_unref(map.data);
    reject(in, "its map is not one of scores");
    return;
  }
  meta->map = map;
}

static void take_planes(Reader* in, GstAnomalyMeta* meta) {
  GstAnomalyPlane plane;
  const guint32 count = take_u32(in);
  if (count > MOST_PLANES) reject(in, "it has too many maps");
  for (guint32 i = 0; in->problem == NULL && i < count; i++)
    if (take_plane(in, &plane)) g_array_append_val(meta->planes, plane);
}

static void take_regions(Reader* in, GstAnomalyMeta* meta) {
  const guint32 count = take_u32(in);
  if (count > in->left / SMALLEST_REGION) reject(in, "it has fewer regions than it says");
  for (guint32 i = 0; in->problem == NULL && i < count; i++) {
    GstAnomalyRegion region = {0};
    region.id = take_u32(in);
    take_box(in, &region.x, &region.y, &region.width, &region.height);
    region.area = take_u64(in);
    region.mean = take_f64(in);
    region.max = take_f64(in);
    region.label = take_string(in);
    region.first_seen = in->version >= 2 ? take_u64(in) : GST_CLOCK_TIME_NONE;
    region.age = in->version >= 2 ? take_u32(in) : 0;
    g_array_append_val(meta->regions, region);
  }
}

static void take_header(Reader* in, gsize size) {
  const guint8* magic = take(in, 4);
  if (magic == NULL || memcmp(magic, MAGIC, 4) != 0) reject(in, "it does not begin as such metadata does");
  in->version = take_u32(in);
  if (in->version < OLDEST_VERSION || in->version > VERSION)
    reject(in, "it is of a version that this library does not know");
  if (take_u64(in) != size) reject(in, "it was cut off, or has something behind it");
}

static guint take_surface(Reader* in) {
  if (in->version <= VERSION_WITHOUT_SURFACE) return 0;
  const guint32 surface = take_u32(in);
  if (surface >= MOST_SURFACES) reject(in, "it is of a picture that no buffer holds");
  return surface;
}

const gchar* gst_anomaly_meta_read(GstAnomalyMeta* meta, const guint8* data, gsize size) {
  Reader in = {data, size, 0, NULL};
  take_header(&in, size);
  meta->score = take_f64(&in);
  meta->max = take_f64(&in);
  meta->mean = take_f64(&in);
  meta->share = take_f64(&in);
  meta->threshold = take_f64(&in);
  meta->inference_ms = take_f64(&in);
  meta->age = take_u32(&in);
  meta->surface = take_surface(&in);
  take_box(&in, &meta->x, &meta->y, &meta->width, &meta->height);
  meta->method = take_string(&in);
  meta->model = take_string(&in);
  take_map(&in, meta);
  take_planes(&in, meta);
  take_regions(&in, meta);
  if (in.problem == NULL && in.left > 0) reject(&in, "it has something behind its end");
  return in.problem;
}

/**
 * gst_buffer_add_anomaly_meta_from_bytes:
 * @buffer: (transfer none): a writable buffer
 * @bytes: (transfer none): what gst_anomaly_meta_serialize() returned
 * @error: return location for a #GError of domain #GST_STREAM_ERROR, or %NULL
 *
 * Adds the metadata that @bytes hold. They may come from anyone: whatever is wrong with them is an error, and
 * then
 * @buffer is as it was. So that a stranger cannot fill the process with names, a process takes at most 4096
 * different new ones (methods, models, maps, classes) from bytes.
 *
 * Returns: (transfer none) (nullable): the metadata, owned by @buffer, or %NULL with @error set
 *
 * Since: 0.1
 */
GstAnomalyMeta* gst_buffer_add_anomaly_meta_from_bytes(GstBuffer* buffer, GBytes* bytes, GError** error) {
  gsize size = 0;
  g_return_val_if_fail(GST_IS_BUFFER(buffer) && bytes != NULL, NULL);
  g_return_val_if_fail(error == NULL || *error == NULL, NULL);
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  if (meta == NULL) return NULL;
  const guint8* data = g_bytes_get_data(bytes, &size);
  const gchar* problem = gst_anomaly_meta_read(meta, data, size);
  if (problem == NULL) return meta;
  gst_buffer_remove_meta(buffer, &meta->meta);
  g_set_error(error, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE,
              "These %" G_GSIZE_FORMAT " bytes are no metadata of anomalies: %s.", size, problem);
  return NULL;
}

#if GST_CHECK_VERSION(1, 24, 0)
gboolean gst_anomaly_meta_serialize_func(const GstMeta* meta, GstByteArrayInterface* data, guint8* version) {
  gsize size = 0;
  GBytes* bytes = gst_anomaly_meta_serialize((const GstAnomalyMeta*)meta);
  if (bytes == NULL) return FALSE;
  const guint8* start = g_bytes_get_data(bytes, &size);
  const gboolean done = gst_byte_array_interface_append_data(data, start, size);
  g_bytes_unref(bytes);
  *version = version_of((const GstAnomalyMeta*)meta);
  return done;
}

GstMeta* gst_anomaly_meta_deserialize_func(G_GNUC_UNUSED const GstMetaInfo* info, GstBuffer* buffer,
                                           const guint8* data, gsize size, guint8 version) {
  if (version < OLDEST_VERSION || version > VERSION) return NULL;
  GBytes* bytes = g_bytes_new_static(data, size);
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta_from_bytes(buffer, bytes, NULL);
  g_bytes_unref(bytes);
  return (GstMeta*)meta;
}
#endif

// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-anomalytestsrc
 * @title: anomalytestsrc
 *
 * A drive along a synthetic road, on which things appear at known frames that do not belong there. What is
 * truly there goes along with each frame as a custom meta "GstAnomalyTruthMeta": a mask, boxes and, if asked
 * for, the class of every pixel. A frame depends on its number, #GstAnomalyTestSrc:seed, the size and the
 * frame rate alone, so that a seek, a second run or another thread give the same bytes.
 *
 * ## Examples
 * |[
 * gst-launch-1.0 anomalytestsrc seed=3 ! videoconvert ! autovideosink
 * gst-launch-1.0 anomalytestsrc num-buffers=500 ! video/x-raw,width=1280,height=720,framerate=30/1 !
 * videoconvert ! anomalydetect ! anomalyoverlay ! videoconvert ! x264enc ! mp4mux ! filesink
 * location=drive.mp4
 * ]|
 */
#include "gst/plugin/gstanomalytestsrc.h"

#include <gst/video/gstvideopool.h>
#include <gst/video/video.h>

#include <cstring>
#include <exception>
#include <memory>

#include "gst/plugin/truthmeta.h"
#include "src/scene/scene.h"

GST_DEBUG_CATEGORY_STATIC(anomalytestsrc_debug);
#define GST_CAT_DEFAULT anomalytestsrc_debug

enum { PROP_0, PROP_SEED, PROP_IS_LIVE, PROP_ANOMALIES, PROP_FIRST, PROP_PERIOD, PROP_FRAMES, PROP_TRUTH };

typedef enum { TRUTH_NONE, TRUTH_MASK, TRUTH_LABELS } GstAnomalyTestSrcTruth;

#define GST_TYPE_ANOMALY_TEST_SRC_TRUTH (gst_anomaly_test_src_truth_get_type())
static GType gst_anomaly_test_src_truth_get_type(void) {
  static gsize type = 0;
  static const GEnumValue values[] = {
      {TRUTH_NONE, "Attach nothing", "none"},
      {TRUTH_MASK, "Attach the mask and the boxes of anomalies", "mask"},
      {TRUTH_LABELS, "Attach mask, boxes, and the Cityscapes train id of every pixel", "labels"},
      {0, nullptr, nullptr},
  };
  if (g_once_init_enter(&type)) {
    const GType made = g_enum_register_static("GstAnomalyTestSrcTruth", values);
    g_once_init_leave(&type, made);
  }
  return static_cast<GType>(type);
}

struct _GstAnomalyTestSrc {
  GstPushSrc parent;

  // Properties, under the object lock.
  guint64 seed;
  gboolean anomalies;
  gint anomaly_first, anomaly_period, anomaly_frames;
  GstAnomalyTestSrcTruth truth;

  // Of the streaming thread, and of start, stop and seeks, which never run beside it. What queries read as
  // well, the format and the origin, is written under the object lock.
  anomaly::SceneOptions* options;  // as the properties were at start
  GstAnomalyTestSrcTruth attached;
  std::unique_ptr<anomaly::Scene>* scene;
  anomaly::SceneFrame* frame;
  GstVideoInfo info, scene_info;
  GstVideoConverter* converter;  // from the scene's RGB, null for RGB
  GstBuffer* clear_mask;         // what all frames without an anomaly share
  gint64 index;                  // of the next frame
  gint64 origin;  // the frame at `origin_time`: after a change of the frame rate, where it happened
  GstClockTime origin_time;
  gboolean reverse;
};

G_DEFINE_TYPE(GstAnomalyTestSrc, gst_anomaly_test_src, GST_TYPE_PUSH_SRC)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(anomalytestsrc, "anomalytestsrc", GST_RANK_NONE,
                                      GST_TYPE_ANOMALY_TEST_SRC,
                                      GST_DEBUG_CATEGORY_INIT(anomalytestsrc_debug, "anomalytestsrc", 0,
                                                              "Driving scenes with anomalies"))

// RGB is what a scene is made in; the rest is converted.
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS(
        "video/x-raw, format = (string) { RGB, BGR, RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, ARGB, ABGR, RGB16, "
        "I420, YV12, NV12, NV21, NV16, YUY2, UYVY, Y42B, Y444, GRAY8, GRAY16_LE, P010_10LE, I420_10LE, "
        "Y444_10LE }, width = (int) [ 16, 8192 ], height = (int) [ 16, 8192 ], "
        "framerate = (fraction) [ 0/1, 10000/1 ]"));

// Whether caps were set since the start.
static gboolean negotiated(const GstAnomalyTestSrc* self) {
  return GST_VIDEO_INFO_FORMAT(&self->info) != GST_VIDEO_FORMAT_UNKNOWN;
}

static gboolean is_still(const GstAnomalyTestSrc* self) {
  return self->info.fps_n == 0;
}

// When frame `index` is shown. Exact from the origin on, so that rounding does not add up.
static GstClockTime time_of(const GstAnomalyTestSrc* self, gint64 index) {
  if (is_still(self) || index <= self->origin) return self->origin_time;
  return self->origin_time + gst_util_uint64_scale(static_cast<guint64>(index - self->origin),
                                                   static_cast<guint64>(self->info.fps_d) * GST_SECOND,
                                                   static_cast<guint64>(self->info.fps_n));
}

static void drop_scene(GstAnomalyTestSrc* self) {
  self->scene->reset();
  g_clear_pointer(&self->converter, gst_video_converter_free);
  gst_clear_buffer(&self->clear_mask);
}

static gboolean gst_anomaly_test_src_start(GstBaseSrc* base) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(base);
  GST_OBJECT_LOCK(self);
  *self->options = anomaly::SceneOptions();
  self->options->seed = self->seed;
  self->options->anomalies = self->anomalies;
  self->options->anomaly_first = self->anomaly_first;
  self->options->anomaly_period = self->anomaly_period;
  self->options->anomaly_frames = self->anomaly_frames;
  self->attached = self->truth;
  GST_OBJECT_UNLOCK(self);
  self->index = 0;
  self->reverse = FALSE;
  GST_OBJECT_LOCK(self);
  gst_video_info_init(&self->info);
  self->origin = 0;
  self->origin_time = 0;
  GST_OBJECT_UNLOCK(self);
  try {
    anomaly::Scene::check(*self->options);
  } catch (const std::exception& e) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("%s", e.what()), (nullptr));
    return FALSE;
  }
  return TRUE;
}

static gboolean gst_anomaly_test_src_stop(GstBaseSrc* base) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(base);
  drop_scene(self);
  *self->frame = anomaly::SceneFrame();
  return TRUE;
}

static GstCaps* gst_anomaly_test_src_fixate(GstBaseSrc* base, GstCaps* caps) {
  caps = gst_caps_make_writable(gst_caps_truncate(caps));
  GstStructure* s = gst_caps_get_structure(caps, 0);
  gst_structure_fixate_field_nearest_int(s, "width", 960);
  gst_structure_fixate_field_nearest_int(s, "height", 540);
  if (gst_structure_has_field(s, "framerate"))
    gst_structure_fixate_field_nearest_fraction(s, "framerate", 25, 1);
  else
    gst_structure_set(s, "framerate", GST_TYPE_FRACTION, 25, 1, nullptr);
  if (gst_structure_has_field(s, "pixel-aspect-ratio"))
    gst_structure_fixate_field_nearest_fraction(s, "pixel-aspect-ratio", 1, 1);
  if (gst_structure_has_field(s, "interlace-mode"))
    gst_structure_fixate_field_string(s, "interlace-mode", "progressive");
  if (gst_structure_has_field(s, "colorimetry")) gst_structure_fixate_field_string(s, "colorimetry", "bt601");
  if (gst_structure_has_field(s, "chroma-site")) gst_structure_fixate_field_string(s, "chroma-site", "mpeg2");
  return GST_BASE_SRC_CLASS(gst_anomaly_test_src_parent_class)->fixate(base, caps);
}

static gboolean gst_anomaly_test_src_set_caps(GstBaseSrc* base, GstCaps* caps) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(base);
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, caps)) {
    GST_ERROR_OBJECT(self, "cannot read caps %" GST_PTR_FORMAT, caps);
    return FALSE;
  }
  if (GST_VIDEO_INFO_IS_INTERLACED(&info)) {
    GST_ERROR_OBJECT(self, "only progressive frames are made, not %" GST_PTR_FORMAT, caps);
    return FALSE;
  }
  GST_OBJECT_LOCK(self);
  if (negotiated(self) && (info.fps_n != self->info.fps_n || info.fps_d != self->info.fps_d)) {
    // The time goes on from where the old frame rate left it.
    self->origin_time = time_of(self, self->index);
    self->origin = self->index;
  }
  self->info = info;
  GST_OBJECT_UNLOCK(self);
  drop_scene(self);
  gst_video_info_set_format(&self->scene_info, GST_VIDEO_FORMAT_RGB, static_cast<guint>(info.width),
                            static_cast<guint>(info.height));
  if (GST_VIDEO_INFO_FORMAT(&info) != GST_VIDEO_FORMAT_RGB) {
    self->scene_info.fps_n = info.fps_n;
    self->scene_info.fps_d = info.fps_d;
    self->scene_info.par_n = info.par_n;
    self->scene_info.par_d = info.par_d;
    self->converter = gst_video_converter_new(&self->scene_info, &info, nullptr);
    if (!self->converter) {
      GST_ERROR_OBJECT(self, "cannot convert RGB to %" GST_PTR_FORMAT, caps);
      return FALSE;
    }
  }
  gst_base_src_set_blocksize(base, static_cast<guint>(info.size));
  GST_DEBUG_OBJECT(self, "from frame %" G_GINT64_FORMAT " on %" GST_PTR_FORMAT, self->index, caps);
  if (gst_base_src_is_live(base))
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
  return TRUE;
}

static gboolean gst_anomaly_test_src_decide_allocation(GstBaseSrc* base, GstQuery* query) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(base);
  GstBufferPool* pool = nullptr;
  guint size = static_cast<guint>(self->info.size), low = 0, high = 0;
  const gboolean update = gst_query_get_n_allocation_pools(query) > 0;
  if (update) {
    gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, &low, &high);
    size = MAX(size, static_cast<guint>(self->info.size));
  }
  if (!pool) pool = gst_video_buffer_pool_new();
  GstStructure* config = gst_buffer_pool_get_config(pool);
  GstCaps* caps = nullptr;
  gst_query_parse_allocation(query, &caps, nullptr);
  if (caps) gst_buffer_pool_config_set_params(config, caps, size, low, high);
  if (gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr))
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_set_config(pool, config);
  if (update)
    gst_query_set_nth_allocation_pool(query, 0, pool, size, low, high);
  else
    gst_query_add_allocation_pool(query, pool, size, low, high);
  gst_object_unref(pool);
  return GST_BASE_SRC_CLASS(gst_anomaly_test_src_parent_class)->decide_allocation(base, query);
}

// Frames of a stream that `num-buffers` ends, or -1.
static gint64 frame_count(GstAnomalyTestSrc* self) {
  gint count = -1;
  g_object_get(self, "num-buffers", &count, nullptr);
  return count;
}

static gboolean gst_anomaly_test_src_query(GstBaseSrc* base, GstQuery* query) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(base);
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_CONVERT: {
      GstFormat from, to;
      gint64 value, result;
      gst_query_parse_convert(query, &from, &value, &to, nullptr);
      GST_OBJECT_LOCK(self);
      const gboolean known = negotiated(self);
      GstVideoInfo info = self->info;
      GST_OBJECT_UNLOCK(self);
      if (!known || !gst_video_info_convert(&info, from, value, to, &result)) return FALSE;
      gst_query_set_convert(query, from, value, to, result);
      return TRUE;
    }
    case GST_QUERY_DURATION: {
      const gint64 count = frame_count(self);
      GstFormat format;
      gst_query_parse_duration(query, &format, nullptr);
      if (count >= 0 && format == GST_FORMAT_DEFAULT) {
        gst_query_set_duration(query, format, count);
        return TRUE;
      }
      GST_OBJECT_LOCK(self);
      const gboolean known = count >= 0 && format == GST_FORMAT_TIME && negotiated(self) && !is_still(self);
      const GstClockTime duration = known ? time_of(self, count) : 0;
      GST_OBJECT_UNLOCK(self);
      if (known) {
        gst_query_set_duration(query, format, static_cast<gint64>(duration));
        return TRUE;
      }
      break;
    }
    case GST_QUERY_LATENCY:
      // A live frame is ready when its time is over, as a camera's. It can wait for ever.
      if (gst_base_src_is_live(base)) {
        GST_OBJECT_LOCK(self);
        const gint n = negotiated(self) ? self->info.fps_n : 0, d = self->info.fps_d;
        GST_OBJECT_UNLOCK(self);
        if (n == 0) return FALSE;
        gst_query_set_latency(query, TRUE, gst_util_uint64_scale_int_ceil(GST_SECOND, d, n),
                              GST_CLOCK_TIME_NONE);
        return TRUE;
      }
      break;
    default:
      break;
  }
  return GST_BASE_SRC_CLASS(gst_anomaly_test_src_parent_class)->query(base, query);
}

static gboolean gst_anomaly_test_src_is_seekable(GstBaseSrc* base) {
  return !gst_base_src_is_live(base);
}

static gboolean gst_anomaly_test_src_do_seek(GstBaseSrc* base, GstSegment* segment) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(base);
  if (segment->format != GST_FORMAT_TIME) return FALSE;
  self->reverse = segment->rate < 0;
  guint64 time = segment->position;
  if (self->reverse && !GST_CLOCK_TIME_IS_VALID(time)) {
    GST_WARNING_OBJECT(self, "playing backwards needs an end to start from: a stop time, or num-buffers");
    return FALSE;
  }
  segment->time = segment->start;
  GST_OBJECT_LOCK(self);
  self->origin = 0;
  self->origin_time = 0;
  GST_OBJECT_UNLOCK(self);
  if (!negotiated(self) || is_still(self)) {
    self->index = 0;
    return TRUE;
  }
  // Forwards from the frame that is shown at that time, backwards from the last one before it.
  const auto n = static_cast<guint64>(self->info.fps_n),
             d = static_cast<guint64>(self->info.fps_d) * GST_SECOND;
  self->index = static_cast<gint64>(gst_util_uint64_scale(time, n, d));
  // The floor of the product may lie one short, where the time was rounded down.
  if (time_of(self, self->index + 1) <= time) ++self->index;
  if (self->reverse && time_of(self, self->index) >= time) --self->index;
  return TRUE;
}

static void gst_anomaly_test_src_get_times(GstBaseSrc* base, GstBuffer* buffer, GstClockTime* start,
                                           GstClockTime* end) {
  *start = *end = GST_CLOCK_TIME_NONE;
  if (!gst_base_src_is_live(base) || !GST_BUFFER_PTS_IS_VALID(buffer)) return;
  *start = GST_BUFFER_PTS(buffer);
  if (GST_BUFFER_DURATION_IS_VALID(buffer)) *end = *start + GST_BUFFER_DURATION(buffer);
}

static GstBuffer* copied_plane(const std::vector<guint8>& values, guint8 factor) {
  auto* data = static_cast<guint8*>(g_malloc(values.size()));
  if (factor == 1)
    std::memcpy(data, values.data(), values.size());
  else
    for (gsize i = 0; i < values.size(); ++i) data[i] = static_cast<guint8>(values[i] * factor);
  return gst_buffer_new_wrapped(data, values.size());
}

static void attach_truth(GstAnomalyTestSrc* self, GstBuffer* buffer) {
  const anomaly::SceneFrame& frame = *self->frame;
  GstBuffer* mask = nullptr;
  if (frame.boxes.empty()) {
    if (!self->clear_mask) self->clear_mask = copied_plane(frame.mask, 255);
    mask = gst_buffer_ref(self->clear_mask);
  } else {
    mask = copied_plane(frame.mask, 255);
  }
  GstBuffer* labels = self->attached == TRUTH_LABELS ? copied_plane(frame.labels, 1) : nullptr;
  anomaly::add_truth_meta(buffer, static_cast<guint64>(self->index), self->info.width, self->info.height,
                          mask, labels, frame.boxes);
}

// Puts the rendered frame into the buffer, whatever its format and strides.
static gboolean write_pixels(GstAnomalyTestSrc* self, GstBuffer* buffer) {
  GstVideoFrame out;
  if (!gst_video_frame_map(&out, &self->info, buffer, GST_MAP_WRITE)) return FALSE;
  const gsize row = 3 * static_cast<gsize>(self->info.width);
  guint8* rgb = self->frame->rgb.data();
  if (self->converter) {
    // The scene's rows are tightly packed; GStreamer's own layout of RGB pads them to four bytes.
    GstBuffer* packed = gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, rgb, self->frame->rgb.size(), 0,
                                                    self->frame->rgb.size(), nullptr, nullptr);
    gsize offset[GST_VIDEO_MAX_PLANES] = {0};
    gint stride[GST_VIDEO_MAX_PLANES] = {static_cast<gint>(row)};
    gst_buffer_add_video_meta_full(packed, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB,
                                   static_cast<guint>(self->info.width),
                                   static_cast<guint>(self->info.height), 1, offset, stride);
    GstVideoFrame in;
    const gboolean mapped = gst_video_frame_map(&in, &self->scene_info, packed, GST_MAP_READ);
    if (mapped) {
      gst_video_converter_frame(self->converter, &in, &out);
      gst_video_frame_unmap(&in);
    }
    gst_buffer_unref(packed);
    gst_video_frame_unmap(&out);
    return mapped;
  }
  auto* to = static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&out, 0));
  for (gint y = 0; y < self->info.height; ++y)
    std::memcpy(to + static_cast<gssize>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(&out, 0),
                rgb + static_cast<gsize>(y) * row, row);
  gst_video_frame_unmap(&out);
  return TRUE;
}

static GstFlowReturn gst_anomaly_test_src_fill(GstPushSrc* push, GstBuffer* buffer) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(push);
  if (!negotiated(self)) return GST_FLOW_NOT_NEGOTIATED;
  const gint64 count = frame_count(self);
  // The base class ends a stream after num-buffers buffers; after a seek it is the frame's number that
  // counts.
  if (self->index < 0 || (count >= 0 && self->index >= count) || (is_still(self) && self->index > 0))
    return GST_FLOW_EOS;
  try {
    if (!*self->scene) {
      self->options->width = self->info.width;
      self->options->height = self->info.height;
      self->options->frames_per_second =
          is_still(self) ? 25 : static_cast<double>(self->info.fps_n) / static_cast<double>(self->info.fps_d);
      *self->scene = anomaly::Scene::create(*self->options);
    }
    (*self->scene)->render(self->index, *self->frame);
    if (!write_pixels(self, buffer)) {
      GST_ELEMENT_ERROR(self, RESOURCE, WRITE, ("A frame's buffer cannot be written."), (nullptr));
      return GST_FLOW_ERROR;
    }
    if (self->attached != TRUTH_NONE) attach_truth(self, buffer);
  } catch (const std::bad_alloc&) {
    GST_ELEMENT_ERROR(
        self, RESOURCE, NO_SPACE_LEFT,
        ("There is not enough memory for frames of %dx%d.", self->info.width, self->info.height), (nullptr));
    return GST_FLOW_ERROR;
  } catch (const std::exception& e) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("%s", e.what()), (nullptr));
    return GST_FLOW_ERROR;
  }
  GST_BUFFER_PTS(buffer) = time_of(self, self->index);
  GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION(buffer) =
      is_still(self) ? GST_CLOCK_TIME_NONE : time_of(self, self->index + 1) - GST_BUFFER_PTS(buffer);
  GST_BUFFER_OFFSET(buffer) = static_cast<guint64>(self->index);
  GST_BUFFER_OFFSET_END(buffer) = static_cast<guint64>(self->index) + 1;
  self->index += self->reverse ? -1 : 1;
  return GST_FLOW_OK;
}

static void gst_anomaly_test_src_set_property(GObject* object, guint id, const GValue* value,
                                              GParamSpec* pspec) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(object);
  if (id == PROP_IS_LIVE) {
    gst_base_src_set_live(GST_BASE_SRC(self), g_value_get_boolean(value));
    return;
  }
  GST_OBJECT_LOCK(self);
  switch (id) {
    case PROP_SEED:
      self->seed = g_value_get_uint64(value);
      break;
    case PROP_ANOMALIES:
      self->anomalies = g_value_get_boolean(value);
      break;
    case PROP_FIRST:
      self->anomaly_first = g_value_get_int(value);
      break;
    case PROP_PERIOD:
      self->anomaly_period = g_value_get_int(value);
      break;
    case PROP_FRAMES:
      self->anomaly_frames = g_value_get_int(value);
      break;
    case PROP_TRUTH:
      self->truth = static_cast<GstAnomalyTestSrcTruth>(g_value_get_enum(value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void gst_anomaly_test_src_get_property(GObject* object, guint id, GValue* value, GParamSpec* pspec) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(object);
  if (id == PROP_IS_LIVE) {
    g_value_set_boolean(value, gst_base_src_is_live(GST_BASE_SRC(self)));
    return;
  }
  GST_OBJECT_LOCK(self);
  switch (id) {
    case PROP_SEED:
      g_value_set_uint64(value, self->seed);
      break;
    case PROP_ANOMALIES:
      g_value_set_boolean(value, self->anomalies);
      break;
    case PROP_FIRST:
      g_value_set_int(value, self->anomaly_first);
      break;
    case PROP_PERIOD:
      g_value_set_int(value, self->anomaly_period);
      break;
    case PROP_FRAMES:
      g_value_set_int(value, self->anomaly_frames);
      break;
    case PROP_TRUTH:
      g_value_set_enum(value, self->truth);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void gst_anomaly_test_src_finalize(GObject* object) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(object);
  drop_scene(self);
  delete self->scene;
  delete self->frame;
  delete self->options;
  G_OBJECT_CLASS(gst_anomaly_test_src_parent_class)->finalize(object);
}

static void gst_anomaly_test_src_init(GstAnomalyTestSrc* self) {
  const anomaly::SceneOptions defaults;
  self->seed = defaults.seed;
  self->anomalies = defaults.anomalies;
  self->anomaly_first = defaults.anomaly_first;
  self->anomaly_period = defaults.anomaly_period;
  self->anomaly_frames = defaults.anomaly_frames;
  self->truth = TRUTH_MASK;
  self->options = new anomaly::SceneOptions();
  self->scene = new std::unique_ptr<anomaly::Scene>();
  self->frame = new anomaly::SceneFrame();
  gst_video_info_init(&self->info);
  gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
  gst_base_src_set_live(GST_BASE_SRC(self), FALSE);
}

static void gst_anomaly_test_src_class_init(GstAnomalyTestSrcClass* klass) {
  GObjectClass* object = G_OBJECT_CLASS(klass);
  GstElementClass* element = GST_ELEMENT_CLASS(klass);
  GstBaseSrcClass* base = GST_BASE_SRC_CLASS(klass);
  object->set_property = gst_anomaly_test_src_set_property;
  object->get_property = gst_anomaly_test_src_get_property;
  object->finalize = gst_anomaly_test_src_finalize;

  const auto flags =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  g_object_class_install_property(
      object, PROP_SEED,
      g_param_spec_uint64("seed", "Seed", "Which drive: place, weather, traffic and anomalies follow from it",
                          0, G_MAXUINT64, 0, flags));
  g_object_class_install_property(
      object, PROP_IS_LIVE,
      g_param_spec_boolean("is-live", "Is live", "Act as a camera: frames come in their own time", FALSE,
                           flags));
  g_object_class_install_property(
      object, PROP_ANOMALIES,
      g_param_spec_boolean(
          "anomalies", "Anomalies",
          "Put anomalies on the road; without them the drive is the same but for what they cover", TRUE,
          flags));
  g_object_class_install_property(
      object, PROP_FIRST,
      g_param_spec_int("anomaly-first", "First anomaly", "Frame on which the first anomaly appears", 0,
                       G_MAXINT, 50, flags));
  g_object_class_install_property(
      object, PROP_PERIOD,
      g_param_spec_int("anomaly-period", "Anomaly period", "Frames from one appearance to the next", 1,
                       G_MAXINT, 100, flags));
  g_object_class_install_property(
      object, PROP_FRAMES,
      g_param_spec_int("anomaly-frames", "Anomaly frames",
                       "Frames for which an anomaly stays in view, at most anomaly-period", 1, G_MAXINT, 50,
                       flags));
  g_object_class_install_property(
      object, PROP_TRUTH,
      g_param_spec_enum("truth", "Truth", "What is attached to frames as GstAnomalyTruthMeta",
                        GST_TYPE_ANOMALY_TEST_SRC_TRUTH, TRUTH_MASK, flags));

  gst_element_class_set_static_metadata(element, "Driving scenes with anomalies", "Source/Video",
                                        "Makes driving video in which things that do not belong on a road "
                                        "appear at known frames, with the true mask",
                                        "The gst-anomaly authors");
  gst_element_class_add_static_pad_template(element, &src_template);

  base->start = gst_anomaly_test_src_start;
  base->stop = gst_anomaly_test_src_stop;
  base->fixate = gst_anomaly_test_src_fixate;
  base->set_caps = gst_anomaly_test_src_set_caps;
  base->decide_allocation = gst_anomaly_test_src_decide_allocation;
  base->query = gst_anomaly_test_src_query;
  base->is_seekable = gst_anomaly_test_src_is_seekable;
  base->do_seek = gst_anomaly_test_src_do_seek;
  base->get_times = gst_anomaly_test_src_get_times;
  GST_PUSH_SRC_CLASS(klass)->fill = gst_anomaly_test_src_fill;

  gst_type_mark_as_plugin_api(GST_TYPE_ANOMALY_TEST_SRC_TRUTH, static_cast<GstPluginAPIFlags>(0));
  anomaly::register_truth_meta();
}

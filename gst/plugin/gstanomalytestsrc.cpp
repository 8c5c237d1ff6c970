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

#include <exception>
#include <new>

#include "gst/plugin/gstanomalytestsrcconfig.h"
#include "gst/plugin/gstanomalytestsrcframe.h"
#include "gst/plugin/truthmeta.h"

GST_DEBUG_CATEGORY_STATIC(anomalytestsrc_debug);
#define GST_CAT_DEFAULT anomalytestsrc_debug

struct _GstAnomalyTestSrc {
  GstPushSrc parent;

  anomaly::TestSrcConfig* config;  // the properties; under the object lock

  // Of the streaming thread, and of start, stop and seeks, which never run beside it. What queries read as
  // well, the format and the origin, is written under the object lock.
  anomaly::TestSrcConfig* started;  // the properties as they were at start
  anomaly::SceneFrames* frames;
  GstVideoInfo info;
  gint64 index;   // of the next frame
  gint64 origin;  // the frame at `origin_time`: after a change of the frame rate, where it happened
  GstClockTime origin_time;
  gboolean reverse;
  gboolean unplaced;  // a seek waits for the frame rate, to know its frame
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
  if (is_still(self)) return self->origin_time;
  const gint64 distance = index - self->origin;
  const GstClockTime time = gst_util_uint64_scale(static_cast<guint64>(ABS(distance)),
                                                  static_cast<guint64>(self->info.fps_d) * GST_SECOND,
                                                  static_cast<guint64>(self->info.fps_n));
  if (distance >= 0) return self->origin_time + time;
  return self->origin_time > time ? self->origin_time - time : 0;
}

// Frames of a stream that `num-buffers` ends, or -1.
static gint64 frame_count(GstAnomalyTestSrc* self) {
  gint count = -1;
  g_object_get(self, "num-buffers", &count, nullptr);
  return count;
}

// The first frame of a segment that was sought to, once the frame rate is known. The origin is 0. Completes
// and cuts a segment that is played backwards from the end: its running time counts from there.
static void place(GstAnomalyTestSrc* self, GstSegment* segment, gint64 count) {
  self->unplaced = FALSE;
  self->index = 0;
  if (is_still(self)) return;
  if (self->reverse && count >= 0) {
    const GstClockTime end = time_of(self, count);
    if (!GST_CLOCK_TIME_IS_VALID(segment->stop) || segment->stop > end)
      segment->position = segment->stop = end;
  }
  // Forwards from the frame that is shown at that time, backwards from the last one before it.
  const guint64 time = segment->position;
  self->index = static_cast<gint64>(gst_util_uint64_scale(
      time, static_cast<guint64>(self->info.fps_n), static_cast<guint64>(self->info.fps_d) * GST_SECOND));
  // The floor of the product may lie one short, where the time was rounded down.
  if (time_of(self, self->index + 1) <= time) ++self->index;
  if (self->reverse && time_of(self, self->index) >= time) --self->index;
}

static gboolean gst_anomaly_test_src_start(GstBaseSrc* base) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(base);
  self->index = 0;
  self->reverse = FALSE;
  self->unplaced = FALSE;
  GST_OBJECT_LOCK(self);
  *self->started = *self->config;
  gst_video_info_init(&self->info);
  self->origin = 0;
  self->origin_time = 0;
  GST_OBJECT_UNLOCK(self);
  try {
    anomaly::Scene::check(self->started->scene);
  } catch (const std::exception& e) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("%s", e.what()), (nullptr));
    return FALSE;
  }
  return TRUE;
}

static gboolean gst_anomaly_test_src_stop(GstBaseSrc* base) {
  GST_ANOMALY_TEST_SRC(base)->frames->clear();
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
  const gint64 count = frame_count(self);
  GST_OBJECT_LOCK(self);
  if (negotiated(self) && (info.fps_n != self->info.fps_n || info.fps_d != self->info.fps_d)) {
    // The time goes on from where the old frame rate left it.
    self->origin_time = time_of(self, self->index);
    self->origin = self->index;
  }
  self->info = info;
  if (self->unplaced) place(self, &base->segment, count);
  GST_OBJECT_UNLOCK(self);
  if (!self->frames->set_format(info)) {
    GST_ERROR_OBJECT(self, "cannot convert RGB to %" GST_PTR_FORMAT, caps);
    return FALSE;
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

// Whether it is not known from where to play backwards.
static gboolean lacks_end(GstAnomalyTestSrc* self, gdouble rate, guint64 stop) {
  if (rate >= 0 || GST_CLOCK_TIME_IS_VALID(stop) || frame_count(self) >= 0) return FALSE;
  GST_WARNING_OBJECT(self, "playing backwards needs an end to start from: a stop time, or num-buffers");
  return TRUE;
}

// Refuses before the base class flushes: after that a stream whose seek failed could not go on.
static gboolean gst_anomaly_test_src_event(GstBaseSrc* base, GstEvent* event) {
  if (GST_EVENT_TYPE(event) == GST_EVENT_SEEK) {
    gdouble rate;
    gint64 stop;
    GstSeekType type;
    gst_event_parse_seek(event, &rate, nullptr, nullptr, nullptr, nullptr, &type, &stop);
    GST_OBJECT_LOCK(base);
    if (type == GST_SEEK_TYPE_NONE) stop = static_cast<gint64>(base->segment.stop);
    GST_OBJECT_UNLOCK(base);
    if (lacks_end(GST_ANOMALY_TEST_SRC(base), rate, static_cast<guint64>(stop))) return FALSE;
  }
  return GST_BASE_SRC_CLASS(gst_anomaly_test_src_parent_class)->event(base, event);
}

static gboolean gst_anomaly_test_src_do_seek(GstBaseSrc* base, GstSegment* segment) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(base);
  if (segment->format != GST_FORMAT_TIME) return FALSE;
  const gint64 count = frame_count(self);
  if (lacks_end(self, segment->rate, segment->stop)) return FALSE;
  segment->time = segment->start;
  // The base class counts buffers, also those before the seek; fill() goes by the frame's number.
  base->num_buffers_left = -1;
  GST_OBJECT_LOCK(self);
  self->reverse = segment->rate < 0;
  self->origin = 0;
  self->origin_time = 0;
  self->unplaced = !negotiated(self);
  if (!self->unplaced) place(self, segment, count);
  GST_OBJECT_UNLOCK(self);
  return TRUE;
}

static void gst_anomaly_test_src_get_times(GstBaseSrc* base, GstBuffer* buffer, GstClockTime* start,
                                           GstClockTime* end) {
  *start = *end = GST_CLOCK_TIME_NONE;
  if (!gst_base_src_is_live(base) || !GST_BUFFER_PTS_IS_VALID(buffer)) return;
  *start = GST_BUFFER_PTS(buffer);
  if (GST_BUFFER_DURATION_IS_VALID(buffer)) *end = *start + GST_BUFFER_DURATION(buffer);
}

static GstFlowReturn gst_anomaly_test_src_fill(GstPushSrc* push, GstBuffer* buffer) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(push);
  if (!negotiated(self)) return GST_FLOW_NOT_NEGOTIATED;
  const gint64 count = frame_count(self);
  if (self->index < 0 || (count >= 0 && self->index >= count) || (is_still(self) && self->index > 0))
    return GST_FLOW_EOS;
  try {
    if (!self->frames->make(*self->started, self->index, buffer)) {
      GST_ELEMENT_ERROR(self, RESOURCE, WRITE, ("A frame's buffer cannot be written."), (nullptr));
      return GST_FLOW_ERROR;
    }
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
  if (id == anomaly::TESTSRC_IS_LIVE) {
    gst_base_src_set_live(GST_BASE_SRC(self), g_value_get_boolean(value));
    return;
  }
  GST_OBJECT_LOCK(self);
  const bool known = anomaly::set_testsrc_property(*self->config, id, value);
  GST_OBJECT_UNLOCK(self);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_anomaly_test_src_get_property(GObject* object, guint id, GValue* value, GParamSpec* pspec) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(object);
  if (id == anomaly::TESTSRC_IS_LIVE) {
    g_value_set_boolean(value, gst_base_src_is_live(GST_BASE_SRC(self)));
    return;
  }
  GST_OBJECT_LOCK(self);
  const bool known = anomaly::get_testsrc_property(*self->config, id, value);
  GST_OBJECT_UNLOCK(self);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_anomaly_test_src_finalize(GObject* object) {
  GstAnomalyTestSrc* self = GST_ANOMALY_TEST_SRC(object);
  delete self->frames;
  delete self->started;
  delete self->config;
  G_OBJECT_CLASS(gst_anomaly_test_src_parent_class)->finalize(object);
}

static void gst_anomaly_test_src_init(GstAnomalyTestSrc* self) {
  self->config = new anomaly::TestSrcConfig();
  self->started = new anomaly::TestSrcConfig();
  self->frames = new anomaly::SceneFrames();
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

  anomaly::install_testsrc_properties(object);

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
  base->event = gst_anomaly_test_src_event;
  base->is_seekable = gst_anomaly_test_src_is_seekable;
  base->do_seek = gst_anomaly_test_src_do_seek;
  base->get_times = gst_anomaly_test_src_get_times;
  GST_PUSH_SRC_CLASS(klass)->fill = gst_anomaly_test_src_fill;

  anomaly::register_truth_meta();
}

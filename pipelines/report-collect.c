/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the pipeline tells, frame by frame and event by event.
 */
#include <gst/video/video.h>
#include <math.h>

#include "gst/lib/gstanomalymeta.h"
#include "report.h"

#define PICTURES 100 /* of the highest events, that are kept */
#define WIDEST 320   /* pixels */

static gdouble seconds_of(guint64 time) {
  return GST_CLOCK_TIME_IS_VALID(time) ? time / (gdouble)GST_SECOND : 0;
}

static GstPadProbeReturn on_frame(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
  Collection* all = data;
  const GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(GST_PAD_PROBE_INFO_BUFFER(info));
  GstEvent* sticky = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
  ReportFrame frame = {.score = NAN, .on = NAN};
  if (sticky) {
    const GstSegment* segment;
    gst_event_parse_segment(sticky, &segment);
    frame.time = seconds_of(gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer)));
    gst_event_unref(sticky);
  }
  if (meta) {
    frame.score = meta->score;
    frame.on = all->on >= 0 ? all->on : meta->threshold;
  }
  g_mutex_lock(&all->lock);
  g_array_append_val(all->report.frames, frame);
  g_mutex_unlock(&all->lock);
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn on_caps(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
  Collection* all = data;
  GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
  GstVideoInfo video;
  GstCaps* caps;
  if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
    gst_event_parse_caps(event, &caps);
    if (gst_video_info_from_caps(&video, caps)) {
      all->report.width = video.width;
      all->report.height = video.height;
    }
  }
  (void)pad;
  return GST_PAD_PROBE_OK;
}

static const gchar* beneath(GstBuffer* frame) {
  const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(frame);
  return meta && gst_anomaly_meta_n_regions(meta) > 0 ? gst_anomaly_meta_get_region(meta, 0)->label : NULL;
}

/* Over a long drive, the lowest events' pictures give way. */
static void bound_pictures(GArray* events) {
  ReportEvent* lowest = NULL;
  guint pictures = 0;
  for (guint i = 0; i < events->len; i++) {
    ReportEvent* event = &g_array_index(events, ReportEvent, i);
    if (!event->picture) continue;
    pictures++;
    if (!lowest || event->peak < lowest->peak) lowest = event;
  }
  if (pictures > PICTURES) g_clear_pointer(&lowest->picture, g_bytes_unref);
}

static void on_event(GstElement* detect, const GstStructure* told, gpointer data) {
  Collection* all = data;
  guint64 start = 0, duration = 0, peak_at = 0;
  GstSample* sample = NULL;
  ReportEvent event = {.peak = NAN};
  if (g_strcmp0(gst_structure_get_string(told, "event"), "end") != 0) return;
  gst_structure_get_uint(told, "id", &event.id);
  gst_structure_get_double(told, "peak", &event.peak);
  gst_structure_get(told, "start-running-time", G_TYPE_UINT64, &start, "duration", G_TYPE_UINT64, &duration,
                    "peak-running-time", G_TYPE_UINT64, &peak_at, NULL);
  event.start = seconds_of(start);
  event.end = event.start + seconds_of(duration);
  event.peak_at = seconds_of(peak_at);
  if (gst_structure_get(told, "thumbnail", GST_TYPE_SAMPLE, &sample, NULL)) {
    event.picture = painter_paint(all->painter, gst_sample_get_buffer(sample), gst_sample_get_caps(sample));
    event.beneath = beneath(gst_sample_get_buffer(sample));
    gst_sample_unref(sample);
  }
  g_mutex_lock(&all->lock);
  event.id = all->report.events->len + 1;
  g_array_append_val(all->report.events, event);
  bound_pictures(all->report.events);
  g_mutex_unlock(&all->lock);
  (void)detect;
}

guint collection_frames(Collection* all, gdouble* time) {
  g_mutex_lock(&all->lock);
  const guint count = all->report.frames->len;
  *time = count > 0 ? g_array_index(all->report.frames, ReportFrame, count - 1).time : 0;
  g_mutex_unlock(&all->lock);
  return count;
}

gdouble collection_on_score(Collection* all) {
  gdouble on = NAN;
  g_mutex_lock(&all->lock);
  for (guint i = 0; i < all->report.frames->len && isnan(on); i++)
    on = g_array_index(all->report.frames, ReportFrame, i).on;
  g_mutex_unlock(&all->lock);
  return on;
}

void collection_init(Collection* all) {
  g_mutex_init(&all->lock);
  all->painter = painter_new(WIDEST);
  all->report.frames = g_array_new(FALSE, FALSE, sizeof(ReportFrame));
  all->report.events = g_array_new(FALSE, FALSE, sizeof(ReportEvent));
  all->report.settings = g_array_new(FALSE, FALSE, sizeof(ReportSetting));
}

void collection_watch(Collection* all, GstElement* detect, gdouble on) {
  GstPad* pad = gst_element_get_static_pad(detect, "src");
  all->on = on;
  g_object_set(detect, "post-messages", FALSE, "event-thumbnail", TRUE, "event-update-interval",
               GST_CLOCK_TIME_NONE, NULL);
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, all, NULL);
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_caps, all, NULL);
  g_signal_connect(detect, "anomaly-event", G_CALLBACK(on_event), all);
  gst_object_unref(pad);
}

void collection_add_setting(Collection* all, const gchar* name, gchar* value) {
  const ReportSetting setting = {name, value};
  g_array_append_val(all->report.settings, setting);
}

void collection_clear(Collection* all) {
  painter_free(all->painter);
  for (guint i = 0; i < all->report.events->len; i++)
    g_clear_pointer(&g_array_index(all->report.events, ReportEvent, i).picture, g_bytes_unref);
  for (guint i = 0; i < all->report.settings->len; i++)
    g_free(g_array_index(all->report.settings, ReportSetting, i).value);
  g_array_unref(all->report.frames);
  g_array_unref(all->report.events);
  g_array_unref(all->report.settings);
  g_mutex_clear(&all->lock);
}

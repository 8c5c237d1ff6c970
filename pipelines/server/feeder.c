/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A mount's source: a pipeline of its own, so that an end, an error or a stall of it is none of the clients'.
 * A file begins anew at its end; what fails or stalls is connected again, after ever longer pauses.
 * Everything but the samples happens in the default main context.
 */
#include <gst/app/gstappsink.h>

#include "server.h"

#define FIRST_PAUSE 500 /* milliseconds */
#define LONGEST_PAUSE 30000

struct _Feeder {
  gint refs; /* atomic; the last one goes under all_lock */
  Mount* mount;
  GstElement* appsrc;
  gint stopped; /* atomic */

  /* Of the main context. */
  GstElement* pipeline;
  GSource *watch, *timer;
  guint pause;
  gint64 started; /* monotonic microseconds: of the pipeline */

  /* Of the source's streaming thread, but for `anew`. */
  gint anew; /* atomic: the source's time begins anew */
  GstClockTimeDiff offset;
  GstClockTime last;
  gint64 arrived; /* monotonic microseconds; under `lock` */
  GMutex lock;
};

/* All that there are; a feeder is taken out before it is freed. */
static GMutex all_lock;
static GList* all;

guint feeder_count(void) {
  g_mutex_lock(&all_lock);
  const guint count = g_list_length(all);
  g_mutex_unlock(&all_lock);
  return count;
}

static Feeder* feeder_ref(Feeder* feeder) {
  g_atomic_int_inc(&feeder->refs);
  return feeder;
}

static void feeder_unref(gpointer data) {
  Feeder* feeder = data;
  g_mutex_lock(&all_lock);
  const gboolean last = g_atomic_int_dec_and_test(&feeder->refs);
  if (last) all = g_list_remove(all, feeder);
  g_mutex_unlock(&all_lock);
  if (!last) return;
  gst_object_unref(feeder->appsrc);
  g_mutex_clear(&feeder->lock);
  g_free(feeder);
}

static void in_main(GSourceFunc function, Feeder* feeder) {
  GSource* source = g_idle_source_new();
  g_source_set_priority(source, G_PRIORITY_DEFAULT);
  g_source_set_callback(source, function, feeder_ref(feeder), feeder_unref);
  g_source_attach(source, NULL);
  g_source_unref(source);
}

/* The source's frames in the time of the clients' pipeline: as far from each other as the source has them. */
static void stamp(Feeder* feeder, GstBuffer* buffer, GstClockTime running_time, GstClockTime now) {
  if (g_atomic_int_compare_and_exchange(&feeder->anew, TRUE, FALSE))
    feeder->offset = GST_CLOCK_DIFF(running_time, now);
  GstClockTimeDiff pts = (GstClockTimeDiff)running_time + feeder->offset;
  if (ABS(GST_CLOCK_DIFF(now, (GstClockTime)MAX(pts, 0))) > GST_SECOND / 2) {
    feeder->offset = GST_CLOCK_DIFF(running_time, now);
    pts = (GstClockTimeDiff)now;
  }
  if (GST_CLOCK_TIME_IS_VALID(feeder->last))
    pts = MAX(pts, (GstClockTimeDiff)feeder->last + (GstClockTimeDiff)GST_MSECOND);
  feeder->last = GST_BUFFER_PTS(buffer) = (GstClockTime)MAX(pts, 0);
  GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
}

static GstFlowReturn on_sample(GstAppSink* sink, gpointer data) {
  Feeder* feeder = data;
  GstSample* sample = gst_app_sink_pull_sample(sink);
  if (!sample) return GST_FLOW_EOS;
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  GstClock* clock = gst_element_get_clock(feeder->appsrc);
  const GstClockTime running_time = buffer
                                        ? gst_segment_to_running_time(gst_sample_get_segment(sample),
                                                                      GST_FORMAT_TIME, GST_BUFFER_PTS(buffer))
                                        : GST_CLOCK_TIME_NONE;
  g_mutex_lock(&feeder->lock);
  feeder->arrived = g_get_monotonic_time();
  g_mutex_unlock(&feeder->lock);
  /* Without a clock nobody plays yet. */
  if (clock && GST_CLOCK_TIME_IS_VALID(running_time)) {
    GstBuffer* copy = gst_buffer_copy(buffer);
    const GstClockTime base = gst_element_get_base_time(feeder->appsrc), time = gst_clock_get_time(clock);
    stamp(feeder, copy, running_time, time > base ? time - base : 0);
    GstSample* stamped = gst_sample_new(copy, gst_sample_get_caps(sample), NULL, NULL);
    gst_app_src_push_sample(GST_APP_SRC(feeder->appsrc), stamped);
    gst_sample_unref(stamped);
    gst_buffer_unref(copy);
  }
  gst_clear_object(&clock);
  gst_sample_unref(sample);
  return GST_FLOW_OK;
}

/* The first video; sound and the rest are not linked, which ends their decoding. */
static void on_decoded(GstElement* decode, GstPad* pad, gpointer first) {
  GstPad* sink = gst_element_get_static_pad(first, "sink");
  GstCaps* caps = gst_pad_get_current_caps(pad);
  const gchar* name = caps ? gst_structure_get_name(gst_caps_get_structure(caps, 0)) : "";
  if (g_str_has_prefix(name, "video/") && !gst_pad_is_linked(sink) &&
      GST_PAD_LINK_FAILED(gst_pad_link(pad, sink)))
    GST_ELEMENT_ERROR(decode, STREAM, FORMAT, ("The video cannot be converted"), (NULL));
  if (caps) gst_caps_unref(caps);
  gst_object_unref(sink);
}

static void on_no_more(GstElement* decode, gpointer first) {
  GstPad* sink = gst_element_get_static_pad(first, "sink");
  if (!gst_pad_is_linked(sink))
    GST_ELEMENT_ERROR(decode, STREAM, WRONG_TYPE, ("There is no video in it"), (NULL));
  gst_object_unref(sink);
}

static void on_source(GstElement* decode, GstElement* source, gpointer data) {
  /* rtspsrc waits two seconds for late packets unless told otherwise. */
  if (g_object_class_find_property(G_OBJECT_GET_CLASS(source), "latency"))
    g_object_set(source, "latency", 200, NULL);
  (void)decode;
  (void)data;
}

static void close_source(Feeder* feeder) {
  if (feeder->timer) g_source_destroy(feeder->timer);
  if (feeder->watch) g_source_destroy(feeder->watch);
  g_clear_pointer(&feeder->timer, g_source_unref);
  g_clear_pointer(&feeder->watch, g_source_unref);
  if (feeder->pipeline) gst_element_set_state(feeder->pipeline, GST_STATE_NULL);
  gst_clear_object(&feeder->pipeline);
}

static void set_timer(Feeder* feeder, guint milliseconds, GSourceFunc function) {
  if (feeder->timer) g_source_destroy(feeder->timer);
  g_clear_pointer(&feeder->timer, g_source_unref);
  feeder->timer = g_timeout_source_new(milliseconds);
  g_source_set_callback(feeder->timer, function, feeder_ref(feeder), feeder_unref);
  g_source_attach(feeder->timer, NULL);
}

static gboolean open_source(gpointer data);

static gboolean has_begun(Feeder* feeder) {
  g_mutex_lock(&feeder->lock);
  const gboolean begun = feeder->arrived != 0;
  g_mutex_unlock(&feeder->lock);
  return begun;
}

/* Whoever waits for the media's first frame waits in vain. */
static void give_up(Feeder* feeder, const gchar* why) {
  GST_ELEMENT_ERROR(feeder->appsrc, RESOURCE, OPEN_READ, ("%s", why), (NULL));
}

void feeders_give_up(void) {
  g_mutex_lock(&all_lock);
  GList* some = g_list_copy(all);
  for (GList* item = some; item; item = item->next) feeder_ref(item->data);
  g_mutex_unlock(&all_lock);
  for (GList* item = some; item; item = item->next)
    if (!has_begun(item->data)) give_up(item->data, "the server ends");
  g_list_free_full(some, feeder_unref);
}

static void try_again(Feeder* feeder, const gchar* why) {
  close_source(feeder);
  g_mutex_lock(&feeder->mount->state.lock);
  feeder->mount->state.restarts++;
  g_mutex_unlock(&feeder->mount->state.lock);
  if (has_begun(feeder)) {
    complain("%s: the source failed: %s; trying again in %.1f s", feeder->mount->path, why,
             feeder->pause / 1000.0);
  } else {
    gchar* text = g_strdup_printf("the source failed: %s", why);
    give_up(feeder, text);
    g_free(text);
  }
  set_timer(feeder, feeder->pause, open_source);
  feeder->pause = MIN(feeder->pause * 2, LONGEST_PAUSE);
}

static gboolean on_message(GstBus* bus, GstMessage* message, gpointer data) {
  Feeder* feeder = data;
  GError* error = NULL;
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ERROR:
      gst_message_parse_error(message, &error, NULL);
      try_again(feeder, error->message);
      g_clear_error(&error);
      return G_SOURCE_REMOVE;
    case GST_MESSAGE_EOS:
      g_atomic_int_set(&feeder->anew, TRUE);
      if (gst_element_seek_simple(feeder->pipeline, GST_FORMAT_TIME,
                                  GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT, 0))
        break;
      try_again(feeder, "it has ended");
      return G_SOURCE_REMOVE;
    default:
      break;
  }
  (void)bus;
  return G_SOURCE_CONTINUE;
}

static gboolean look_after(gpointer data) {
  Feeder* feeder = data;
  g_mutex_lock(&feeder->lock);
  const gint64 arrived = feeder->arrived;
  g_mutex_unlock(&feeder->lock);
  if (arrived > feeder->started) feeder->pause = FIRST_PAUSE;
  if (g_get_monotonic_time() - MAX(arrived, feeder->started) <
      (gint64)feeder->mount->source_timeout * G_USEC_PER_SEC)
    return G_SOURCE_CONTINUE;
  try_again(feeder, "no frame has come");
  return G_SOURCE_REMOVE;
}

static gboolean open_source(gpointer data) {
  Feeder* feeder = data;
  GError* error = NULL;
  if (g_atomic_int_get(&feeder->stopped)) return G_SOURCE_REMOVE;
  feeder->started = g_get_monotonic_time();
  GstElement* pipeline = gst_parse_launch(
      "uridecodebin name=decode "
      "deinterlace name=first ! videoflip video-direction=auto ! videoconvert ! "
      "appsink name=sink caps=video/x-raw,format=I420 max-buffers=2 drop=true sync=true",
      &error);
  if (!pipeline) {
    try_again(feeder, error->message);
    g_clear_error(&error);
    return G_SOURCE_REMOVE;
  }
  g_clear_error(&error);
  feeder->pipeline = gst_object_ref_sink(pipeline);
  GstElement* decode = gst_bin_get_by_name(GST_BIN(pipeline), "decode");
  GstElement* first = gst_bin_get_by_name(GST_BIN(pipeline), "first");
  GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
  GstAppSinkCallbacks callbacks = {.new_sample = on_sample};
  g_object_set(decode, "uri", feeder->mount->uri, NULL);
  g_signal_connect(decode, "pad-added", G_CALLBACK(on_decoded), first);
  g_signal_connect(decode, "no-more-pads", G_CALLBACK(on_no_more), first);
  g_signal_connect(decode, "source-setup", G_CALLBACK(on_source), NULL);
  gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, feeder_ref(feeder), feeder_unref);
  gst_object_unref(decode);
  gst_object_unref(first);
  gst_object_unref(sink);
  GstBus* bus = gst_element_get_bus(pipeline);
  feeder->watch = gst_bus_create_watch(bus);
  g_source_set_callback(feeder->watch, G_SOURCE_FUNC(on_message), feeder_ref(feeder), feeder_unref);
  g_source_attach(feeder->watch, NULL);
  gst_object_unref(bus);
  g_atomic_int_set(&feeder->anew, TRUE);
  set_timer(feeder, 1000, look_after);
  gst_element_set_state(pipeline, GST_STATE_PLAYING); /* what fails says so on the bus */
  return G_SOURCE_REMOVE;
}

static gboolean end(gpointer data) {
  close_source(data);
  return G_SOURCE_REMOVE;
}

Feeder* feeder_start(Mount* mount, GstElement* appsrc) {
  Feeder* feeder = g_new0(Feeder, 1);
  feeder->refs = 1;
  feeder->mount = mount;
  feeder->appsrc = gst_object_ref(appsrc);
  feeder->pause = FIRST_PAUSE;
  feeder->last = GST_CLOCK_TIME_NONE;
  g_mutex_init(&feeder->lock);
  g_mutex_lock(&all_lock);
  all = g_list_prepend(all, feeder);
  g_mutex_unlock(&all_lock);
  in_main(open_source, feeder);
  return feeder;
}

void feeder_stop(Feeder* feeder) {
  g_atomic_int_set(&feeder->stopped, TRUE);
  in_main(end, feeder);
  feeder_unref(feeder);
}

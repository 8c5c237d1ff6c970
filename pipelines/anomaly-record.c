/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * anomaly-record: watches a recording or a camera, and keeps a clip of each anomaly event, from some seconds
 * before to some seconds after it, with a picture and its figures beside it.
 *
 *   anomalysource ! ... ! anomalydetect ! x264enc ! appsink --> ring of frames --> mp4mux ! filesink, each
 * clip
 */
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <gst/app/gstappsink.h>
#include <gst/video/video.h>

#include "programs.h"
#include "record.h"

/* Without a frame while the source is away: then a clip is finished. What was under way comes until then. */
#define PATIENCE (2 * G_USEC_PER_SEC)
#define LOOK_MS 500

static struct {
  gchar *user, *transport;
  gdouble on, off, min_duration, release, before, after, longest;
  gint quality;
  gboolean overlay, live;
  gchar** rest;
} opt = {.on = -1,
         .off = -1,
         .min_duration = 0.2,
         .release = 1,
         .before = 5,
         .after = 5,
         .longest = 600,
         .quality = 23};

static const GOptionEntry options[] = {
    {"before", 0, 0, G_OPTION_ARG_DOUBLE, &opt.before, "seconds to keep before an event (5)", "S"},
    {"after", 0, 0, G_OPTION_ARG_DOUBLE, &opt.after, "and after it (5)", "S"},
    {"longest", 0, 0, G_OPTION_ARG_DOUBLE, &opt.longest, "seconds after which the next clip begins (600)",
     "S"},
    {"on-score", 0, 0, G_OPTION_ARG_DOUBLE, &opt.on,
     "frame score from which an event starts (default: the threshold)", "T"},
    {"off-score", 0, 0, G_OPTION_ARG_DOUBLE, &opt.off, "and below which it ends (default: 0.8 of it)", "T"},
    {"min-duration", 0, 0, G_OPTION_ARG_DOUBLE, &opt.min_duration, "seconds for which it must hold (0.2)",
     "S"},
    {"release", 0, 0, G_OPTION_ARG_DOUBLE, &opt.release, "seconds for which it must be low again (1)", "S"},
    {"overlay", 0, 0, G_OPTION_ARG_NONE, &opt.overlay, "draw what was found into the clips", NULL},
    {"quality", 0, 0, G_OPTION_ARG_INT, &opt.quality, "constant rate factor, 0 (best) to 50 (23)", "Q"},
    {"live", 0, 0, G_OPTION_ARG_NONE, &opt.live, "play a recording in its own time, as a camera", NULL},
    {"user", 0, 0, G_OPTION_ARG_STRING, &opt.user,
     "of the camera; its password is taken from the environment, ANOMALY_PASSWORD", "NAME"},
    {"transport", 0, 0, G_OPTION_ARG_STRING, &opt.transport, "of RTSP: auto, udp or tcp", "T"},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &opt.rest, NULL, "SOURCE [FOLDER]"},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

typedef struct {
  GMainLoop* loop;
  GstElement* pipeline;
  Recorder* recorder;
  guint away; /* the timer that runs while the source is; 0 = it is not */
  int status;
} App;

static GstFlowReturn on_frame(GstAppSink* sink, gpointer data) {
  App* app = data;
  GstSample* sample = gst_app_sink_pull_sample(sink);
  if (!sample) return GST_FLOW_EOS;
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  const GstClockTime at =
      gst_segment_to_running_time(gst_sample_get_segment(sample), GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  if (GST_CLOCK_TIME_IS_VALID(at)) recorder_frame(app->recorder, buffer, gst_sample_get_caps(sample), at);
  gst_sample_unref(sample);
  return GST_FLOW_OK;
}

static void on_event(GstElement* detect, const GstStructure* event, gpointer data) {
  recorder_event(((App*)data)->recorder, event);
  (void)detect;
}

static gboolean on_away(gpointer data) {
  recorder_away(((App*)data)->recorder, PATIENCE);
  return G_SOURCE_CONTINUE;
}

static void set_away(App* app, gboolean away) {
  if (away && app->away == 0) app->away = g_timeout_add(LOOK_MS, on_away, app);
  if (away || app->away == 0) return;
  g_source_remove(app->away);
  app->away = 0;
  /* What comes now can begin a clip. */
  GstElement* encode = gst_bin_get_by_name(GST_BIN(app->pipeline), "encode");
  gst_element_send_event(encode, gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, FALSE, 0));
  gst_object_unref(encode);
}

static void on_news(App* app, const GstStructure* news) {
  const gchar* event = gst_structure_get_string(news, "event");
  if (g_strcmp0(event, "connected") == 0) {
    set_away(app, FALSE);
    recorder_set_source(app->recorder, gst_structure_get_string(news, "location"));
  } else if (g_strcmp0(event, "lost") == 0) {
    guint64 delay = 0;
    set_away(app, TRUE);
    gst_structure_get_uint64(news, "delay", &delay);
    programs_complain("%s: %s; trying again in %.1f s", gst_structure_get_string(news, "location"),
                      gst_structure_get_string(news, "reason"), delay / (gdouble)GST_SECOND);
  }
}

static gboolean on_message(GstBus* bus, GstMessage* message, gpointer data) {
  App* app = data;
  programs_end_with(message, app->loop, &app->status);
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ELEMENT:
      if (gst_message_has_name(message, "anomalysource")) on_news(app, gst_message_get_structure(message));
      break;
    case GST_MESSAGE_LATENCY:
      gst_bin_recalculate_latency(GST_BIN(app->pipeline));
      break;
    default:
      break;
  }
  (void)bus;
  return G_SOURCE_CONTINUE;
}

/* What is open is finished. */
static gboolean on_signal(gpointer data) {
  gst_element_send_event(((App*)data)->pipeline, gst_event_new_eos());
  return G_SOURCE_CONTINUE;
}

static gboolean set_up(GstElement* source, GstElement* detect) {
  const gchar* password = g_getenv("ANOMALY_PASSWORD");
  if (opt.user) g_object_set(source, "user-id", opt.user, "user-pw", password, NULL);
  g_object_set(source, "location", opt.rest[0], "is-live", opt.live, NULL);
  g_object_set(detect, "post-messages", FALSE, "event-thumbnail", TRUE, NULL);
  return programs_set_option(source, "transport", "transport", opt.transport) &&
         programs_set_detector(detect, "temporal") &&
         (opt.on < 0 || programs_set_number(detect, "event-on-score", "on-score", opt.on)) &&
         (opt.off < 0 || programs_set_number(detect, "event-off-score", "off-score", opt.off)) &&
         programs_set_seconds(detect, "event-min-duration", "min-duration", opt.min_duration) &&
         programs_set_seconds(detect, "event-release", "release", opt.release);
}

static gboolean build(App* app) {
  GError* error = NULL;
  gboolean ok = FALSE;
  /* Key frames every half a second: where clips begin. */
  gchar* launch = g_strdup_printf(
      "anomalysource name=source ! deinterlace ! videoflip video-direction=auto ! videoconvert ! "
      "anomalydetect "
      "name=detect ! %s ! videoconvert ! video/x-raw,format=I420 ! videobox name=box ! x264enc name=encode "
      "tune=zerolatency speed-preset=veryfast pass=qual quantizer=%d ! h264parse ! "
      "video/x-h264,stream-format=avc,alignment=au ! appsink name=sink sync=false max-buffers=4",
      opt.overlay ? "anomalyoverlay" : "identity", CLAMP(opt.quality, 0, 50));
  app->pipeline = gst_parse_launch_full(launch, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  g_free(launch);
  if (!app->pipeline) {
    programs_complain("%s (GStreamer's good, bad and ugly plugins, and this project's, are needed)",
                      error->message);
    g_clear_error(&error);
    return FALSE;
  }
  GstElement* source = gst_bin_get_by_name(GST_BIN(app->pipeline), "source");
  GstElement* detect = gst_bin_get_by_name(GST_BIN(app->pipeline), "detect");
  GstElement* box = gst_bin_get_by_name(GST_BIN(app->pipeline), "box");
  GstElement* encode = gst_bin_get_by_name(GST_BIN(app->pipeline), "encode");
  GstElement* sink = gst_bin_get_by_name(GST_BIN(app->pipeline), "sink");
  if (set_up(source, detect)) {
    GstAppSinkCallbacks callbacks = {.new_sample = on_frame};
    gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, app, NULL);
    g_signal_connect(detect, "anomaly-event", G_CALLBACK(on_event), app);
    programs_keep_even(box);
    g_object_set(encode, "key-int-max", 12, NULL);
    ok = TRUE;
  }
  gst_object_unref(sink);
  gst_object_unref(encode);
  gst_object_unref(box);
  gst_object_unref(detect);
  gst_object_unref(source);
  return ok;
}

static void run(App* app) {
  GstBus* bus = gst_element_get_bus(app->pipeline);
  const guint watch = gst_bus_add_watch(bus, on_message, app);
  gst_object_unref(bus);
  app->loop = g_main_loop_new(NULL, FALSE);
  g_unix_signal_add(SIGINT, on_signal, app);
  g_unix_signal_add(SIGTERM, on_signal, app);
  gst_element_set_state(app->pipeline, GST_STATE_PLAYING);
  g_main_loop_run(app->loop);
  gst_element_set_state(app->pipeline, GST_STATE_NULL);
  if (app->away != 0) g_source_remove(app->away);
  app->away = 0;
  if (!recorder_finish(app->recorder)) app->status = 1;
  g_print("%u clip%s\n", recorder_clips(app->recorder), recorder_clips(app->recorder) == 1 ? "" : "s");
  g_source_remove(watch);
  g_main_loop_unref(app->loop);
}

static gboolean check_seconds(void) {
  const gdouble given[] = {opt.before, opt.after, opt.longest, opt.min_duration};
  for (guint i = 0; i < G_N_ELEMENTS(given); i++) {
    if (given[i] >= 0 && given[i] <= 86400) continue;
    programs_complain("--before, --after, --longest and --min-duration: seconds from 0 to a day");
    return FALSE;
  }
  return TRUE;
}

int main(int argc, char** argv) {
  App app = {.status = 0};
  programs_run_long();
  GError* error = NULL;
  GOptionContext* context = g_option_context_new("- keep a clip of what does not belong on the road");
  g_option_context_set_summary(context,
                               "Watches SOURCE (a file, a folder of pictures, /dev/videoN, rtsp:// or "
                               "another URI, test://) and writes "
                               "event-0001.mp4,\n.json and .jpg and so on into FOLDER (events).");
  g_option_context_add_main_entries(context, options, NULL);
  programs_add_detector_options(context);
  g_option_context_add_group(context, gst_init_get_option_group());
  const gboolean parsed = g_option_context_parse(context, &argc, &argv, &error);
  g_option_context_free(context);
  const guint given = opt.rest ? g_strv_length(opt.rest) : 0;
  if (!parsed || given < 1 || given > 2) {
    programs_complain("%s (see --help)", error ? error->message : "a source, and a folder at most");
    g_clear_error(&error);
    return 2;
  }
  if (!check_seconds()) return 2;
  programs_find_plugin();
  const gchar* folder = given > 1 ? opt.rest[1] : "events";
  if (g_mkdir_with_parents(folder, 0777) != 0 || g_access(folder, W_OK) != 0) {
    programs_complain("%s cannot be written to", folder);
    return 1;
  }
  app.recorder =
      recorder_new(folder, (GstClockTime)(opt.before * GST_SECOND), (GstClockTime)(opt.after * GST_SECOND),
                   (GstClockTime)(opt.longest * GST_SECOND), (GstClockTime)(opt.min_duration * GST_SECOND));
  if (build(&app))
    run(&app);
  else
    app.status = 2;
  gst_clear_object(&app.pipeline);
  recorder_free(app.recorder);
  g_strfreev(opt.rest);
  return app.status;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * anomaly-report: a video in, one HTML page out: score over time, each event with a picture of its highest
 * frame, the settings.
 *
 *   anomalysource ! ... ! anomalydetect ! fakesink
 */
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "programs.h"
#include "report.h"

static struct {
  gdouble on, off, min_duration, release;
  gint frames;
  gboolean quiet;
  gchar** rest;
} opt = {.on = -1, .off = -1, .min_duration = 0.2, .release = 1, .frames = 300};

static const GOptionEntry options[] = {
    {"on-score", 0, 0, G_OPTION_ARG_DOUBLE, &opt.on,
     "score from which a frame counts, and an event starts (default: the threshold)", "T"},
    {"off-score", 0, 0, G_OPTION_ARG_DOUBLE, &opt.off, "and below which it ends (default: 0.8 of it)", "T"},
    {"min-duration", 0, 0, G_OPTION_ARG_DOUBLE, &opt.min_duration, "seconds that it must last (0.2)", "S"},
    {"release", 0, 0, G_OPTION_ARG_DOUBLE, &opt.release, "seconds of low scores that end it (1)", "S"},
    {"frames", 'n', 0, G_OPTION_ARG_INT, &opt.frames, "length of the built-in sample (default 300)", "N"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &opt.quiet, "no progress", NULL},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &opt.rest, NULL, "[VIDEO [OUTPUT.html]]"},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

typedef struct {
  GMainLoop* loop;
  GstElement *pipeline, *detect;
  Collection all;
  gchar *output, *title;
  gint64 started;
  gboolean tty, ended;
  gint last_step;
  int status;
} App;

/* --- Messages, progress
 * --------------------------------------------------------------------------------------------- */
static gboolean show_progress(gpointer data) {
  App* app = data;
  const gdouble seconds = (g_get_monotonic_time() - app->started) / 1e6;
  gdouble time, done = -1;
  gint64 duration = -1;
  const guint frames = collection_frames(&app->all, &time);
  if (frames == 0) {
    if (app->tty) g_printerr("\r\033[Kloading the networks ...");
    return G_SOURCE_CONTINUE;
  }
  if (gst_element_query_duration(app->pipeline, GST_FORMAT_TIME, &duration) && duration > 0)
    done = CLAMP(time * GST_SECOND / (gdouble)duration, 0, 1);
  GString* line = g_string_new(NULL);
  if (done >= 0) g_string_append_printf(line, "%3d %%  ", (gint)(done * 100));
  g_string_append_printf(line, "%u frames, %.1f frames/s", frames, frames / MAX(seconds, 1e-3));
  if (done > 0.005) {
    const gint left = (gint)(seconds / done * (1 - done) + 0.5);
    g_string_append_printf(line, ", %d:%02d left", left / 60, left % 60);
  }
  const gint step = done >= 0 ? (gint)(done * 10) : (gint)(frames / 100);
  if (app->tty)
    g_printerr("\r\033[K%s", line->str);
  else if (step != app->last_step)
    g_printerr("%s\n", line->str);
  app->last_step = step;
  g_string_free(line, TRUE);
  return G_SOURCE_CONTINUE;
}

static gboolean on_message(GstBus* bus, GstMessage* message, gpointer data) {
  App* app = data;
  GError* error = NULL;
  /* Where it breaks off, what there is until there is reported. */
  if (programs_end_with(message, app->loop, &app->status)) app->ended = TRUE;
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
    gst_message_parse_warning(message, &error, NULL);
    programs_complain("warning: %s", error->message);
    g_clear_error(&error);
  }
  (void)bus;
  return G_SOURCE_CONTINUE;
}

static gboolean on_signal(gpointer data) {
  App* app = data;
  app->status = 130;
  g_main_loop_quit(app->loop);
  return G_SOURCE_CONTINUE;
}

/* --- The report
 * ----------------------------------------------------------------------------------------------------- */
static void set_property_text(App* app, const gchar* name, const gchar* property) {
  GValue value = G_VALUE_INIT;
  g_object_get_property(G_OBJECT(app->detect), property, &value);
  if (G_VALUE_HOLDS_STRING(&value)) {
    const gchar* text = g_value_get_string(&value);
    if (text && *text) collection_add_setting(&app->all, name, g_strdup(text));
  } else {
    collection_add_setting(&app->all, name, gst_value_serialize(&value));
  }
  g_value_unset(&value);
}

/* While the detector still has its engine. */
static void take_settings(App* app) {
  static const gchar* const of_stats[][2] = {{"Model", "model"},
                                             {"Its terms", "license"},
                                             {"Its file", "model-path"},
                                             {"Device", "device"},
                                             {"Method", "method"}};
  GstStructure* stats = NULL;
  gdouble mean = 0;
  const gdouble on = collection_on_score(&app->all);
  g_object_get(app->detect, "stats", &stats, NULL);
  for (guint i = 0; stats && i < G_N_ELEMENTS(of_stats); i++) {
    const gchar* text = gst_structure_get_string(stats, of_stats[i][1]);
    if (text && *text) collection_add_setting(&app->all, of_stats[i][0], g_strdup(text));
  }
  set_property_text(app, "Normalization", "normalization");
  if (programs_detector.threshold >= 0)
    collection_add_setting(&app->all, "Threshold of pixels",
                           g_strdup_printf("%g", programs_detector.threshold));
  if (isfinite(on)) collection_add_setting(&app->all, "Score that counts", g_strdup_printf("%.4g", on));
  collection_add_setting(
      &app->all, "Events last",
      g_strdup_printf("%g s at least, and end after %g s of low scores", opt.min_duration, opt.release));
  set_property_text(app, "Region of interest", "roi");
  set_property_text(app, "Mask", "ignore-mask");
  set_property_text(app, "Classes", "classes");
  if (programs_detector.min_area >= 0) set_property_text(app, "Smallest region, pixels", "min-area");
  if (programs_detector.interval > 0) set_property_text(app, "Frames skipped after each", "interval");
  if (stats && gst_structure_get_double(stats, "mean-inference-ms", &mean))
    collection_add_setting(&app->all, "Time for a frame", g_strdup_printf("%.0f ms", mean));
  collection_add_setting(&app->all, "Video",
                         g_strdup_printf("%s, %dx%d", opt.rest ? opt.rest[0] : "the built-in sample drive",
                                         app->all.report.width, app->all.report.height));
  GDateTime* now = g_date_time_new_now_local();
  collection_add_setting(&app->all, "Made",
                         g_date_time_format(now, "%Y-%m-%d %H:%M %z, by gst-anomaly " VERSION));
  g_date_time_unref(now);
  if (stats) gst_structure_free(stats);
}

static void write_report(App* app) {
  GError* error = NULL;
  if (app->all.report.frames->len == 0) {
    if (app->status == 0) programs_complain("no frame was found in %s", app->title);
    app->status = app->status ? app->status : 1;
    return;
  }
  app->all.report.title = app->title;
  app->all.report.incomplete = !app->ended;
  GString* page = report_page(&app->all.report);
  /* Whole or not at all: a full disk leaves an older one as it was. */
  if (g_file_set_contents(app->output, page->str, (gssize)page->len, &error)) {
    g_print("%u frames%s, %u event%s\nreport:   %s\n", app->all.report.frames->len,
            app->ended ? "" : " (incomplete)", app->all.report.events->len,
            app->all.report.events->len == 1 ? "" : "s", app->output);
  } else {
    programs_complain("%s", error->message);
    app->status = 1;
  }
  g_clear_error(&error);
  g_string_free(page, TRUE);
}

/* --- The pipeline
 * --------------------------------------------------------------------------------------------------- */
static gboolean set_up(GstElement* detect) {
  return programs_set_detector(detect, "temporal") &&
         (opt.on < 0 || programs_set_number(detect, "event-on-score", "on-score", opt.on)) &&
         (opt.off < 0 || programs_set_number(detect, "event-off-score", "off-score", opt.off)) &&
         programs_set_seconds(detect, "event-min-duration", "min-duration", opt.min_duration) &&
         programs_set_seconds(detect, "event-release", "release", opt.release);
}

static gboolean build(App* app) {
  GError* error = NULL;
  const gchar *package, *missing = painter_lacks(&package);
  if (missing) {
    programs_complain("the GStreamer element %s is missing; it comes with %s", missing, package);
    return FALSE;
  }
  app->pipeline = gst_parse_launch_full(
      "anomalysource name=source reconnect=false ! deinterlace ! videoflip video-direction=auto ! "
      "videoconvert ! anomalydetect name=detect ! fakesink sync=false",
      NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!app->pipeline) {
    programs_complain("%s (GStreamer's base and good plugins, and this project's, are needed)",
                      error->message);
    g_clear_error(&error);
    return FALSE;
  }
  GstElement* source = gst_bin_get_by_name(GST_BIN(app->pipeline), "source");
  gchar* sample = g_strdup_printf("test://?frames=%d", MAX(opt.frames, 1));
  g_object_set(source, "location", opt.rest ? opt.rest[0] : sample, NULL);
  g_free(sample);
  gst_object_unref(source);
  app->detect = gst_bin_get_by_name(GST_BIN(app->pipeline), "detect");
  collection_watch(&app->all, app->detect, opt.on);
  return set_up(app->detect);
}

static void run(App* app) {
  GstBus* bus = gst_element_get_bus(app->pipeline);
  gst_bus_add_watch(bus, on_message, app);
  app->loop = g_main_loop_new(NULL, FALSE);
  g_unix_signal_add(SIGINT, on_signal, app);
  g_unix_signal_add(SIGTERM, on_signal, app);
  if (!opt.quiet) g_timeout_add(500, show_progress, app);
  app->started = g_get_monotonic_time();
  gst_element_set_state(app->pipeline, GST_STATE_PLAYING);
  g_main_loop_run(app->loop);
  take_settings(app);
  gst_element_set_state(app->pipeline, GST_STATE_NULL); /* an event that goes on ends with it */
  gst_bus_remove_watch(bus);
  gst_object_unref(bus);
  if (!opt.quiet && app->tty) g_printerr("\r\033[K");
  write_report(app);
  g_main_loop_unref(app->loop);
}

/* FALSE after a complaint. */
static gboolean name_files(App* app, guint given) {
  const gchar* input = given > 0 ? opt.rest[0] : NULL;
  const gboolean is_file = input && !gst_uri_is_valid(input);
  GStatBuf in, out;
  app->title = is_file ? g_path_get_basename(input) : g_strdup(input ? input : "the built-in sample drive");
  if (given > 1) {
    app->output = g_strdup(opt.rest[1]);
  } else if (is_file) {
    const gchar *base = strrchr(input, '/'), *dot = strrchr(base ? base : input, '.');
    const gsize stem = dot && dot != (base ? base + 1 : input) ? (gsize)(dot - input) : strlen(input);
    app->output = g_strdup_printf("%.*s-anomalies.html", (gint)stem, input);
  } else {
    app->output = g_strdup(input ? "anomalies.html" : "anomaly-sample.html");
  }
  gchar* folder = g_path_get_dirname(app->output);
  const gboolean writable = g_file_test(folder, G_FILE_TEST_IS_DIR) && g_access(folder, W_OK) == 0;
  if (!writable)
    programs_complain("%s: the folder %s does not exist or cannot be written to", app->output, folder);
  g_free(folder);
  if (writable && is_file && g_stat(input, &in) == 0 && g_stat(app->output, &out) == 0 &&
      in.st_ino == out.st_ino && in.st_dev == out.st_dev) {
    programs_complain("%s is the input; name another output", app->output);
    return FALSE;
  }
  return writable;
}

static void clear(App* app) {
  gst_clear_object(&app->detect);
  gst_clear_object(&app->pipeline);
  collection_clear(&app->all);
  g_free(app->output);
  g_free(app->title);
  g_strfreev(opt.rest);
}

int main(int argc, char** argv) {
  App app = {.last_step = -1, .tty = isatty(STDERR_FILENO)};
  GError* error = NULL;
  GOptionContext* context = g_option_context_new("- report what does not belong on the road");
  g_option_context_set_summary(
      context,
      "Reads VIDEO (a file, a folder of pictures or a URI; without it, a built-in "
      "sample is filmed) and writes\none HTML page: score over time, each event with "
      "a picture, settings.");
  g_option_context_add_main_entries(context, options, NULL);
  programs_add_detector_options(context);
  g_option_context_add_group(context, gst_init_get_option_group());
  const gboolean parsed = g_option_context_parse(context, &argc, &argv, &error);
  g_option_context_free(context);
  const guint given = opt.rest ? g_strv_length(opt.rest) : 0;
  if (!parsed || given > 2) {
    programs_complain("%s (see --help)", error ? error->message : "one video and one output at most");
    g_clear_error(&error);
    return 2;
  }
  programs_find_plugin();
  collection_init(&app.all);
  if (!name_files(&app, given))
    app.status = 1;
  else if (build(&app))
    run(&app);
  else
    app.status = 2;
  clear(&app);
  return app.status;
}

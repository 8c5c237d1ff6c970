/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * anomaly-annotate: a video file in; out come the same video with a heatmap over what does not belong on the
 * road, and a line of JSON per frame. Audio is kept as it is where MP4 can hold it, timestamps are kept, a
 * recording that is tagged as rotated is turned upright (the detector needs it so), and so plays in the same
 * position as before.
 *
 *   source ! parsebin ! decodebin ! ... ! anomalydetect ! anomalyoverlay ! anomalypublish ! x264enc ! mp4mux
 *                     ! (audio) ----------------------------------------------------------------^
 */
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "annotate.h"
#include "programs.h"

Options opt = {.opacity = -1, .frames = 300, .quality = 22};

static const GOptionEntry options[] = {
    {"ensemble-weights", 0, 0, G_OPTION_ARG_STRING, &opt.weights,
     "of dissimilarity, entropy, perceptual difference, distance", "A,B,C,D"},
    {"opacity", 0, 0, G_OPTION_ARG_DOUBLE, &opt.opacity, "of the heatmap, 0 to 1", "O"},
    {"colormap", 0, 0, G_OPTION_ARG_STRING, &opt.colormap, "of the heatmap: a name that anomalyoverlay lists",
     "NAME"},
    {"quality", 0, 0, G_OPTION_ARG_INT, &opt.quality, "of the video: constant rate factor, 0 (best) to 50",
     "Q"},
    {"frames", 'n', 0, G_OPTION_ARG_INT, &opt.frames, "length of the built-in sample (default 300)", "N"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &opt.quiet, "no progress", NULL},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &opt.rest, NULL, "[VIDEO [OUTPUT.mp4]]"},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

static gboolean show_progress(gpointer data) {
  App* app = data;
  gint frames = g_atomic_int_get(&app->frames);
  gdouble seconds = (g_get_monotonic_time() - app->started) / 1e6;
  gint64 duration = -1;
  gdouble done = -1;
  g_mutex_lock(&app->lock);
  GstClockTime position = app->position;
  g_mutex_unlock(&app->lock);
  if (gst_element_query_duration(app->pipeline, GST_FORMAT_TIME, &duration) && duration > 0 &&
      GST_CLOCK_TIME_IS_VALID(position))
    done = CLAMP((gdouble)position / duration, 0, 1);
  else if (!app->input && opt.frames > 0)
    done = CLAMP((gdouble)frames / opt.frames, 0, 1);
  if (frames == 0) {
    if (app->tty) g_printerr("\r\033[Kloading the networks ...");
    return G_SOURCE_CONTINUE;
  }
  GString* line = g_string_new(NULL);
  if (done >= 0) g_string_append_printf(line, "%3d %%  ", (int)(done * 100));
  g_string_append_printf(line, "%d frames, %.1f frames/s", frames, frames / MAX(seconds, 1e-3));
  if (done > 0.005) {
    int left = (int)(seconds / done * (1 - done) + 0.5);
    g_string_append_printf(line, ", %d:%02d left", left / 60, left % 60);
  }
  gint step = done >= 0 ? (int)(done * 10) : frames / 100;
  if (app->tty)
    g_printerr("\r\033[K%s", line->str);
  else if (step != app->last_percent)
    g_printerr("%s\n", line->str);
  app->last_percent = step;
  g_string_free(line, TRUE);
  return G_SOURCE_CONTINUE;
}

static gboolean give_up(gpointer data) {
  App* app = data;
  app->status = 1;
  g_main_loop_quit(app->loop);
  return G_SOURCE_REMOVE;
}

/* Ends every stream where it is, so that the muxer writes a whole file of what there is. */
static gboolean end_early(App* app) {
  if (app->ending) return FALSE;
  app->ending = TRUE;
  GstIterator* pads = gst_element_iterate_src_pads(app->parse);
  GValue item = G_VALUE_INIT;
  while (gst_iterator_next(pads, &item) == GST_ITERATOR_OK) {
    gst_pad_push_event(g_value_get_object(&item), gst_event_new_eos());
    g_value_reset(&item);
  }
  g_value_unset(&item);
  gst_iterator_free(pads);
  g_timeout_add_seconds(30, give_up, app);
  return TRUE;
}

static gboolean on_signal(gpointer data) {
  App* app = data;
  app->status = 130;
  if (g_atomic_int_get(&app->frames) == 0 || !end_early(app))
    g_main_loop_quit(app->loop);
  else
    programs_complain("stopping; what is finished is kept");
  return G_SOURCE_CONTINUE;
}

static gboolean on_message(GstBus* bus, GstMessage* message, gpointer data) {
  App* app = data;
  GError* error = NULL;
  gchar* debug = NULL;
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS:
      app->finished = TRUE;
      g_main_loop_quit(app->loop);
      break;
    case GST_MESSAGE_ERROR:
      gst_message_parse_error(message, &error, &debug);
      if (GST_MESSAGE_SRC(message) == GST_OBJECT(app->mux) ||
          GST_MESSAGE_SRC(message) == GST_OBJECT(app->sink)) {
        /* No end can be written any more (a full disk). */
        if (!app->broken) programs_complain("%s: %s", app->output_part, error->message);
        app->broken = TRUE;
        app->status = 1;
        g_main_loop_quit(app->loop);
      } else if (!app->ending) {
        programs_complain("%s", error->message);
        GST_INFO("%s", debug);
        app->status = 1;
        /* A recording that breaks off (power cut) is annotated as far as it goes. */
        if (g_atomic_int_get(&app->frames) == 0 || !end_early(app)) g_main_loop_quit(app->loop);
      }
      break;
    case GST_MESSAGE_STREAM_COLLECTION:
      if (!lacks_video(message)) break;
      programs_complain("there is no video in %s", app->input);
      app->status = 1;
      g_main_loop_quit(app->loop);
      break;
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning(message, &error, &debug);
      programs_complain("warning: %s", error->message);
      break;
    default:
      break;
  }
  g_clear_error(&error);
  g_free(debug);
  (void)bus;
  return G_SOURCE_CONTINUE;
}

static gboolean check_output(App* app) {
  gchar* folder = g_path_get_dirname(app->output);
  gboolean ok = g_file_test(folder, G_FILE_TEST_IS_DIR) && g_access(folder, W_OK) == 0;
  if (!ok) programs_complain("%s: the folder %s does not exist or cannot be written to", app->output, folder);
  g_free(folder);
  if (ok && strcmp(app->output, app->lines) == 0) {
    programs_complain("%s is what the JSON Lines file is called; name the video otherwise", app->output);
    ok = FALSE;
  }
  GStatBuf in, out;
  if (ok && app->input && g_stat(app->input, &in) == 0 && g_stat(app->output, &out) == 0 &&
      in.st_ino == out.st_ino && in.st_dev == out.st_dev) {
    programs_complain("%s is the input; name another output", app->output);
    ok = FALSE;
  }
  return ok;
}

/* Weights have terms of their own, which the code's licence does not cover. */
static void show_model(App* app) {
  GstStructure* stats = NULL;
  g_object_get(app->detect, "stats", &stats, NULL);
  if (!stats) return;
  g_print("model:    %s on %s\nits terms: %s\n", gst_structure_get_string(stats, "model"),
          gst_structure_get_string(stats, "device"), gst_structure_get_string(stats, "license"));
  gst_structure_free(stats);
}

static void finish_files(App* app) {
  gint frames = g_atomic_int_get(&app->frames);
  if (frames == 0) {
    g_unlink(app->output_part);
    g_unlink(app->lines_part);
    if (app->status == 0) {
      programs_complain("no frame was found in %s", app->input ? app->input : "the sample");
      app->status = 1;
    }
    return;
  }
  if (!app->finished || app->broken) {
    /* Without its end an MP4 cannot be played. The lines can be read. */
    g_unlink(app->output_part);
    programs_complain("the video could not be finished; %s is as it was, the lines of %d frames are in %s",
                      app->output, frames, app->lines_part);
    app->status = app->status ? app->status : 1;
    return;
  }
  if (g_rename(app->output_part, app->output) != 0 || g_rename(app->lines_part, app->lines) != 0) {
    programs_complain("the results could not be renamed from %s and %s", app->output_part, app->lines_part);
    app->status = app->status ? app->status : 1;
    return;
  }
  g_print("%d frames%s\nvideo:    %s\nmetadata: %s\n", frames, app->status ? " (incomplete)" : "",
          app->output, app->lines);
  show_model(app);
}

static gchar* without_extension(const gchar* path) {
  const gchar* base = strrchr(path, '/');
  const gchar* dot = strrchr(base ? base : path, '.');
  return dot && dot != (base ? base + 1 : path) ? g_strndup(path, dot - path) : g_strdup(path);
}

static void name_files(App* app, guint given) {
  if (given > 0) app->input = g_strdup(opt.rest[0]);
  if (given > 1) {
    app->output = g_strdup(opt.rest[1]);
  } else if (app->input && !gst_uri_is_valid(app->input)) {
    gchar* stem = without_extension(app->input);
    app->output = g_strdup_printf("%s-anomalies.mp4", stem);
    g_free(stem);
  } else {
    app->output = g_strdup(app->input ? "anomalies.mp4" : "anomaly-sample.mp4");
  }
  gchar* stem = without_extension(app->output);
  app->lines = g_strdup_printf("%s.jsonl", stem);
  g_free(stem);
  app->output_part = g_strdup_printf("%s.partial", app->output);
  app->lines_part = g_strdup_printf("%s.partial", app->lines);
}

static void run(App* app) {
  GstBus* bus = gst_element_get_bus(app->pipeline);
  gst_bus_add_watch(bus, on_message, app);
  gst_object_unref(bus);
  g_unix_signal_add(SIGINT, on_signal, app);
  g_unix_signal_add(SIGTERM, on_signal, app);
  if (!app->quiet) g_timeout_add(500, show_progress, app);
  app->started = g_get_monotonic_time();
  gst_element_set_state(app->pipeline, GST_STATE_PLAYING);
  g_main_loop_run(app->loop);
  gst_element_set_state(app->pipeline, GST_STATE_NULL);
  if (!app->quiet && app->tty) g_printerr("\r\033[K");
  finish_files(app);
}

int main(int argc, char** argv) {
  App app = {.status = 1, .position = GST_CLOCK_TIME_NONE, .last_percent = -1};
  GError* error = NULL;
  GOptionContext* context = g_option_context_new("- find and mark what does not belong on the road");
  g_option_context_set_summary(context,
                               "Reads VIDEO (a file or a URI; without it, a built-in sample is filmed), "
                               "writes OUTPUT.mp4 with a heatmap over\n"
                               "anomalies and OUTPUT.jsonl with one JSON object per frame.");
  g_option_context_add_main_entries(context, options, NULL);
  programs_add_detector_options(context);
  g_option_context_add_group(context, gst_init_get_option_group());
  if (!g_option_context_parse(context, &argc, &argv, &error)) {
    programs_complain("%s (see --help)", error->message);
    return 2;
  }
  g_option_context_free(context);
  guint given = opt.rest ? g_strv_length(opt.rest) : 0;
  if (given > 2) {
    programs_complain("one video and one output at most (see --help)");
    return 2;
  }
  programs_find_plugin();
  g_mutex_init(&app.lock);
  app.tty = isatty(STDERR_FILENO);
  app.quiet = opt.quiet;
  name_files(&app, given);
  app.loop = g_main_loop_new(NULL, FALSE);
  app.pipeline = gst_pipeline_new(NULL);
  if (check_output(&app) && build_video(&app) &&
      (app.input ? build_file_source(&app) : build_sample_source(&app))) {
    app.status = 0;
    run(&app);
  }
  gst_object_unref(app.pipeline);
  g_main_loop_unref(app.loop);
  gchar** owned[] = {&app.input, &app.output, &app.lines, &app.output_part, &app.lines_part};
  for (guint i = 0; i < G_N_ELEMENTS(owned); i++) g_free(*owned[i]);
  return app.status;
}

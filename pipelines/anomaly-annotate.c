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
#include <gst/gst.h>
#include <gst/video/video.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  GMainLoop* loop;
  GstElement *pipeline, *parse, *video_in, *detect, *mux;
  gchar *input, *output, *lines, *output_part, *lines_part;
  gint frames;           /* atomic; finished frames */
  GstClockTime position; /* of the newest finished frame */
  GMutex lock;           /* position, linked */
  gboolean video_linked;
  gint64 started;
  gint last_percent;
  gboolean tty, quiet, ending;
  int status;
} App;

static gchar *opt_model, *opt_device, *opt_method, *opt_roi, *opt_colormap, *opt_normalization, *opt_weights;
static gdouble opt_threshold = -1, opt_opacity = -1;
static gint opt_interval = -1, opt_min_area = -1, opt_frames = 300, opt_quality = 22, opt_threads = -1;
static gboolean opt_quiet;
static gchar** opt_rest;

static const GOptionEntry options[] = {
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &opt_model, "bundle of weights (default: the built-in one)",
     "FILE"},
    {"device", 'd', 0, G_OPTION_ARG_STRING, &opt_device, "auto, cpu or cuda[:N]", "DEVICE"},
    {"method", 0, 0, G_OPTION_ARG_STRING, &opt_method,
     "synboost, resynthesis, softmax-entropy, softmax-distance or perceptual-difference", "METHOD"},
    {"threshold", 't', 0, G_OPTION_ARG_DOUBLE, &opt_threshold,
     "score from which a pixel counts (default: the bundle's)", "T"},
    {"roi", 'r', 0, G_OPTION_ARG_STRING, &opt_roi, "region that counts, frame pixels", "X,Y,W,H"},
    {"min-area", 0, 0, G_OPTION_ARG_INT, &opt_min_area, "smallest region reported, frame pixels", "N"},
    {"normalization", 0, 0, G_OPTION_ARG_STRING, &opt_normalization, "frame or fixed", "MODE"},
    {"ensemble-weights", 0, 0, G_OPTION_ARG_STRING, &opt_weights,
     "of dissimilarity, entropy, perceptual difference, distance", "A,B,C,D"},
    {"interval", 'i', 0, G_OPTION_ARG_INT, &opt_interval, "frames skipped after each computed one", "N"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &opt_threads, "threads that compute (default: all cores)", "N"},
    {"opacity", 0, 0, G_OPTION_ARG_DOUBLE, &opt_opacity, "of the heatmap, 0 to 1", "O"},
    {"colormap", 0, 0, G_OPTION_ARG_STRING, &opt_colormap, "of the heatmap: a name that anomalyoverlay lists",
     "NAME"},
    {"quality", 0, 0, G_OPTION_ARG_INT, &opt_quality, "of the video: constant rate factor, 0 (best) to 50",
     "Q"},
    {"frames", 'n', 0, G_OPTION_ARG_INT, &opt_frames, "length of the built-in sample (default 300)", "N"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &opt_quiet, "no progress", NULL},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &opt_rest, NULL, "[VIDEO [OUTPUT.mp4]]"},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

static void complain(const gchar* format, ...) G_GNUC_PRINTF(1, 2);
static void complain(const gchar* format, ...) {
  va_list args;
  va_start(args, format);
  gchar* text = g_strdup_vprintf(format, args);
  va_end(args);
  g_printerr("%sanomaly-annotate: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", text);
  g_free(text);
}

static GstElement* make(GstBin* bin, const gchar* factory, const gchar* needed) {
  GstElement* element = gst_element_factory_make(factory, NULL);
  if (!element) {
    complain("the GStreamer element %s is missing; it comes with %s", factory, needed);
    return NULL;
  }
  if (bin) gst_bin_add(bin, element);
  return element;
}

/* Sets a property from text, and says which option was wrong if it does not take. */
static gboolean set_text(GstElement* element, const gchar* property, const gchar* option, const gchar* text) {
  if (!text) return TRUE;
  GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), property);
  GValue value = G_VALUE_INIT;
  gboolean ok = FALSE;
  if (spec) {
    g_value_init(&value, spec->value_type);
    ok = gst_value_deserialize_with_pspec(&value, text, spec) && !g_param_value_validate(spec, &value);
    if (ok) g_object_set_property(G_OBJECT(element), property, &value);
    g_value_unset(&value);
  }
  if (!ok)
    complain("--%s: \"%s\" is not a value that %s takes (see gst-inspect-1.0 %s)", option, text,
             GST_OBJECT_NAME(gst_element_get_factory(element)),
             GST_OBJECT_NAME(gst_element_get_factory(element)));
  return ok;
}

static gboolean set_number(GstElement* element, const gchar* property, const gchar* option, gdouble number) {
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];
  return set_text(element, property, option, g_ascii_dtostr(text, sizeof text, number));
}

static GstPadProbeReturn on_finished_frame(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
  App* app = data;
  GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  if (GST_BUFFER_PTS_IS_VALID(buffer)) {
    g_mutex_lock(&app->lock);
    app->position = GST_BUFFER_PTS(buffer);
    g_mutex_unlock(&app->lock);
  }
  g_atomic_int_inc(&app->frames);
  (void)pad;
  return GST_PAD_PROBE_OK;
}

/* H.264 with 4:2:0 chroma wants even sizes: pad odd ones by a row or a column. */
static GstPadProbeReturn on_caps(GstPad* pad, GstPadProbeInfo* info, gpointer box) {
  GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
  if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
    GstCaps* caps;
    GstVideoInfo video;
    gst_event_parse_caps(event, &caps);
    if (gst_video_info_from_caps(&video, caps))
      g_object_set(box, "right", -(video.width & 1), "bottom", -(video.height & 1), NULL);
  }
  (void)pad;
  return GST_PAD_PROBE_OK;
}

/* decode .. detect .. encode, and its entry. */
static gboolean build_video(App* app) {
  GstBin* bin = GST_BIN(app->pipeline);
  GstElement* deinterlace = make(bin, "deinterlace", "gstreamer1.0-plugins-good");
  GstElement* flip = make(bin, "videoflip", "gstreamer1.0-plugins-good");
  GstElement* in = make(bin, "videoconvert", "gstreamer1.0-plugins-base");
  GstElement* detect = make(bin, "anomalydetect", "this project (GST_PLUGIN_PATH)");
  GstElement* ahead = make(bin, "queue", "GStreamer");
  GstElement* overlay = make(bin, "anomalyoverlay", "this project (GST_PLUGIN_PATH)");
  GstElement* publish = make(bin, "anomalypublish", "this project (GST_PLUGIN_PATH)");
  GstElement* out = make(bin, "videoconvert", "gstreamer1.0-plugins-base");
  GstElement* filter = make(bin, "capsfilter", "GStreamer");
  GstElement* box = make(bin, "videobox", "gstreamer1.0-plugins-good");
  GstElement* encode = make(bin, "x264enc", "gstreamer1.0-plugins-ugly");
  GstElement* parse = make(bin, "h264parse", "gstreamer1.0-plugins-bad");
  GstElement* queue = make(bin, "queue", "GStreamer");
  app->mux = make(bin, "mp4mux", "gstreamer1.0-plugins-good");
  GstElement* sink = make(bin, "filesink", "GStreamer");
  if (!deinterlace || !flip || !in || !detect || !ahead || !overlay || !publish || !out || !filter || !box ||
      !encode || !parse || !queue || !app->mux || !sink)
    return FALSE;

  gchar* weights = opt_weights ? g_strdup_printf("<%s>", opt_weights) : NULL;
  gboolean ok = set_text(detect, "model", "model", opt_model) &&
                set_text(detect, "device", "device", opt_device) &&
                set_text(detect, "method", "method", opt_method) && set_text(detect, "roi", "roi", opt_roi) &&
                set_text(detect, "normalization", "normalization", opt_normalization) &&
                set_text(detect, "ensemble-weights", "ensemble-weights", weights) &&
                (opt_threshold < 0 || set_number(detect, "threshold", "threshold", opt_threshold)) &&
                (opt_min_area < 0 || set_number(detect, "min-area", "min-area", opt_min_area)) &&
                (opt_interval < 0 || set_number(detect, "interval", "interval", opt_interval)) &&
                (opt_threads < 0 || set_number(detect, "threads", "threads", opt_threads)) &&
                (opt_opacity < 0 || set_number(overlay, "opacity", "opacity", opt_opacity)) &&
                set_text(overlay, "colormap", "colormap", opt_colormap);
  g_free(weights);
  if (!ok) return FALSE;

  g_object_set(flip, "video-direction", GST_VIDEO_ORIENTATION_AUTO, NULL);
  g_object_set(publish, "location", app->lines_part, NULL);
  gst_util_set_object_arg(G_OBJECT(filter), "caps", "video/x-raw, format=I420");
  gst_util_set_object_arg(G_OBJECT(encode), "pass", "qual");
  gst_util_set_object_arg(G_OBJECT(encode), "speed-preset", "veryfast");
  g_object_set(encode, "quantizer", CLAMP(opt_quality, 0, 50), NULL);
  g_object_set(queue, "max-size-buffers", 0, "max-size-time", (guint64)0, "max-size-bytes", 64u << 20, NULL);
  g_object_set(ahead, "max-size-buffers", 3, NULL);
  g_object_set(app->mux, "faststart", TRUE, NULL);
  g_object_set(sink, "location", app->output_part, NULL);

  app->video_in = deinterlace;
  app->detect = detect;
  if (!gst_element_link_many(deinterlace, flip, in, detect, ahead, overlay, publish, out, filter, box, encode,
                             parse, queue, app->mux, sink, NULL)) {
    complain("the elements could not be linked; check the installation with gst-inspect-1.0 anomalydetect");
    return FALSE;
  }
  GstPad* pad = gst_element_get_static_pad(publish, "src");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_finished_frame, app, NULL);
  gst_object_unref(pad);
  pad = gst_element_get_static_pad(box, "sink");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_caps, box, NULL);
  gst_object_unref(pad);
  return TRUE;
}

static void link_to(GstPad* from, GstElement* to) {
  GstPad* sink = gst_element_get_static_pad(to, "sink");
  if (GST_PAD_LINK_FAILED(gst_pad_link(from, sink)))
    GST_ELEMENT_ERROR(to, STREAM, FORMAT, ("This stream cannot be linked to %s", GST_OBJECT_NAME(to)),
                      (NULL));
  gst_object_unref(sink);
}

static GstElement* add_playing(App* app, const gchar* factory) {
  GstElement* element = make(GST_BIN(app->pipeline), factory, "GStreamer's base and good plugins");
  return element;
}

/* decodebin has found raw data: video to the detector, audio through an AAC encoder. */
static void on_decoded(GstElement* decode, GstPad* pad, App* app) {
  GstCaps* caps = gst_pad_get_current_caps(pad);
  const gchar* name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
  if (g_str_has_prefix(name, "video/")) {
    link_to(pad, app->video_in);
  } else if (g_str_has_prefix(name, "audio/")) {
    const gchar* encoders[] = {"fdkaacenc", "avenc_aac", "voaacenc", NULL};
    GstElement *convert = add_playing(app, "audioconvert"), *resample = add_playing(app, "audioresample");
    GstElement *encode = NULL, *parse = add_playing(app, "aacparse"), *queue = add_playing(app, "queue");
    for (guint i = 0; encoders[i] && !encode; i++) encode = gst_element_factory_make(encoders[i], NULL);
    if (convert && resample && encode && parse && queue) {
      gst_bin_add(GST_BIN(app->pipeline), encode);
      g_object_set(queue, "max-size-buffers", 0, "max-size-time", (guint64)0, "max-size-bytes", 64u << 20,
                   NULL);
      if (gst_element_link_many(convert, resample, encode, parse, queue, app->mux, NULL))
        link_to(pad, convert);
      GstElement* all[] = {queue, parse, encode, resample, convert};
      for (guint i = 0; i < G_N_ELEMENTS(all); i++) gst_element_sync_state_with_parent(all[i]);
    }
  }
  gst_caps_unref(caps);
  (void)decode;
}

static void decode_stream(App* app, GstPad* pad) {
  GstElement *queue = add_playing(app, "queue"), *decode = add_playing(app, "decodebin");
  g_signal_connect(decode, "pad-added", G_CALLBACK(on_decoded), app);
  gst_element_link(queue, decode);
  link_to(pad, queue);
  gst_element_sync_state_with_parent(decode);
  gst_element_sync_state_with_parent(queue);
}

/* parsebin has found a stream. */
static void on_stream(GstElement* parse, GstPad* pad, App* app) {
  GstCaps* caps = gst_pad_get_current_caps(pad);
  if (!caps) caps = gst_pad_query_caps(pad, NULL);
  const gchar* name = gst_caps_is_any(caps) || gst_caps_is_empty(caps)
                          ? "?"
                          : gst_structure_get_name(gst_caps_get_structure(caps, 0));
  g_mutex_lock(&app->lock);
  gboolean first_video =
      (g_str_has_prefix(name, "video/") || g_str_has_prefix(name, "image/")) && !app->video_linked;
  if (first_video) app->video_linked = TRUE;
  g_mutex_unlock(&app->lock);

  if (first_video) {
    decode_stream(app, pad);
  } else if (g_str_has_prefix(name, "audio/")) {
    GstPadTemplate* audio = gst_element_get_pad_template(app->mux, "audio_%u");
    GstCaps* able = gst_pad_template_get_caps(audio);
    if (gst_caps_can_intersect(caps, able)) {
      GstElement* queue = add_playing(app, "queue");
      g_object_set(queue, "max-size-buffers", 0, "max-size-time", (guint64)0, "max-size-bytes", 64u << 20,
                   NULL);
      gst_element_link(queue, app->mux);
      link_to(pad, queue);
      gst_element_sync_state_with_parent(queue);
    } else {
      decode_stream(app, pad);
    }
    gst_caps_unref(able);
  } else {
    if (!app->quiet) complain("a stream of type %s is left out", name);
    GstElement* drop = add_playing(app, "fakesink");
    g_object_set(drop, "sync", FALSE, "async", FALSE, NULL);
    link_to(pad, drop);
    gst_element_sync_state_with_parent(drop);
  }
  gst_caps_unref(caps);
  (void)parse;
}

static void on_all_streams(GstElement* parse, App* app) {
  g_mutex_lock(&app->lock);
  gboolean found = app->video_linked;
  g_mutex_unlock(&app->lock);
  if (!found) GST_ELEMENT_ERROR(parse, STREAM, WRONG_TYPE, ("There is no video in %s", app->input), (NULL));
}

static gboolean build_file_source(App* app) {
  GstBin* bin = GST_BIN(app->pipeline);
  GstElement* source = NULL;
  if (gst_uri_is_valid(app->input)) {
    GError* error = NULL;
    source = gst_element_make_from_uri(GST_URI_SRC, app->input, NULL, &error);
    if (!source) {
      complain("%s cannot be opened: %s", app->input, error ? error->message : "no element reads such a URI");
      g_clear_error(&error);
      return FALSE;
    }
    gst_bin_add(bin, source);
  } else {
    if (!g_file_test(app->input, G_FILE_TEST_IS_REGULAR) || g_access(app->input, R_OK) != 0) {
      complain("%s: no such file, or it cannot be read", app->input);
      return FALSE;
    }
    source = make(bin, "filesrc", "GStreamer");
    g_object_set(source, "location", app->input, NULL);
  }
  app->parse = make(bin, "parsebin", "gstreamer1.0-plugins-base");
  if (!app->parse || !gst_element_link(source, app->parse)) return FALSE;
  g_signal_connect(app->parse, "pad-added", G_CALLBACK(on_stream), app);
  g_signal_connect(app->parse, "no-more-pads", G_CALLBACK(on_all_streams), app);
  return TRUE;
}

static gboolean build_sample_source(App* app) {
  GstElement* source = make(GST_BIN(app->pipeline), "anomalytestsrc", "this project (GST_PLUGIN_PATH)");
  if (!source) return FALSE;
  g_object_set(source, "num-buffers", opt_frames, NULL);
  app->parse = source;
  return gst_element_link(source, app->video_in);
}

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
  else if (!app->input && opt_frames > 0)
    done = CLAMP((gdouble)frames / opt_frames, 0, 1);
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
  complain("the file could not be finished");
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
    complain("stopping; what is finished is kept");
  return G_SOURCE_CONTINUE;
}

static gboolean on_message(GstBus* bus, GstMessage* message, gpointer data) {
  App* app = data;
  GError* error = NULL;
  gchar* debug = NULL;
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS:
      g_main_loop_quit(app->loop);
      break;
    case GST_MESSAGE_ERROR:
      gst_message_parse_error(message, &error, &debug);
      if (!app->ending) {
        complain("%s", error->message);
        GST_INFO("%s", debug);
        app->status = 1;
        /* A recording that breaks off (power cut) is annotated as far as it goes. */
        if (g_atomic_int_get(&app->frames) == 0 || !end_early(app)) g_main_loop_quit(app->loop);
      }
      break;
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning(message, &error, &debug);
      complain("warning: %s", error->message);
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
  if (!ok) complain("%s: the folder %s does not exist or cannot be written to", app->output, folder);
  g_free(folder);
  GStatBuf in, out;
  if (ok && app->input && g_stat(app->input, &in) == 0 && g_stat(app->output, &out) == 0 &&
      in.st_ino == out.st_ino && in.st_dev == out.st_dev) {
    complain("%s is the input; name another output", app->output);
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
      complain("no frame was found in %s", app->input ? app->input : "the sample");
      app->status = 1;
    }
    return;
  }
  if (g_rename(app->output_part, app->output) != 0 || g_rename(app->lines_part, app->lines) != 0) {
    complain("the results could not be renamed from %s and %s", app->output_part, app->lines_part);
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
  if (given > 0) app->input = g_strdup(opt_rest[0]);
  if (given > 1) {
    app->output = g_strdup(opt_rest[1]);
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
  g_option_context_add_group(context, gst_init_get_option_group());
  if (!g_option_context_parse(context, &argc, &argv, &error)) {
    complain("%s (see --help)", error->message);
    return 2;
  }
  g_option_context_free(context);
  guint given = opt_rest ? g_strv_length(opt_rest) : 0;
  if (given > 2) {
    complain("one video and one output at most (see --help)");
    return 2;
  }
  g_mutex_init(&app.lock);
  app.tty = isatty(STDERR_FILENO);
  app.quiet = opt_quiet;
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

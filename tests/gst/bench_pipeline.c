/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench_pipeline VIDEO [MODEL [PROPERTIES]]: frames a second of decode -> anomalydetect -> anomalyoverlay ->
 * fakesink, and where the time goes. PROPERTIES go to anomalydetect as in gst-launch: "max-in-flight=2
 * method=softmax-entropy". */
#include <gst/gst.h>

typedef struct {
  guint frames;
  gint64 first, last; /* microseconds: when the first and the last frame arrived at the sink */
} Count;

static void on_frame(GstElement* sink, GstBuffer* buffer, GstPad* pad, gpointer data) {
  Count* count = data;
  (void)sink, (void)buffer, (void)pad;
  count->last = g_get_monotonic_time();
  if (count->frames++ == 0) count->first = count->last;
}

/* Runs to the end of the file; FALSE and a message where it does not get there. */
static gboolean play(GstElement* pipeline) {
  GstBus* bus = gst_element_get_bus(pipeline);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstMessage* message =
      gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  const gboolean ended = GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
  if (!ended) {
    GError* error = NULL;
    gst_message_parse_error(message, &error, NULL);
    g_printerr("%s: %s\n", GST_MESSAGE_SRC_NAME(message), error->message);
    g_error_free(error);
  }
  gst_message_unref(message);
  gst_object_unref(bus);
  return ended;
}

static GstElement* build(const gchar* video, const gchar* model, const gchar* properties) {
  GError* error = NULL;
  gchar* text = g_strdup_printf(
      "filesrc name=file ! decodebin ! videoconvert ! anomalydetect name=detect %s ! anomalyoverlay ! "
      "fakesink name=sink sync=false signal-handoffs=true",
      properties);
  GstElement* pipeline = gst_parse_launch(text, &error);
  g_free(text);
  if (error != NULL) {
    g_printerr("%s\n", error->message);
    g_error_free(error);
    if (pipeline != NULL) gst_object_unref(pipeline);
    return NULL;
  }
  GstElement *file = gst_bin_get_by_name(GST_BIN(pipeline), "file"),
             *detect = gst_bin_get_by_name(GST_BIN(pipeline), "detect");
  g_object_set(file, "location", video, NULL);
  if (model != NULL) g_object_set(detect, "model", model, NULL);
  gst_object_unref(file);
  gst_object_unref(detect);
  return pipeline;
}

static void report(GstElement* pipeline, const Count* count) {
  GstElement* detect = gst_bin_get_by_name(GST_BIN(pipeline), "detect");
  GstStructure* stats = NULL;
  gdouble inference = 0;
  g_object_get(detect, "stats", &stats, NULL);
  gst_structure_get_double(stats, "mean-inference-ms", &inference);
  /* From the first frame to the last: loading and the pipeline's start are not counted. */
  const gdouble seconds = (gdouble)(count->last - count->first) / G_USEC_PER_SEC;
  g_print(
      "%u frames in %.2f s: %.2f frames a second, inference %.1f ms a frame, bundle \"%s\" on %s, method "
      "%s\n",
      count->frames, seconds, count->frames > 1 ? (count->frames - 1) / seconds : 0.0, inference,
      gst_structure_get_string(stats, "model"), gst_structure_get_string(stats, "device"),
      gst_structure_get_string(stats, "method"));
  gst_structure_free(stats);
  gst_object_unref(detect);
}

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  if (argc < 2 || argc > 4) {
    g_printerr("usage: bench_pipeline VIDEO [MODEL [PROPERTIES]]\n");
    return 2;
  }
  GstElement* pipeline =
      build(argv[1], argc > 2 && argv[2][0] != '\0' ? argv[2] : NULL, argc > 3 ? argv[3] : "");
  if (pipeline == NULL) return 1;
  Count count = {0, 0, 0};
  GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
  g_signal_connect(sink, "handoff", G_CALLBACK(on_frame), &count);
  gst_object_unref(sink);
  const gboolean ended = play(pipeline);
  if (ended) report(pipeline, &count);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return ended ? 0 : 1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench_streams VIDEO [MODEL [SECONDS [PROPERTIES]]]: what several streams on one engine cost, and how late a
 * live one becomes. Each part runs for SECONDS (10); PROPERTIES go to every anomalydetect, as in gst-launch.
 *   1. frames a second of one stream of VIDEO, of four that share an engine, the memory of both, and that of
 * four with an engine each;
 *   2. what a live source of 960x540 at 25 frames a second waits with max-latency=100 ms.
 * VIDEO "-": the second part alone. */
#include <gst/gst.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STREAMS 4
#define LIVE_FRAMES 65536

static const gchar *video, *model = "", *properties = "";
static gint seconds = 10;

static gdouble resident_mib(void) {
  long size = 0, resident = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2) resident = 0;
  if (file != NULL) fclose(file);
  return (gdouble)resident * (gdouble)sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

static GstElement* launch(const gchar* text) {
  GError* error = NULL;
  GstElement* pipeline = gst_parse_launch(text, &error);
  if (error != NULL) {
    g_printerr("%s\n", error->message);
    exit(1);
  }
  GstElement* detect = gst_bin_get_by_name(GST_BIN(pipeline), "detect");
  if (model[0] != '\0') g_object_set(detect, "model", model, NULL);
  gst_object_unref(detect);
  return pipeline;
}

/* A number of `detect` in the pipeline, from its stats. */
static gdouble stat_of(GstElement* pipeline, const gchar* name) {
  GstElement* detect = gst_bin_get_by_name(GST_BIN(pipeline), "detect");
  GstStructure* stats = NULL;
  g_object_get(detect, "stats", &stats, NULL);
  const GValue* value = gst_structure_get_value(stats, name);
  GValue number = G_VALUE_INIT;
  g_value_init(&number, G_TYPE_DOUBLE);
  g_value_transform(value, &number);
  const gdouble out = g_value_get_double(&number);
  gst_structure_free(stats);
  gst_object_unref(detect);
  return out;
}

/* FALSE, and the program's end, where the pipeline failed; TRUE where it has ended. */
static gboolean has_ended(GstElement* pipeline) {
  GstBus* bus = gst_element_get_bus(pipeline);
  GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  gst_object_unref(bus);
  if (message == NULL) return FALSE;
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    GError* error = NULL;
    gst_message_parse_error(message, &error, NULL);
    g_printerr("%s: %s\n", GST_MESSAGE_SRC_NAME(message), error->message);
    exit(1);
  }
  gst_message_unref(message);
  return TRUE;
}

static void stop(GstElement* pipeline) {
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
}

/* Frames a second of `count` streams together, while all of them run. own: each has an engine of its own. */
static gdouble run_streams(guint count, gboolean own) {
  GstElement* pipelines[STREAMS];
#ifdef __GLIBC__
  malloc_trim(0); /* what the run before has freed */
#endif
  for (guint i = 0; i < count; ++i) {
    gchar* id = own ? g_strdup_printf("engine-id=%u", i) : g_strdup("");
    gchar* text = g_strdup_printf(
        "filesrc name=file ! decodebin ! videoconvert ! anomalydetect name=detect %s %s ! fakesink "
        "sync=false",
        id, properties);
    pipelines[i] = launch(text);
    GstElement* file = gst_bin_get_by_name(GST_BIN(pipelines[i]), "file");
    g_object_set(file, "location", video, NULL);
    gst_object_unref(file);
    g_free(text);
    g_free(id);
  }
  for (guint i = 0; i < count; ++i) gst_element_set_state(pipelines[i], GST_STATE_PLAYING);
  /* From when all have started until the first one ends. */
  for (guint i = 0; i < count; ++i)
    while (stat_of(pipelines[i], "frames") < 3) {
      if (has_ended(pipelines[i])) g_error("%s is too short", video);
      g_usleep(10000);
    }
  gdouble before[STREAMS], total = 0, least = G_MAXDOUBLE, most = 0;
  for (guint i = 0; i < count; ++i) before[i] = stat_of(pipelines[i], "frames");
  const gint64 start = g_get_monotonic_time();
  gboolean ended = FALSE;
  while (!ended && g_get_monotonic_time() - start < seconds * G_USEC_PER_SEC) {
    g_usleep(10000);
    for (guint i = 0; i < count; ++i) ended |= has_ended(pipelines[i]);
  }
  const gdouble took = (gdouble)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
  for (guint i = 0; i < count; ++i) {
    const gdouble frames = stat_of(pipelines[i], "frames") - before[i];
    total += frames;
    least = MIN(least, frames);
    most = MAX(most, frames);
  }
  g_print(
      "%u stream%s, %.0f of them on the first one's engine: %.2f frames a second (the slowest %.2f, the "
      "fastest "
      "%.2f), %.0f MiB resident, inference %.1f ms a frame\n",
      count, count == 1 ? "" : "s", stat_of(pipelines[0], "engine-users"), total / took, least / took,
      most / took, resident_mib(), stat_of(pipelines[0], "mean-inference-ms"));
  for (guint i = 0; i < count; ++i) stop(pipelines[i]);
  return total / took;
}

typedef struct {
  gint64 came[LIVE_FRAMES]; /* microseconds: when the source gave frame i */
  gdouble waited[LIVE_FRAMES];
  guint frames;
} Live;

static guint number_of(GstBuffer* buffer) {
  return (guint)((GST_BUFFER_PTS(buffer) + 20 * GST_MSECOND) / (40 * GST_MSECOND)) % LIVE_FRAMES;
}

static GstPadProbeReturn on_source(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
  (void)pad;
  ((Live*)data)->came[number_of(GST_PAD_PROBE_INFO_BUFFER(info))] = g_get_monotonic_time();
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn on_result(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
  Live* live = data;
  (void)pad;
  if (live->frames < LIVE_FRAMES)
    live->waited[live->frames++] =
        (gdouble)(g_get_monotonic_time() - live->came[number_of(GST_PAD_PROBE_INFO_BUFFER(info))]) / 1000;
  return GST_PAD_PROBE_OK;
}

static void probe(GstElement* pipeline, const gchar* name, GstPadProbeCallback callback, Live* live) {
  GstElement* element = gst_bin_get_by_name(GST_BIN(pipeline), name);
  GstPad* pad = gst_element_get_static_pad(element, "src");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, callback, live, NULL);
  gst_object_unref(pad);
  gst_object_unref(element);
}

static int compare(const void* a, const void* b) {
  const gdouble x = *(const gdouble*)a, y = *(const gdouble*)b;
  return (x > y) - (x < y);
}

static void run_live(const gchar* more) {
  gchar* text = g_strdup_printf(
      "videotestsrc name=source is-live=true ! video/x-raw,width=960,height=540,framerate=25/1 ! "
      "queue max-size-buffers=0 max-size-time=0 max-size-bytes=0 ! "
      "anomalydetect name=detect max-latency=100000000 %s %s ! fakesink sync=false",
      more, properties);
  GstElement* pipeline = launch(text);
  g_free(text);
  Live* live = g_new0(Live, 1);
  probe(pipeline, "source", on_source, live);
  probe(pipeline, "detect", on_result, live);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  const gint settled = MAX(2, seconds / 10);
  gdouble early = 0;
  for (gint i = 0; i < (settled + seconds) * 10 && !has_ended(pipeline); ++i) {
    if (i == settled * 10) early = resident_mib();
    g_usleep(G_USEC_PER_SEC / 10);
  }
  const gdouble late = resident_mib(), computed = stat_of(pipeline, "computed"),
                passed = stat_of(pipeline, "late"), inference = stat_of(pipeline, "mean-inference-ms");
  stop(pipeline); /* nothing writes into `live` any more */
  if (live->frames == 0) g_error("no frame came");
  qsort(live->waited, live->frames, sizeof live->waited[0], compare);
  g_print(
      "max-latency=100 ms %s: %u frames, %.0f computed, %.0f not waited for; added latency median %.1f ms, "
      "99th "
      "percentile %.1f ms, most %.1f ms; %.0f MiB resident after %d s, %.0f at the end; inference %.1f ms a "
      "frame\n",
      more, live->frames, computed, passed, live->waited[live->frames / 2],
      live->waited[(guint64)live->frames * 99 / 100], live->waited[live->frames - 1], early, settled, late,
      inference);
  g_free(live);
}

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  if (argc < 2 || argc > 5) {
    g_printerr("usage: bench_streams VIDEO [MODEL [SECONDS [PROPERTIES]]]\n");
    return 2;
  }
  video = argv[1];
  if (argc > 2) model = argv[2];
  if (argc > 3) seconds = MAX(1, atoi(argv[3]));
  if (argc > 4) properties = argv[4];
  if (strcmp(video, "-") != 0) {
    const gdouble alone = run_streams(1, FALSE), together = run_streams(STREAMS, FALSE);
    g_print("%u streams to one: %.3f\n", STREAMS, together / alone);
    run_streams(STREAMS, TRUE);
  }
  run_live("");
  run_live("interval=-1");
  return 0;
}

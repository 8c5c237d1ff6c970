/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The pipeline's threads leave a frame or an event's picture and go on; a thread of the view's own paints,
 * and runs a pipeline where somebody looks and no RTSP client watches. All that is kept is bounded: a frame,
 * a picture, VIEW_POINTS points, EVENTS events with a small picture each.
 */
#include "view.h"

#include <math.h>
#include <string.h>

#include "gst/lib/gstanomalymeta.h"
#include "pipelines/paint.h"
#include "pipelines/programs.h"

#define EVENTS 12
#define WIDEST 640
#define PICTURE_EVERY (G_USEC_PER_SEC / 5)
#define PICTURE_WAIT (G_USEC_PER_SEC / 2) /* for the next picture */
#define LOOKED_FOR (3 * G_USEC_PER_SEC)   /* after a request */
#define AGAIN_AFTER (5 * G_USEC_PER_SEC)  /* that the view's pipeline has failed */
#define STILL_AFTER (3 * G_USEC_PER_SEC)  /* without a frame it is no live picture */

typedef struct {
  guint64 number;
  gdouble score; /* the highest of its time */
} Point;

typedef struct {
  guint64 id;            /* from 1, over all pipelines of the mount */
  gint64 start;          /* microseconds since 1970 */
  gdouble peak, seconds; /* seconds: so far */
  gboolean open;
  GstSample* to_paint; /* its newest picture, not painted yet */
  GBytes* picture;     /* JPEG */
  guint version;       /* of the picture */
} Event;

struct _View {
  Mount* mount;
  GThread* thread; /* run() */
  GMutex lock;     /* of all below */
  GCond changed;
  gboolean quit;

  gint64 looked_for_until, taken, last_frame; /* monotonic microseconds */
  GstBuffer* frame;                           /* to be painted */
  GstCaps* caps;                              /* of it */
  GBytes* picture;
  guint64 number; /* of the picture */
  gdouble aspect; /* of the frames, width to height as they are to be seen; 0 = unknown */

  Point points[VIEW_POINTS];
  Event events[EVENTS]; /* newest first */
  guint n_events;
  guint64 last_id;
  gdouble score, threshold, inference;
  gchar* lost; /* why the source has failed; NULL = it has not */

  guint medias;         /* of the RTSP server */
  GstElement* pipeline; /* the view's own */
  gboolean running;     /* it is there, or about to be */
  gboolean failed;
  gint64 not_before; /* when it may be tried again */
};

guint64 view_now(void) {
  return (guint64)g_get_monotonic_time() / (VIEW_POINT_MS * 1000);
}

/* --- Painting, by the view's thread. The lock is held, and let go of while it paints.
 * ------------------------------- */
static GBytes* paint(View* view, Painter** painter, GstBuffer* buffer, GstCaps* caps) {
  g_mutex_unlock(&view->lock);
  if (!*painter) *painter = painter_new(WIDEST);
  GBytes* picture = painter_paint(*painter, buffer, caps);
  g_mutex_lock(&view->lock);
  return picture;
}

static void paint_frame(View* view, Painter** painter) {
  GstBuffer* buffer = g_steal_pointer(&view->frame);
  GstCaps* caps = g_steal_pointer(&view->caps);
  GBytes* picture = paint(view, painter, buffer, caps);
  if (picture) {
    g_clear_pointer(&view->picture, g_bytes_unref);
    view->picture = picture;
    view->number++;
    g_cond_broadcast(&view->changed);
  }
  gst_buffer_unref(buffer);
  gst_caps_unref(caps);
}

/* FALSE where no event has anything to paint. */
static gboolean paint_event(View* view, Painter** painter) {
  guint index = 0;
  while (index < view->n_events && !view->events[index].to_paint) index++;
  if (index == view->n_events) return FALSE;
  const guint64 id = view->events[index].id;
  GstSample* sample = g_steal_pointer(&view->events[index].to_paint);
  GBytes* picture = paint(view, painter, gst_sample_get_buffer(sample), gst_sample_get_caps(sample));
  gst_sample_unref(sample);
  for (index = 0; index < view->n_events && view->events[index].id != id;) index++;
  if (picture && index < view->n_events) {
    g_clear_pointer(&view->events[index].picture, g_bytes_unref);
    view->events[index].picture = g_steal_pointer(&picture);
    view->events[index].version++;
  }
  g_clear_pointer(&picture, g_bytes_unref);
  return TRUE;
}

/* --- A pipeline of the view's own
 * ----------------------------------------------------------------------------------- */
static GstBusSyncReply on_message(GstBus* bus, GstMessage* message, gpointer data) {
  View* view = data;
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    GError* error = NULL;
    gst_message_parse_error(message, &error, NULL);
    programs_complain("%s: %s", view->mount->path, error->message);
    view_lost(view, error->message);
    g_clear_error(&error);
    g_mutex_lock(&view->lock);
    view->failed = TRUE;
    g_cond_broadcast(&view->changed);
    g_mutex_unlock(&view->lock);
  } else if (gst_message_has_name(message, "anomalysource")) {
    mount_source_news(view->mount, gst_message_get_structure(message));
  }
  gst_message_unref(message);
  (void)bus;
  return GST_BUS_DROP;
}

static GstElement* open_pipeline(View* view) {
  gchar* launch = g_strdup_printf("%s ! fakesink sync=false async=false", mount_launch());
  GstElement* pipeline = gst_parse_launch(launch, NULL);
  g_free(launch);
  if (!pipeline) return NULL;
  GstBus* bus = gst_element_get_bus(pipeline);
  gst_bus_set_sync_handler(bus, on_message, view, NULL);
  gst_object_unref(bus);
  mount_begin(view->mount, pipeline);
  gst_element_set_state(pipeline, GST_STATE_PLAYING); /* a failure is told on the bus */
  return pipeline;
}

static void close_pipeline(View* view, GstElement* pipeline) {
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  mount_ended(view->mount);
}

/* Opens or closes it, as things are. TRUE where something was done. */
static gboolean mind_pipeline(View* view, gint64 now) {
  const gboolean wanted = now < view->looked_for_until && view->medias == 0 && !view->quit;
  if (view->pipeline && (!wanted || view->failed)) {
    GstElement* pipeline = view->pipeline;
    view->not_before = view->failed ? now + AGAIN_AFTER : 0;
    g_mutex_unlock(&view->lock);
    close_pipeline(view, pipeline);
    g_mutex_lock(&view->lock);
    view->pipeline = NULL;
    view->running = view->failed = FALSE; /* only now may another open the source */
    g_cond_broadcast(&view->changed);
    return TRUE;
  }
  if (!view->pipeline && wanted && now >= view->not_before) {
    view->running = TRUE;
    g_mutex_unlock(&view->lock);
    GstElement* pipeline = open_pipeline(view);
    g_mutex_lock(&view->lock);
    view->pipeline = pipeline;
    view->running = pipeline != NULL;
    view->not_before = pipeline ? 0 : now + AGAIN_AFTER;
    g_cond_broadcast(&view->changed);
    return TRUE;
  }
  return FALSE;
}

static gpointer run(gpointer data) {
  View* view = data;
  Painter* painter = NULL;
  g_mutex_lock(&view->lock);
  while (!view->quit || view->pipeline) {
    const gint64 now = g_get_monotonic_time();
    if (mind_pipeline(view, now)) continue;
    if (view->frame) {
      paint_frame(view, &painter);
    } else if (!paint_event(view, &painter)) {
      const gboolean busy = now < view->looked_for_until || view->pipeline;
      if (!busy) {
        /* Who comes later is not shown what was. */
        g_clear_pointer(&view->picture, g_bytes_unref);
        if (painter) {
          g_mutex_unlock(&view->lock);
          g_clear_pointer(&painter, painter_free);
          g_mutex_lock(&view->lock);
          continue;
        }
        g_cond_wait(&view->changed, &view->lock);
      } else {
        g_cond_wait_until(&view->changed, &view->lock, now + G_USEC_PER_SEC / 2);
      }
    }
  }
  g_mutex_unlock(&view->lock);
  if (painter) painter_free(painter);
  return NULL;
}

View* view_new(Mount* mount) {
  View* view = g_new0(View, 1);
  view->mount = mount;
  view->score = view->threshold = view->inference = NAN;
  g_mutex_init(&view->lock);
  g_cond_init(&view->changed);
  view->thread = g_thread_new("view", run, view);
  return view;
}

static void clear_event(Event* event) {
  if (event->to_paint) gst_sample_unref(event->to_paint);
  g_clear_pointer(&event->picture, g_bytes_unref);
}

void view_free(View* view) {
  g_mutex_lock(&view->lock);
  view->quit = TRUE;
  g_cond_broadcast(&view->changed);
  g_mutex_unlock(&view->lock);
  g_thread_join(view->thread);
  for (guint i = 0; i < view->n_events; i++) clear_event(&view->events[i]);
  gst_clear_buffer(&view->frame);
  gst_clear_caps(&view->caps);
  g_clear_pointer(&view->picture, g_bytes_unref);
  g_free(view->lost);
  g_mutex_clear(&view->lock);
  g_cond_clear(&view->changed);
  g_free(view);
}

/* --- What the pipelines tell
 * ---------------------------------------------------------------------------------------- */
void view_media_begins(View* view) {
  if (!view) return;
  g_mutex_lock(&view->lock);
  view->medias++;
  g_cond_broadcast(&view->changed);
  while (view->running) g_cond_wait(&view->changed, &view->lock);
  g_mutex_unlock(&view->lock);
}

void view_media_ended(View* view) {
  if (!view) return;
  g_mutex_lock(&view->lock);
  view->medias--;
  g_cond_broadcast(&view->changed);
  g_mutex_unlock(&view->lock);
}

static void add_point(View* view, gdouble score) {
  const guint64 number = view_now();
  Point* point = &view->points[number % VIEW_POINTS];
  if (point->number != number)
    *point = (Point){number, score};
  else
    point->score = MAX(point->score, score);
}

static gdouble aspect_of(GstCaps* caps) {
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, caps) || info.height == 0 || info.par_d == 0) return 0;
  return (gdouble)info.width * info.par_n / ((gdouble)info.height * info.par_d);
}

void view_frame(View* view, GstPad* pad, GstBuffer* frame) {
  if (!view) return;
  const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(frame);
  g_mutex_lock(&view->lock);
  const gint64 now = g_get_monotonic_time();
  view->last_frame = now;
  g_clear_pointer(&view->lost, g_free);
  if (meta) {
    view->score = meta->score;
    view->threshold = meta->threshold;
    view->inference = meta->inference_ms;
    if (isfinite(meta->score)) add_point(view, meta->score);
  }
  if (now < view->looked_for_until && now - view->taken >= PICTURE_EVERY && !view->frame) {
    view->caps = gst_pad_get_current_caps(pad);
    if (view->caps) {
      view->frame = gst_buffer_ref(frame);
      view->taken = now;
      view->aspect = aspect_of(view->caps);
      g_cond_broadcast(&view->changed);
    }
  }
  g_mutex_unlock(&view->lock);
}

static guint64 number_of(const GstStructure* event, const gchar* name) {
  guint64 number = 0;
  gst_structure_get_uint64(event, name, &number);
  return number;
}

void view_event(View* view, const GstStructure* told) {
  if (!view) return;
  const gchar* what = gst_structure_get_string(told, "event");
  const gdouble seconds = number_of(told, "duration") / (gdouble)GST_SECOND;
  GstSample* sample = NULL;
  g_mutex_lock(&view->lock);
  Event* event = &view->events[0]; /* a detector has one at a time */
  if (g_strcmp0(what, "start") == 0) {
    if (view->n_events == EVENTS) clear_event(&view->events[--view->n_events]);
    memmove(&view->events[1], &view->events[0], view->n_events * sizeof *event);
    view->n_events++;
    *event = (Event){.id = ++view->last_id, .open = TRUE};
    event->start = g_get_real_time() - (gint64)(seconds * G_USEC_PER_SEC);
  }
  if (view->n_events > 0 && event->open) {
    event->seconds = seconds;
    gst_structure_get_double(told, "peak", &event->peak);
    event->open = g_strcmp0(what, "end") != 0;
    if (gst_structure_get(told, "thumbnail", GST_TYPE_SAMPLE, &sample, NULL)) {
      if (event->to_paint) gst_sample_unref(event->to_paint);
      event->to_paint = sample;
      g_cond_broadcast(&view->changed);
    }
  }
  g_mutex_unlock(&view->lock);
}

void view_lost(View* view, const gchar* why) {
  if (!view) return;
  g_mutex_lock(&view->lock);
  g_free(view->lost);
  view->lost = g_utf8_make_valid(why, -1);
  g_mutex_unlock(&view->lock);
}

/* --- What the page asks
 * --------------------------------------------------------------------------------------------- */
GBytes* view_picture(View* view, guint64* after, GCancellable* end) {
  GBytes* picture = NULL;
  g_mutex_lock(&view->lock);
  const gint64 now = g_get_monotonic_time();
  const gboolean begins = view->looked_for_until <= now;
  view->looked_for_until = now + LOOKED_FOR;
  if (begins) g_cond_broadcast(&view->changed);
  /* A number that was never given is of a page that a server before this one has served. */
  if (*after > view->number) *after = 0;
  while ((!view->picture || view->number <= *after) && !g_cancellable_is_cancelled(end) &&
         g_cond_wait_until(&view->changed, &view->lock, now + PICTURE_WAIT))
    continue;
  if (view->picture && view->number > *after) {
    picture = g_bytes_ref(view->picture);
    *after = view->number;
  }
  g_mutex_unlock(&view->lock);
  return picture;
}

GBytes* view_event_picture(View* view, guint64 id) {
  GBytes* picture = NULL;
  g_mutex_lock(&view->lock);
  for (guint i = 0; i < view->n_events; i++)
    if (view->events[i].id == id && view->events[i].picture) picture = g_bytes_ref(view->events[i].picture);
  g_mutex_unlock(&view->lock);
  return picture;
}

static void add_number(GString* json, gdouble value) {
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append(json, isfinite(value) ? g_ascii_formatd(text, sizeof text, "%.5g", value) : "null");
}

static void add_named(GString* json, const gchar* name, gdouble value) {
  g_string_append_printf(json, ",\"%s\":", name);
  add_number(json, value);
}

void view_describe(View* view, guint64 since, GString* json) {
  const guint64 now = view_now();
  g_string_append(json, "{\"path\":");
  programs_append_json(json, view->mount->path);
  g_mutex_lock(&view->lock);
  const gboolean open = view->medias > 0 || view->pipeline != NULL;
  const gint64 time = g_get_monotonic_time();
  const gboolean live = open && time - view->last_frame < STILL_AFTER;
  /* Between two attempts of the view's own there is no pipeline. */
  const gboolean lost = !live && view->lost && (open || time < view->looked_for_until);
  g_string_append_printf(json, ",\"state\":\"%s\",\"why\":",
                         live   ? "live"
                         : lost ? "lost"
                         : open ? "starting"
                                : "idle");
  programs_append_json(json, lost ? view->lost : NULL);
  add_named(json, "score", live ? view->score : NAN);
  add_named(json, "threshold", view->threshold);
  add_named(json, "inference_ms", live ? view->inference : NAN);
  add_named(json, "aspect", view->aspect);
  g_string_append(json, ",\"points\":[");
  const guint64 first = MAX(since, now > VIEW_POINTS - 1 ? now - (VIEW_POINTS - 1) : 0);
  gboolean any = FALSE;
  for (guint64 number = first; number <= now; number++) {
    const Point* point = &view->points[number % VIEW_POINTS];
    if (point->number != number || number == 0) continue;
    g_string_append_printf(json, "%s[%" G_GUINT64_FORMAT ",", any ? "," : "", number);
    add_number(json, point->score);
    g_string_append_c(json, ']');
    any = TRUE;
  }
  g_string_append(json, "],\"events\":[");
  for (guint i = 0; i < view->n_events; i++) {
    const Event* event = &view->events[i];
    g_string_append_printf(
        json, "%s{\"id\":%" G_GUINT64_FORMAT ",\"start\":%" G_GINT64_FORMAT ",\"open\":%s,\"picture\":%u",
        i ? "," : "", event->id, event->start / 1000, event->open ? "true" : "false", event->version);
    add_named(json, "peak", event->peak);
    add_named(json, "seconds", event->seconds);
    g_string_append_c(json, '}');
  }
  g_mutex_unlock(&view->lock);
  g_string_append(json, "]}");
}

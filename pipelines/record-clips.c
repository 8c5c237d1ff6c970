/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A ring of encoded frames, from the key frame that the earliest clip could begin with, and the clips that
 * are being written: each a pipeline of its own, from the ring into an MP4 file.
 */
#include <glib/gstdio.h>
#include <gst/app/gstappsrc.h>
#include <string.h>

#include "programs.h"
#include "record-clips.h"

#define MOST_WAITING (256u << 20) /* bytes, for the disk */

typedef struct {
  GstBuffer* buffer;
  GstClockTime at;
} Frame;

struct _Recorder {
  GMutex lock;
  gchar *folder, *source;
  GstClockTime before, after, longest, held;
  GQueue ring; /* of Frame */
  GstCaps* caps;
  Clip* clip;         /* that frames go to; NULL = none */
  GstClockTime until; /* when it ends; none = an event goes on */
  gint64 arrived;     /* the last frame; monotonic */
  guint open;         /* clips whose file is not finished; under the lock */
  guint number, written;
  gboolean failed;
};

static void frame_free(gpointer data) {
  Frame* frame = data;
  gst_buffer_unref(frame->buffer);
  g_free(frame);
}

static void event_free(gpointer data) {
  Event* event = data;
  if (event->picture) gst_sample_unref(event->picture);
  g_free(event->model);
  g_free(event->reason);
  g_free(event);
}

static void clip_free(Clip* clip) {
  if (clip->pipeline) gst_element_set_state(clip->pipeline, GST_STATE_NULL);
  gst_clear_object(&clip->pipeline);
  g_ptr_array_unref(clip->events);
  g_free(clip->path);
  g_free(clip->part);
  g_free(clip);
}

Recorder* recorder_new(const gchar* folder, GstClockTime before, GstClockTime after, GstClockTime longest,
                       GstClockTime held) {
  Recorder* recorder = g_new0(Recorder, 1);
  recorder->folder = g_strdup(folder);
  recorder->before = before;
  recorder->after = after;
  recorder->longest = longest;
  recorder->held = held;
  recorder->until = GST_CLOCK_TIME_NONE;
  recorder->arrived = g_get_monotonic_time();
  g_mutex_init(&recorder->lock);
  g_queue_init(&recorder->ring);
  return recorder;
}

void recorder_free(Recorder* recorder) {
  g_queue_clear_full(&recorder->ring, frame_free);
  gst_clear_caps(&recorder->caps);
  g_mutex_clear(&recorder->lock);
  g_free(recorder->folder);
  g_free(recorder->source);
  g_free(recorder);
}

void recorder_set_source(Recorder* recorder, const gchar* source) {
  g_mutex_lock(&recorder->lock);
  g_free(recorder->source);
  recorder->source = g_strdup(source);
  g_mutex_unlock(&recorder->lock);
}

guint recorder_clips(const Recorder* recorder) {
  return recorder->written;
}

/* --- Files
 * ------------------------------------------------------------------------------------------------- */
static void clip_done(Clip* clip, const gchar* why) {
  Recorder* recorder = clip->recorder;
  gst_element_set_state(clip->pipeline, GST_STATE_NULL);
  gboolean ok = !why;
  if (ok && g_rename(clip->part, clip->path) != 0) {
    why = "it cannot be renamed";
    ok = FALSE;
  }
  if (ok) {
    g_mutex_lock(&recorder->lock);
    gchar* source = g_strdup(recorder->source);
    g_mutex_unlock(&recorder->lock);
    ok = clip_write_facts(clip, source);
    g_print("%s: %.1f s to %.1f s\n", clip->path, clip->begin / (gdouble)GST_SECOND,
            clip->last / (gdouble)GST_SECOND);
    g_free(source);
  } else {
    programs_complain("%s: %s", clip->part, why);
    g_unlink(clip->part);
  }
  g_mutex_lock(&recorder->lock);
  recorder->open--;
  recorder->written += ok;
  recorder->failed |= !ok;
  if (recorder->clip == clip) {
    recorder->clip = NULL;
    recorder->until = GST_CLOCK_TIME_NONE;
  }
  g_mutex_unlock(&recorder->lock);
  clip_free(clip);
}

static gboolean on_message(GstBus* bus, GstMessage* message, gpointer data) {
  GError* error = NULL;
  (void)bus;
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS:
      clip_done(data, NULL);
      return G_SOURCE_REMOVE;
    case GST_MESSAGE_ERROR:
      /* Whoever brings frames meanwhile finds nobody: the pipeline is stopped first. */
      gst_message_parse_error(message, &error, NULL);
      clip_done(data, error->message);
      g_clear_error(&error);
      return G_SOURCE_REMOVE;
    default:
      return G_SOURCE_CONTINUE;
  }
}

/* Whether any of a clip's files is there; a crash may have left the first one alone. */
static gboolean is_taken(const gchar* path) {
  static const gchar* const endings[] = {".mp4.partial", ".mp4", ".json", ".jpg"};
  gboolean taken = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(endings) && !taken; i++) {
    gchar* file = clip_beside(path, endings[i]);
    taken = g_file_test(file, G_FILE_TEST_EXISTS) || g_file_test(file, G_FILE_TEST_IS_SYMLINK);
    g_free(file);
  }
  return taken;
}

/* The first name that nothing has yet. */
static gchar* free_name(Recorder* recorder) {
  for (;;) {
    gchar* name = g_strdup_printf("event-%04u.mp4", ++recorder->number);
    gchar* path = g_build_filename(recorder->folder, name, NULL);
    g_free(name);
    if (!is_taken(path)) return path;
    g_free(path);
  }
}

/* --- Under the lock
 * ---------------------------------------------------------------------------------------- */
static void give(Clip* clip, GstBuffer* frame, GstClockTime at) {
  GstBuffer* copy = gst_buffer_copy(frame);
  if (clip->frames == 0) clip->begin = at;
  GST_BUFFER_PTS(copy) = GST_BUFFER_DTS(copy) = at - clip->begin;
  clip->last = at;
  clip->frames++;
  gst_app_src_push_buffer(GST_APP_SRC(clip->appsrc), copy);
}

static Clip* clip_new(Recorder* recorder, GstClockTime from) {
  Clip* clip = g_new0(Clip, 1);
  clip->recorder = recorder;
  clip->from = from;
  clip->path = free_name(recorder);
  clip->part = g_strdup_printf("%s.partial", clip->path);
  clip->events = g_ptr_array_new_with_free_func(event_free);
  return clip;
}

/* With what is in the ring. */
static void open_clip(Recorder* recorder, Clip* clip) {
  GError* error = NULL;
  GstElement* pipeline = gst_parse_launch(
      "appsrc name=in format=time max-bytes=0 ! h264parse ! mp4mux ! filesink name=out", &error);
  if (!pipeline) {
    programs_complain("%s", error->message);
    g_clear_error(&error);
    recorder->failed = TRUE;
    recorder->clip = NULL;
    clip_free(clip);
    return;
  }
  clip->pipeline = gst_object_ref_sink(pipeline);
  clip->appsrc = gst_bin_get_by_name(GST_BIN(pipeline), "in");
  gst_object_unref(clip->appsrc); /* the pipeline's */
  GstElement* out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
  g_object_set(out, "location", clip->part, NULL);
  gst_object_unref(out);
  gst_app_src_set_caps(GST_APP_SRC(clip->appsrc), recorder->caps);
  GstBus* bus = gst_element_get_bus(pipeline);
  gst_bus_add_watch(bus, on_message, clip);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  recorder->open++;
  /* From the last key frame that is not behind the beginning. */
  GList* first = NULL;
  for (GList* item = recorder->ring.head; item; item = item->next) {
    const Frame* frame = item->data;
    if (GST_BUFFER_FLAG_IS_SET(frame->buffer, GST_BUFFER_FLAG_DELTA_UNIT)) continue;
    if (!first || frame->at <= clip->from) first = item;
  }
  for (GList* item = first; item; item = item->next) {
    const Frame* frame = item->data;
    give(clip, frame->buffer, frame->at);
  }
}

static void end_clip(Recorder* recorder) {
  Clip* clip = recorder->clip;
  recorder->clip = NULL;
  recorder->until = GST_CLOCK_TIME_NONE;
  if (clip->pipeline)
    gst_app_src_end_of_stream(GST_APP_SRC(clip->appsrc));
  else
    clip_free(clip);
}

/* Whether the clip that is open ends before this frame. */
static gboolean is_over(const Recorder* recorder, GstClockTime at) {
  const Clip* clip = recorder->clip;
  if (GST_CLOCK_TIME_IS_VALID(recorder->until) && at > recorder->until) return TRUE;
  if (!clip->pipeline || gst_app_src_get_current_level_bytes(GST_APP_SRC(clip->appsrc)) < MOST_WAITING)
    return FALSE;
  programs_complain("%s: the disk is too slow: the clip ends early", clip->part);
  return TRUE;
}

/* Keeps what the next clip could begin with: from the last key frame at or before that on. */
static void trim(Recorder* recorder, GstClockTime now) {
  const GstClockTime kept = recorder->before + recorder->held, from = now > kept ? now - kept : 0;
  for (;;) {
    GList* second = recorder->ring.head ? recorder->ring.head->next : NULL;
    while (second && GST_BUFFER_FLAG_IS_SET(((Frame*)second->data)->buffer, GST_BUFFER_FLAG_DELTA_UNIT))
      second = second->next;
    if (!second || ((Frame*)second->data)->at > from) return;
    while (recorder->ring.head != second) frame_free(g_queue_pop_head(&recorder->ring));
  }
}

/* --- What comes
 * -------------------------------------------------------------------------------------------- */
void recorder_frame(Recorder* recorder, GstBuffer* buffer, GstCaps* caps, GstClockTime at) {
  g_mutex_lock(&recorder->lock);
  const gboolean key = !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  recorder->arrived = g_get_monotonic_time();
  if (recorder->caps && !gst_caps_is_equal(recorder->caps, caps)) {
    /* Of another size: no part of the same clip. */
    g_queue_clear_full(&recorder->ring, frame_free);
    if (recorder->clip && recorder->clip->pipeline) end_clip(recorder);
  }
  gst_caps_replace(&recorder->caps, caps);
  if (recorder->clip && is_over(recorder, at)) end_clip(recorder);
  if (recorder->clip && recorder->clip->pipeline && key && at - recorder->clip->begin >= recorder->longest) {
    const GstClockTime until = recorder->until;
    g_queue_clear_full(&recorder->ring, frame_free);
    end_clip(recorder);
    recorder->clip = clip_new(recorder, at);
    recorder->until = until;
  }
  if (key || !g_queue_is_empty(&recorder->ring)) {
    Frame* frame = g_new0(Frame, 1);
    frame->buffer = gst_buffer_ref(buffer);
    frame->at = at;
    g_queue_push_tail(&recorder->ring, frame);
  }
  if (recorder->clip && recorder->clip->pipeline)
    give(recorder->clip, buffer, at);
  else if (recorder->clip && !g_queue_is_empty(&recorder->ring))
    open_clip(recorder, recorder->clip);
  trim(recorder, at);
  g_mutex_unlock(&recorder->lock);
}

void recorder_away(Recorder* recorder, gint64 patience) {
  g_mutex_lock(&recorder->lock);
  /* Of a clip that has no frame yet the first one is still on its way here. */
  const gboolean waits = recorder->clip && !recorder->clip->pipeline;
  if (!waits && g_get_monotonic_time() - recorder->arrived >= patience) {
    g_queue_clear_full(&recorder->ring, frame_free);
    if (recorder->clip) end_clip(recorder);
  }
  g_mutex_unlock(&recorder->lock);
}

static GstClockTime time_of(const GstStructure* event, const gchar* name) {
  guint64 time = GST_CLOCK_TIME_NONE;
  gst_structure_get_uint64(event, name, &time);
  return time;
}

static Event* event_of(Clip* clip, guint id) {
  for (guint i = 0; i < clip->events->len; i++) {
    Event* event = clip->events->pdata[i];
    if (event->id == id) return event;
  }
  Event* event = g_new0(Event, 1);
  event->id = id;
  g_ptr_array_add(clip->events, event);
  return event;
}

void recorder_event(Recorder* recorder, const GstStructure* told) {
  guint id = 0;
  GstSample* picture = NULL;
  const gboolean over = g_strcmp0(gst_structure_get_string(told, "event"), "end") == 0;
  const GstClockTime start = time_of(told, "start-running-time");
  gst_structure_get_uint(told, "id", &id);
  if (!GST_CLOCK_TIME_IS_VALID(start)) return;
  g_mutex_lock(&recorder->lock);
  if (!recorder->clip && !over)
    recorder->clip = clip_new(recorder, start > recorder->before ? start - recorder->before : 0);
  if (recorder->clip) {
    Event* event = event_of(recorder->clip, id);
    event->start = start;
    event->end = over ? start + time_of(told, "duration") : GST_CLOCK_TIME_NONE;
    event->peak_at = time_of(told, "peak-running-time");
    gst_structure_get_double(told, "peak", &event->peak);
    g_free(event->model);
    event->model = g_strdup(gst_structure_get_string(told, "model"));
    g_free(event->reason);
    event->reason = g_strdup(gst_structure_get_string(told, "reason"));
    if (gst_structure_get(told, "thumbnail", GST_TYPE_SAMPLE, &picture, NULL)) {
      if (event->picture) gst_sample_unref(event->picture);
      event->picture = picture;
    }
    recorder->until = over ? event->end + recorder->after : GST_CLOCK_TIME_NONE;
  }
  g_mutex_unlock(&recorder->lock);
}

gboolean recorder_finish(Recorder* recorder) {
  g_mutex_lock(&recorder->lock);
  if (recorder->clip) end_clip(recorder);
  while (recorder->open > 0) {
    g_mutex_unlock(&recorder->lock);
    g_main_context_iteration(NULL, TRUE);
    g_mutex_lock(&recorder->lock);
  }
  const gboolean ok = !recorder->failed;
  g_mutex_unlock(&recorder->lock);
  return ok;
}

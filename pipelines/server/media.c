/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A mount's pipelines as the RTSP library holds them: who is given which one, and when one ends.
 *
 * The library shares a media among clients, ends it when the last of them leaves, and forgets it only when it
 * has ended: whoever comes in between is given one that ends, and answered 503. So here, when the last one
 * leaves, those who come are given a new media from then on; the old one stays a moment for those who were
 * given it just before, and the new one begins when it has ended.
 */
#include "media.h"

#include "pipelines/programs.h"
#include "view.h"

#define LINGER_MS 500
#define MOST_WAIT_S 5

typedef enum { SERVING, LEAVING, RETIRED } Stage;

typedef struct {
  GstRTSPMedia parent;
  Stage stage;      /* under `lock`, as all of these */
  gboolean gone;    /* its pipeline has ended */
  gboolean failed;  /* and those who watch it are let go */
  GSource* wait;    /* in the main context, or NULL */
  guint generation; /* clients are given it while the mount's is the same */
} ServerMedia;
typedef struct {
  GstRTSPMediaClass parent;
} ServerMediaClass;

static GType server_media_get_type(void);
G_DEFINE_TYPE(ServerMedia, server_media, GST_TYPE_RTSP_MEDIA)

typedef struct {
  GstRTSPMediaFactory parent;
  Mount* mount;
} ServerFactory;
typedef struct {
  GstRTSPMediaFactoryClass parent;
} ServerFactoryClass;

static GType server_factory_get_type(void);
G_DEFINE_TYPE(ServerFactory, server_factory, GST_TYPE_RTSP_MEDIA_FACTORY)

static GMutex lock;
static GCond ended;     /* a media */
static GList* medias;   /* that are made, or being made, and have not ended */
static guint enders;    /* threads that end one */
static gboolean ending; /* the server ends: nothing lingers */

static Mount* mount_of(gpointer media) {
  return g_object_get_data(media, "mount");
}

guint media_count(void) {
  g_mutex_lock(&lock);
  const guint count = g_list_length(medias) + enders;
  g_mutex_unlock(&lock);
  return count;
}

/* Those who wait for the media are answered. */
static void give_up(GstRTSPMedia* media, const gchar* why) {
  GstElement* bin = gst_rtsp_media_get_element(media);
  GST_ELEMENT_ERROR(bin, RESOURCE, OPEN_READ, ("%s", why), (NULL));
  gst_object_unref(bin);
}

/* --- A media's end
 * ---------------------------------------------------------------------------------------------- */
static gpointer ended_by_thread(gpointer media) {
  g_object_unref(media);
  g_mutex_lock(&lock);
  enders--;
  g_mutex_unlock(&lock);
  return NULL;
}

/* A source or a device that hangs holds up neither the other clients nor the server's end. The function ends
 * with ended_by_thread(). FALSE where there can be no further thread. */
static gboolean in_own_thread(GThreadFunc function, gpointer media) {
  g_mutex_lock(&lock);
  enders++;
  g_mutex_unlock(&lock);
  GThread* thread = g_thread_try_new("media-end", function, g_object_ref(media), NULL);
  if (thread)
    g_thread_unref(thread); /* `enders` tells when it is done */
  else
    ended_by_thread(media);
  return thread != NULL;
}

static gpointer end_held(gpointer media) {
  gst_rtsp_media_unprepare(media);
  return ended_by_thread(media);
}

/* What has been held while it waited. */
static void let_go_of(gpointer media) {
  if (!in_own_thread(end_held, media)) gst_rtsp_media_unprepare(media);
}

static gpointer end_failed(gpointer media) {
  clients_end_media(media);
  return ended_by_thread(media);
}

static gboolean on_waited(gpointer data) {
  ServerMedia* self = data;
  g_mutex_lock(&lock);
  const gboolean held = self->wait != NULL; /* else somebody let it go while this was called */
  g_clear_pointer(&self->wait, g_source_unref);
  self->stage = RETIRED;
  g_mutex_unlock(&lock);
  if (held) let_go_of(self);
  return G_SOURCE_REMOVE;
}

/* Whoever comes from now on is given another one. Under `lock`. */
static void move_on(const ServerMedia* self, Mount* mount) {
  if (mount->generation == self->generation) mount->generation = ++mount->newest_generation;
}

/* Nobody is left who prepared it: called with the media's state locked. */
static gboolean server_media_unprepare(GstRTSPMedia* media) {
  ServerMedia* self = (ServerMedia*)media;
  g_mutex_lock(&lock);
  if (self->stage == SERVING && !ending) {
    Mount* mount = mount_of(self);
    self->stage = LEAVING;
    move_on(self, mount);
    self->wait = g_timeout_source_new(LINGER_MS);
    g_source_set_callback(self->wait, on_waited, g_object_ref(self), g_object_unref);
    g_source_attach(self->wait, NULL);
  }
  const gboolean held = self->stage == LEAVING && self->wait;
  g_mutex_unlock(&lock);
  /* While it waits it is held as if a client were there. */
  return held ? gst_rtsp_media_prepare(media, NULL)
              : GST_RTSP_MEDIA_CLASS(server_media_parent_class)->unprepare(media);
}

/* The library counts the leaving of the last one who plays twice: here, where the media has just been held,
 * and when the session's part ends. So it is held twice; else the second would end it under whoever has come
 * meanwhile. Called with the media's state locked. */
static void on_new_state(GstRTSPMedia* media, gint state, gpointer data) {
  ServerMedia* self = (ServerMedia*)media;
  (void)data;
  if (state != GST_STATE_NULL) return;
  g_mutex_lock(&lock);
  const gboolean held = self->stage == LEAVING && self->wait;
  g_mutex_unlock(&lock);
  if (held) gst_rtsp_media_prepare(media, NULL);
}

/* Begins when the mount's last media has closed its source, which may be one that cannot be opened twice; or
 * after some seconds, where somebody got hold of that one. */
static gboolean server_media_prepare(GstRTSPMedia* media, GstRTSPThread* thread) {
  const gint64 until = g_get_monotonic_time() + MOST_WAIT_S * G_TIME_SPAN_SECOND;
  g_mutex_lock(&lock);
  for (gboolean there = TRUE; there && !ending;) {
    GList* own = g_list_find(medias, media);
    there = FALSE;
    for (GList* older = own ? own->next : NULL; older; older = older->next)
      there = there || mount_of(older->data) == mount_of(media);
    if (there && !g_cond_wait_until(&ended, &lock, until)) break;
  }
  g_mutex_unlock(&lock);
  const gboolean begins = GST_RTSP_MEDIA_CLASS(server_media_parent_class)->prepare(media, thread);
  g_mutex_lock(&lock);
  const gboolean late = ending;
  g_mutex_unlock(&lock);
  if (begins && late) give_up(media, "the server ends");
  return begins;
}

/* Whether it waited, and so held the media. */
static gboolean stop_waiting(ServerMedia* self) {
  g_mutex_lock(&lock);
  GSource* wait = g_steal_pointer(&self->wait);
  g_mutex_unlock(&lock);
  if (!wait) return FALSE;
  g_source_destroy(wait);
  g_source_unref(wait);
  return TRUE;
}

static void on_unprepared(GstRTSPMedia* media, gpointer data) {
  Mount* mount = data;
  gboolean others = FALSE;
  stop_waiting((ServerMedia*)media);
  g_mutex_lock(&lock);
  ((ServerMedia*)media)->gone = TRUE;
  for (GList* item = medias; item; item = item->next)
    others = others || (mount_of(item->data) == mount && !((ServerMedia*)item->data)->gone);
  if (!others) mount_ended(mount); /* before one that is listed from now on calls mount_begin() */
  g_mutex_unlock(&lock);
  view_media_ended(mount->view);
  /* Last: when none is left, the server may free the mounts. */
  g_mutex_lock(&lock);
  medias = g_list_remove(medias, media);
  g_cond_broadcast(&ended);
  g_mutex_unlock(&lock);
}

/* --- Errors, told to those who wait
 * ----------------------------------------------------------------------------- */
void medias_end(void) {
  g_mutex_lock(&lock);
  ending = TRUE;
  g_cond_broadcast(&ended);
  GList* all = g_list_copy_deep(medias, (GCopyFunc)(void (*)(void))g_object_ref, NULL);
  g_mutex_unlock(&lock);
  for (GList* item = all; item; item = item->next) {
    Mount* mount = mount_of(item->data);
    const gboolean held = stop_waiting(item->data);
    g_mutex_lock(&mount->state.lock);
    const gboolean begun = mount->state.last_frame != 0;
    g_mutex_unlock(&mount->state.lock);
    if (held)
      let_go_of(item->data);
    else if (!begun)
      give_up(item->data, "the server ends");
  }
  g_list_free_full(all, g_object_unref);
}

/* Whoever waits for the first frame of a source that fails before it is answered at once. */
static void on_source_news(GstRTSPMedia* media, Mount* mount, const GstStructure* news) {
  guint64 frames = 0;
  gst_structure_get_uint64(news, "frames", &frames);
  if (frames > 0 || !mount_is_loss(news)) {
    mount_source_news(mount, news);
    return;
  }
  const gchar* why = gst_structure_get_string(news, "reason");
  gchar* text = g_strdup_printf("the source failed: %s", why);
  mount_count_loss(mount, why);
  give_up(media, text);
  g_free(text);
}

static gboolean server_media_handle_message(GstRTSPMedia* media, GstMessage* message) {
  Mount* mount = mount_of(media);
  gboolean fails = FALSE;
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    GError* error = NULL;
    gst_message_parse_error(message, &error, NULL);
    programs_complain("%s: %s", mount ? mount->path : "?", error->message);
    g_clear_error(&error);
    g_mutex_lock(&lock);
    if (mount) move_on((ServerMedia*)media, mount);
    fails = !((ServerMedia*)media)->failed && !ending;
    ((ServerMedia*)media)->failed = TRUE;
    g_mutex_unlock(&lock);
  } else if (mount && gst_message_has_name(message, "anomalysource")) {
    on_source_news(media, mount, gst_message_get_structure(message));
  }
  const gboolean more = GST_RTSP_MEDIA_CLASS(server_media_parent_class)->handle_message(media, message);
  if (fails) in_own_thread(end_failed, media);
  return more;
}

static void server_media_class_init(ServerMediaClass* klass) {
  GST_RTSP_MEDIA_CLASS(klass)->handle_message = server_media_handle_message;
  GST_RTSP_MEDIA_CLASS(klass)->prepare = server_media_prepare;
  GST_RTSP_MEDIA_CLASS(klass)->unprepare = server_media_unprepare;
}

static void server_media_init(ServerMedia* self) {
  self->stage = SERVING;
}

/* --- A mount's factory
 * ------------------------------------------------------------------------------------------ */
/* What the thread was last told: of the media that it has made, if any. */
static _Thread_local guint key_generation;

/* What clients share a media by: whatever else stands in the address, it is the mount's newest. */
static gchar* server_factory_key(GstRTSPMediaFactory* factory, const GstRTSPUrl* url) {
  Mount* mount = ((ServerFactory*)factory)->mount;
  (void)url;
  g_mutex_lock(&lock);
  key_generation = mount->generation;
  g_mutex_unlock(&lock);
  return g_strdup_printf("%u", key_generation);
}

static void server_factory_configure(GstRTSPMediaFactory* factory, GstRTSPMedia* media) {
  Mount* mount = ((ServerFactory*)factory)->mount;
  GST_RTSP_MEDIA_FACTORY_CLASS(server_factory_parent_class)->configure(factory, media);
  GstElement* bin = gst_rtsp_media_get_element(media);
  GstElement* box = gst_bin_get_by_name(GST_BIN(bin), "box");
  g_object_set_data(G_OBJECT(media), "mount", mount);
  /* It is listed first: its mount neither counts as ended from here on, nor may it be freed. */
  g_mutex_lock(&lock);
  ((ServerMedia*)media)->generation = key_generation;
  /* The mount's may have moved on since the key was asked for: then this one is the newest nevertheless, if
   * nobody has made another since. */
  gboolean newest = TRUE;
  for (GList* item = medias; item; item = item->next)
    newest = newest &&
             !(mount_of(item->data) == mount && ((ServerMedia*)item->data)->generation == mount->generation);
  if (newest) mount->generation = key_generation;
  medias = g_list_prepend(medias, media);
  g_mutex_unlock(&lock);
  view_media_begins(mount->view);
  mount_begin(mount, bin);
  programs_keep_even(box);
  /* After the factory, which forgets the media. */
  g_signal_connect(media, "new-state", G_CALLBACK(on_new_state), NULL);
  g_signal_connect_after(media, "unprepared", G_CALLBACK(on_unprepared), mount);
  gst_object_unref(box);
  gst_object_unref(bin);
}

static void server_factory_class_init(ServerFactoryClass* klass) {
  GST_RTSP_MEDIA_FACTORY_CLASS(klass)->gen_key = server_factory_key;
  GST_RTSP_MEDIA_FACTORY_CLASS(klass)->configure = server_factory_configure;
}

static void server_factory_init(ServerFactory* self) {
  self->mount = NULL;
}

GstRTSPMediaFactory* media_factory_new(Mount* mount) {
  ServerFactory* self = g_object_new(server_factory_get_type(), NULL);
  self->mount = mount;
  gst_rtsp_media_factory_set_media_gtype(GST_RTSP_MEDIA_FACTORY(self), server_media_get_type());
  gst_rtsp_media_factory_set_shared(GST_RTSP_MEDIA_FACTORY(self), TRUE);
  return GST_RTSP_MEDIA_FACTORY(self);
}

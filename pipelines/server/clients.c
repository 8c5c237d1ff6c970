/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A thread for each client: one that waits for a camera does not hold up the others. The library's threads
 * and clients leave gaps, which are closed here.
 */
#include "server.h"

#define KEPT_MS 1000

static gint asking; /* atomic */

guint clients_asking(void) {
  return (guint)g_atomic_int_get(&asking);
}

/* --- The threads
 * ------------------------------------------------------------------------------------------------ */
typedef struct {
  GstRTSPThreadPool parent;
} ClientThreads;
typedef struct {
  GstRTSPThreadPoolClass parent;
} ClientThreadsClass;

static GType client_threads_get_type(void);
G_DEFINE_TYPE(ClientThreads, client_threads, GST_TYPE_RTSP_THREAD_POOL)

/* Calls it in the context's thread, when that comes to its loop. */
static void call_in(GMainContext* context, GSourceFunc function, GstRTSPClient* client) {
  GSource* idle = g_idle_source_new();
  g_source_set_callback(idle, function, g_object_ref(client), g_object_unref);
  g_source_attach(idle, context);
  g_source_unref(idle);
}

static GMutex gates;
static GCond changed;
static gboolean ended; /* under `gates` */

static gboolean open_gate(gpointer gate) {
  g_mutex_lock(&gates);
  *(gboolean*)gate = TRUE;
  g_cond_broadcast(&changed);
  g_mutex_unlock(&gates);
  return G_SOURCE_REMOVE;
}

/* The main thread makes a client's thread, gives it the connection, and sets up the client's timer after
 * that: by then the thread could have served the client and freed it. So it begins when the main thread is
 * back in its loop. */
static void client_threads_enter(GstRTSPThreadPool* pool, GstRTSPThread* thread) {
  gboolean open = FALSE;
  (void)pool;
  if (thread->type != GST_RTSP_THREAD_TYPE_CLIENT) return;
  GSource* idle = g_idle_source_new();
  g_source_set_priority(idle, G_PRIORITY_HIGH);
  g_source_set_callback(idle, open_gate, &open, NULL);
  g_source_attach(idle, NULL);
  g_mutex_lock(&gates);
  while (!open && !ended) g_cond_wait(&changed, &gates);
  g_mutex_unlock(&gates);
  g_source_destroy(idle);
  g_source_unref(idle);
}

static gboolean close_client(gpointer client) {
  gst_rtsp_client_close(client);
  return G_SOURCE_REMOVE;
}

/* A client is closed by its own thread: the library's connections are not safe otherwise. */
static void client_threads_configure(GstRTSPThreadPool* pool, GstRTSPThread* thread,
                                     GstRTSPContext* context) {
  GObject* client = G_OBJECT(context->client);
  (void)pool;
  if (thread->type != GST_RTSP_THREAD_TYPE_CLIENT) return;
  g_object_set_data_full(client, "context", g_main_context_ref(thread->context),
                         (GDestroyNotify)g_main_context_unref);
  if (g_object_get_data(client, "refused")) call_in(thread->context, close_client, context->client);
}

static void client_threads_class_init(ClientThreadsClass* klass) {
  GST_RTSP_THREAD_POOL_CLASS(klass)->thread_enter = client_threads_enter;
  GST_RTSP_THREAD_POOL_CLASS(klass)->configure_thread = client_threads_configure;
}

static void client_threads_init(ClientThreads* self) {
  gst_rtsp_thread_pool_set_max_threads(GST_RTSP_THREAD_POOL(self), -1);
}

GstRTSPThreadPool* client_threads_new(void) {
  return g_object_new(client_threads_get_type(), NULL);
}

void client_threads_end(void) {
  GstRTSPThreadPoolClass* klass = g_type_class_peek(client_threads_get_type());
  g_mutex_lock(&gates);
  ended = TRUE;
  g_cond_broadcast(&changed);
  g_mutex_unlock(&gates);
  if (klass && klass->pool) g_thread_pool_free(g_steal_pointer(&klass->pool), FALSE, TRUE);
}

/* --- What a client asks, and its end
 * ---------------------------------------------------------------------------- */
/* The client's own: 1 from a DESCRIBE, which may wait long for a source, until its answer has gone out. */
static gint* asks_of(gpointer client) {
  return g_object_get_data(client, "asks");
}

static gboolean end_asking(gpointer client) {
  if (g_atomic_int_compare_and_exchange(asks_of(client), 1, 0)) g_atomic_int_add(&asking, -1);
  return G_SOURCE_REMOVE;
}

static GstRTSPStatusCode on_describe(GstRTSPClient* client, GstRTSPContext* context, gpointer data) {
  if (g_atomic_int_compare_and_exchange(asks_of(client), 0, 1)) g_atomic_int_inc(&asking);
  (void)context;
  (void)data;
  return GST_RTSP_STS_OK;
}

/* Just before it is sent, in the client's thread: it is out when that comes to its loop again. */
static void on_answer(GstRTSPClient* client, GstRTSPContext* context, gpointer answer, gpointer data) {
  GSource* current = g_main_current_source();
  (void)context;
  (void)answer;
  (void)data;
  if (!g_atomic_int_get(asks_of(client))) return;
  if (current)
    call_in(g_source_get_context(current), end_asking, client);
  else
    end_asking(client);
}

static gboolean let_go(gpointer client) {
  (void)client;
  return G_SOURCE_REMOVE;
}

/* A pipeline's thread that sends a packet to a client has no reference to it or to its session, which it
 * touches afterwards, or has closed where it could not send: so they are kept until such a thread is done. */
static void keep(gpointer object) {
  g_timeout_add_full(G_PRIORITY_DEFAULT, KEPT_MS, let_go, g_object_ref(object), g_object_unref);
}

static void on_closed(GstRTSPClient* client, gpointer data) {
  (void)data;
  g_object_set_data(G_OBJECT(client), "context", NULL);
  end_asking(client);
  keep(client);
}

static void on_session_removed(GstRTSPSessionPool* pool, GstRTSPSession* session, gpointer data) {
  (void)pool;
  (void)data;
  keep(session);
}

static GWeakRef sessions; /* the server's pool of them */

void clients_keep_sessions(GstRTSPSessionPool* pool) {
  g_weak_ref_set(&sessions, pool);
  g_signal_connect(pool, "session-removed", G_CALLBACK(on_session_removed), NULL);
}

/* --- A media that has failed
 * ------------------------------------------------------------------------------------ */
static void free_client_of(gpointer client) {
  g_weak_ref_clear(client);
  g_free(client);
}

static void on_new_session(GstRTSPClient* client, GstRTSPSession* session, gpointer data) {
  GWeakRef* ref = g_new0(GWeakRef, 1);
  (void)data;
  g_weak_ref_init(ref, client);
  g_object_set_data_full(G_OBJECT(session), "client", ref, free_client_of);
}

static gpointer ref_context(gpointer context, gpointer data) {
  (void)data;
  return context ? g_main_context_ref(context) : NULL;
}

typedef struct {
  GstRTSPMedia* media;
  gboolean found; /* in the session */
} Failed;

static GstRTSPFilterResult release_media(GstRTSPSession* session, GstRTSPSessionMedia* part, gpointer data) {
  Failed* failed = data;
  (void)session;
  if (gst_rtsp_session_media_get_media(part) != failed->media) return GST_RTSP_FILTER_KEEP;
  failed->found = TRUE;
  return GST_RTSP_FILTER_REMOVE;
}

static GstRTSPFilterResult end_session(GstRTSPSessionPool* pool, GstRTSPSession* session, gpointer data) {
  Failed* failed = data;
  GWeakRef* ref = g_object_get_data(G_OBJECT(session), "client");
  (void)pool;
  failed->found = FALSE;
  gst_rtsp_media_lock(failed->media); /* no request uses it meanwhile */
  gst_rtsp_session_filter(session, release_media, failed);
  gst_rtsp_media_unlock(failed->media);
  if (!failed->found) return GST_RTSP_FILTER_KEEP;
  GstRTSPClient* client = ref ? g_weak_ref_get(ref) : NULL;
  GMainContext* context = client ? g_object_dup_data(G_OBJECT(client), "context", ref_context, NULL) : NULL;
  if (context) {
    call_in(context, close_client, client);
    g_main_context_unref(context);
  }
  g_clear_object(&client);
  return GST_RTSP_FILTER_REMOVE;
}

void clients_end_media(GstRTSPMedia* media) {
  GstRTSPSessionPool* pool = g_weak_ref_get(&sessions);
  Failed failed = {.media = media};
  if (!pool) return;
  gst_rtsp_session_pool_filter(pool, end_session, &failed);
  g_object_unref(pool);
}

void client_refuse(GstRTSPClient* client) {
  g_object_set_data(G_OBJECT(client), "refused", GINT_TO_POINTER(TRUE));
}

void client_begins(GstRTSPClient* client) {
  g_object_set_data_full(G_OBJECT(client), "asks", g_new0(gint, 1), g_free);
  g_signal_connect(client, "pre-describe-request", G_CALLBACK(on_describe), NULL);
  g_signal_connect(client, "send-message", G_CALLBACK(on_answer), NULL);
  g_signal_connect(client, "new-session", G_CALLBACK(on_new_session), NULL);
  g_signal_connect(client, "closed", G_CALLBACK(on_closed), NULL);
}

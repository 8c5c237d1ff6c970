/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GET /healthz and /metrics over HTTP/1, on 127.0.0.1: one request a connection, four connections at once,
 * and no more of a request is read than its first 4 KiB or in 5 seconds.
 */
#include <math.h>
#include <string.h>

#include "server.h"

#define LONGEST_REQUEST 4096
#define PATIENCE 5 /* seconds */

typedef struct {
  const Config* config;
  GstRTSPServer* server;
} Monitor;

/* A mount that is watched gives frames; one that is not has nothing to show. */
static gboolean healthy(const Mount* mount, MountState* state) {
  const gint64 limit = ((gint64)mount->source_timeout + 10) * G_USEC_PER_SEC;
  if (state->active_since == 0) return TRUE;
  return g_get_monotonic_time() - MAX(state->active_since, state->last_frame) < limit;
}

static void read_state(Mount* mount, MountState* state) {
  g_mutex_lock(&mount->state.lock);
  state->frames = mount->state.frames;
  state->restarts = mount->state.restarts;
  state->score = mount->state.score;
  state->inference = mount->state.inference;
  state->last_frame = mount->state.last_frame;
  state->active_since = mount->state.active_since;
  g_mutex_unlock(&mount->state.lock);
}

static gboolean health(const Config* config, GString* body) {
  gboolean ok = TRUE;
  for (guint i = 0; i < config->mounts->len; i++) {
    Mount* mount = config->mounts->pdata[i];
    MountState state;
    read_state(mount, &state);
    if (healthy(mount, &state)) continue;
    g_string_append_printf(body, "%s: no frame\n", mount->path);
    ok = FALSE;
  }
  if (ok) g_string_append(body, "ok\n");
  return ok;
}

static void family(GString* body, const gchar* name, const gchar* type, const gchar* help) {
  g_string_append_printf(body, "# HELP anomaly_rtsp_%s %s\n# TYPE anomaly_rtsp_%s %s\n", name, help, name,
                         type);
}

static void single(GString* body, const gchar* name, const gchar* type, const gchar* help, guint64 value) {
  family(body, name, type, help);
  g_string_append_printf(body, "anomaly_rtsp_%s %" G_GUINT64_FORMAT "\n", name, value);
}

static double up_of(const Mount* mount, const MountState* state) {
  MountState copy;
  copy.active_since = state->active_since;
  copy.last_frame = state->last_frame;
  return healthy(mount, &copy);
}
static double watched_of(const Mount* mount, const MountState* state) {
  (void)mount;
  return state->active_since != 0;
}
static double frames_of(const Mount* mount, const MountState* state) {
  (void)mount;
  return (double)state->frames;
}
static double restarts_of(const Mount* mount, const MountState* state) {
  (void)mount;
  return (double)state->restarts;
}
static double score_of(const Mount* mount, const MountState* state) {
  (void)mount;
  return state->score;
}
static double inference_of(const Mount* mount, const MountState* state) {
  (void)mount;
  return state->inference / 1000;
}

static void metrics(const Monitor* monitor, GString* body) {
  static const struct {
    const gchar *name, *type, *help;
    double (*value)(const Mount*, const MountState*);
  } families[] = {
      {"mount_up", "gauge", "1 where frames come, or nobody watches.", up_of},
      {"mount_watched", "gauge", "1 where the mount's pipeline is there.", watched_of},
      {"frames_total", "counter", "Frames that left the detector.", frames_of},
      {"source_restarts_total", "counter", "Times that the source failed or stalled.", restarts_of},
      {"score", "gauge", "Anomaly score of the newest frame.", score_of},
      {"inference_seconds", "gauge", "Time that the engine spent on the newest map.", inference_of},
  };
  GstRTSPSessionPool* pool = gst_rtsp_server_get_session_pool(monitor->server);
  single(body, "clients", "gauge", "Clients connected.", access_clients());
  single(body, "clients_total", "counter", "Clients that have connected.", access_clients_total());
  single(body, "clients_refused_total", "counter", "Clients over the limit.", access_clients_refused());
  single(body, "sessions", "gauge", "Sessions open.", gst_rtsp_session_pool_get_n_sessions(pool));
  g_object_unref(pool);
  for (guint f = 0; f < G_N_ELEMENTS(families); f++) {
    family(body, families[f].name, families[f].type, families[f].help);
    for (guint i = 0; i < monitor->config->mounts->len; i++) {
      Mount* mount = monitor->config->mounts->pdata[i];
      gchar text[G_ASCII_DTOSTR_BUF_SIZE];
      MountState state;
      read_state(mount, &state);
      const double value = families[f].value(mount, &state);
      if (!isfinite(value)) continue;
      /* A mount's path has no character that a label would have to escape. */
      g_string_append_printf(body, "anomaly_rtsp_%s{mount=\"%s\"} %s\n", families[f].name, mount->path,
                             g_ascii_dtostr(text, sizeof text, value));
    }
  }
}

/* The request's head, up to its empty line; NULL where there is none. */
static gchar* read_head(GInputStream* input) {
  const gint64 until = g_get_monotonic_time() + PATIENCE * G_USEC_PER_SEC;
  gchar* head = g_malloc0(LONGEST_REQUEST + 1);
  gsize size = 0;
  while (size < LONGEST_REQUEST && g_get_monotonic_time() < until) {
    const gssize got = g_input_stream_read(input, head + size, LONGEST_REQUEST - size, NULL, NULL);
    if (got <= 0) break;
    size += (gsize)got;
    if (memchr(head, 0, size)) break;
    if (strstr(head, "\r\n\r\n")) return head;
  }
  g_free(head);
  return NULL;
}

/* The target of "GET /x HTTP/1.1"; *body_wanted is FALSE for HEAD. */
static gchar* parse_head(const gchar* head, gboolean* body_wanted, const gchar** status) {
  gchar* line = g_strndup(head, (gsize)(strstr(head, "\r\n") - head));
  gchar** words = g_strsplit(line, " ", 4);
  gchar* target = NULL;
  *status = "400 Bad Request";
  *body_wanted = TRUE;
  if (g_strv_length(words) == 3 && (strcmp(words[2], "HTTP/1.1") == 0 || strcmp(words[2], "HTTP/1.0") == 0) &&
      words[1][0] == '/') {
    *body_wanted = strcmp(words[0], "HEAD") != 0;
    if (!*body_wanted || strcmp(words[0], "GET") == 0)
      target = g_strdup(words[1]);
    else
      *status = "405 Method Not Allowed";
  }
  g_strfreev(words);
  g_free(line);
  return target;
}

static gboolean on_connection(GThreadedSocketService* service, GSocketConnection* connection, GObject* source,
                              gpointer data) {
  const Monitor* monitor = data;
  const gchar *status = "400 Bad Request", *type = "text/plain; charset=utf-8";
  GString* body = g_string_new(NULL);
  gboolean body_wanted = TRUE;
  g_socket_set_timeout(g_socket_connection_get_socket(connection), PATIENCE);
  gchar* head = read_head(g_io_stream_get_input_stream(G_IO_STREAM(connection)));
  gchar* target = head ? parse_head(head, &body_wanted, &status) : NULL;
  if (target && strcmp(target, "/healthz") == 0) {
    status = health(monitor->config, body) ? "200 OK" : "503 Service Unavailable";
  } else if (target && strcmp(target, "/metrics") == 0) {
    status = "200 OK";
    type = "text/plain; version=0.0.4; charset=utf-8";
    metrics(monitor, body);
  } else {
    if (target) status = "404 Not Found";
    g_string_append_printf(body, "%s\n", status);
  }
  gchar* answer = g_strdup_printf("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %" G_GSIZE_FORMAT
                                  "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                                  "Connection: close\r\n\r\n%s",
                                  status, type, body->len, body_wanted ? body->str : "");
  g_output_stream_write_all(g_io_stream_get_output_stream(G_IO_STREAM(connection)), answer, strlen(answer),
                            NULL, NULL, NULL);
  g_io_stream_close(G_IO_STREAM(connection), NULL, NULL);
  g_free(answer);
  g_free(target);
  g_free(head);
  g_string_free(body, TRUE);
  (void)service;
  (void)source;
  return TRUE;
}

static void monitor_free(gpointer data, GClosure* closure) {
  g_free(data);
  (void)closure;
}

guint monitor_start(const Config* config, GstRTSPServer* server, GSocketService** service, GError** error) {
  GInetAddress* loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
  GSocketAddress *address = g_inet_socket_address_new(loopback, (guint16)config->metrics_port), *bound = NULL;
  guint port = 0;
  *service = g_threaded_socket_service_new(4);
  if (g_socket_listener_add_address(G_SOCKET_LISTENER(*service), address, G_SOCKET_TYPE_STREAM,
                                    G_SOCKET_PROTOCOL_TCP, NULL, &bound, error)) {
    Monitor* monitor = g_new0(Monitor, 1);
    monitor->config = config;
    monitor->server = server;
    g_signal_connect_data(*service, "run", G_CALLBACK(on_connection), monitor, monitor_free, 0);
    port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
    g_socket_service_start(*service);
    g_object_unref(bound);
  } else {
    g_prefix_error(error, "metrics on 127.0.0.1, port %d: ", config->metrics_port);
    g_clear_object(service);
  }
  g_object_unref(address);
  g_object_unref(loopback);
  return port;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GET /healthz and /metrics over HTTP/1, on 127.0.0.1: one request a connection, sixteen connections at once.
 */
#include <math.h>
#include <string.h>

#include "http.h"
#include "server.h"

struct _Monitor {
  const Config* config;
  GstRTSPServer* server;
  HttpServer* http;
};

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

static void on_request(const HttpRequest* request, HttpAnswer* answer, gpointer data) {
  const Monitor* monitor = data;
  const gboolean is_health = strcmp(request->target, "/healthz") == 0;
  if (!is_health && strcmp(request->target, "/metrics") != 0) return;
  GString* body = g_string_new(NULL);
  if (is_health) {
    answer->status = health(monitor->config, body) ? "200 OK" : "503 Service Unavailable";
  } else {
    answer->status = "200 OK";
    answer->type = "text/plain; version=0.0.4; charset=utf-8";
    metrics(monitor, body);
  }
  answer->body = http_body(body);
}

Monitor* monitor_start(const Config* config, GstRTSPServer* server, GError** error) {
  Monitor* monitor = g_new0(Monitor, 1);
  monitor->config = config;
  monitor->server = server;
  const HttpSettings settings = {.name = "metrics",
                                 .port = config->metrics_port,
                                 .connections = 16,
                                 .handler = on_request,
                                 .data = monitor};
  monitor->http = http_start(&settings, error);
  if (!monitor->http) g_clear_pointer(&monitor, g_free);
  return monitor;
}

guint monitor_port(const Monitor* monitor) {
  return http_port(monitor->http);
}

void monitor_stop(Monitor* monitor) {
  if (!monitor) return;
  http_stop(monitor->http);
  g_free(monitor);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The page that shows what the mounts see, on 127.0.0.1:
 *   /                            page.html
 *   /mounts?since=N              the mounts as JSON, with their scores' points from number N on
 *   /mounts/I/picture?after=N    the newest picture of mount I, if it is later than number N; else 204
 *   /mounts/I/events/ID          the picture of an event
 * With users in the configuration, it asks for one of them.
 */
#include <string.h>

#include "http.h"
#include "page.h"
#include "pipelines/paint.h"
#include "server.h"
#include "view.h"

#define CONNECTIONS 32 /* of five browsers or so */
#define ERROR g_quark_from_static_string("anomaly-rtsp-server")

/* Nothing comes from anywhere else, and no other site reads or frames what is here. */
#define PROTECTED                                                                                            \
  "Content-Security-Policy: default-src 'none'; style-src " PAGE_STYLE_HASH "; script-src " PAGE_SCRIPT_HASH \
  "; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "                        \
  "frame-ancestors 'none'\r\n"                                                                               \
  "Cross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n"
#define PROTECTED_ASKS PROTECTED "WWW-Authenticate: Basic realm=\"%s\", charset=\"UTF-8\"\r\n"

struct _Web {
  const Config* config;
  HttpServer* http;
  gchar* asks; /* PROTECTED_ASKS */
};

/* A name could be made to mean 127.0.0.1 by whoever owns it: then a foreign page would be of this origin. */
static gboolean is_own_host(const gchar* host) {
  if (!host) return FALSE;
  gchar* name = g_strdup(host);
  gchar* colon = strrchr(name, ':');
  if (colon && strspn(colon + 1, "0123456789") == strlen(colon + 1) && !g_str_has_suffix(name, "]"))
    *colon = 0;
  const gsize length = strlen(name);
  if (length > 2 && name[0] == '[' && name[length - 1] == ']') {
    memmove(name, name + 1, length - 2);
    name[length - 2] = 0;
  }
  const gboolean own = g_ascii_strcasecmp(name, "localhost") == 0 || g_hostname_is_ip_address(name);
  g_free(name);
  return own;
}

static gboolean is_allowed(const Config* config, const gchar* authorization) {
  if (g_hash_table_size(config->users) == 0) return TRUE;
  if (!authorization || g_ascii_strncasecmp(authorization, "Basic ", 6) != 0) return FALSE;
  gsize size = 0;
  guchar* decoded = g_base64_decode(authorization + 6, &size);
  gchar* pair = g_strndup((const gchar*)decoded, size);
  gchar* colon = strchr(pair, ':');
  if (colon) *colon = 0;
  const gboolean allowed = colon && access_is_user(config, pair, colon + 1);
  g_free(pair);
  g_free(decoded);
  return allowed;
}

/* "NAME=N" as the whole of a query; 0 where there is none. FALSE where it is anything else. */
static gboolean read_query(const gchar* query, const gchar* name, guint64* number) {
  *number = 0;
  if (!query) return TRUE;
  const gsize length = strlen(name);
  return strncmp(query, name, length) == 0 && query[length] == '=' &&
         g_ascii_string_to_unsigned(query + length + 1, 10, 0, G_MAXINT64, number, NULL);
}

static void describe(const Config* config, guint64 since, HttpAnswer* answer) {
  GString* json = g_string_new(NULL);
  g_string_append_printf(json,
                         "{\"now\":%" G_GUINT64_FORMAT
                         ",\"point_ms\":%d,\"kept\":%d,\"time\":%" G_GINT64_FORMAT ",\"mounts\":[",
                         view_now(), VIEW_POINT_MS, VIEW_POINTS, g_get_real_time() / 1000);
  for (guint i = 0; i < config->mounts->len; i++) {
    if (i > 0) g_string_append_c(json, ',');
    view_describe(((Mount*)config->mounts->pdata[i])->view, since, json);
  }
  g_string_append(json, "]}\n");
  answer->status = "200 OK";
  answer->type = "application/json";
  answer->body = http_body(json);
}

static void send_picture(HttpAnswer* answer, GBytes* picture) {
  if (!picture) return;
  answer->status = "200 OK";
  answer->type = "image/jpeg";
  answer->body = picture;
}

/* "/mounts/0/picture" or "/mounts/0/events/7"; what is wrong stays 404. */
static void answer_mount(const Config* config, const gchar* path, const gchar* query,
                         const HttpRequest* request, HttpAnswer* answer) {
  gchar** parts = g_strsplit(path, "/", 6);
  const guint count = g_strv_length(parts);
  guint64 index, number;
  if (count >= 4 &&
      g_ascii_string_to_unsigned(parts[2], 10, 0, (guint64)config->mounts->len - 1, &index, NULL)) {
    View* view = ((Mount*)config->mounts->pdata[index])->view;
    if (count == 4 && strcmp(parts[3], "picture") == 0 && read_query(query, "after", &number)) {
      GBytes* picture = view_picture(view, &number, request->end);
      if (picture) {
        send_picture(answer, picture);
        answer->number = number;
      } else {
        answer->status = "204 No Content";
        answer->type = NULL;
      }
    } else if (count == 5 && strcmp(parts[3], "events") == 0 &&
               g_ascii_string_to_unsigned(parts[4], 10, 1, G_MAXINT64, &number, NULL)) {
      send_picture(answer,
                   view_event_picture(view, number)); /* whatever the query: it only names a version */
    }
  }
  g_strfreev(parts);
}

static void on_request(const HttpRequest* request, HttpAnswer* answer, gpointer data) {
  const Web* web = data;
  answer->headers = PROTECTED;
  if (!is_own_host(request->host)) {
    answer->status = "421 Misdirected Request";
    return;
  }
  if (!is_allowed(web->config, request->authorization)) {
    answer->status = "401 Unauthorized";
    answer->headers = web->asks;
    return;
  }
  gchar* path = g_strdup(request->target);
  gchar* query = strchr(path, '?');
  guint64 since;
  if (query) *query++ = 0;
  if (strcmp(path, "/") == 0) {
    answer->status = "200 OK";
    answer->type = "text/html; charset=utf-8";
    answer->body = g_bytes_new_static(page_html, sizeof page_html);
  } else if (strcmp(path, "/favicon.ico") == 0) {
    answer->status = "204 No Content"; /* browsers ask for it */
    answer->type = NULL;
  } else if (strcmp(path, "/mounts") == 0) {
    if (read_query(query, "since", &since)) describe(web->config, since, answer);
  } else if (g_str_has_prefix(path, "/mounts/")) {
    answer_mount(web->config, path, query, request, answer);
  }
  g_free(path);
}

gboolean web_prepare(Config* config, GError** error) {
  const gchar *package, *missing = painter_lacks(&package);
  if (missing) {
    g_set_error(error, ERROR, 0, "the page needs the GStreamer element %s; it comes with %s", missing,
                package);
    return FALSE;
  }
  for (guint i = 0; i < config->mounts->len; i++) {
    Mount* mount = config->mounts->pdata[i];
    mount->view = view_new(mount);
  }
  return TRUE;
}

void web_clear(Config* config) {
  for (guint i = 0; i < config->mounts->len; i++) {
    Mount* mount = config->mounts->pdata[i];
    g_clear_pointer(&mount->view, view_free);
  }
}

Web* web_start(const Config* config, GError** error) {
  Web* web = g_new0(Web, 1);
  web->config = config;
  web->asks = g_strdup_printf(PROTECTED_ASKS, config->realm);
  const HttpSettings settings = {.name = "the page",
                                 .port = config->web_port,
                                 .connections = CONNECTIONS,
                                 .keep_alive = TRUE,
                                 .handler = on_request,
                                 .data = web};
  web->http = http_start(&settings, error);
  if (!web->http) {
    g_free(web->asks);
    g_clear_pointer(&web, g_free);
  }
  return web;
}

guint web_port(const Web* web) {
  return http_port(web->http);
}

void web_stop(Web* web) {
  if (!web) return;
  http_stop(web->http);
  g_free(web->asks);
  g_free(web);
}

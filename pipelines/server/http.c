/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http.h"

#include <string.h>

#define LONGEST_REQUEST 4096
#define PATIENCE 5     /* seconds, for a request */
#define SEND_TIME 10   /* seconds, for an answer to be taken */
#define REFUSED_ROOM 4 /* connections that are told at once that there are too many */

struct _HttpServer {
  HttpSettings settings;
  guint port;
  GSocketService* service;
  GCancellable* end;
  GMutex lock;
  GCond idle;
  guint open; /* connections; under the lock, as the next */
  gboolean stopped;
};

/* A request's head, as it is read. */
typedef struct {
  gchar text[LONGEST_REQUEST + 1];
  gsize size;
} Head;

/* Up to the empty line. FALSE where there is none, or more behind it: nobody has to send that. */
static gboolean read_head(GInputStream* input, Head* head, GCancellable* end) {
  const gint64 until = g_get_monotonic_time() + PATIENCE * G_USEC_PER_SEC;
  head->size = 0;
  while (head->size < LONGEST_REQUEST && g_get_monotonic_time() < until) {
    const gssize got =
        g_input_stream_read(input, head->text + head->size, LONGEST_REQUEST - head->size, end, NULL);
    if (got <= 0) return FALSE;
    head->size += (gsize)got;
    head->text[head->size] = 0;
    if (memchr(head->text, 0, head->size)) return FALSE;
    if (strstr(head->text, "\r\n\r\n")) return TRUE;
  }
  return FALSE;
}

/* The value of a header, NULL where it is not there. */
static gchar* header(const gchar* head, const gchar* name) {
  const gsize length = strlen(name);
  for (const gchar* line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
    line += 2;
    if (g_ascii_strncasecmp(line, name, length) != 0 || line[length] != ':') continue;
    return g_strstrip(g_strndup(line + length + 1, strcspn(line + length + 1, "\r")));
  }
  return NULL;
}

/* The target of "GET /x HTTP/1.1"; *body_wanted is FALSE for HEAD, *newer for HTTP/1.1. */
static gchar* parse_line(const gchar* head, gboolean* body_wanted, gboolean* newer, const gchar** status) {
  gchar* line = g_strndup(head, (gsize)(strstr(head, "\r\n") - head));
  gchar** words = g_strsplit(line, " ", 4);
  gchar* target = NULL;
  *status = "400 Bad Request";
  *body_wanted = TRUE;
  *newer = FALSE;
  if (g_strv_length(words) == 3 && (strcmp(words[2], "HTTP/1.1") == 0 || strcmp(words[2], "HTTP/1.0") == 0) &&
      words[1][0] == '/') {
    *newer = strcmp(words[2], "HTTP/1.1") == 0;
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

GBytes* http_body(GString* text) {
  const gsize size = text->len;
  return g_bytes_new_take(g_string_free(text, FALSE), size);
}

/* FALSE where the client did not take all of it in time. */
static gboolean send_all(GOutputStream* output, gconstpointer data, gsize size, gint64 until,
                         GCancellable* end) {
  const guint8* rest = data;
  while (size > 0) {
    if (g_get_monotonic_time() > until) return FALSE;
    const gssize sent = g_output_stream_write(output, rest, size, end, NULL);
    if (sent <= 0) return FALSE;
    rest += sent;
    size -= (gsize)sent;
  }
  return TRUE;
}

static gboolean send_answer(GIOStream* stream, HttpAnswer* answer, gboolean body_wanted, gboolean keep,
                            GCancellable* end) {
  GOutputStream* output = g_io_stream_get_output_stream(stream);
  const gint64 until = g_get_monotonic_time() + SEND_TIME * G_USEC_PER_SEC;
  if (!answer->body) {
    GString* text = g_string_new(NULL);
    if (answer->type) g_string_append_printf(text, "%s\n", answer->status);
    answer->body = http_body(text);
  }
  gsize size;
  gconstpointer data = g_bytes_get_data(answer->body, &size);
  GString* head = g_string_new(NULL);
  g_string_append_printf(head, "HTTP/1.1 %s\r\n", answer->status);
  if (answer->type)
    g_string_append_printf(head, "Content-Type: %s\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n", answer->type,
                           size);
  if (answer->number > 0) g_string_append_printf(head, "X-Number: %" G_GUINT64_FORMAT "\r\n", answer->number);
  g_string_append_printf(
      head, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%sConnection: %s\r\n\r\n",
      answer->headers ? answer->headers : "", keep ? "keep-alive" : "close");
  const gboolean sent = send_all(output, head->str, head->len, until, end) &&
                        (!body_wanted || send_all(output, data, size, until, end));
  g_string_free(head, TRUE);
  g_clear_pointer(&answer->body, g_bytes_unref);
  return sent;
}

/* One request and its answer. TRUE where another may follow. */
static gboolean serve_one(HttpServer* server, GIOStream* stream, gboolean first, gboolean refused) {
  HttpAnswer answer = {.status = "400 Bad Request", .type = "text/plain; charset=utf-8"};
  HttpRequest request = {.end = server->end};
  gboolean body_wanted = TRUE, keep = FALSE;
  Head head;
  if (read_head(g_io_stream_get_input_stream(stream), &head, server->end)) {
    request.target = parse_line(head.text, &body_wanted, &keep, &answer.status);
    gchar* connection = header(head.text, "Connection");
    keep = keep && request.target && server->settings.keep_alive && !refused &&
           g_str_has_suffix(head.text, "\r\n\r\n") &&
           !(connection && g_ascii_strcasecmp(connection, "close") == 0);
    g_free(connection);
  } else if (!first) {
    return FALSE; /* the client has gone, or needs nothing more */
  }
  if (refused) {
    answer.status = "503 Service Unavailable";
    answer.headers = "Retry-After: 5\r\n";
  } else if (request.target) {
    request.host = header(head.text, "Host");
    request.authorization = header(head.text, "Authorization");
    answer.status = "404 Not Found";
    server->settings.handler(&request, &answer, server->settings.data);
  }
  keep = send_answer(stream, &answer, body_wanted, keep, server->end) && keep;
  g_free(request.target);
  g_free(request.host);
  g_free(request.authorization);
  return keep;
}

static gboolean on_connection(GThreadedSocketService* service, GSocketConnection* connection, GObject* source,
                              gpointer data) {
  HttpServer* server = data;
  g_mutex_lock(&server->lock);
  const gboolean stopped = server->stopped, refused = server->open >= server->settings.connections;
  server->open++;
  g_mutex_unlock(&server->lock);
  if (!stopped) {
    g_socket_set_timeout(g_socket_connection_get_socket(connection), PATIENCE);
    for (gboolean more = TRUE, first = TRUE; more; first = FALSE)
      more = serve_one(server, G_IO_STREAM(connection), first, refused);
  }
  g_io_stream_close(G_IO_STREAM(connection), NULL, NULL);
  g_mutex_lock(&server->lock);
  server->open--;
  g_cond_broadcast(&server->idle);
  g_mutex_unlock(&server->lock);
  (void)service;
  (void)source;
  return TRUE;
}

/* With the service, which a connection that has only just come still holds. */
static void server_free(gpointer data, GClosure* closure) {
  HttpServer* server = data;
  g_object_unref(server->end);
  g_mutex_clear(&server->lock);
  g_cond_clear(&server->idle);
  g_free(server);
  (void)closure;
}

HttpServer* http_start(const HttpSettings* settings, GError** error) {
  GInetAddress* loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
  GSocketAddress *address = g_inet_socket_address_new(loopback, (guint16)settings->port), *bound = NULL;
  GSocketService* service = g_threaded_socket_service_new((gint)settings->connections + REFUSED_ROOM);
  HttpServer* server = NULL;
  if (g_socket_listener_add_address(G_SOCKET_LISTENER(service), address, G_SOCKET_TYPE_STREAM,
                                    G_SOCKET_PROTOCOL_TCP, NULL, &bound, error)) {
    server = g_new0(HttpServer, 1);
    server->settings = *settings;
    server->service = service;
    server->end = g_cancellable_new();
    g_mutex_init(&server->lock);
    g_cond_init(&server->idle);
    server->port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
    g_signal_connect_data(service, "run", G_CALLBACK(on_connection), server, server_free, 0);
    g_socket_service_start(service);
    g_object_unref(bound);
  } else {
    g_prefix_error(error, "%s on 127.0.0.1, port %d: ", settings->name, settings->port);
    g_object_unref(service);
  }
  g_object_unref(address);
  g_object_unref(loopback);
  return server;
}

guint http_port(const HttpServer* server) {
  return server->port;
}

void http_stop(HttpServer* server) {
  if (!server) return;
  GSocketService* service = server->service;
  g_socket_service_stop(service);
  g_socket_listener_close(G_SOCKET_LISTENER(service));
  g_cancellable_cancel(server->end);
  g_mutex_lock(&server->lock);
  server->stopped = TRUE;
  while (server->open > 0) g_cond_wait(&server->idle, &server->lock);
  g_mutex_unlock(&server->lock);
  g_object_unref(service);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * As much of HTTP/1 as monitor.c and web.c need: GET and HEAD on 127.0.0.1, a thread a connection, and limits
 * on all that a client could use up: connections, time, bytes of a request.
 */
#ifndef __ANOMALY_HTTP_H__
#define __ANOMALY_HTTP_H__

#include <gio/gio.h>

typedef struct {
  gchar* target;               /* "/x?y", as it came */
  gchar *host, *authorization; /* of these headers; NULL = not there */
  GCancellable* end;           /* cancelled when the server stops: who waits stops waiting */
} HttpRequest;

typedef struct {
  const gchar *status, *type; /* "200 OK", "text/plain"; type NULL = no body */
  const gchar* headers;       /* more of them, each ended by CR LF; NULL = none */
  GBytes* body;               /* the callee gives it away; NULL = the status as text */
  guint64 number;             /* sent as X-Number; 0 = not sent */
} HttpAnswer;

/* Called by threads of the server's own, several at once. The answer comes as "404 Not Found". */
typedef void (*HttpHandler)(const HttpRequest* request, HttpAnswer* answer, gpointer data);

typedef struct {
  const gchar* name;   /* for error messages */
  gint port;           /* 0 = any that is free */
  guint connections;   /* at once; further ones are answered 503 */
  gboolean keep_alive; /* more than one request a connection */
  HttpHandler handler;
  gpointer data;
} HttpSettings;

typedef struct _HttpServer HttpServer;

/* NULL and `error` where it cannot listen. */
HttpServer* http_start(const HttpSettings* settings, GError** error);
guint http_port(const HttpServer* server);
/* Takes no more connections and waits for those that are there; what the handler uses may go then. NULL is
 * ignored. */
void http_stop(HttpServer* server);

/* Takes the string. */
GBytes* http_body(GString* text);

#endif

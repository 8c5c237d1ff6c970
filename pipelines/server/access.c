/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who may watch, and how many at once.
 */
#include <string.h>

#include "server.h"

#define VIEWER "viewer"
#define CONTENT_LIMIT 65536 /* bytes of a request's body */

static gint clients, total, refused; /* atomic */

guint access_clients(void) {
  return (guint)g_atomic_int_get(&clients);
}
guint64 access_clients_total(void) {
  return (guint)g_atomic_int_get(&total);
}
guint64 access_clients_refused(void) {
  return (guint)g_atomic_int_get(&refused);
}

/* Takes as long for a wrong password as for a right one, as far as its characters go. */
gboolean access_is_user(const Config* config, const gchar* name, const gchar* password) {
  const gchar* known = g_hash_table_lookup(config->users, name);
  gchar* given = g_compute_checksum_for_string(G_CHECKSUM_SHA256, password, -1);
  gchar* right = g_compute_checksum_for_string(G_CHECKSUM_SHA256, known ? known : "", -1);
  const gboolean same = strcmp(given, right) == 0;
  g_free(given);
  g_free(right);
  return known && same;
}

static void on_session(GstRTSPClient* client, GstRTSPSession* session, gpointer timeout) {
  gst_rtsp_session_set_timeout(session, GPOINTER_TO_UINT(timeout));
  (void)client;
}

static void on_closed(GstRTSPClient* client, gpointer data) {
  g_atomic_int_add(&clients, -1);
  (void)client;
  (void)data;
}

static void on_client(GstRTSPServer* server, GstRTSPClient* client, gpointer data) {
  const Config* config = data;
  g_atomic_int_inc(&total);
  client_begins(client);
  g_signal_connect(client, "closed", G_CALLBACK(on_closed), NULL);
  g_signal_connect(client, "new-session", G_CALLBACK(on_session), GINT_TO_POINTER(config->session_timeout));
  if (g_atomic_int_add(&clients, 1) >= config->max_clients) {
    g_atomic_int_inc(&refused);
    client_refuse(client);
  }
  (void)server;
}

static gboolean clean_sessions(gpointer server) {
  GstRTSPSessionPool* pool = gst_rtsp_server_get_session_pool(server);
  gst_rtsp_session_pool_cleanup(pool);
  g_object_unref(pool);
  return G_SOURCE_CONTINUE;
}

gboolean access_apply(const Config* config, GstRTSPServer* server, GError** error) {
  GstRTSPSessionPool* pool = gst_rtsp_server_get_session_pool(server);
  gst_rtsp_session_pool_set_max_sessions(pool, (guint)config->max_sessions);
  clients_keep_sessions(pool);
  g_object_unref(pool);
  gst_rtsp_server_set_content_length_limit(server, CONTENT_LIMIT);
  gst_rtsp_server_set_backlog(server, 128); /* connections at once, as after an outage */
  g_signal_connect(server, "client-connected", G_CALLBACK(on_client), (gpointer)config);
  g_timeout_add_seconds(2, clean_sessions, server);

  const guint users = g_hash_table_size(config->users);
  if (users == 0 && !config->certificate) return TRUE;
  GstRTSPAuth* auth = gst_rtsp_auth_new();
  GstRTSPToken* token = gst_rtsp_token_new(GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE, G_TYPE_STRING, VIEWER, NULL);
  if (users > 0) {
    GHashTableIter iter;
    gpointer name, password;
    gst_rtsp_auth_set_realm(auth, config->realm);
    gst_rtsp_auth_set_supported_methods(auth, GST_RTSP_AUTH_DIGEST);
    g_hash_table_iter_init(&iter, config->users);
    while (g_hash_table_iter_next(&iter, &name, &password))
      gst_rtsp_auth_add_digest(auth, name, password, token);
  } else {
    gst_rtsp_auth_set_default_token(auth, token);
  }
  gst_rtsp_token_unref(token);
  gboolean ok = TRUE;
  if (config->certificate) {
    GError* wrong = NULL;
    GTlsCertificate* certificate =
        config->key ? g_tls_certificate_new_from_files(config->certificate, config->key, &wrong)
                    : g_tls_certificate_new_from_file(config->certificate, &wrong);
    if (certificate) {
      gst_rtsp_auth_set_tls_certificate(auth, certificate);
      g_object_unref(certificate);
    } else {
      g_set_error(error, wrong->domain, wrong->code, "certificate \"%s\"%s%s%s: %s", config->certificate,
                  config->key ? ", key \"" : "", config->key ? config->key : "", config->key ? "\"" : "",
                  wrong->message);
      g_clear_error(&wrong);
      ok = FALSE;
    }
  }
  gst_rtsp_server_set_auth(server, auth);
  g_object_unref(auth);
  return ok;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * anomaly-rtsp-server: drives and cameras with their anomalies marked, as RTSP streams.
 */
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>

#include "pipelines/programs.h"
#include "server.h"

static struct {
  gchar *config, *address, *model, *device;
  gchar** mounts;
  gint port, metrics_port, web_port;
} opt = {.port = -1, .metrics_port = -2, .web_port = -2};

static const GOptionEntry entries[] = {
    {"config", 0, 0, G_OPTION_ARG_FILENAME, &opt.config,
     "the configuration; what other options say counts more", "FILE"},
    {"address", 0, 0, G_OPTION_ARG_STRING, &opt.address, "where to listen (127.0.0.1)", "ADDRESS"},
    {"port", 0, 0, G_OPTION_ARG_INT, &opt.port, "of RTSP (8554); 0 = any that is free", "PORT"},
    {"mount", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &opt.mounts,
     "a stream: a file, played in a loop, or a URI; can be given again", "/PATH=SOURCE"},
    {"model", 0, 0, G_OPTION_ARG_FILENAME, &opt.model, "bundle of weights (the built-in one)", "BUNDLE"},
    {"device", 0, 0, G_OPTION_ARG_STRING, &opt.device, "auto, cpu, cuda or cuda:N", "DEVICE"},
    {"metrics-port", 0, 0, G_OPTION_ARG_INT, &opt.metrics_port,
     "of /healthz and /metrics, on 127.0.0.1; 0 = any that is free, -1 = none (-1)", "PORT"},
    {"web-port", 0, 0, G_OPTION_ARG_INT, &opt.web_port,
     "of the page that shows pictures, scores and events, likewise", "PORT"},
    {NULL}};

static gboolean add_flags(Config* config, GError** error) {
  if (opt.address) {
    g_free(config->address);
    config->address = g_strdup(opt.address);
  }
  if (opt.port != -1) config->port = opt.port;
  if (opt.metrics_port != -2) config->metrics_port = opt.metrics_port;
  if (opt.web_port != -2) config->web_port = opt.web_port;
  if (config->port < 0 || config->port > 65535 || config->metrics_port < -1 || config->metrics_port > 65535 ||
      config->web_port < -1 || config->web_port > 65535) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "a port is a number up to 65535");
    return FALSE;
  }
  for (gchar** text = opt.mounts; text && *text; text++) {
    const gchar* equals = strchr(*text, '=');
    gchar* path = equals ? g_strndup(*text, (gsize)(equals - *text)) : NULL;
    Mount* mount = path ? config_add_mount(config, path, equals + 1, NULL, error) : NULL;
    g_free(path);
    if (!equals)
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "\"%s\" is not /PATH=SOURCE", *text);
    if (!mount) {
      g_prefix_error(error, "--mount: ");
      return FALSE;
    }
  }
  /* What the command line says goes for every mount. */
  const gchar* const flags[][2] = {{"model", opt.model}, {"device", opt.device}};
  for (guint f = 0; f < G_N_ELEMENTS(flags); f++) {
    if (!flags[f][1]) continue;
    g_hash_table_replace(config->detector, g_strdup(flags[f][0]), g_strdup(flags[f][1]));
    for (guint i = 0; i < config->mounts->len; i++)
      g_hash_table_remove(((Mount*)config->mounts->pdata[i])->detector, flags[f][0]);
  }
  if (config->mounts->len > 0) return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
              "nothing to serve: --mount /PATH=SOURCE, or a configuration with a group \"mount /PATH\"");
  return FALSE;
}

static gboolean on_signal(gpointer loop) {
  g_main_loop_quit(loop);
  return G_SOURCE_CONTINUE;
}

static GstRTSPFilterResult remove_client(GstRTSPServer* server, GstRTSPClient* client, gpointer data) {
  (void)server;
  (void)client;
  (void)data;
  return GST_RTSP_FILTER_REMOVE;
}

static GstRTSPFilterResult remove_session(GstRTSPSessionPool* pool, GstRTSPSession* session, gpointer data) {
  (void)pool;
  (void)session;
  (void)data;
  return GST_RTSP_FILTER_REMOVE;
}

/* A name is looked up once: clients are told the address, and video over UDP leaves from it. */
static gboolean resolve_address(Config* config, GError** error) {
  if (g_hostname_is_ip_address(config->address) || strchr(config->address, ':')) return TRUE;
  GResolver* resolver = g_resolver_get_default();
  GError* why = NULL;
  GList* found = g_resolver_lookup_by_name_with_flags(resolver, config->address,
                                                      G_RESOLVER_NAME_LOOKUP_FLAGS_IPV4_ONLY, NULL, NULL);
  if (!found) found = g_resolver_lookup_by_name(resolver, config->address, NULL, &why);
  const gboolean ok = found != NULL;
  if (ok) {
    g_free(config->address);
    config->address = g_inet_address_to_string(found->data);
    g_resolver_free_addresses(found);
  } else {
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "address \"%s\": %s", config->address,
                why->message);
    g_clear_error(&why);
  }
  g_object_unref(resolver);
  return ok;
}

/* Runs the main context while `count` is not 0, at most until then. */
static void run_while(guint (*count)(void), gint64 until) {
  while (count() > 0 && g_get_monotonic_time() < until) {
    if (!g_main_context_iteration(NULL, FALSE)) g_usleep(5000);
  }
}

/* Who waits for a source is answered, pipelines and sources end, and clients are let go. For what ends in
 * other threads it waits ten seconds at most. */
static void shut_down(GstRTSPServer* server, guint source) {
  const gint64 now = g_get_monotonic_time(), until = now + 10 * G_USEC_PER_SEC;
  GstRTSPSessionPool* pool = gst_rtsp_server_get_session_pool(server);
  g_source_remove(source);
  medias_end();
  run_while(clients_asking, now + 3 * G_USEC_PER_SEC);
  gst_rtsp_session_pool_filter(pool, remove_session, NULL); /* first: nothing is sent to closed clients */
  gst_rtsp_server_client_filter(server, remove_client, NULL);
  g_object_unref(pool);
  run_while(media_count, until);
  run_while(access_clients, until);
}

static void announce(const Config* config, GstRTSPServer* server, const Monitor* monitor, const Web* web) {
  const gboolean v6 = strchr(config->address, ':') != NULL;
  for (guint i = 0; i < config->mounts->len; i++)
    g_print("%s://%s%s%s:%d%s\n", config->certificate ? "rtsps" : "rtsp", v6 ? "[" : "", config->address,
            v6 ? "]" : "", gst_rtsp_server_get_bound_port(server), ((Mount*)config->mounts->pdata[i])->path);
  if (monitor) g_print("http://127.0.0.1:%u/metrics\n", monitor_port(monitor));
  if (web) g_print("http://127.0.0.1:%u/\n", web_port(web));
  g_print("ready\n");
  fflush(stdout);
  GInetAddress* address = g_inet_address_new_from_string(config->address);
  if (!(address && g_inet_address_get_is_loopback(address)) && g_hash_table_size(config->users) == 0)
    programs_complain("warning: whoever reaches %s can watch: there are no users in the configuration",
                      config->address);
  g_clear_object(&address);
}

static gboolean serve(Config* config, GError** error) {
  GMainLoop* loop = g_main_loop_new(NULL, FALSE);
  GstRTSPServer* server = gst_rtsp_server_new();
  GstRTSPMountPoints* points = gst_rtsp_server_get_mount_points(server);
  Monitor* monitor = NULL;
  Web* web = NULL;
  gchar* service = g_strdup_printf("%d", config->port);
  guint source = 0;
  gst_rtsp_server_set_address(server, config->address);
  gst_rtsp_server_set_service(server, service);
  GstRTSPThreadPool* threads = client_threads_new();
  gst_rtsp_server_set_thread_pool(server, threads);
  g_object_unref(threads);
  GstRTSPAddressPool* addresses = mount_addresses_new(config, error);
  gboolean ok = addresses != NULL;
  for (guint i = 0; ok && i < config->mounts->len; i++) {
    Mount* mount = config->mounts->pdata[i];
    gst_rtsp_mount_points_add_factory(points, mount->path, mount_factory_new(config, mount, addresses));
  }
  g_clear_object(&addresses);
  g_object_unref(points);
  ok = ok && access_apply(config, server, error) && (config->web_port < 0 || web_prepare(config, error));
  if (ok) {
    /* Once for the message: attaching only says that it failed. */
    GSocket* socket = gst_rtsp_server_create_socket(server, NULL, error);
    ok = socket != NULL;
    if (!ok) g_prefix_error(error, "%s, port %s: ", config->address, service);
    if (ok) g_socket_close(socket, NULL);
    g_clear_object(&socket);
  }
  if (ok && (source = gst_rtsp_server_attach(server, NULL)) == 0) {
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE, "%s, port %s: it is in use", config->address,
                service);
    ok = FALSE;
  }
  if (ok && config->metrics_port >= 0) ok = (monitor = monitor_start(config, server, error)) != NULL;
  if (ok && config->web_port >= 0) ok = (web = web_start(config, error)) != NULL;
  if (ok) {
    g_unix_signal_add(SIGTERM, on_signal, loop);
    g_unix_signal_add(SIGINT, on_signal, loop);
    announce(config, server, monitor, web);
    g_main_loop_run(loop);
  }
  web_stop(web);
  monitor_stop(monitor);
  if (source) shut_down(server, source);
  g_object_unref(server);
  if (media_count() == 0) {
    client_threads_end();
    /* A client that was only just asking may have made another one. */
    run_while(media_count, g_get_monotonic_time() + G_USEC_PER_SEC);
    if (media_count() == 0) web_clear(config);
  }
  g_main_loop_unref(loop);
  g_free(service);
  return ok;
}

int main(int argc, char** argv) {
  programs_run_long();
  GError* error = NULL;
  GOptionContext* context = g_option_context_new("- anomalies in driving video over RTSP");
  g_option_context_set_summary(
      context,
      "Each mount is the annotated video (H.264) and what was found as ONVIF metadata. "
      "See docs/rtsp.md.");
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_add_group(context, gst_init_get_option_group());
  gboolean ok = g_option_context_parse(context, &argc, &argv, &error);
  g_option_context_free(context);
  if (ok && argc > 1) {
    g_set_error(&error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "\"%s\" is no option", argv[1]);
    ok = FALSE;
  }
  if (!ok) {
    programs_complain("%s (see --help)", error->message);
    g_clear_error(&error);
    return 2;
  }
  programs_find_plugin();
  Config* config = config_new();
  const gboolean read = (!opt.config || config_load(config, opt.config, &error)) && add_flags(config, &error);
  ok = read && resolve_address(config, &error) && mount_check_all(config, &error) && serve(config, &error);
  if (!ok) programs_complain("%s", error->message);
  g_clear_error(&error);
  if (media_count() == 0) config_free(config); /* else a pipeline that does not end still uses it */
  gchar** owned[] = {&opt.config, &opt.address, &opt.model, &opt.device};
  for (guint i = 0; i < G_N_ELEMENTS(owned); i++) g_free(*owned[i]);
  g_strfreev(opt.mounts);
  return ok ? 0 : read ? 1 : 2;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The configuration file: a GKeyFile of groups "server", "users" and "mount /PATH".
 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "pipelines/programs.h"
#include "server.h"

#define ERROR g_quark_from_static_string("anomaly-rtsp-server")

/* What a mount, or all of them, may set of anomalydetect. */
static const gchar* const detector_keys[] = {"model",
                                             "device",
                                             "method",
                                             "normalization",
                                             "threshold",
                                             "interval",
                                             "min-area",
                                             "roi",
                                             "ignore-mask",
                                             "classes",
                                             "threads",
                                             "engine-id",
                                             "max-latency",
                                             "segmentation-height",
                                             "segmentation-width",
                                             "event-on-score",
                                             "event-off-score",
                                             "event-min-duration",
                                             "event-release",
                                             NULL};

static Mount* mount_new(const gchar* path) {
  Mount* mount = g_new0(Mount, 1);
  mount->path = g_strdup(path);
  mount->detector = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  mount->bitrate = 2000;
  mount->overlay = TRUE;
  mount->source_timeout = 10;
  mount->state.score = mount->state.inference = NAN;
  g_mutex_init(&mount->state.lock);
  return mount;
}

static void mount_free(gpointer data) {
  Mount* mount = data;
  g_free(mount->path);
  g_free(mount->source);
  g_hash_table_unref(mount->detector);
  g_mutex_clear(&mount->state.lock);
  g_free(mount);
}

Config* config_new(void) {
  Config* config = g_new0(Config, 1);
  config->address = g_strdup("127.0.0.1");
  config->port = 8554;
  config->metrics_port = config->web_port = -1;
  config->realm = g_strdup("anomaly-rtsp-server");
  config->max_clients = 64;
  config->max_sessions = 256;
  config->session_timeout = 60;
  config->udp_first = 50000;
  config->udp_last = 50999;
  config->protocols = GST_RTSP_LOWER_TRANS_UDP | GST_RTSP_LOWER_TRANS_TCP;
  config->multicast_ttl = 1;
  config->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  config->detector = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  config->mounts = g_ptr_array_new_with_free_func(mount_free);
  return config;
}

void config_free(Config* config) {
  gchar** owned[] = {&config->address, &config->certificate,     &config->key,
                     &config->realm,   &config->multicast_first, &config->multicast_last};
  for (guint i = 0; i < G_N_ELEMENTS(owned); i++) g_free(*owned[i]);
  g_hash_table_unref(config->users);
  g_hash_table_unref(config->detector);
  g_ptr_array_unref(config->mounts);
  g_free(config);
}

static gchar* absolute(const gchar* path, const gchar* folder) {
  return g_path_is_absolute(path) || !folder ? g_canonicalize_filename(path, NULL)
                                             : g_canonicalize_filename(path, folder);
}

/* A camera may be plugged in later, and pictures be written later: of those anomalysource tells. */
static gboolean can_be_opened(const gchar* file) {
  if (g_str_has_prefix(file, "/dev/video") || g_file_test(file, G_FILE_TEST_IS_DIR)) return TRUE;
  if (g_file_test(file, G_FILE_TEST_EXISTS))
    return g_file_test(file, G_FILE_TEST_IS_REGULAR) && g_access(file, R_OK) == 0;
  return strpbrk(file, "*?%") != NULL;
}

Mount* config_add_mount(Config* config, const gchar* path, const gchar* source, const gchar* folder,
                        GError** error) {
  if (path[0] != '/' || !path[1] || g_str_has_suffix(path, "/") || strstr(path, "//") ||
      strspn(path, "/-_.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(path)) {
    g_set_error(error, ERROR, 0,
                "\"%s\" is no mount: it begins with \"/\" and has letters, digits, \"-\", \"_\", \".\" and "
                "\"/\" in it",
                path);
    return NULL;
  }
  for (guint i = 0; i < config->mounts->len; i++) {
    if (strcmp(((Mount*)config->mounts->pdata[i])->path, path) == 0) {
      g_set_error(error, ERROR, 0, "the mount \"%s\" is there twice", path);
      return NULL;
    }
  }
  gchar* where = gst_uri_is_valid(source) ? g_strdup(source) : absolute(source, folder);
  if (!gst_uri_is_valid(where) && !can_be_opened(where)) {
    g_set_error(error, ERROR, 0, "\"%s\" is no URI, and no file that can be read", where);
    g_free(where);
    return NULL;
  }
  Mount* mount = mount_new(path);
  mount->source = where;
  g_ptr_array_add(config->mounts, mount);
  return mount;
}

/* A group that is being read. The first error is kept. */
typedef struct {
  GKeyFile* file;
  const gchar *path, *group, *folder;
  GError** error;
  gboolean ok;
} Group;

static void fail(Group* group, const gchar* key, const gchar* format, ...) G_GNUC_PRINTF(3, 4);
static void fail(Group* group, const gchar* key, const gchar* format, ...) {
  va_list args;
  if (!group->ok) return;
  va_start(args, format);
  gchar* text = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(group->error, ERROR, 0, "%s: group \"%s\"%s%s%s: %s", group->path, group->group,
              key ? ", key \"" : "", key ? key : "", key ? "\"" : "", text);
  g_free(text);
  group->ok = FALSE;
}

static gboolean has(Group* group, const gchar* key) {
  return group->ok && g_key_file_has_key(group->file, group->group, key, NULL);
}

/* Takes the place of *value; NULL and an error where it is empty or badly escaped. */
static void read_text(Group* group, const gchar* key, gchar** value) {
  GError* error = NULL;
  if (!has(group, key)) return;
  gchar* text = g_key_file_get_string(group->file, group->group, key, &error);
  if (!text || !*text) {
    fail(group, key, "%s", error ? error->message : "it is empty");
    g_clear_error(&error);
    g_free(text);
    return;
  }
  g_free(*value);
  *value = text;
}

static void read_path(Group* group, const gchar* key, gchar** value) {
  if (!has(group, key)) return;
  read_text(group, key, value);
  if (!group->ok) return;
  gchar* path = absolute(*value, group->folder);
  g_free(*value);
  *value = path;
}

static void read_number(Group* group, const gchar* key, gint least, gint most, gint* value) {
  gchar* text = NULL;
  gint64 number = 0;
  read_text(group, key, &text);
  if (!text) return;
  if (g_ascii_string_to_signed(text, 10, least, most, &number, NULL))
    *value = (gint)number;
  else
    fail(group, key, "\"%s\" is no whole number from %d to %d", text, least, most);
  g_free(text);
}

/* "50000-50999": two ports for each stream that somebody watches. */
static void read_ports(Group* group, const gchar* key, Config* config) {
  gchar* text = NULL;
  guint64 first = 0, last = 0;
  read_text(group, key, &text);
  if (!text) return;
  gchar** ends = g_strsplit(text, "-", 2);
  if (g_strv_length(ends) == 2 && g_ascii_string_to_unsigned(ends[0], 10, 1, 65535, &first, NULL) &&
      g_ascii_string_to_unsigned(ends[1], 10, first + 3, 65535, &last, NULL)) {
    config->udp_first = (guint16)first;
    config->udp_last = (guint16)last;
  } else {
    fail(group, key, "\"%s\" is not FIRST-LAST, four ports at least", text);
  }
  g_strfreev(ends);
  g_free(text);
}

static void read_boolean(Group* group, const gchar* key, gboolean* value) {
  gchar* text = NULL;
  read_text(group, key, &text);
  if (!text) return;
  if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
    *value = text[0] == 't';
  else
    fail(group, key, "\"%s\" is neither true nor false", text);
  g_free(text);
}

static void read_protocols(Group* group, const gchar* key, GstRTSPLowerTrans* value) {
  gchar* text = NULL;
  read_text(group, key, &text);
  if (!text) return;
  gchar** names = g_strsplit(text, ";", 0);
  *value = 0;
  for (gchar** name = names; *name; name++) {
    g_strstrip(*name);
    if (strcmp(*name, "udp") == 0)
      *value |= GST_RTSP_LOWER_TRANS_UDP;
    else if (strcmp(*name, "tcp") == 0)
      *value |= GST_RTSP_LOWER_TRANS_TCP;
    else if (**name || name[1])
      fail(group, key, "\"%s\" is neither udp nor tcp", *name);
  }
  g_strfreev(names);
  g_free(text);
}

/* "239.255.42.1-239.255.42.16": a group, and the next two ports, for each mount that somebody watches so. */
static void read_multicast(Group* group, const gchar* key, Config* config) {
  gchar* text = NULL;
  read_text(group, key, &text);
  if (!text) return;
  gchar** ends = g_strsplit(text, "-", 2);
  gboolean good = g_strv_length(ends) == 2;
  GSocketFamily families[2] = {G_SOCKET_FAMILY_INVALID, G_SOCKET_FAMILY_INVALID};
  for (guint i = 0; good && i < 2; i++) {
    GInetAddress* address = g_inet_address_new_from_string(ends[i]);
    good = address && g_inet_address_get_is_multicast(address);
    if (good) families[i] = g_inet_address_get_family(address);
    g_clear_object(&address);
  }
  if (good && families[0] == families[1]) {
    config->multicast_first = g_strdup(ends[0]);
    config->multicast_last = g_strdup(ends[1]);
    config->protocols |= GST_RTSP_LOWER_TRANS_UDP_MCAST;
  } else {
    fail(group, key, "\"%s\" is not FIRST-LAST, two multicast addresses", text);
  }
  g_strfreev(ends);
  g_free(text);
}

static void read_detector(Group* group, GHashTable* table) {
  for (const gchar* const* key = detector_keys; *key; key++) {
    gchar* text = NULL;
    if (strcmp(*key, "model") == 0 || strcmp(*key, "ignore-mask") == 0)
      read_path(group, *key, &text);
    else
      read_text(group, *key, &text);
    if (text) g_hash_table_replace(table, g_strdup(*key), text);
  }
}

static void check_keys(Group* group, const gchar* const* own) {
  gchar** keys = g_key_file_get_keys(group->file, group->group, NULL, NULL);
  for (gchar** key = keys; keys && *key; key++)
    if (!g_strv_contains(own, *key) && !g_strv_contains(detector_keys, *key))
      fail(group, *key, "there is no such key in this group");
  g_strfreev(keys);
}

static void read_server(Config* config, Group* group) {
  static const gchar* const keys[] = {
      "address",   "port",      "metrics-port", "web-port",      "certificate",
      "key",       "realm",     "max-clients",  "max-sessions",  "session-timeout",
      "udp-ports", "protocols", "multicast",    "multicast-ttl", NULL};
  check_keys(group, keys);
  read_text(group, "address", &config->address);
  read_number(group, "port", 0, 65535, &config->port);
  read_number(group, "metrics-port", -1, 65535, &config->metrics_port);
  read_number(group, "web-port", -1, 65535, &config->web_port);
  read_path(group, "certificate", &config->certificate);
  read_path(group, "key", &config->key);
  read_text(group, "realm", &config->realm);
  read_number(group, "max-clients", 1, 100000, &config->max_clients);
  read_number(group, "max-sessions", 1, 100000, &config->max_sessions);
  read_number(group, "session-timeout", 5, 86400, &config->session_timeout);
  read_ports(group, "udp-ports", config);
  read_protocols(group, "protocols", &config->protocols);
  read_multicast(group, "multicast", config);
  read_number(group, "multicast-ttl", 1, 255, &config->multicast_ttl);
  read_detector(group, config->detector);
  if (has(group, "key") && !config->certificate) fail(group, "key", "it needs a certificate beside it");
  if (config->realm && strpbrk(config->realm, "\"\\\r\n"))
    fail(group, "realm", "quotes and backslashes cannot be sent");
}

static void read_users(Config* config, Group* group) {
  gchar** names = g_key_file_get_keys(group->file, group->group, NULL, NULL);
  GStatBuf facts;
  for (gchar** name = names; names && *name; name++) {
    gchar* password = NULL;
    read_text(group, *name, &password);
    if (password) g_hash_table_replace(config->users, g_strdup(*name), password);
  }
  g_strfreev(names);
  if (g_stat(group->path, &facts) == 0 && (facts.st_mode & (S_IRGRP | S_IROTH)))
    programs_complain("warning: %s holds passwords and others can read it (chmod 600)", group->path);
}

static void read_mount(Config* config, Group* group) {
  static const gchar* const keys[] = {"source", "bitrate", "overlay", "source-timeout", NULL};
  GError* error = NULL;
  gchar *source = NULL, *path = g_strstrip(g_strdup(group->group + strlen("mount ")));
  gint number;
  check_keys(group, keys);
  if (group->ok && !has(group, "source")) fail(group, "source", "it is missing");
  read_text(group, "source", &source);
  Mount* mount = source && group->ok ? config_add_mount(config, path, source, group->folder, &error) : NULL;
  if (mount) {
    number = (gint)mount->bitrate;
    read_number(group, "bitrate", 16, 1000000, &number);
    mount->bitrate = (guint)number;
    number = (gint)mount->source_timeout;
    read_number(group, "source-timeout", 1, 3600, &number);
    mount->source_timeout = (guint)number;
    read_boolean(group, "overlay", &mount->overlay);
    read_detector(group, mount->detector);
  } else if (error) {
    fail(group, "source", "%s", error->message);
  }
  g_clear_error(&error);
  g_free(source);
  g_free(path);
}

gboolean config_load(Config* config, const gchar* path, GError** error) {
  GKeyFile* file = g_key_file_new();
  GError* wrong = NULL;
  gboolean ok = g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &wrong);
  if (ok) {
    gchar* whole = g_canonicalize_filename(path, NULL);
    gchar* folder = g_path_get_dirname(whole);
    gchar** groups = g_key_file_get_groups(file, NULL);
    for (gchar** name = groups; ok && *name; name++) {
      Group group = {file, path, *name, folder, error, TRUE};
      if (strcmp(*name, "server") == 0)
        read_server(config, &group);
      else if (strcmp(*name, "users") == 0)
        read_users(config, &group);
      else if (g_str_has_prefix(*name, "mount "))
        read_mount(config, &group);
      else
        fail(&group, NULL, "there is no such group: \"server\", \"users\" and \"mount /PATH\" are known");
      ok = group.ok;
    }
    g_strfreev(groups);
    g_free(folder);
    g_free(whole);
  } else {
    g_set_error(error, ERROR, 0, "%s: %s", path, wrong->message);
    g_clear_error(&wrong);
  }
  g_key_file_unref(file);
  return ok;
}

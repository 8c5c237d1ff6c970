/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * anomaly-rtsp-server's parts: main.c (options, start, end), config.c (the file), mount.c (a mount's
 * pipeline), media.c (who shares it, and when it ends), clients.c (their threads), access.c (passwords, TLS,
 * limits), monitor.c (health and metrics), web.c (the page), view.c (what it shows of a mount), http.c (what
 * the two are served by).
 */
#ifndef __ANOMALY_RTSP_SERVER_H__
#define __ANOMALY_RTSP_SERVER_H__

#include <gst/rtsp-server/rtsp-server.h>

/* What a mount has done since the start, for monitor.c. */
typedef struct {
  GMutex lock;
  guint64 frames;      /* that came out of the detector */
  guint64 restarts;    /* of the source after an error or a stall */
  gdouble score;       /* of the newest frame; NaN before the first */
  gdouble inference;   /* milliseconds, of the newest frame */
  gint64 last_frame;   /* monotonic microseconds; 0 = none since the media was made */
  gint64 active_since; /* monotonic microseconds; 0 = nobody watches */
} MountState;

typedef struct _View View;

typedef struct {
  gchar* path;          /* "/front" */
  gchar* source;        /* as anomalysource takes it, paths absolute */
  GHashTable* detector; /* properties of anomalydetect: name -> text */
  guint bitrate;        /* kbit/s */
  gboolean overlay;
  guint source_timeout; /* seconds */
  MountState state;
  View* view; /* NULL without the web page; set before the first pipeline and until after the last */
  guint generation, newest_generation; /* of the media that clients are given now, and of all: media.c */
} Mount;

typedef struct {
  gchar* address;
  gint port;         /* 0 = any that is free */
  gint metrics_port; /* -1 = none, 0 = any that is free; always on 127.0.0.1 */
  gint web_port;     /* likewise */
  gchar *certificate, *key, *realm;
  gint max_clients, max_sessions, session_timeout; /* session_timeout: seconds */
  guint16 udp_first, udp_last;                     /* of the ports that video over UDP leaves from */
  GstRTSPLowerTrans protocols;
  gchar *multicast_first, *multicast_last; /* groups that may be asked for; NULL = none */
  gint multicast_ttl;
  GHashTable* users;    /* name -> password */
  GHashTable* detector; /* of every mount that does not say otherwise */
  GPtrArray* mounts;
} Config;

/* With the defaults. */
Config* config_new(void);
void config_free(Config* config);
/* Adds what the file says. The error names file, group and key. */
gboolean config_load(Config* config, const gchar* path, GError** error);
/* A mount of the command line, "/PATH=SOURCE"; relative files are relative to `folder`, or, where that is
 * NULL, to the current one. */
Mount* config_add_mount(Config* config, const gchar* path, const gchar* source, const gchar* folder,
                        GError** error);

/* Whether every element is there, every property takes its value, and every bundle can be loaded. The
 * defaults of all mounts are in the mounts from then on. */
gboolean mount_check_all(Config* config, GError** error);
/* addresses: of all mounts, from mount_addresses_new(). */
GstRTSPMediaFactory* mount_factory_new(const Config* config, Mount* mount, GstRTSPAddressPool* addresses);
/* What video over UDP leaves from, and the groups that it may be sent to. */
GstRTSPAddressPool* mount_addresses_new(const Config* config, GError** error);

/* The beginning of every pipeline of a mount, up to the detector, as gst-launch-1.0 has it. */
const gchar* mount_launch(void);
/* Sets up the elements of mount_launch() in `bin`; the mount counts as watched until mount_ended(). */
void mount_begin(Mount* mount, GstElement* bin);
void mount_ended(Mount* mount);
/* A message of anomalysource: counts and tells a loss. */
void mount_source_news(Mount* mount, const GstStructure* news);
/* Whether it is one, and its counting alone. */
gboolean mount_is_loss(const GstStructure* news);
void mount_count_loss(Mount* mount, const gchar* why);

/* From here on nothing lingers, and clients whose source has given nothing yet wait no longer. */
void medias_end(void);
/* Pipelines that somebody watches, or did a few seconds ago, and threads that end one. */
guint media_count(void);

/* For the server: a thread for each client. */
GstRTSPThreadPool* client_threads_new(void);
/* Waits for them, when all clients have been let go. */
void client_threads_end(void);
/* For the server's sessions, once. */
void clients_keep_sessions(GstRTSPSessionPool* pool);
/* For each client, when it has connected. */
void client_begins(GstRTSPClient* client);
/* It is closed as soon as the server has taken it in. */
void client_refuse(GstRTSPClient* client);
/* The sessions in which it is watched end, and their clients' connections are closed. */
void clients_end_media(GstRTSPMedia* media);
/* Clients that wait for an answer to DESCRIBE. */
guint clients_asking(void);

/* Users, certificate, and limits of clients and sessions. */
gboolean access_apply(const Config* config, GstRTSPServer* server, GError** error);
guint access_clients(void);
guint64 access_clients_total(void);
guint64 access_clients_refused(void);

gboolean access_is_user(const Config* config, const gchar* name, const gchar* password);

/* Answers GET /healthz and /metrics until it is stopped; what it uses must live until then. NULL with `error`
 * set where it cannot listen. */
typedef struct _Monitor Monitor;
Monitor* monitor_start(const Config* config, GstRTSPServer* server, GError** error);
guint monitor_port(const Monitor* monitor);
void monitor_stop(Monitor* monitor);

/* The same of the web page. The mounts have views from web_prepare(), before the first pipeline, to
 * web_clear(), after the last. */
typedef struct _Web Web;
gboolean web_prepare(Config* config, GError** error);
void web_clear(Config* config);
Web* web_start(const Config* config, GError** error);
guint web_port(const Web* web);
void web_stop(Web* web);

#endif

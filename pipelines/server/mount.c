/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A mount: source, detector, and from it the annotated picture as H.264 (stream 0) and the documents (stream
 * 1). One pipeline serves all who watch (media.c).
 */
#include <string.h>

#include "gst/lib/gstanomalymeta.h"
#include "media.h"
#include "pipelines/programs.h"
#include "view.h"

#define ERROR g_quark_from_static_string("anomaly-rtsp-server")
#define VIEWER "viewer" /* the role of whoever may watch */

/* --- The detector
 * ----------------------------------------------------------------------------------------------- */
/* Sets what the configuration says; FALSE and `error` naming the key where the detector does not take it. */
static gboolean set_up_detector(GstElement* detector, const Mount* mount, GError** error) {
  GHashTableIter iter;
  gpointer name, text;
  gboolean ok = TRUE;
  g_hash_table_iter_init(&iter, mount->detector);
  while (ok && g_hash_table_iter_next(&iter, &name, &text)) {
    ok = programs_set_text(detector, name, text);
    if (!ok)
      g_set_error(error, ERROR, 0, "mount \"%s\", key \"%s\": \"%s\" is not a value that anomalydetect takes",
                  mount->path, (const gchar*)name, (const gchar*)text);
  }
  return ok;
}

/* Starts a detector alone: that loads its bundle. */
static gboolean check_detector(const Mount* mount, GError** error) {
  GstElement* detector = gst_object_ref_sink(gst_element_factory_make("anomalydetect", NULL));
  GstBus* bus = gst_bus_new();
  gboolean ok = set_up_detector(detector, mount, error);
  gst_element_set_bus(detector, bus);
  if (ok && gst_element_set_state(detector, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE) {
    GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    GError* why = NULL;
    if (message) gst_message_parse_error(message, &why, NULL);
    g_set_error(error, ERROR, 0, "mount \"%s\": %s", mount->path,
                why ? why->message : "the detector does not start");
    g_clear_error(&why);
    if (message) gst_message_unref(message);
    ok = FALSE;
  }
  gst_element_set_state(detector, GST_STATE_NULL);
  gst_object_unref(detector);
  gst_object_unref(bus);
  return ok;
}

static const gchar* encoder(const Mount* mount, gchar** settings) {
  if (gst_registry_check_feature_version(gst_registry_get(), "x264enc", 1, 0, 0)) {
    *settings =
        g_strdup_printf("bitrate=%u tune=zerolatency speed-preset=veryfast key-int-max=50", mount->bitrate);
    return "x264enc";
  }
  *settings = g_strdup_printf("bitrate=%u gop-size=50 complexity=low", mount->bitrate * 1000);
  return "openh264enc";
}

gboolean mount_check_all(Config* config, GError** error) {
  static const struct {
    const gchar *name, *package;
  } needed[] = {{"anomalydetect", "this project (GST_PLUGIN_PATH)"},
                {"anomalyonvif", "this project (GST_PLUGIN_PATH)"},
                {"anomalyoverlay", "this project, built with OpenCV"},
                {"anomalysource", "this project (GST_PLUGIN_PATH)"},
                {"uridecodebin", "gstreamer1.0-plugins-base"},
                {"videoconvert", "gstreamer1.0-plugins-base"},
                {"deinterlace", "gstreamer1.0-plugins-good"},
                {"videobox", "gstreamer1.0-plugins-good"},
                {"rtph264pay", "gstreamer1.0-plugins-good"},
                {"appsink", "gstreamer1.0-plugins-base"}};
  for (guint i = 0; i < G_N_ELEMENTS(needed); i++) {
    if (gst_registry_check_feature_version(gst_registry_get(), needed[i].name, 0, 0, 0)) continue;
    g_set_error(error, ERROR, 0, "the GStreamer element %s is missing; it comes with %s", needed[i].name,
                needed[i].package);
    return FALSE;
  }
  if (!gst_registry_check_feature_version(gst_registry_get(), "x264enc", 1, 0, 0) &&
      !gst_registry_check_feature_version(gst_registry_get(), "openh264enc", 1, 0, 0)) {
    g_set_error(error, ERROR, 0, "no H.264 encoder is there: x264enc comes with gstreamer1.0-plugins-ugly");
    return FALSE;
  }
  for (guint i = 0; i < config->mounts->len; i++) {
    Mount* mount = config->mounts->pdata[i];
    GHashTableIter iter;
    gpointer name, text;
    g_hash_table_iter_init(&iter, config->detector);
    while (g_hash_table_iter_next(&iter, &name, &text))
      if (!g_hash_table_contains(mount->detector, name))
        g_hash_table_insert(mount->detector, g_strdup(name), g_strdup(text));
    if (!check_detector(mount, error)) return FALSE;
  }
  return TRUE;
}

/* --- The pipelines of the mount
 * ----------------------------------------------------------------------------------- */
static GstPadProbeReturn on_frame(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
  Mount* mount = data;
  MountState* state = &mount->state;
  GstBuffer* frame = GST_PAD_PROBE_INFO_BUFFER(info);
  const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(frame);
  g_mutex_lock(&state->lock);
  state->frames++;
  state->last_frame = g_get_monotonic_time();
  if (meta) {
    state->score = meta->score;
    state->inference = meta->inference_ms;
  }
  g_mutex_unlock(&state->lock);
  view_frame(mount->view, pad, frame);
  return GST_PAD_PROBE_OK;
}

static void on_event(GstElement* detector, const GstStructure* event, gpointer data) {
  view_event(((Mount*)data)->view, event);
  (void)detector;
}

const gchar* mount_launch(void) {
  return "anomalysource name=source ! deinterlace ! videoflip video-direction=auto ! videoconvert ! "
         "video/x-raw,format=I420 ! anomalydetect name=detector";
}

void mount_begin(Mount* mount, GstElement* bin) {
  GstElement* source = gst_bin_get_by_name(GST_BIN(bin), "source");
  GstElement* detector = gst_bin_get_by_name(GST_BIN(bin), "detector");
  GstPad* pad = gst_element_get_static_pad(detector, "src");
  g_object_set(source, "location", mount->source, "is-live", TRUE, "loop", TRUE, "timeout",
               mount->source_timeout * GST_SECOND, NULL);
  g_object_set(detector, "post-messages", FALSE, "event-thumbnail", mount->view != NULL, "event-min-duration",
               GST_SECOND / 5, "event-release", GST_SECOND, NULL);
  set_up_detector(detector, mount, NULL); /* as checked at the start */
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, mount, NULL);
  if (mount->view) g_signal_connect(detector, "anomaly-event", G_CALLBACK(on_event), mount);
  g_mutex_lock(&mount->state.lock);
  mount->state.active_since = g_get_monotonic_time();
  mount->state.last_frame = 0;
  g_mutex_unlock(&mount->state.lock);
  gst_object_unref(pad);
  gst_object_unref(detector);
  gst_object_unref(source);
}

gboolean mount_is_loss(const GstStructure* news) {
  return g_strcmp0(gst_structure_get_string(news, "event"), "lost") == 0;
}

void mount_count_loss(Mount* mount, const gchar* why) {
  g_mutex_lock(&mount->state.lock);
  mount->state.restarts++;
  g_mutex_unlock(&mount->state.lock);
  view_lost(mount->view, why);
}

void mount_source_news(Mount* mount, const GstStructure* news) {
  const gchar* why = gst_structure_get_string(news, "reason");
  guint64 delay = 0;
  if (!mount_is_loss(news)) return;
  gst_structure_get_uint64(news, "delay", &delay);
  mount_count_loss(mount, why);
  programs_complain("%s: the source failed: %s; trying again in %.1f s", mount->path, why,
                    delay / (gdouble)GST_SECOND);
}

static gboolean give_back_memory(gpointer data) {
  programs_give_back_memory();
  (void)data;
  return G_SOURCE_REMOVE;
}

void mount_ended(Mount* mount) {
  g_mutex_lock(&mount->state.lock);
  mount->state.active_since = mount->state.last_frame = 0;
  g_mutex_unlock(&mount->state.lock);
  g_timeout_add_seconds(2, give_back_memory, NULL); /* when the pipeline has been freed */
}

/* UDP leaves from, and is received at, the address that the server listens on. One pool for all mounts: no
 * two of them send to one group and port. */
GstRTSPAddressPool* mount_addresses_new(const Config* config, GError** error) {
  GInetAddress* address = g_inet_address_new_from_string(config->address);
  GstRTSPAddressPool* pool = gst_rtsp_address_pool_new();
  if (address && !g_inet_address_get_is_any(address))
    gst_rtsp_address_pool_add_range(pool, config->address, config->address, config->udp_first,
                                    config->udp_last, 0);
  g_clear_object(&address);
  if (config->multicast_first &&
      !gst_rtsp_address_pool_add_range(pool, config->multicast_first, config->multicast_last,
                                       config->udp_first, config->udp_last, (guint8)config->multicast_ttl)) {
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                "%s to %s: no range of multicast groups, ascending", config->multicast_first,
                config->multicast_last);
    g_clear_object(&pool);
  }
  return pool;
}

GstRTSPMediaFactory* mount_factory_new(const Config* config, Mount* mount, GstRTSPAddressPool* addresses) {
  GstRTSPMediaFactory* factory = media_factory_new(mount);
  gchar* settings;
  const gchar* encode = encoder(mount, &settings);
  /* No queue holds anything up: a stream that no client has asked for stands still. */
  gchar* launch = g_strdup_printf(
      "( %s ! tee name=frames allow-not-linked=true "
      "frames. ! queue leaky=downstream max-size-buffers=4 max-size-bytes=0 max-size-time=0 ! %s ! videobox "
      "name=box ! "
      "video/x-raw,format=I420 ! %s %s ! rtph264pay name=pay0 pt=96 config-interval=-1 "
      "aggregate-mode=zero-latency "
      "frames. ! queue leaky=downstream max-size-buffers=4 max-size-bytes=0 max-size-time=0 ! anomalyonvif ! "
      "anomalyrtponvifpay name=pay1 pt=98 )",
      mount_launch(), mount->overlay ? "anomalyoverlay" : "identity", encode, settings);
  gst_rtsp_media_factory_set_launch(factory, launch);
  g_free(launch);
  g_free(settings);
  /* What a certificate protects does not leave in the clear. */
  gst_rtsp_media_factory_set_protocols(factory,
                                       config->certificate ? GST_RTSP_LOWER_TRANS_TCP : config->protocols);
  gst_rtsp_media_factory_set_address_pool(factory, addresses);
  gst_rtsp_media_factory_add_role(factory, VIEWER, GST_RTSP_PERM_MEDIA_FACTORY_ACCESS, G_TYPE_BOOLEAN, TRUE,
                                  GST_RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, G_TYPE_BOOLEAN, TRUE, NULL);
  return factory;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A camera for the suite of anomalysource: moving pictures over RTSP on 127.0.0.1, at /live. Prints its port
 * when it listens, and is there until it is killed.
 *
 * usage: source_camera PORT [USER PASSWORD]      PORT 0 = any that is free
 */
#include <gst/rtsp-server/rtsp-server.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

static void ask_for_password(GstRTSPServer* server, GstRTSPMediaFactory* factory, const gchar* user,
                             const gchar* password) {
  GstRTSPAuth* auth = gst_rtsp_auth_new();
  GstRTSPToken* token = gst_rtsp_token_new(GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE, G_TYPE_STRING, "viewer", NULL);
  gst_rtsp_auth_set_supported_methods(auth, GST_RTSP_AUTH_DIGEST);
  gst_rtsp_auth_add_digest(auth, user, password, token);
  gst_rtsp_token_unref(token);
  gst_rtsp_server_set_auth(server, auth);
  g_object_unref(auth);
  gst_rtsp_media_factory_add_role(factory, "viewer", GST_RTSP_PERM_MEDIA_FACTORY_ACCESS, G_TYPE_BOOLEAN, TRUE,
                                  GST_RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, G_TYPE_BOOLEAN, TRUE, NULL);
}

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  gst_init(&argc, &argv);
  if (argc != 2 && argc != 4) return 2;
  GstRTSPServer* server = gst_rtsp_server_new();
  GstRTSPMountPoints* points = gst_rtsp_server_get_mount_points(server);
  GstRTSPMediaFactory* factory = gst_rtsp_media_factory_new();
  gst_rtsp_server_set_address(server, "127.0.0.1");
  gst_rtsp_server_set_service(server, argv[1]);
  /* With sound, which comes first, and is not wanted. */
  gst_rtsp_media_factory_set_launch(
      factory,
      "( audiotestsrc is-live=true wave=silence ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay "
      "name=pay0 "
      "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! "
      "jpegenc ! "
      "rtpjpegpay name=pay1 pt=26 )");
  gst_rtsp_media_factory_set_shared(factory, TRUE);
  if (argc == 4) ask_for_password(server, factory, argv[2], argv[3]);
  gst_rtsp_mount_points_add_factory(points, "/live", factory);
  g_object_unref(points);
  if (gst_rtsp_server_attach(server, NULL) == 0) return 1;
  printf("%d\n", gst_rtsp_server_get_bound_port(server));
  fflush(stdout);
  g_main_loop_run(g_main_loop_new(NULL, FALSE));
  return 0;
}

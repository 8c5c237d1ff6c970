/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * anomaly-annotate's parts: anomaly-annotate.c (options, progress, files), annotate-video.c (detector to
 * muxer), annotate-source.c (what the recording holds, and where each stream goes).
 */
#ifndef __ANNOTATE_H__
#define __ANNOTATE_H__

#include <gst/gst.h>

/* The command line, but for the detector's (programs.h); a number below 0 = not given. */
typedef struct {
  gchar *colormap, *weights;
  gdouble opacity;
  gint frames, quality;
  gboolean quiet;
  gchar** rest;
} Options;

extern Options opt;

typedef struct {
  GMainLoop* loop;
  GstElement *pipeline, *parse, *video_in, *detect, *mux, *sink;
  gchar *input, *output, *lines, *output_part, *lines_part;
  gint frames;           /* atomic; finished frames */
  GstClockTime position; /* of the newest finished frame */
  GMutex lock;           /* position, linked */
  gboolean video_linked;
  gint64 started;
  gint last_percent;
  gboolean tty, quiet, ending;
  gboolean finished, broken; /* the end reached the file; the file cannot be written */
  int status;
} App;

/* The element, added to the bin; NULL and a complaint that names the package where it is missing. */
GstElement* make(GstBin* bin, const gchar* factory, const gchar* needed);

/* A queue of encoded data: up to 64 MB, however many buffers and however long. The muxer takes what comes
 * first in time, from whichever stream; the others wait here. */
GstElement* make_encoded_queue(GstBin* bin);

/* FALSE after a complaint. build_video() comes first. */
gboolean build_video(App* app);
gboolean build_file_source(App* app);
gboolean build_sample_source(App* app);

/* Whether a stream collection, by which parsebin tells all that a recording holds, names no video. The muxer
 * would wait for one for ever. */
gboolean lacks_video(GstMessage* message);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * anomaly-record's parts: anomaly-record.c (options, pipeline, messages), record-clips.c (what is kept, and
 * what of it goes into files), record-facts.c (what lies beside those).
 */
#ifndef __ANOMALY_RECORD_H__
#define __ANOMALY_RECORD_H__

#include <gst/gst.h>

typedef struct _Recorder Recorder;

/* folder: must exist. before, after: of each event. longest: after which a clip ends and the next begins.
 * held: how long after its beginning an event is told. Each clip that is finished is told on standard output.
 */
Recorder* recorder_new(const gchar* folder, GstClockTime before, GstClockTime after, GstClockTime longest,
                       GstClockTime held);
/* What is kept of the source in the files. */
void recorder_set_source(Recorder* recorder, const gchar* source);
/* A frame of H.264 (avc, no reordering) that has the running time `at`. Any thread, in their order. */
void recorder_frame(Recorder* recorder, GstBuffer* frame, GstCaps* caps, GstClockTime at);
/* The source is away, and no frame may come for long. Where none has for `patience` microseconds a clip that
 * is open is finished with what there is, and nothing of what came before begins another one. Any thread. */
void recorder_away(Recorder* recorder, gint64 patience);
/* anomalydetect's signal, before the frame that it is about. */
void recorder_event(Recorder* recorder, const GstStructure* event);
/* No more frames: what is open is finished. In the thread of the default main context, which is iterated.
 * FALSE where a clip could not be written. */
gboolean recorder_finish(Recorder* recorder);
guint recorder_clips(const Recorder* recorder);
void recorder_free(Recorder* recorder);

#endif

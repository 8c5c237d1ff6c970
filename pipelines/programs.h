/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the programs share.
 */
#ifndef __ANOMALY_PROGRAMS_H__
#define __ANOMALY_PROGRAMS_H__

#include <gst/gst.h>

G_BEGIN_DECLS

/* For a program that runs for days while pipelines come and go; before any thread is there. */
void programs_run_long(void);

/* Gives the pages that a pipeline has freed back to the system. Takes milliseconds. */
void programs_give_back_memory(void);

/* Where the registry knows of no anomalydetect: takes the plugin of the installation that the running program
 * is of, wherever that was moved to. After gst_init. */
void programs_find_plugin(void);

/* One line on standard error, behind the program's name; on a terminal in place of a progress line. */
void programs_complain(const gchar* format, ...) G_GNUC_PRINTF(1, 2);

/* Sets a property from text as gst-launch-1.0 would. FALSE, and nothing is set, where the element has no such
 * property or the property does not take the value. */
gboolean programs_set_text(GstElement* element, const gchar* property, const gchar* text);

/* The same for what a program's option says, NULL: nothing. FALSE after a complaint where the value does not
 * do. */
gboolean programs_set_option(GstElement* element, const gchar* property, const gchar* option,
                             const gchar* text);
gboolean programs_set_number(GstElement* element, const gchar* property, const gchar* option, gdouble number);
/* Of a property in nanoseconds: 0 to a day. */
gboolean programs_set_seconds(GstElement* element, const gchar* property, const gchar* option,
                              gdouble seconds);

/* The options that set an anomalydetect. A number that is not given is below 0, an interval G_MININT. */
typedef struct {
  gchar *model, *device, *method, *roi, *mask, *classes, *normalization;
  gdouble threshold;
  gint interval, min_area, threads;
} DetectorOptions;

extern DetectorOptions programs_detector;

/* Lets a program take them, in its main group. */
void programs_add_detector_options(GOptionContext* context);
/* Sets what was given. normalization: where none was; NULL = the element's own. FALSE after a complaint. */
gboolean programs_set_detector(GstElement* detect, const gchar* normalization);

/* For a bus watch: an end or an error quits the loop. An error is told, and sets *status to 1, unless
 * something had gone wrong before. TRUE at the end. */
gboolean programs_end_with(GstMessage* message, GMainLoop* loop, int* status);

/* H.264 with 4:2:0 chroma wants even sizes: lets a videobox pad odd ones by a row or a column, whenever the
 * size changes. */
void programs_keep_even(GstElement* videobox);

/* Text as JSON has it, in quotes; null where it is NULL or no UTF-8. */
void programs_append_json(GString* json, const gchar* text);

G_END_DECLS

#endif

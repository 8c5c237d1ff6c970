/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "report.h"

/* Of the chart, in units of its view box. */
#define WIDTH 1000
#define HEIGHT 240
#define LEFT 40
#define RIGHT (WIDTH - 10)
#define TOP 22
#define BOTTOM (HEIGHT - 26)
#define COLUMNS 900 /* that the frames are summed up in, at most */

static const gchar style[] =
    ":root{color-scheme:light dark;--page:#fff;--text:#1b1f27;--quiet:#596273;--line:#d9dee7;--score:#0b62b8;"
    "--area:#0b62b81f;--alarm:#b3361b;--event:#b3361b22;--tile:#f2f4f7}"
    "@media (prefers-color-scheme:dark){:root{--page:#14171c;--text:#e7eaf0;--quiet:#9aa4b5;--line:#343b47;"
    "--score:#6cb4ff;--area:#6cb4ff26;--alarm:#ff8a66;--event:#ff8a6633;--tile:#1e232b}}"
    "*{box-sizing:border-box}"
    "body{font:15px/1.5 system-ui,\"Segoe UI\",\"DejaVu Sans\",sans-serif;color:var(--text);"
    "background:var(--page);max-width:1080px;margin:2rem auto;padding:0 1.25rem}"
    "h1{font-size:1.5rem;margin:0 0 1rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2rem 0 .5rem}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem}"
    ".tiles div{background:var(--tile);border-radius:.5rem;padding:.6rem .9rem}"
    ".tiles b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}"
    ".quiet,.tiles span,figcaption span{color:var(--quiet);font-size:.88rem}"
    ".warning{border-left:4px solid var(--alarm);background:var(--event);padding:.5rem .8rem}"
    "svg{width:100%;height:auto;display:block}svg text{font-size:12px;fill:var(--quiet)}"
    "svg .number{fill:var(--alarm);font-weight:600}"
    ".grid{stroke:var(--line)}.threshold{stroke:var(--alarm);stroke-dasharray:6 4}"
    ".score{fill:none;stroke:var(--score);stroke-width:1.5;stroke-linejoin:round}.area{fill:var(--area)}"
    ".span{fill:var(--event)}"
    ".events{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr));gap:1rem}"
    "figure{margin:0;border-radius:.5rem;scroll-margin:1rem}figure:target{outline:2px solid var(--alarm);"
    "outline-offset:4px}figure img{width:100%;height:auto;display:block;border-radius:.4rem}"
    "figure .none{display:grid;place-items:center;aspect-ratio:16/9;background:var(--tile);"
    "border-radius:.4rem;color:var(--quiet)}figcaption{font-variant-numeric:tabular-nums;margin-top:.2rem}"
    "figcaption span{display:block}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.4rem;margin:0}dt{color:var(--quiet)}"
    "dd{margin:0;min-width:0;overflow-wrap:anywhere}"
    "@media print{body{margin:0;max-width:none}figure{break-inside:avoid}}";

static void add_text(GString* page, const gchar* text) {
  gchar* valid = g_utf8_make_valid(text, -1);
  gchar* escaped = g_markup_escape_text(valid, -1);
  g_string_append(page, escaped);
  g_free(escaped);
  g_free(valid);
}

/* "1:02:03", "2:03" or, with tenths, "2:03.4". */
static void add_time(GString* page, gdouble seconds, gboolean tenths) {
  const gint64 count = (gint64)floor(seconds * 10 + (tenths ? 0.5 : 5));
  const gint64 whole = count / 10;
  if (whole >= 3600)
    g_string_append_printf(page, "%" G_GINT64_FORMAT ":%02d:%02d", whole / 3600, (gint)(whole / 60 % 60),
                           (gint)(whole % 60));
  else
    g_string_append_printf(page, "%d:%02d", (gint)(whole / 60), (gint)(whole % 60));
  if (tenths) g_string_append_printf(page, ".%d", (gint)(count % 10));
}

static gdouble last_time(const Report* report) {
  const guint count = report->frames->len;
  return count > 0 ? g_array_index(report->frames, ReportFrame, count - 1).time : 0;
}

/* --- The chart
 * ------------------------------------------------------------------------------------------------------ */
typedef struct {
  gdouble seconds, most; /* at its right and upper edges */
} Scale;

static gdouble x_of(const Scale* scale, gdouble time) {
  return LEFT + (RIGHT - LEFT) * CLAMP(time / scale->seconds, 0, 1);
}

static gdouble y_of(const Scale* scale, gdouble score) {
  return BOTTOM - (BOTTOM - TOP) * CLAMP(score / scale->most, 0, 1);
}

static void add_axes(GString* page, const Scale* scale) {
  static const gint steps[] = {1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200};
  gint step = 86400;
  for (gint i = 0; i <= 2; i++) {
    const gdouble score = scale->most * i / 2, y = y_of(scale, score);
    g_string_append_printf(page,
                           "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                           "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>",
                           LEFT, RIGHT, y, y, LEFT - 6, y + 4, score);
  }
  for (guint i = G_N_ELEMENTS(steps); i-- > 0;)
    if (scale->seconds / steps[i] <= 12) step = steps[i];
  for (gint64 time = 0; (gdouble)time <= scale->seconds; time += step) {
    g_string_append_printf(page, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">",
                           x_of(scale, (gdouble)time), HEIGHT - 8);
    add_time(page, (gdouble)time, FALSE);
    g_string_append(page, "</text>");
  }
}

static void add_spans(GString* page, const Report* report, const Scale* scale) {
  gdouble free_from = 0; /* numbers that would cover each other are left out */
  for (guint i = 0; i < report->events->len; i++) {
    const ReportEvent* event = &g_array_index(report->events, ReportEvent, i);
    const gdouble begin = x_of(scale, event->start), end = x_of(scale, event->end);
    const gdouble middle = (begin + end) / 2;
    g_string_append_printf(page,
                           "<a href=\"#event-%u\"><rect class=\"span\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" "
                           "height=\"%d\"><title>event %u</title></rect>",
                           event->id, begin, TOP - 4, MAX(end - begin, 2), BOTTOM - TOP + 4, event->id);
    if (middle - 10 >= free_from) {
      g_string_append_printf(page,
                             "<text class=\"number\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%u</text>",
                             middle, TOP - 8, event->id);
      free_from = middle + 10;
    }
    g_string_append(page, "</a>");
  }
}

/* The highest score of each column. */
static void add_curve(GString* page, const Report* report, const Scale* scale, guint columns) {
  GString* line = g_string_new(NULL);
  gdouble first = LEFT, last = LEFT;
  guint i = 0;
  for (guint column = 0; column < columns; column++) {
    gdouble highest = NAN, time = 0;
    for (; i < report->frames->len; i++) {
      const ReportFrame* frame = &g_array_index(report->frames, ReportFrame, i);
      if (frame->time > scale->seconds * (column + 1) / columns && column + 1 < columns) break;
      if (isnan(frame->score) || frame->score <= highest) continue;
      highest = frame->score;
      time = frame->time;
    }
    if (isnan(highest)) continue;
    const gdouble x = x_of(scale, time);
    if (line->len == 0) first = x;
    g_string_append_printf(line, "%s%.1f %.1f", line->len ? "L" : "", x, y_of(scale, highest));
    last = x;
  }
  if (line->len > 0)
    g_string_append_printf(
        page, "<path class=\"area\" d=\"M%.1f %dL%sL%.1f %dZ\"/><path class=\"score\" d=\"M%s\"/>", first,
        BOTTOM, line->str, last, BOTTOM, line->str);
  g_string_free(line, TRUE);
}

static void add_chart(GString* page, const Report* report) {
  Scale scale = {MAX(last_time(report), 0.1), 1};
  const guint columns = MIN(report->frames->len, COLUMNS);
  gdouble on = NAN;
  for (guint i = 0; i < report->frames->len; i++) {
    const ReportFrame* frame = &g_array_index(report->frames, ReportFrame, i);
    if (frame->score > scale.most) scale.most = frame->score;
    on = frame->on;
  }
  g_string_append_printf(page,
                         "<h2>Score over time</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" "
                         "aria-label=\"score over time\">",
                         WIDTH, HEIGHT);
  add_axes(page, &scale);
  add_spans(page, report, &scale);
  add_curve(page, report, &scale, columns);
  if (isfinite(on))
    g_string_append_printf(page, "<line class=\"threshold\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>",
                           LEFT, RIGHT, y_of(&scale, on), y_of(&scale, on));
  g_string_append(page, "</svg>\n<p class=\"quiet\">");
  if (report->frames->len > columns)
    g_string_append_printf(page, "The highest score of each %.2g s. ", scale.seconds / columns);
  if (isfinite(on))
    g_string_append_printf(page, "Dashed: %.3g, from which a frame counts as anomalous. ", on);
  g_string_append(page, "Events are shaded.</p>\n");
}

/* --- The rest
 * ------------------------------------------------------------------------------------------------------- */
static void add_tile(GString* page, const gchar* what, const gchar* value) {
  g_string_append(page, "<div><b>");
  add_text(page, value);
  g_string_append(page, "</b><span>");
  add_text(page, what);
  g_string_append(page, "</span></div>\n");
}

static void add_tiles(GString* page, const Report* report) {
  guint looked_at = 0, anomalous = 0;
  gdouble highest = NAN, at = 0;
  for (guint i = 0; i < report->frames->len; i++) {
    const ReportFrame* frame = &g_array_index(report->frames, ReportFrame, i);
    if (isnan(frame->score)) continue;
    looked_at++;
    if (frame->score >= frame->on) anomalous++;
    if (frame->score <= highest) continue;
    highest = frame->score;
    at = frame->time;
  }
  GString* text = g_string_new(NULL);
  g_string_append(page, "<div class=\"tiles\">\n");
  add_time(text, last_time(report), TRUE);
  add_tile(page, "length", text->str);
  g_string_printf(text, "%u", report->frames->len);
  add_tile(page, "frames", text->str);
  g_string_printf(text, "%.1f %%", looked_at ? 100.0 * anomalous / looked_at : 0);
  add_tile(page, "of the frames are anomalous", text->str);
  g_string_printf(text, "%u", report->events->len);
  add_tile(page, report->events->len == 1 ? "event" : "events", text->str);
  if (looked_at > 0) {
    GString* when = g_string_new("highest score, at ");
    add_time(when, at, TRUE);
    g_string_printf(text, "%.2f", highest);
    add_tile(page, when->str, text->str);
    g_string_free(when, TRUE);
  }
  g_string_append(page, "</div>\n");
  g_string_free(text, TRUE);
}

static void add_event(GString* page, const ReportEvent* event) {
  g_string_append_printf(page, "<figure id=\"event-%u\">", event->id);
  if (event->picture) {
    gsize size;
    gconstpointer data = g_bytes_get_data(event->picture, &size);
    gchar* text = g_base64_encode(data, size);
    g_string_append_printf(page,
                           "<img alt=\"event %u: its highest frame with its heatmap\" "
                           "src=\"data:image/jpeg;base64,%s\">",
                           event->id, text);
    g_free(text);
  } else {
    g_string_append(page, "<div class=\"none\">no picture was kept</div>");
  }
  g_string_append_printf(page, "<figcaption><b>%u</b> · ", event->id);
  add_time(page, event->start, TRUE);
  g_string_append(page, " to ");
  add_time(page, event->end, TRUE);
  g_string_append_printf(page, "<span>%.1f s, highest %.2f at ", event->end - event->start, event->peak);
  add_time(page, event->peak_at, TRUE);
  if (event->beneath) {
    g_string_append(page, ", largest region: ");
    add_text(page, event->beneath);
  }
  g_string_append(page, "</span></figcaption></figure>\n");
}

GString* report_page(const Report* report) {
  GString* page = g_string_new(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<title>");
  add_text(page, report->title);
  g_string_append_printf(page, ": anomalies</title>\n<style>%s</style>\n</head>\n<body>\n<h1>Anomalies in ",
                         style);
  add_text(page, report->title);
  g_string_append(page, "</h1>\n");
  if (report->incomplete)
    g_string_append(page, "<p class=\"warning\">The recording was not looked at to its end.</p>\n");
  add_tiles(page, report);
  add_chart(page, report);
  g_string_append(page, "<h2>Events</h2>\n");
  if (report->events->len == 0) g_string_append(page, "<p class=\"quiet\">There are none.</p>\n");
  g_string_append(page, "<div class=\"events\">\n");
  for (guint i = 0; i < report->events->len; i++)
    add_event(page, &g_array_index(report->events, ReportEvent, i));
  g_string_append(page, "</div>\n<h2>Settings</h2>\n<dl>\n");
  for (guint i = 0; i < report->settings->len; i++) {
    const ReportSetting* setting = &g_array_index(report->settings, ReportSetting, i);
    g_string_append(page, "<dt>");
    add_text(page, setting->name);
    g_string_append(page, "</dt><dd>");
    add_text(page, setting->value);
    g_string_append(page, "</dd>\n");
  }
  g_string_append(page, "</dl>\n</body>\n</html>\n");
  return page;
}

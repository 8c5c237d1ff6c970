// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/onvifdocument.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

namespace anomaly {
namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";

void attribute(const char* name, double value, std::string* out) {
  if (!std::isfinite(value)) return;
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, static_cast<float>(value)).ptr;
  *out += ' ';
  *out += name;
  *out += "=\"";
  out->append(text, end);
  *out += '"';
}

void attribute(const char* name, guint64 value, std::string* out) {
  *out += ' ';
  *out += name;
  *out += "=\"" + std::to_string(value) + '"';
}

void attribute(const char* name, const char* value, std::string* out) {
  if (!value) return;
  *out += ' ';
  *out += name;
  *out += "=\"" + xml_escaped(value) + '"';
}

// 1970 to 9999, as xs:dateTime in UTC.
std::string date_time(gint64 utc) {
  GDateTime* seconds = g_date_time_new_from_unix_utc(utc / G_USEC_PER_SEC);
  if (!seconds) return "1970-01-01T00:00:00.000000Z";
  const std::unique_ptr<gchar, decltype(&g_free)> text(
      g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", g_date_time_get_year(seconds),
                      g_date_time_get_month(seconds), g_date_time_get_day_of_month(seconds),
                      g_date_time_get_hour(seconds), g_date_time_get_minute(seconds),
                      g_date_time_get_second(seconds), static_cast<int>(utc % G_USEC_PER_SEC)),
      g_free);
  g_date_time_unref(seconds);
  return text.get();
}

void object(const GstAnomalyRegion& region, double width, double height, std::string* out) {
  const double left = 2.0 * region.x / width - 1, right = 2.0 * (1.0 * region.x + region.width) / width - 1;
  const double top = 1 - 2.0 * region.y / height,
               bottom = 1 - 2.0 * (1.0 * region.y + region.height) / height;
  *out += "<tt:Object";
  attribute("ObjectId", static_cast<guint64>(region.id), out);
  attribute("an:Area", region.area, out);
  attribute("an:Mean", region.mean, out);
  attribute("an:Max", region.max, out);
  attribute("an:Beneath", region.label, out);
  *out += "><tt:Appearance><tt:Shape><tt:BoundingBox";
  attribute("left", left, out);
  attribute("top", top, out);
  attribute("right", right, out);
  attribute("bottom", bottom, out);
  *out += "/><tt:CenterOfGravity";
  attribute("x", (left + right) / 2, out);
  attribute("y", (top + bottom) / 2, out);
  *out += "/></tt:Shape><tt:Class><tt:Type";
  attribute("Likelihood", std::isfinite(region.max) ? std::clamp(region.max, 0.0, 1.0) : NAN, out);
  *out += ">Anomaly</tt:Type></tt:Class></tt:Appearance></tt:Object>\n";
}

}  // namespace

std::string xml_escaped(const char* value) {
  const std::unique_ptr<gchar, decltype(&g_free)> valid(g_utf8_make_valid(value, -1), g_free);
  std::string out;
  for (const char* p = valid.get(); *p; p = g_utf8_next_char(p)) {
    const gunichar c = g_utf8_get_char(p);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\t' || c == '\n' || c == '\r') {
      out += "&#" + std::to_string(c) + ';';  // a parser would make blanks of them
    } else if (c < 0x20 || c == 0xfffe || c == 0xffff) {
      out += kReplacement;
    } else {
      out.append(p, static_cast<const char*>(g_utf8_next_char(p)));
    }
  }
  return out;
}

std::string onvif_document(const GstAnomalyMeta& meta, int width, int height, gint64 utc) {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<tt:MetadataStream xmlns:tt=\"http://www.onvif.org/ver10/schema\" "
      "xmlns:an=\"urn:x-gst-anomaly:metadata:1\">\n<tt:VideoAnalytics>\n<tt:Frame UtcTime=\"" +
      date_time(utc) + "\" Source=\"anomalydetect\"";
  attribute("an:Score", meta.score, &out);
  attribute("an:Max", meta.max, &out);
  attribute("an:Mean", meta.mean, &out);
  attribute("an:Share", meta.share, &out);
  attribute("an:Threshold", meta.threshold, &out);
  attribute("an:Age", static_cast<guint64>(meta.age), &out);
  attribute("an:Method", meta.method, &out);
  attribute("an:Model", meta.model, &out);
  out += ">\n";
  for (guint i = 0; i < gst_anomaly_meta_n_regions(&meta); ++i)
    object(*gst_anomaly_meta_get_region(&meta, i), width, height, &out);
  out += "</tt:Frame>\n</tt:VideoAnalytics>\n</tt:MetadataStream>\n";
  return out;
}

}  // namespace anomaly

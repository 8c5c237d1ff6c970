// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/jsonline.h"

#include <cfloat>
#include <charconv>
#include <cmath>
#include <memory>

namespace anomaly {
namespace {

constexpr int kSchema = 1;

class Object {
 public:
  explicit Object(std::string* out) : out_(out) { *out_ += '{'; }
  void close() { *out_ += '}'; }

  Object& number(const char* key, double value) {
    if (!std::isfinite(value)) return null(key);
    name(key);
    char text[32];  // the longest double takes 24
    const bool is_float =
        std::abs(value) <= FLT_MAX && static_cast<double>(static_cast<float>(value)) == value;
    out_->append(text, (is_float ? std::to_chars(text, text + sizeof text, static_cast<float>(value))
                                 : std::to_chars(text, text + sizeof text, value))
                           .ptr);
    return *this;
  }
  Object& integer(const char* key, guint64 value) {
    name(key);
    *out_ += std::to_string(value);
    return *this;
  }
  Object& integer(const char* key, int value) {
    name(key);
    *out_ += std::to_string(value);
    return *this;
  }
  Object& time(const char* key, GstClockTime value) {
    return GST_CLOCK_TIME_IS_VALID(value) ? integer(key, value) : null(key);
  }
  Object& string(const char* key, const char* value) {
    if (!value) return null(key);
    name(key);
    quoted(value);
    return *this;
  }
  Object& null(const char* key) {
    name(key);
    *out_ += "null";
    return *this;
  }
  void name(const char* key) {
    if (!first_) *out_ += ',';
    first_ = false;
    *out_ += '"';
    *out_ += key;
    *out_ += "\":";
  }

 private:
  void quoted(const char* value) {
    const std::unique_ptr<gchar, decltype(&g_free)> valid(g_utf8_make_valid(value, -1), g_free);
    *out_ += '"';
    for (const char* p = valid.get(); *p; ++p) {
      const auto byte = static_cast<unsigned char>(*p);
      if (byte == '"' || byte == '\\') {
        *out_ += '\\';
        *out_ += *p;
      } else if (byte < 0x20 || byte == 0x7f) {
        constexpr char kHex[] = "0123456789abcdef";
        *out_ += "\\u00";
        *out_ += kHex[byte >> 4];
        *out_ += kHex[byte & 15];
      } else {
        *out_ += *p;
      }
    }
    *out_ += '"';
  }

  std::string* out_;
  bool first_ = true;
};

void write_region(const GstAnomalyRegion& region, std::string* out) {
  Object object(out);
  object.integer("id", static_cast<guint64>(region.id))
      .integer("x", region.x)
      .integer("y", region.y)
      .integer("width", region.width)
      .integer("height", region.height)
      .integer("area", region.area)
      .number("mean", region.mean)
      .number("max", region.max)
      .string("label", region.label)
      .time("first_seen", region.first_seen)
      .integer("age", static_cast<guint64>(region.age));
  object.close();
}

}  // namespace

std::vector<const GstAnomalyMeta*> metas_of_batch(GstBuffer* buffer) {
  std::vector<const GstAnomalyMeta*> metas;
  bool batch = false;
  gpointer state = nullptr;
  while (GstMeta* each = gst_buffer_iterate_meta_filtered(buffer, &state, GST_ANOMALY_META_API_TYPE)) {
    metas.push_back(reinterpret_cast<const GstAnomalyMeta*>(each));
    batch |= metas.back()->surface > 0;
  }
  // Compositors, too, carry several over, all of one picture.
  if (!batch) metas.clear();
  return metas;
}

std::string json_line(const FrameFacts& frame, const GstAnomalyMeta* meta) {
  std::string line;
  Object object(&line);
  object.integer("schema", kSchema).string("stream", frame.stream.c_str()).integer("frame", frame.frame);
  if (frame.batched) object.integer("surface", static_cast<guint64>(meta ? meta->surface : 0));
  object.time("pts", frame.pts)
      .time("running_time", frame.running_time)
      .integer("width", frame.width)
      .integer("height", frame.height)
      .string("method", meta ? meta->method : nullptr)
      .string("model", meta ? meta->model : nullptr)
      .number("score", meta ? meta->score : NAN)
      .number("max", meta ? meta->max : NAN)
      .number("mean", meta ? meta->mean : NAN)
      .number("share", meta ? meta->share : NAN)
      .number("threshold", meta ? meta->threshold : NAN);
  if (meta)
    object.integer("age", static_cast<guint64>(meta->age));
  else
    object.null("age");
  object.number("inference_ms", meta ? meta->inference_ms : NAN).name("regions");
  line += '[';
  const guint regions = meta ? gst_anomaly_meta_n_regions(meta) : 0;
  for (guint i = 0; i < regions; ++i) {
    if (i > 0) line += ',';
    write_region(*gst_anomaly_meta_get_region(meta, i), &line);
  }
  line += ']';
  object.close();
  line += '\n';
  return line;
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
#include <charconv>
#include <cmath>

#include "src/json.h"
#include "src/utf8.h"

namespace anomaly {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Always valid JSON: bytes that are not UTF-8 (a path in a foreign encoding) become U+FFFD.
void write_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i++];
    } else if (c == '\n') {
      out += "\\n";
      ++i;
    } else if (c < 0x20 || c == 0x7F) {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
      ++i;
    } else if (const size_t length = utf8_length(text, i)) {
      out.append(text, i, length);
      i += length;
    } else {
      out += kReplacement;
      ++i;
    }
  }
  out += '"';
}

template <typename Number>
void write_number(std::string& out, Number value) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, value);
  out.append(text, result.ptr);
}

void write_value(std::string& out, const Json& json, int indent, int depth) {
  const auto line = [&](int at) {
    if (indent < 0) return;
    out += '\n';
    out.append(static_cast<size_t>(indent) * at, ' ');
  };
  const char* const separator = indent < 0 ? ":" : ": ";
  bool first = true;
  switch (json.type()) {
    case Json::Type::Null:
      out += "null";
      return;
    case Json::Type::Bool:
      out += json.as_bool() ? "true" : "false";
      return;
    case Json::Type::String:
      write_string(out, json.as_string());
      return;
    case Json::Type::Number:
      if (json.is_integer()) {
        write_number(out, json.raw_integer());
      } else if (std::isfinite(json.as_double())) {
        write_number(out, json.as_double());
      } else {
        throw JsonError("JSON has no infinity and no NaN");
      }
      return;
    case Json::Type::Array:
      out += '[';
      for (const Json& item : json.items()) {
        if (!first) out += ',';
        first = false;
        line(depth + 1);
        write_value(out, item, indent, depth + 1);
      }
      if (!first) line(depth);
      out += ']';
      return;
    case Json::Type::Object:
      out += '{';
      for (const auto& [key, member] : json.members()) {
        if (!first) out += ',';
        first = false;
        line(depth + 1);
        write_string(out, key);
        out += separator;
        write_value(out, member, indent, depth + 1);
      }
      if (!first) line(depth);
      out += '}';
      return;
  }
}

}  // namespace

std::string Json::dump(int indent) const {
  std::string out;
  write_value(out, *this, indent, 0);
  return out;
}

}  // namespace anomaly

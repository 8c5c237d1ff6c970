// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace anomaly {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxValues = size_t{1}
                              << 21;  // a value takes about 100 bytes: what 100 MB of "0,0,0" may cost
constexpr int64_t kMaxExact = int64_t{1} << 53;
constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Length of the well-formed UTF-8 sequence at text[at] (RFC 3629: no overlong forms, surrogates or values
// past U+10FFFF), 0 where it is malformed.
size_t utf8_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  unsigned low = 0x80, high = 0xBF;  // range of the second byte
  size_t length = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (byte(at + 1) < low || byte(at + 1) > high) return 0;
  for (size_t i = 2; i < length; ++i)
    if (byte(at + i) < 0x80 || byte(at + i) > 0xBF) return 0;
  return length;
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Json document() {
    Json value = this->value(0);
    space();
    if (at_ != text_.size()) fail("unexpected text after the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw JsonError("JSON, byte " + std::to_string(at_) + ": " + what);
  }

  bool more() const { return at_ < text_.size(); }
  char peek() const { return more() ? text_[at_] : '\0'; }

  void space() {
    while (more() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  bool take(char c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) fail("expected a value");
    at_ += expected.size();
  }

  Json value(int depth) {
    if (depth > kMaxDepth) fail("nested more than " + std::to_string(kMaxDepth) + " deep");
    if (++values_ > kMaxValues) fail("more than " + std::to_string(kMaxValues) + " values");
    space();
    if (!more()) fail("unexpected end");
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return Json(string());
      case 't':
        word("true");
        return Json(true);
      case 'f':
        word("false");
        return Json(false);
      case 'n':
        word("null");
        return Json();
      default:
        return number();
    }
  }

  Json array(int depth) {
    ++at_;
    std::vector<Json> items;
    space();
    if (take(']')) return Json::array();
    for (;;) {
      items.push_back(value(depth + 1));
      space();
      if (take(']')) return Json::array(std::move(items));
      if (!take(',')) fail("expected ',' or ']' in an array");
    }
  }

  Json object(int depth) {
    ++at_;
    Json::Members members;
    space();
    if (take('}')) return Json::object();
    for (;;) {
      space();
      if (peek() != '"') fail("expected a member's name in quotes");
      std::string key = string();
      space();
      if (!take(':')) fail("expected ':' after a member's name");
      members.emplace_back(std::move(key), value(depth + 1));
      space();
      if (take('}')) break;
      if (!take(',')) fail("expected ',' or '}' in an object");
    }
    std::vector<const std::string*> keys;
    keys.reserve(members.size());
    for (const auto& member : members) keys.push_back(&member.first);
    std::sort(keys.begin(), keys.end(), [](auto* a, auto* b) { return *a < *b; });
    const auto twice =
        std::adjacent_find(keys.begin(), keys.end(), [](auto* a, auto* b) { return *a == *b; });
    if (twice != keys.end()) fail("member \"" + (*twice)->substr(0, 100) + "\" occurs twice in one object");
    return Json::object(std::move(members));
  }

  uint32_t hex4() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      uint32_t digit = 0;
      if (c >= '0' && c <= '9') {
        digit = c - '0';
      } else if (c >= 'a' && c <= 'f') {
        digit = c - 'a' + 10;
      } else if (c >= 'A' && c <= 'F') {
        digit = c - 'A' + 10;
      } else {
        fail("expected four hexadecimal digits after \\u");
      }
      code = code * 16 + digit;
      ++at_;
    }
    return code;
  }

  void escape(std::string& out) {
    const char c = peek();
    if (more()) ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        break;
      default:
        fail("unknown escape in a string");
    }
    uint32_t code = hex4();
    if (code >= 0xDC00 && code <= 0xDFFF) fail("a low surrogate without its high one");
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (!take('\\') || !take('u')) fail("a high surrogate without its low one");
      const uint32_t low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) fail("a high surrogate without its low one");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code);
  }

  std::string string() {
    ++at_;
    std::string out;
    for (;;) {
      if (!more()) fail("a string without its closing quote");
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return out;
      }
      if (c == '\\') {
        ++at_;
        escape(out);
        continue;
      }
      if (c < 0x20) fail("a control character in a string");
      const size_t length = utf8_length(text_, at_);
      if (length == 0) fail("invalid UTF-8");
      out.append(text_, at_, length);
      at_ += length;
    }
  }

  bool digits() {
    const size_t begin = at_;
    while (more() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > begin;
  }

  Json number() {
    const size_t begin = at_;
    const bool negative = take('-');
    // -0 keeps its sign: it is a double.
    bool whole = !(negative && peek() == '0');
    if (!take('0') && !digits()) fail("expected a value");
    if (take('.')) {
      whole = false;
      if (!digits()) fail("expected digits after the decimal point");
    }
    if (peek() == 'e' || peek() == 'E') {
      whole = false;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) fail("expected digits in an exponent");
    }
    const char* const first = text_.data() + begin;
    const char* const last = text_.data() + at_;
    if (whole) {
      int64_t integer = 0;
      if (std::from_chars(first, last, integer).ec == std::errc()) return Json(integer);
    }
    double value = 0;
    const auto [end, error] = std::from_chars(first, last, value);
    if (error != std::errc() || end != last || !std::isfinite(value))
      fail("a number outside the range of a double");
    return Json(value);
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t values_ = 0;
};

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

const char* type_name(Json::Type type) {
  switch (type) {
    case Json::Type::Null:
      return "null";
    case Json::Type::Bool:
      return "a boolean";
    case Json::Type::Number:
      return "a number";
    case Json::Type::String:
      return "a string";
    case Json::Type::Array:
      return "an array";
    case Json::Type::Object:
      return "an object";
  }
  return "?";
}

[[noreturn]] void wrong(const char* expected, Json::Type found) {
  throw JsonError(std::string("expected ") + expected + ", found " + type_name(found));
}

// Names the member in what a getter throws.
template <typename Get>
auto named(std::string_view key, Get get) {
  try {
    return get();
  } catch (const JsonError& e) {
    throw JsonError("member \"" + std::string(key) + "\": " + e.what());
  }
}

}  // namespace

Json::Json(bool value) : type_(Type::Bool), bool_(value) {}
Json::Json(double value) : type_(Type::Number), number_(value) {}
Json::Json(int64_t value)
    : type_(Type::Number), integer_(true), number_(static_cast<double>(value)), int_(value) {}
Json::Json(std::string value) : type_(Type::String), string_(std::move(value)) {}

Json Json::array(std::vector<Json> items) {
  Json json;
  json.type_ = Type::Array;
  json.items_ = std::move(items);
  return json;
}

Json Json::object(Members members) {
  Json json;
  json.type_ = Type::Object;
  json.members_ = std::move(members);
  return json;
}

Json Json::parse(std::string_view text) {
  return Parser(text).document();
}

std::string Json::dump(int indent) const {
  std::string out;
  write_value(out, *this, indent, 0);
  return out;
}

bool Json::as_bool() const {
  if (type_ != Type::Bool) wrong("a boolean", type_);
  return bool_;
}

double Json::as_double() const {
  if (type_ != Type::Number) wrong("a number", type_);
  return number_;
}

int64_t Json::as_int() const {
  if (type_ != Type::Number) wrong("an integer", type_);
  const double limit = static_cast<double>(kMaxExact);
  const bool exact = integer_ ? int_ >= -kMaxExact && int_ <= kMaxExact
                              : number_ == std::trunc(number_) && std::abs(number_) <= limit;
  if (!exact) throw JsonError("expected an integer of at most 2^53");
  return integer_ ? int_ : static_cast<int64_t>(number_);
}

const std::string& Json::as_string() const {
  if (type_ != Type::String) wrong("a string", type_);
  return string_;
}

const std::vector<Json>& Json::items() const {
  if (type_ != Type::Array) wrong("an array", type_);
  return items_;
}

const Json::Members& Json::members() const {
  if (type_ != Type::Object) wrong("an object", type_);
  return members_;
}

const Json* Json::find(std::string_view key) const {
  for (const auto& [name, value] : members_)
    if (name == key) return &value;
  return nullptr;
}

const Json& Json::at(std::string_view key) const {
  if (type_ != Type::Object) wrong("an object", type_);
  const Json* value = find(key);
  if (!value) throw JsonError("member \"" + std::string(key) + "\" is missing");
  return *value;
}

void Json::set(const std::string& key, Json value) {
  if (type_ != Type::Object) wrong("an object", type_);
  for (auto& [name, old] : members_)
    if (name == key) {
      old = std::move(value);
      return;
    }
  members_.emplace_back(key, std::move(value));
}

void Json::push(Json value) {
  if (type_ != Type::Array) wrong("an array", type_);
  items_.push_back(std::move(value));
}

double Json::number_or(std::string_view key, double fallback) const {
  const Json* value = find(key);
  return value ? named(key, [&] { return value->as_double(); }) : fallback;
}

int64_t Json::int_or(std::string_view key, int64_t fallback) const {
  const Json* value = find(key);
  return value ? named(key, [&] { return value->as_int(); }) : fallback;
}

std::string Json::string_or(std::string_view key, const std::string& fallback) const {
  const Json* value = find(key);
  return value ? named(key, [&] { return value->as_string(); }) : fallback;
}

}  // namespace anomaly

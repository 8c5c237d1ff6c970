// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <charconv>
#include <cmath>

#include "src/json.h"
#include "src/utf8.h"

namespace anomaly {
namespace {

constexpr int kMaxDepth = 64;
// A value takes about 100 bytes: what 100 MB of "0,0,0" may cost.
constexpr size_t kMaxValues = size_t{1} << 21;

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

}  // namespace

Json Json::parse(std::string_view text) {
  return Parser(text).document();
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// A small strict JSON (RFC 8259) value, reader and writer, for bundles and their metadata. Input is
// untrusted.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace anomaly {

// Thrown by Json::parse (offset in bytes in the message) and by the typed getters (names the member).
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Json {
 public:
  enum class Type { Null, Bool, Number, String, Array, Object };
  using Members = std::vector<std::pair<std::string, Json>>;  // in the order written

  Json() = default;
  Json(bool value);
  Json(double value);
  Json(int64_t value);
  Json(int value) : Json(static_cast<int64_t>(value)) {}
  Json(const char* value) : Json(std::string(value)) {}
  Json(std::string value);
  static Json array(std::vector<Json> items = {});
  static Json object(Members members = {});

  // Rejects: trailing text, duplicate keys, nesting beyond 64, invalid UTF-8 or escapes, numbers outside
  // double, more than 2^21 values.
  static Json parse(std::string_view text);
  // indent -1: one line. Numbers read back to the same double whatever the locale; text that is not UTF-8 is
  // repaired with U+FFFD. Throws for infinity and NaN.
  std::string dump(int indent = -1) const;

  Type type() const { return type_; }
  bool is_null() const { return type_ == Type::Null; }
  bool is_integer() const { return integer_; }  // a number written without fraction and exponent
  int64_t raw_integer() const { return int_; }  // of is_integer(): all 64 bits
  bool as_bool() const;
  double as_double() const;
  int64_t as_int() const;  // throws where the number is not an integer within 2^53
  const std::string& as_string() const;
  const std::vector<Json>& items() const;        // of an array
  const Members& members() const;                // of an object
  const Json* find(std::string_view key) const;  // null where absent (or not an object)
  const Json& at(std::string_view key) const;    // throws where absent
  void set(const std::string& key, Json value);  // object: adds or replaces
  void push(Json value);                         // array: appends

  // Lookups with a default, for optional settings; throw on a wrong type.
  double number_or(std::string_view key, double fallback) const;
  int64_t int_or(std::string_view key, int64_t fallback) const;
  std::string string_or(std::string_view key, const std::string& fallback) const;

 private:
  Type type_ = Type::Null;
  bool bool_ = false;
  bool integer_ = false;
  double number_ = 0;
  int64_t int_ = 0;
  std::string string_;
  std::vector<Json> items_;
  Members members_;
};

}  // namespace anomaly

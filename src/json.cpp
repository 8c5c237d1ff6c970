// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/json.h"

#include <cmath>

namespace anomaly {
namespace {

constexpr int64_t kMaxExact = int64_t{1} << 53;

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

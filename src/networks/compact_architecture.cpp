// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/compact_architecture.h"

#include <sstream>

#include "src/error.h"

namespace anomaly {

ArchitectureReader::ArchitectureReader(std::string file, std::string network, const Json& object,
                                       const std::string& type)
    : file_(std::move(file)), network_(std::move(network)), object_(object) {
  if (object_.type() != Json::Type::Object) fail("", "is no object");
  const Json& found = member("type");
  if (found.type() != Json::Type::String) fail("type", "is no string");
  if (found.as_string() != type) fail("type", "is \"" + found.as_string() + "\": expected \"" + type + "\"");
}

void ArchitectureReader::fail(const std::string& name, const std::string& problem) const {
  throw Error(ErrorKind::BadBundle, file_ + ": architecture." + network_ + (name.empty() ? "" : "." + name) +
                                        " " + problem +
                                        "; the bundle is damaged or made for another version");
}

const Json& ArchitectureReader::member(const std::string& name) const {
  const Json* found = object_.find(name);
  if (!found) fail(name, "is missing");
  return *found;
}

namespace {

// The integer that `value` holds where it lies in [low, high]; otherwise `problem` says what is wrong with
// it.
int64_t checked_integer(const Json& value, int64_t low, int64_t high, std::string& problem) {
  try {
    const int64_t number = value.as_int();
    if (number >= low && number <= high) return number;
    std::ostringstream text;
    text << "is " << number << ": expected " << low << " to " << high;
    problem = text.str();
  } catch (const JsonError&) {
    problem = "is no integer";
  }
  return low;
}

}  // namespace

int64_t ArchitectureReader::integer(const std::string& name, int64_t low, int64_t high) const {
  std::string problem;
  const int64_t value = checked_integer(member(name), low, high, problem);
  if (!problem.empty()) fail(name, problem);
  return value;
}

std::vector<int64_t> ArchitectureReader::integers(const std::string& name, size_t count, int64_t low,
                                                  int64_t high) const {
  const Json& array = member(name);
  if (array.type() != Json::Type::Array || array.items().size() != count)
    fail(name, "is no array of " + std::to_string(count) + " integers");
  std::vector<int64_t> values;
  for (size_t i = 0; i < count; ++i) {
    std::string problem;
    values.push_back(checked_integer(array.items()[i], low, high, problem));
    if (!problem.empty()) fail(name + "[" + std::to_string(i) + "]", problem);
  }
  return values;
}

std::vector<int64_t> ArchitectureReader::odd_integers(const std::string& name, size_t count, int64_t low,
                                                      int64_t high) const {
  const auto values = integers(name, count, low, high);
  for (size_t i = 0; i < count; ++i)
    if (values[i] % 2 == 0)
      fail(name + "[" + std::to_string(i) + "]",
           "is " + std::to_string(values[i]) + ": expected an odd number");
  return values;
}

std::vector<double> ArchitectureReader::numbers(const std::string& name, size_t count, double low,
                                                double high) const {
  const Json& array = member(name);
  if (array.type() != Json::Type::Array || array.items().size() != count)
    fail(name, "is no array of " + std::to_string(count) + " numbers");
  std::vector<double> values;
  for (size_t i = 0; i < count; ++i) {
    const Json& item = array.items()[i];
    const std::string place = name + "[" + std::to_string(i) + "]";
    if (item.type() != Json::Type::Number) fail(place, "is no number");
    const double value = item.as_double();
    if (!(value >= low && value <= high)) {
      std::ostringstream text;
      text << "is " << value << ": expected " << low << " to " << high;
      fail(place, text.str());
    }
    values.push_back(value);
  }
  return values;
}

bool ArchitectureReader::boolean(const std::string& name) const {
  const Json& value = member(name);
  if (value.type() != Json::Type::Bool) fail(name, "is neither true nor false");
  return value.as_bool();
}

}  // namespace anomaly

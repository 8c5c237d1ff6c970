// SPDX-License-Identifier: LGPL-2.1-or-later
// What the values of a command line's options are read with.
#pragma once

#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "src/error.h"

namespace anomaly {

// A command line that cannot be understood. what(): one line that names the option.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The whole text as a number, whatever the locale; none where it is no number.
template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A name that the engine knows: `parse` gives its value. Throws UsageError: parse's Error with the option in
// front.
template <typename Value>
Value named(const std::string& option, Value (*parse)(const std::string&), const std::string& text) {
  try {
    return parse(text);
  } catch (const Error& e) {
    throw UsageError("--" + option + ": " + e.what());
  }
}

}  // namespace anomaly

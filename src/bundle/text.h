// SPDX-License-Identifier: LGPL-2.1-or-later
// Names from untrusted files, made fit for an error message.
#pragma once

#include <string>
#include <string_view>

namespace anomaly {

// In double quotes; control characters become '?', what is longer than 160 bytes is cut.
inline std::string in_quotes(std::string_view text) {
  constexpr size_t kLongest = 160;
  std::string out = "\"";
  for (const char c : text.substr(0, kLongest))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  return out + (text.size() > kLongest ? "...\"" : "\"");
}

}  // namespace anomaly

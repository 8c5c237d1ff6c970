// SPDX-License-Identifier: LGPL-2.1-or-later
// What the location of anomalysource names: a recording, pictures, a camera, an address, or a synthetic
// drive.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace anomaly {

struct SourceLocation {
  enum class Kind {
    Uri,       // anything that GStreamer decodes
    Pictures,  // one file or more
    Test,      // anomalytestsrc
  };
  Kind kind = Kind::Uri;
  std::string uri;                                            // Uri
  std::vector<std::string> pictures;                          // Pictures: their paths, in their order
  std::vector<std::pair<std::string, std::string>> settings;  // Test: properties, as text
  std::string caps;                                           // Test: empty = its own choice
  std::string shown;                                          // for messages: the location without a password
  bool live = false;    // frames come in their own time, which nobody can hold up
  bool remote = false;  // may go away, and come back
};

struct SourceProblem {
  GstResourceError code = GST_RESOURCE_ERROR_SETTINGS;
  std::string text;  // a sentence
};

// text: a path, a pattern of paths, or a URI; see docs/elements.md. Looks at the file system and at the
// registry; opens nothing. Returns what is wrong with it, if anything: `*location` is unspecified then.
std::optional<SourceProblem> parse_source_location(const std::string& text, SourceLocation* location);

// The URI without the password that may stand in it.
std::string without_password(const std::string& uri);

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/sourcelocation.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace anomaly {
namespace {

struct Free {
  void operator()(char* text) const { g_free(text); }
};
using Text = std::unique_ptr<char, Free>;

using Problem = std::optional<SourceProblem>;

Problem problem(GstResourceError code, std::string text) {
  return SourceProblem{code, std::move(text)};
}

std::string lower(const char* text) {
  const Text folded(g_ascii_strdown(text, -1));
  return folded.get();
}

// --- Pictures
// ----------------------------------------------------------------------------------------------
bool is_picture(const std::string& path) {
  constexpr std::array<std::string_view, 10> kExtensions = {"png", "jpg",  "jpeg", "webp", "bmp",
                                                            "tif", "tiff", "pgm",  "ppm",  "pnm"};
  const size_t dot = path.rfind('.');
  if (dot == std::string::npos) return false;
  const std::string extension = lower(path.c_str() + dot + 1);
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

// The folder's pictures whose names `wanted` takes: "frame9" before "frame10".
template <typename Wanted>
std::vector<std::string> pictures_of(const std::string& folder, Wanted wanted) {
  std::vector<std::string> names;
  if (GDir* dir = g_dir_open(folder.c_str(), 0, nullptr)) {
    while (const char* name = g_dir_read_name(dir))
      if (name[0] != '.' && is_picture(name) && wanted(name)) names.emplace_back(name);
    g_dir_close(dir);
  }
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    const int order = strverscmp(a.c_str(), b.c_str());
    return order != 0 ? order < 0 : a < b;
  });
  for (std::string& name : names) {
    const Text path(g_build_filename(folder.c_str(), name.c_str(), nullptr));
    name = path.get();
  }
  return names;
}

// Takes the names of "frame%05d.png": digits in the place of the number, as many at least as it says.
class Numbered {
 public:
  static std::optional<Numbered> parse(const std::string& pattern) {
    const size_t percent = pattern.find('%');
    if (percent == std::string::npos) return std::nullopt;
    size_t at = percent + 1;
    size_t width = 0;
    for (; at < pattern.size() && g_ascii_isdigit(pattern[at]) && width <= 20; ++at)
      width = 10 * width + static_cast<size_t>(pattern[at] - '0');
    if (width > 20 || at >= pattern.size() || pattern[at] != 'd') return std::nullopt;
    if (pattern.find('%', at) != std::string::npos) return std::nullopt;
    return Numbered(pattern.substr(0, percent), pattern.substr(at + 1), std::max<size_t>(width, 1));
  }

  bool operator()(const std::string& name) const {
    if (name.size() < before_.size() + width_ + behind_.size()) return false;
    if (name.compare(0, before_.size(), before_) != 0) return false;
    const size_t end = name.size() - behind_.size();
    if (name.compare(end, std::string::npos, behind_) != 0) return false;
    return std::all_of(name.begin() + static_cast<std::ptrdiff_t>(before_.size()),
                       name.begin() + static_cast<std::ptrdiff_t>(end),
                       [](char c) { return g_ascii_isdigit(c); });
  }

 private:
  Numbered(std::string before, std::string behind, size_t width)
      : before_(std::move(before)), behind_(std::move(behind)), width_(width) {}

  std::string before_, behind_;
  size_t width_;
};

// --- Files
// -------------------------------------------------------------------------------------------------
Problem take_pictures(const std::string& where, std::vector<std::string> pictures, SourceLocation* location) {
  if (pictures.empty())
    return problem(GST_RESOURCE_ERROR_NOT_FOUND,
                   "There is no picture at \"" + where + "\" (png, jpg, webp, bmp, tif, pgm, ppm or pnm).");
  location->kind = SourceLocation::Kind::Pictures;
  location->pictures = std::move(pictures);
  return std::nullopt;
}

Problem take_pattern(const std::string& path, SourceLocation* location) {
  const Text folder(g_path_get_dirname(path.c_str())), name(g_path_get_basename(path.c_str()));
  if (std::strpbrk(name.get(), "*?")) {
    GPatternSpec* spec = g_pattern_spec_new(name.get());
    auto found = pictures_of(folder.get(),
                             [spec](const char* entry) { return g_pattern_spec_match_string(spec, entry); });
    g_pattern_spec_free(spec);
    return take_pictures(path, std::move(found), location);
  }
  if (const auto numbered = Numbered::parse(name.get()))
    return take_pictures(path, pictures_of(folder.get(), *numbered), location);
  return problem(GST_RESOURCE_ERROR_NOT_FOUND, "\"" + path + "\" does not exist.");
}

Problem take_camera(const std::string& device, SourceLocation* location) {
  if (!gst_uri_protocol_is_supported(GST_URI_SRC, "v4l2"))
    return problem(GST_RESOURCE_ERROR_SETTINGS,
                   "\"" + device + "\" needs v4l2src, which comes with GStreamer's good plugins.");
  location->uri = "v4l2://" + device;
  location->live = location->remote = true;
  return std::nullopt;
}

Problem take_path(const std::string& path, SourceLocation* location) {
  if (g_str_has_prefix(path.c_str(), "/dev/video")) return take_camera(path, location);
  struct stat facts = {};
  if (stat(path.c_str(), &facts) != 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) return take_pattern(path, location);
    return problem(GST_RESOURCE_ERROR_OPEN_READ,
                   "\"" + path + "\" cannot be looked at: " + g_strerror(error) + ".");
  }
  if (S_ISDIR(facts.st_mode))
    return take_pictures(path, pictures_of(path, [](const char*) { return true; }), location);
  if (g_access(path.c_str(), R_OK) != 0)
    return problem(GST_RESOURCE_ERROR_OPEN_READ,
                   "\"" + path + "\" cannot be read: " + g_strerror(errno) + ".");
  if (S_ISCHR(facts.st_mode)) return take_camera(path, location);
  if (is_picture(path)) return take_pictures(path, {path}, location);
  GError* error = nullptr;
  const Text uri(gst_filename_to_uri(path.c_str(), &error));
  if (uri) {
    location->uri = uri.get();
    return std::nullopt;
  }
  const std::string why = error ? error->message : "it has no URI";
  g_clear_error(&error);
  return problem(GST_RESOURCE_ERROR_OPEN_READ, "\"" + path + "\" cannot be opened: " + why + ".");
}

// --- URIs
// --------------------------------------------------------------------------------------------------
Problem take_test(const std::string& uri, SourceLocation* location) {
  constexpr std::array<std::string_view, 5> kProperties = {"seed", "anomalies", "anomaly-first",
                                                           "anomaly-period", "anomaly-frames"};
  constexpr std::array<std::string_view, 3> kCaps = {"width", "height", "framerate"};
  const auto wrong = [&uri](const std::string& what) {
    return problem(
        GST_RESOURCE_ERROR_SETTINGS,
        "\"" + uri + "\": " + what +
            "; test://?seed=1&frames=100&width=960&height=540&framerate=25 is what it may look like.");
  };
  const std::string rest = uri.substr(std::strlen("test://"));
  if (rest.empty()) {
    location->kind = SourceLocation::Kind::Test;
    return std::nullopt;
  }
  if (rest[0] != '?') return wrong("\"?\" is missing behind test://");
  location->kind = SourceLocation::Kind::Test;
  std::string caps;
  gchar** parts = g_strsplit(rest.c_str() + 1, "&", 64);
  Problem found;
  for (gchar** part = parts; *part && !found; ++part) {
    const char* equals = std::strchr(*part, '=');
    const std::string key(*part, equals ? static_cast<size_t>(equals - *part) : std::strlen(*part));
    const std::string value = equals ? equals + 1 : "";
    const bool plain = !value.empty() &&
                       value.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz/") == std::string::npos;
    if (!plain)
      found = wrong("\"" + key + "\" has no usable value");
    else if (key == "frames")
      location->settings.emplace_back("num-buffers", value);
    else if (std::find(kProperties.begin(), kProperties.end(), key) != kProperties.end())
      location->settings.emplace_back(key, value);
    else if (std::find(kCaps.begin(), kCaps.end(), key) != kCaps.end())
      caps.append(", ").append(key).append(key == "framerate" ? "=(fraction)" : "=(int)").append(value);
    else
      found = wrong("there is no setting \"" + key + "\"");
  }
  g_strfreev(parts);
  if (!caps.empty() && !found) {
    location->caps = "video/x-raw" + caps;
    GstCaps* usable = gst_caps_from_string(location->caps.c_str());
    if (usable)
      gst_caps_unref(usable);
    else
      found = wrong("its size or its frame rate is none");
  }
  return found;
}

Problem take_uri(const std::string& text, SourceLocation* location) {
  const Text protocol_text(gst_uri_get_protocol(text.c_str()));
  const std::string protocol = lower(protocol_text.get());
  if (protocol == "test" && g_str_has_prefix(text.c_str(), "test://")) return take_test(text, location);
  if (protocol == "file") {
    GError* error = nullptr;
    char* host = nullptr;
    const Text path(g_filename_from_uri(text.c_str(), &host, &error));
    const Text host_name(host);
    if (path && !host) return take_path(path.get(), location);
    const std::string why = error ? error->message : "it is on another machine";
    g_clear_error(&error);
    return problem(GST_RESOURCE_ERROR_OPEN_READ, "\"" + text + "\" cannot be opened: " + why + ".");
  }
  location->shown = without_password(text);
  if (!gst_uri_protocol_is_supported(GST_URI_SRC, protocol.c_str()))
    return problem(GST_RESOURCE_ERROR_SETTINGS, "\"" + location->shown +
                                                    "\" cannot be opened: no element reads " + protocol +
                                                    "://; is a GStreamer plugin missing?");
  constexpr std::array<std::string_view, 14> kLive = {"rtsp",   "rtspu",  "rtspt",  "rtsph", "rtsps",
                                                      "rtspsu", "rtspst", "rtspsh", "rtmp",  "rtmps",
                                                      "srt",    "udp",    "rtp",    "v4l2"};
  location->uri = text;
  location->live = std::find(kLive.begin(), kLive.end(), protocol) != kLive.end();
  location->remote = true;
  return std::nullopt;
}

}  // namespace

std::string without_password(const std::string& uri) {
  const size_t begin = uri.find("://");
  if (begin == std::string::npos) return uri;
  const size_t user = begin + 3;
  // A password may hold an "@" that nobody has escaped: the last one ends it.
  const size_t at = uri.rfind('@', uri.find_first_of("/?#", user));
  if (at == std::string::npos || at < user) return uri;
  const size_t colon = uri.find(':', user);
  if (colon == std::string::npos || colon > at) return uri;
  return uri.substr(0, colon) + ":***" + uri.substr(at);
}

std::optional<SourceProblem> parse_source_location(const std::string& text, SourceLocation* location) {
  *location = SourceLocation();
  if (text.empty())
    return problem(GST_RESOURCE_ERROR_SETTINGS,
                   "\"location\" is not set: a file, a folder of pictures, a camera, or a URI.");
  const bool uri = gst_uri_is_valid(text.c_str());
  if (uri && (!g_utf8_validate(text.c_str(), -1, nullptr) ||
              std::any_of(text.begin(), text.end(), [](char c) { return g_ascii_iscntrl(c); })))
    return problem(GST_RESOURCE_ERROR_SETTINGS, "The location holds characters that no URI may have.");
  location->shown = text;
  return uri ? take_uri(text, location) : take_path(text, location);
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// The frames that are evaluated on, with what is known of them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/statistics.h"

namespace anomaly::eval {

struct EvalFrame {
  std::string name;  // the picture's file name, or "frame 12"
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;      // height x width x 3
  std::vector<uint8_t> targets;  // height x width, kNormal, kAnomalous or kIgnored; empty: nothing is known
  std::vector<uint8_t> labels;   // height x width label values; empty: none
};

struct InputOptions {
  std::string path;     // a folder of pictures, or a video file
  std::string masks;    // a folder; empty: none
  bool normal = false;  // without masks: every pixel is normal; else nothing is known
  std::string labels;   // a folder; empty: none
  std::array<int, 3> mask_values = {0, 1, 255};  // of normal, anomalous and ignored pixels; -1 = none
  Rect roi;                                      // what lies outside is ignored; 0 x 0 = the whole frame
};

class Input {
 public:
  // Lists everything first. Throws Error(NotFound or Io) that names the folder or file: nothing there, a
  // picture without its mask or label map, two of one stem.
  static std::unique_ptr<Input> open(const InputOptions& options);
  virtual ~Input() = default;
  // False at the end. Throws Error(Io) that names the file: unreadable, sizes that differ, a value in a mask
  // that means nothing.
  virtual bool next(EvalFrame& frame) = 0;
  virtual int64_t frames() const = 0;            // 0 = not known before the end
  virtual double fps() const = 0;                // of a video file; 0 = not known, or single pictures
  virtual int64_t surplus() const { return 0; }  // masks that belong to no frame
};

// The files of a folder that are pictures by their extension, sorted by name. Throws Error(NotFound or Io).
std::vector<std::string> list_picture_files(const std::string& folder);

// Sets frame.targets: from the mask where `path` is not empty, else as options.normal says. Throws as next().
void read_targets(const std::string& path, const InputOptions& options, EvalFrame& frame);

// A video file; masks are told by the number at the end of their stem: the frame, counted from 0. Throws
// Error(BadSettings) in a build without OpenCV's videoio.
std::unique_ptr<Input> open_video(const InputOptions& options);

}  // namespace anomaly::eval

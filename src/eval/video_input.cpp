// SPDX-License-Identifier: LGPL-2.1-or-later
// Video files through OpenCV's videoio, where the build has it.
#include <map>

#include "src/error.h"
#include "src/eval/input.h"

#ifdef ANOMALY_VIDEOIO
#include <charconv>
#include <cstring>
#include <filesystem>
#include <opencv2/videoio.hpp>
#endif

namespace anomaly::eval {

#ifdef ANOMALY_VIDEOIO

namespace {

// "mask_000012" -> 12.
int64_t number_of(const std::string& path) {
  const std::string stem = std::filesystem::path(path).stem().string();
  const size_t last = stem.find_last_not_of("0123456789");
  const size_t first = last == std::string::npos ? 0 : last + 1;
  int64_t number = -1;
  const auto [end, status] = std::from_chars(stem.data() + first, stem.data() + stem.size(), number);
  if (status != std::errc() || end != stem.data() + stem.size())
    throw Error(ErrorKind::Io,
                path + ": a video's mask ends in the number of its frame, counted from 0 (mask_000012.png)");
  return number;
}

class VideoInput final : public Input {
 public:
  explicit VideoInput(const InputOptions& options) : options_(options) {
    if (!options.labels.empty())
      throw Error(ErrorKind::BadSettings, "label maps go with a folder of pictures, not with a video");
    if (!options.masks.empty())
      for (const std::string& path : list_picture_files(options.masks)) {
        const auto [other, fresh] = masks_.emplace(number_of(path), path);
        if (!fresh)
          throw Error(ErrorKind::Io,
                      other->second + " and " + path + " belong to one frame: keep one of them");
      }
    if (!video_.open(options.path) || !video_.isOpened())
      throw Error(ErrorKind::Io, options.path + ": not a video that can be read");
    const double count = video_.get(cv::CAP_PROP_FRAME_COUNT), fps = video_.get(cv::CAP_PROP_FPS);
    if (count > 0 && count < 1e9) count_ = static_cast<int64_t>(count);
    if (fps > 0 && fps < 1e5) fps_ = fps;
  }

  bool next(EvalFrame& frame) override {
    cv::Mat bgr;
    if (!video_.read(bgr) || bgr.empty()) {
      if (next_ == 0) throw Error(ErrorKind::Io, options_.path + ": holds no frame that can be read");
      if (!masks_.empty() && masks_.rbegin()->first >= next_)
        throw Error(ErrorKind::Io, masks_.rbegin()->second + ": there is no such frame, " + options_.path +
                                       " ends after " + std::to_string(next_));
      return false;
    }
    if (bgr.type() != CV_8UC3)
      throw Error(ErrorKind::Io, options_.path + ": its frames are not 8-bit colour");
    frame.name = "frame " + std::to_string(next_);
    frame.width = bgr.cols;
    frame.height = bgr.rows;
    frame.rgb.resize(bgr.total() * 3);
    uint8_t* to = frame.rgb.data();
    for (int y = 0; y < bgr.rows; ++y)
      for (const uint8_t *from = bgr.ptr(y), *end = from + 3 * bgr.cols; from != end; from += 3, to += 3)
        to[0] = from[2], to[1] = from[1], to[2] = from[0];
    frame.labels.clear();
    const auto mask = masks_.find(next_);
    read_targets(mask == masks_.end() ? "" : mask->second, options_, frame);
    ++next_;
    return true;
  }

  int64_t frames() const override { return count_; }
  double fps() const override { return fps_; }

 private:
  InputOptions options_;
  std::map<int64_t, std::string> masks_;  // by frame
  cv::VideoCapture video_;
  int64_t next_ = 0, count_ = 0;
  double fps_ = 0;
};

}  // namespace

std::unique_ptr<Input> open_video(const InputOptions& options) {
  return std::make_unique<VideoInput>(options);
}

#else

std::unique_ptr<Input> open_video(const InputOptions& options) {
  throw Error(
      ErrorKind::BadSettings,
      options.path +
          ": this build does not read video files (it was made without OpenCV's videoio): make a folder "
          "of pictures of it, as with ffmpeg -i VIDEO FOLDER/%06d.png, and give its --fps");
}

#endif

}  // namespace anomaly::eval

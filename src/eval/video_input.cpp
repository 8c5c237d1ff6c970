// SPDX-License-Identifier: LGPL-2.1-or-later
// Video files through OpenCV's videoio, where the build has it.
#include <map>

#include "src/error.h"
#include "src/eval/input.h"

#ifdef ANOMALY_VIDEOIO
#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
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

// An ISO media file (MP4, M4V, newer MOV). Its count of frames includes those that an edit list leaves out,
// as after cutting without re-encoding.
bool has_edit_lists(const std::string& path) {
  char start[8] = {};
  return std::ifstream(path, std::ios::binary).read(start, sizeof start) &&
         std::memcmp(start + 4, "ftyp", 4) == 0;
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
    // OpenCV tells no length in seconds, but a file's mean rate in kilobits a second, rounded down.
    const double rate = video_.get(cv::CAP_PROP_BITRATE);
    if (std::error_code unknown; rate > 0 && has_edit_lists(options.path))
      shown_ = 8e-3 * static_cast<double>(std::filesystem::file_size(options.path, unknown)) / (rate + 1);
  }

  bool next(EvalFrame& frame) override {
    cv::Mat bgr;
    if (!video_.read(bgr) || bgr.empty()) {
      if (next_ == 0) throw Error(ErrorKind::Io, options_.path + ": holds no frame that can be read");
      if (ends_early())
        throw Error(ErrorKind::Io, options_.path + ": is cut short or damaged: it announces " +
                                       std::to_string(count_) + " frames, of which " + std::to_string(next_) +
                                       " could be decoded; get it whole, or remux those that are there, as "
                                       "with ffmpeg -i VIDEO -c copy OTHER, and use that");
      if (!masks_.empty() && masks_.rbegin()->first >= next_)
        throw Error(ErrorKind::Io, masks_.rbegin()->second + ": there is no such frame, " + options_.path +
                                       " ends after " + std::to_string(next_));
      return false;
    }
    if (bgr.type() != CV_8UC3)
      throw Error(ErrorKind::Io, options_.path + ": its frames are not 8-bit colour");
    last_time_ = std::max(last_time_, video_.get(cv::CAP_PROP_POS_MSEC) / 1000);
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
  // Noticeably fewer frames than were announced. Some containers announce no count, and OpenCV then takes it
  // from length and rate: where frames come at irregular times it is too high, but the last one's time fits.
  bool ends_early() const {
    const auto seen = std::max(static_cast<double>(next_), last_time_ * fps_ + 1);
    const auto missing = [&](double frames) { return frames - seen > std::max(2.0, 0.01 * frames); };
    return missing(static_cast<double>(count_)) && (shown_ <= 0 || missing(shown_ * fps_));
  }

  InputOptions options_;
  std::map<int64_t, std::string> masks_;  // by frame
  cv::VideoCapture video_;
  int64_t next_ = 0, count_ = 0;
  double fps_ = 0;
  double last_time_ = 0;  // of the frames read so far, in seconds; 0 = not known
  double shown_ = 0;      // seconds that are shown of a file with edit lists; 0 = not known, or all of it
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

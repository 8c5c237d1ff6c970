// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectmask.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

#ifdef HAVE_OPENCV
#include <opencv2/imgcodecs.hpp>
#endif

#include "src/error.h"

namespace anomaly {

namespace {

constexpr size_t kFileMost = size_t{64} << 20;
constexpr int kSideMost = 8192;
constexpr uint8_t kCounts = 128;

struct Size {
  int64_t width, height;
};

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Error(ErrorKind::BadSettings, "Property ignore-mask: \"" + path + "\" " + why);
}

std::vector<uint8_t> contents(const std::string& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) refuse(path, std::string("cannot be opened: ") + std::strerror(errno) + ".");
  std::vector<uint8_t> bytes;
  uint8_t block[1 << 16];
  while (const size_t count = std::fread(block, 1, sizeof block, file.get())) {
    bytes.insert(bytes.end(), block, block + count);
    if (bytes.size() > kFileMost)
      refuse(path, "is larger than " + std::to_string(kFileMost >> 20) + " MiB: use a smaller picture.");
  }
  if (std::ferror(file.get())) refuse(path, std::string("cannot be read: ") + std::strerror(errno) + ".");
  if (bytes.empty()) refuse(path, "is empty.");
  return bytes;
}

int big_endian(const uint8_t* at, int bytes) {
  int64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | at[i];
  return static_cast<int>(std::min<int64_t>(value, INT32_MAX));
}

// What the header says, so that nothing is allocated for a picture that is too large.
std::optional<Size> png_size(const std::vector<uint8_t>& file) {
  constexpr uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
                                    0,    0,   0,   13,  'I',  'H',  'D',  'R'};
  if (file.size() < sizeof kSignature + 8 || std::memcmp(file.data(), kSignature, sizeof kSignature) != 0)
    return std::nullopt;
  return Size{big_endian(&file[16], 4), big_endian(&file[20], 4)};
}

std::optional<Size> jpeg_size(const std::vector<uint8_t>& file) {
  if (file.size() < 4 || file[0] != 0xff || file[1] != 0xd8) return std::nullopt;
  for (size_t at = 2; at + 9 <= file.size();) {
    if (file[at] != 0xff) return std::nullopt;
    const uint8_t marker = file[at + 1];
    if (marker == 0xff) {  // padding
      ++at;
      continue;
    }
    // Frame headers, without the tables that lie among their numbers.
    if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc)
      return Size{big_endian(&file[at + 7], 2), big_endian(&file[at + 5], 2)};
    at += 2 + static_cast<size_t>(big_endian(&file[at + 2], 2));
  }
  return std::nullopt;
}

void check_size(const std::string& path, Size size) {
  if (size.width < 1 || size.height < 1 || size.width > kSideMost || size.height > kSideMost)
    refuse(path, "says that it has " + std::to_string(size.width) + "x" + std::to_string(size.height) +
                     " pixels: 1x1 to " + std::to_string(kSideMost) + "x" + std::to_string(kSideMost) +
                     " can be used.");
}

PixelMask thresholded(int width, int height, const uint8_t* grey, size_t stride, int full) {
  PixelMask mask{width, height,
                 std::vector<uint8_t>(static_cast<size_t>(width) * static_cast<size_t>(height))};
  const int least = (full * kCounts + 254) / 255;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      mask.counts[static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)] =
          grey[static_cast<size_t>(y) * stride + static_cast<size_t>(x)] >= least;
  return mask;
}

// "P5 width height highest" with blanks and comments between, one blank, then a byte for each pixel.
PixelMask pgm(const std::string& path, const std::vector<uint8_t>& file) {
  size_t at = 2;
  int64_t numbers[3] = {};
  for (int64_t& number : numbers) {
    for (bool comment = false; at < file.size(); ++at) {
      if (file[at] == '#') comment = true;
      if (file[at] == '\n') comment = false;
      if (!comment && file[at] != ' ' && file[at] != '\t' && file[at] != '\r' && file[at] != '\n') break;
    }
    const char* begin = reinterpret_cast<const char*>(file.data());
    const auto [end, status] = std::from_chars(begin + at, begin + file.size(), number);
    if (status != std::errc()) refuse(path, "is no readable PGM: its header is cut off or wrong.");
    at = static_cast<size_t>(end - begin);
  }
  check_size(path, {numbers[0], numbers[1]});
  if (numbers[2] < 1 || numbers[2] > 255) refuse(path, "is a PGM of more than 8 bits: save it with 8.");
  ++at;
  const size_t pixels = static_cast<size_t>(numbers[0]) * static_cast<size_t>(numbers[1]);
  if (at > file.size() || file.size() - at < pixels) refuse(path, "is a PGM that was cut off.");
  return thresholded(static_cast<int>(numbers[0]), static_cast<int>(numbers[1]), file.data() + at,
                     static_cast<size_t>(numbers[0]), static_cast<int>(numbers[2]));
}

#ifdef HAVE_OPENCV
PixelMask decoded(const std::string& path, const std::vector<uint8_t>& file) {
  cv::Mat picture;
  try {
    picture = cv::imdecode(file, cv::IMREAD_GRAYSCALE | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception&) {
    picture.release();
  }
  if (picture.empty() || picture.type() != CV_8UC1) refuse(path, "cannot be decoded: the file is damaged.");
  return thresholded(picture.cols, picture.rows, picture.data, picture.step[0], 255);
}
#endif

}  // namespace

std::shared_ptr<const PixelMask> load_mask(const std::string& path) {
  if (path.empty()) return nullptr;
  const std::vector<uint8_t> file = contents(path);
  if (file.size() >= 2 && file[0] == 'P' && file[1] == '5')
    return std::make_shared<PixelMask>(pgm(path, file));
#ifdef HAVE_OPENCV
  std::optional<Size> size = png_size(file);
  if (!size) size = jpeg_size(file);
  if (!size) refuse(path, "is no picture that can be read: use PNG, JPEG or PGM (P5).");
  check_size(path, *size);
  return std::make_shared<PixelMask>(decoded(path, file));
#else
  if (png_size(file) || jpeg_size(file))
    refuse(path, "is a PNG or JPEG, which this build cannot read: use PGM (P5), or build with OpenCV.");
  refuse(path, "is no picture that can be read: use PGM (P5).");
#endif
}

}  // namespace anomaly

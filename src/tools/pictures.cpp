// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/tools/pictures.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "src/error.h"

namespace anomaly {
namespace {

constexpr int kMaxSide = 32768;  // what ingest takes

std::string first_line(const char* text) {
  const std::string whole = text;
  return whole.substr(0, whole.find('\n'));
}

std::vector<uint8_t> read_file(const std::string& path) {
  // Without O_NONBLOCK the opening of a FIFO would wait for its writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    throw Error(errno == ENOENT ? ErrorKind::NotFound : ErrorKind::Io, path + ": " + std::strerror(errno));
  std::FILE* const file = ::fdopen(fd, "rb");
  if (!file) {
    ::close(fd);
    throw Error(ErrorKind::Io, path + ": " + std::strerror(errno));
  }
  struct stat status {};
  std::vector<uint8_t> bytes;
  std::string problem;
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    problem = "not a regular file";
  } else if (status.st_size > std::numeric_limits<int>::max()) {
    problem = "too large for a picture";
  } else {
    bytes.resize(static_cast<size_t>(status.st_size));
    if (std::fread(bytes.data(), 1, bytes.size(), file) != bytes.size()) problem = "cannot be read";
  }
  std::fclose(file);
  if (!problem.empty()) throw Error(ErrorKind::Io, path + ": " + problem);
  return bytes;
}

cv::Mat decoded(const std::string& path, int flags) {
  const std::vector<uint8_t> bytes = read_file(path);
  cv::Mat image;
  try {
    if (!bytes.empty()) image = cv::imdecode(bytes, flags);
  } catch (const cv::Exception& e) {
    throw Error(ErrorKind::Io, path + ": not a picture that can be read (" + first_line(e.err.c_str()) + ")");
  }
  if (image.empty()) throw Error(ErrorKind::Io, path + ": not a picture that can be read");
  if (image.cols > kMaxSide || image.rows > kMaxSide)
    throw Error(ErrorKind::Io, path + ": " + std::to_string(image.cols) + "x" + std::to_string(image.rows) +
                                   " pixels exceed the limit of " + std::to_string(kMaxSide) + " a side");
  return image;
}

}  // namespace

Picture read_picture(const std::string& path) {
  const cv::Mat image = decoded(path, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  Picture picture;
  picture.width = image.cols;
  picture.height = image.rows;
  const size_t row = static_cast<size_t>(image.cols) * 3;
  picture.bgr.resize(row * static_cast<size_t>(image.rows));
  for (int y = 0; y < image.rows; ++y)
    std::memcpy(picture.bgr.data() + row * static_cast<size_t>(y), image.ptr(y), row);
  return picture;
}

GreyMap read_grey8(const std::string& path) {
  const cv::Mat image = decoded(path, cv::IMREAD_UNCHANGED);
  if (image.type() != CV_8UC1)
    throw Error(ErrorKind::Io, path + ": " + std::to_string(image.channels()) + " channels of " +
                                   std::to_string(8 * image.elemSize1()) +
                                   " bits, where a mask or label map has one of 8 bits");
  GreyMap map;
  map.width = image.cols;
  map.height = image.rows;
  const auto row = static_cast<size_t>(image.cols);
  map.values.resize(row * static_cast<size_t>(image.rows));
  for (int y = 0; y < image.rows; ++y)
    std::memcpy(map.values.data() + row * static_cast<size_t>(y), image.ptr(y), row);
  return map;
}

void write_grey16(const std::string& path, const std::vector<uint16_t>& values, int width, int height) {
  const cv::Mat image(height, width, CV_16U, const_cast<uint16_t*>(values.data()));
  std::vector<uint8_t> bytes;
  bool encoded = false;
  try {
    encoded = cv::imencode(".png", image, bytes);
  } catch (const cv::Exception&) {
    encoded = false;
  }
  if (!encoded) throw Error(ErrorKind::Io, path + ": cannot be encoded as PNG");

  const std::string partial = path + ".partial";
  std::FILE* const file = std::fopen(partial.c_str(), "wb");
  if (!file) throw Error(ErrorKind::Io, partial + ": " + std::strerror(errno));
  bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  int reason = errno;
  if (std::fclose(file) != 0 && written) {
    written = false;
    reason = errno;
  }
  if (written && std::rename(partial.c_str(), path.c_str()) != 0) {
    written = false;
    reason = errno;
  }
  if (!written) {
    std::remove(partial.c_str());
    throw Error(ErrorKind::Io, path + ": cannot be written: " + std::strerror(reason));
  }
}

}  // namespace anomaly

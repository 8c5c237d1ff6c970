// SPDX-License-Identifier: LGPL-2.1-or-later
// The pictures of ignore-mask: what is read, and what is refused with which words.
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#ifdef HAVE_OPENCV
#include <opencv2/imgcodecs.hpp>
#endif

#include "gst/plugin/gstanomalydetectmask.h"
#include "src/error.h"
#include "tests/check.h"

using namespace anomaly;

namespace {

// A file that goes with the object.
class File {
 public:
  explicit File(const std::string& bytes, const char* suffix = "") {
    char name[] = "/tmp/anomaly-mask-XXXXXX";
    close(mkstemp(name));
    stem_ = name;
    path = stem_ + suffix;
    std::FILE* file = std::fopen(path.c_str(), "wb");
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
  }
  ~File() {
    unlink(path.c_str());
    unlink(stem_.c_str());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string path;

 private:
  std::string stem_;
};

void refused(const std::string& bytes, const std::string& part) {
  const File file(bytes);
  try {
    load_mask(file.path);
  } catch (const Error& e) {
    const std::string text = e.what();
    CHECK(e.kind() == ErrorKind::BadSettings);
    if (text.find(part) == std::string::npos || text.find(file.path) == std::string::npos)
      check::fail(__FILE__, __LINE__, "\"", text, "\" lacks \"", part, "\" or the file's name");
    return;
  }
  check::fail(__FILE__, __LINE__, "nothing was refused: ", part);
}

std::string values(const PixelMask& mask) {
  std::string text;
  for (const uint8_t value : mask.counts) text += value ? '1' : '0';
  return text;
}

std::string png_header(uint32_t width, uint32_t height) {
  std::string text("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16);
  for (const uint32_t size : {width, height})
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(size >> shift & 255);
  return text + std::string("\x08\0\0\0\0", 5);
}

#ifdef HAVE_OPENCV
std::string encoded(const cv::Mat& picture, const char* format) {
  std::vector<uint8_t> bytes;
  CHECK(cv::imencode(format, picture, bytes));
  return {bytes.begin(), bytes.end()};
}
#endif

}  // namespace

TEST(no_name_no_mask) {
  CHECK(load_mask("") == nullptr);
}

TEST(a_grey_map_counts_from_half) {
  const File file(std::string("P5 3 2 255\n\x00\x7f\x80\xff\x01\xc0", 17));
  const auto mask = load_mask(file.path);
  CHECK_EQ(mask->width, 3);
  CHECK_EQ(mask->height, 2);
  CHECK_EQ(values(*mask), "001101");
}

TEST(grey_maps_with_comments_and_few_greys) {
  const File file(std::string("P5 # a mask\n# of two pixels\n2\t1\n1\n\x01\x00", 37));
  CHECK_EQ(values(*load_mask(file.path)), "10");
}

TEST(missing_and_unreadable_files) {
  CHECK_THROWS(load_mask("/nowhere/mask.png"), Error, "No such file");
  CHECK_THROWS(load_mask("/nowhere/mask.png"), Error, "/nowhere/mask.png");
  CHECK_THROWS(load_mask("/tmp"), Error, "directory");
  refused("", "empty");
  refused("GIF89a and so on", "no picture");
}

TEST(grey_maps_that_lie) {
  refused("P5", "header");
  refused("P5 # no end", "header");
  refused("P5 3", "header");
  refused("P5 x 2 255\n", "header");
  refused("P5 3 2 255\n12345", "cut off");
  refused("P5 3 2 255", "cut off");
  refused("P5 0 2 255\n", "0x2");
  refused("P5 -3 2 255\n", "-3x2");
  refused("P5 8193 1 255\n", "8193x1");
  refused("P5 99999999999999999999 1 255\n", "header");
  refused("P5 4294967297 4294967297 255\n", "8192x8192");
  refused("P5 2 1 65535\n1234", "8 bits");
  refused("P5 2 1 0\n12", "8 bits");
}

TEST(files_without_end) {
  const File file("");
  CHECK_EQ(truncate(file.path.c_str(), (off_t{64} << 20) + 1), 0);
  CHECK_THROWS(load_mask(file.path), Error, "64 MiB");
  CHECK_THROWS(load_mask("/dev/zero"), Error, "64 MiB");
}

#ifdef HAVE_OPENCV
TEST(png_and_jpeg) {
  cv::Mat grey(16, 16, CV_8UC1, cv::Scalar(0));
  grey.colRange(8, 16).setTo(255);
  for (const char* format : {".png", ".jpg"}) {
    const File file(encoded(grey, format));
    const auto mask = load_mask(file.path);
    CHECK_EQ(mask->width, 16);
    for (int i = 0; i < 256; ++i) CHECK_EQ(int{mask->counts[i]}, int{i % 16 >= 8});
  }
  // Colour, 16 bits: by their grey.
  const cv::Mat colour(2, 2, CV_8UC3, cv::Scalar(255, 255, 0)), deep(2, 2, CV_16UC1, cv::Scalar(0x9000));
  CHECK_EQ(values(*load_mask(File(encoded(colour, ".png")).path)), "1111");
  CHECK_EQ(values(*load_mask(File(encoded(deep, ".png")).path)), "1111");
}

TEST(pictures_that_lie) {
  refused(png_header(100000, 100000), "100000x100000");
  refused(png_header(0xffffffffu, 1), "8192x8192");
  refused(png_header(0, 1), "0x1");
  refused(png_header(10, 10), "damaged");
  const std::string png = encoded(cv::Mat(64, 64, CV_8UC1, cv::Scalar(200)), ".png");
  refused(png.substr(0, 40), "damaged");
  // A JPEG whose frame header says 65535 x 65535.
  std::string jpeg = encoded(cv::Mat(64, 64, CV_8UC1, cv::Scalar(200)), ".jpg");
  const size_t frame = jpeg.find("\xff\xc0");
  CHECK(frame != std::string::npos);
  jpeg.replace(frame + 5, 4, "\xff\xff\xff\xff");
  refused(jpeg, "65535x65535");
  refused("\xff\xd8\xff", "no picture");
  refused(std::string("\xff\xd8\xff\xe0\x00\x00\xff\xe0\x00\x00\x00\x00\x00\x00", 14), "no picture");
}

// Whatever bytes there are: read or refused.
TEST(bytes_changed_at_random) {
  uint64_t state = 7;
  const auto random = [&state](uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
  };
  cv::Mat noise(24, 24, CV_8UC1);
  for (int i = 0; i < 576; ++i) noise.data[i] = static_cast<uint8_t>(random(256));
  int read = 0, refusals = 0;
  for (const std::string& good :
       {encoded(noise, ".png"), encoded(noise, ".jpg"), "P5 24 24 255\n" + std::string(576, 'x')})
    for (int i = 0; i < 150; ++i) {
      std::string bad = good;
      for (uint64_t n = 1 + random(4); n > 0; --n) bad[random(bad.size())] = static_cast<char>(random(256));
      if (random(4) == 0) bad.resize(random(bad.size()));
      const File file(bad);
      try {
        const auto mask = load_mask(file.path);
        CHECK_EQ(mask->counts.size(), static_cast<size_t>(mask->width) * static_cast<size_t>(mask->height));
        ++read;
      } catch (const Error&) {
        ++refusals;
      }
    }
  CHECK(read > 50);
  CHECK(refusals > 50);
}
#else
TEST(pictures_need_opencv) {
  refused(png_header(10, 10), "build with OpenCV");
}
#endif

TEST_MAIN()

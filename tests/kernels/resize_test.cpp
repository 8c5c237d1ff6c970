// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/resample_filter.h"
#include "kernels/resample_rows.h"
#include "tests/check.h"
#include "tests/kernels/test_frames.h"

namespace {

using namespace anomaly;
using test_frames::Random;

// The definition, written out: one weight at a time, in extended precision.
long double cubic(long double x) {
  x = std::abs(x);
  if (x < 1) return 1.5L * x * x * x - 2.5L * x * x + 1;
  if (x < 2) return -0.5L * x * x * x + 2.5L * x * x - 4 * x + 2;
  return 0;
}

// The samples of `in` that output sample i is made of, with their normalised weights.
struct Tap {
  int at;
  long double weight;
};
std::vector<Tap> taps_of(int i, int in, int out) {
  const long double scale = static_cast<long double>(in) / out, stretch = std::max(scale, 1.0L);
  const long double centre = (i + 0.5L) * scale, support = 2 * stretch;
  std::vector<Tap> taps;
  long double sum = 0;
  for (int j = std::max(0, static_cast<int>(std::floor(centre - support + 0.5L)));
       j < std::min(in, static_cast<int>(std::floor(centre + support + 0.5L))); ++j) {
    taps.push_back({j, cubic((j + 0.5L - centre) / stretch)});
    sum += taps.back().weight;
  }
  for (Tap& t : taps) t.weight /= sum;
  return taps;
}

// One pass along a line of samples `step` apart, with weights rounded to 22 bits and the result to 8.
int resample_8(const uint8_t* in, int step, int i, int in_size, int out_size) {
  long double sum = 0;
  for (const Tap& t : taps_of(i, in_size, out_size))
    sum += std::round(t.weight * 4194304) * in[static_cast<ptrdiff_t>(t.at) * step];
  return static_cast<int>(std::clamp(std::floor(sum / 4194304 + 0.5L), 0.0L, 255.0L));
}

std::vector<uint8_t> reference_8(const std::vector<uint8_t>& in, int w, int h, int ow, int oh) {
  std::vector<uint8_t> across(static_cast<size_t>(ow) * h * 3), out(static_cast<size_t>(ow) * oh * 3);
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < ow; ++x)
      for (int c = 0; c < 3; ++c) {
        const uint8_t* row = &in[static_cast<size_t>(y) * w * 3];
        across[(static_cast<size_t>(y) * ow + x) * 3 + c] =
            ow == w ? row[3 * x + c] : static_cast<uint8_t>(resample_8(row + c, 3, x, w, ow));
      }
  for (int y = 0; y < oh; ++y)
    for (int x = 0; x < 3 * ow; ++x)
      out[static_cast<size_t>(y) * 3 * ow + x] =
          oh == h ? across[static_cast<size_t>(y) * 3 * ow + x]
                  : static_cast<uint8_t>(resample_8(&across[x], 3 * ow, y, h, oh));
  return out;
}

// A picture that NumPy can make as well.
uint32_t noise(size_t n) {
  return static_cast<uint32_t>(n * 2654435761U);
}

uint64_t fnv(const void* data, size_t size) {
  uint64_t hash = 14695981039346656037U;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<const uint8_t*>(data)[i]) * 1099511628211U;
  return hash;
}

std::vector<uint8_t> noise_rgb(int w, int h) {
  std::vector<uint8_t> rgb(static_cast<size_t>(w) * h * 3);
  for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<uint8_t>(noise(i) >> 24);
  return rgb;
}

struct PillowCase {
  int w, h, ow, oh;
  uint64_t rgb, grey;
};

// Made with Pillow 12.3.0 and NumPy (11.3.0 gives the same):
//   def fnv(b):
//       h = 14695981039346656037
//       for v in b: h = (h ^ v) * 1099511628211 % 2**64
//       return h
//   n = numpy.arange(w * h * 3, dtype=numpy.uint64) * 2654435761 % 2**32
//   rgb = (n >> 24).astype(numpy.uint8).reshape(h, w, 3)
//   grey = (n[:w * h] / 2**32).astype(numpy.float32).reshape(h, w)
//   fnv(Image.fromarray(rgb).resize((ow, oh), Image.BICUBIC).tobytes())
//   fnv(Image.fromarray(grey, "F").resize((ow, oh), Image.BICUBIC).tobytes())
constexpr PillowCase kPillow[] = {
    {96, 54, 51, 26, 0x329d4635fefbbe5fU, 0x6e4c02d2abc411ccU},
    {96, 54, 200, 108, 0xbc2ab2a29ca853e8U, 0x80e8d02847dbdcfbU},
    {40, 30, 60, 12, 0xa1b4d8b2a093943bU, 0x5ac52b3307bce58aU},
    {30, 40, 12, 60, 0x6de9b7c8ccc71351U, 0xa3d50b1bc623b51dU},
    {64, 48, 64, 20, 0xca99dc579dbe6e4bU, 0x3a47d0a6adebbd5aU},
    {64, 48, 20, 48, 0x8869550d3e77e5a3U, 0xeb9ec74ec0cfff8eU},
    {17, 1, 5, 3, 0xc7c201091bc3357eU, 0x9eb1d67d7b002affU},
    {1, 1, 4, 4, 0x712a66a1de073825U, 0xb9b23f3a46fd0825U},
    {301, 7, 3, 2, 0x187cdf087cb2f5bbU, 0x848d3eab1dcea438U},
    {320, 180, 512, 256, 0x4613aaced484c552U, 0x5a2f362a08b1aa29U},
};

}  // namespace

TEST(rgb_equals_pillow) {
  for (const PillowCase& p : kPillow) {
    const std::vector<uint8_t> in = noise_rgb(p.w, p.h);
    std::vector<uint8_t> out(static_cast<size_t>(p.ow) * p.oh * 3);
    resize_bicubic_rgb8(in.data(), p.w, p.h, out.data(), p.ow, p.oh);
    if (fnv(out.data(), out.size()) != p.rgb)
      check::fail(__FILE__, __LINE__, p.w, "x", p.h, " to ", p.ow, "x", p.oh, " differs from Pillow");
  }
}

TEST(rgb_equals_pillow_by_value) {
  // As above for 8x6 to 4x3, the bytes themselves.
  const uint8_t pillow[] = {157, 107, 107, 139, 60,  195, 71,  155, 119, 176, 156, 54,
                            129, 115, 184, 64,  193, 115, 159, 139, 61,  172, 70,  139,
                            47,  200, 99,  144, 134, 100, 164, 59,  194, 80,  147, 148};
  uint8_t out[sizeof pillow];
  resize_bicubic_rgb8(noise_rgb(8, 6).data(), 8, 6, out, 4, 3);
  for (size_t i = 0; i < sizeof pillow; ++i) CHECK_EQ(static_cast<int>(out[i]), static_cast<int>(pillow[i]));
}

TEST(float_equals_pillow) {
  for (const PillowCase& p : kPillow) {
    std::vector<float> in(static_cast<size_t>(p.w) * p.h), out(static_cast<size_t>(p.ow) * p.oh);
    for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(noise(i) / 4294967296.0);
    resize_bicubic_f32(in.data(), p.w, p.h, out.data(), p.ow, p.oh);
    if (fnv(out.data(), out.size() * sizeof(float)) != p.grey)
      check::fail(__FILE__, __LINE__, p.w, "x", p.h, " to ", p.ow, "x", p.oh, " differs from Pillow");
  }
}

TEST(rgb_equals_the_definition) {
  for (const auto& [w, h, ow, oh] : {std::array{96, 54, 51, 26},
                                     {50, 30, 50, 7},
                                     {50, 30, 19, 30},
                                     {7, 9, 33, 40},
                                     {120, 2, 16, 5},
                                     {3, 200, 8, 16},
                                     {1, 1, 3, 2},
                                     {2, 2, 1, 1},
                                     {257, 129, 64, 32},
                                     {40, 40, 39, 41}}) {
    Random random(static_cast<uint32_t>(w * h));
    std::vector<uint8_t> in(static_cast<size_t>(w) * h * 3), out(static_cast<size_t>(ow) * oh * 3);
    // Extremes side by side overshoot: clipping after each pass shows.
    for (uint8_t& v : in)
      v = random.below(3) == 0 ? static_cast<uint8_t>(random.next() >> 9) : random.below(2) ? 255 : 0;
    resize_bicubic_rgb8(in.data(), w, h, out.data(), ow, oh);
    if (out != reference_8(in, w, h, ow, oh))
      check::fail(__FILE__, __LINE__, w, "x", h, " to ", ow, "x", oh, " differs");
  }
}

TEST(float_is_near_the_definition) {
  for (const auto& [w, h, ow, oh] : {std::array{96, 54, 51, 26},
                                     {50, 30, 50, 7},
                                     {50, 30, 19, 30},
                                     {7, 9, 33, 40},
                                     {512, 2, 960, 3},
                                     {600, 3, 7, 3}}) {
    Random random(static_cast<uint32_t>(w * h));
    std::vector<float> in(static_cast<size_t>(w) * h), out(static_cast<size_t>(ow) * oh);
    for (float& v : in) v = random.unit();
    resize_bicubic_f32(in.data(), w, h, out.data(), ow, oh);
    for (int y = 0; y < oh; ++y)
      for (int x = 0; x < ow; ++x) {
        long double sum = 0;
        for (const Tap& v : taps_of(y, h, oh))
          for (const Tap& u : taps_of(x, w, ow))
            sum += v.weight * u.weight * in[static_cast<size_t>(v.at) * w + u.at];
        CHECK_NEAR(out[static_cast<size_t>(y) * ow + x], static_cast<double>(sum), 1e-6);
      }
  }
}

TEST(same_size_is_a_copy) {
  const std::vector<uint8_t> in = noise_rgb(33, 17);
  std::vector<uint8_t> out(in.size());
  resize_bicubic_rgb8(in.data(), 33, 17, out.data(), 33, 17);
  CHECK(in == out);
  std::vector<float> plane(33 * 17), copy(plane.size());
  for (size_t i = 0; i < plane.size(); ++i) plane[i] = static_cast<float>(i) * 0.37F;
  resize_bicubic_f32(plane.data(), 33, 17, copy.data(), 33, 17);
  CHECK(plane == copy);
}

TEST(processor_specific_pass_equals_the_portable_one) {
  Random random(8);
  for (const auto& [in, out] :
       {std::pair{960, 512}, {1920, 512}, {33, 200}, {7, 3}, {1, 9}, {4000, 5}, {9000, 1}, {15, 16}}) {
    std::vector<int16_t> plane[3];
    for (auto& p : plane) {
      p.resize(static_cast<size_t>(in) + HorizontalPass::kPadding, 12345);
      for (int i = 0; i < in; ++i)
        p[i] = static_cast<int16_t>(random.below(4) ? random.below(256) : 255 * random.below(2));
    }
    const int16_t* const planes[3] = {plane[0].data(), plane[1].data(), plane[2].data()};
    const HorizontalPass pass(bicubic_filter(in, out));
    std::vector<uint8_t> fast(static_cast<size_t>(out) * 3), plain(fast.size());
    pass.row(planes, fast.data());
    pass.row_portable(planes, plain.data());
    if (fast != plain) check::fail(__FILE__, __LINE__, in, " to ", out, " differs");
  }
}

TEST(nearest_looks_up_pixel_centres) {
  for (const auto& [in, out] :
       {std::pair{7, 3}, {3, 7}, {2048, 512}, {512, 2048}, {5, 5}, {1, 4}, {4, 1}, {1000, 999}}) {
    std::vector<uint8_t> line(static_cast<size_t>(in) * 3), got(static_cast<size_t>(out) * 3),
        column(got.size());
    for (size_t i = 0; i < line.size(); ++i) line[i] = static_cast<uint8_t>(noise(i) >> 24);
    resize_nearest_u8(line.data(), in, 1, 3, got.data(), out, 1);
    resize_nearest_u8(line.data(), 1, in, 3, column.data(), 1, out);
    CHECK(got == column);
    for (int i = 0; i < out; ++i) {
      const int at = static_cast<int>(std::floor((i + 0.5L) * in / out));
      for (int c = 0; c < 3; ++c)
        CHECK_EQ(static_cast<int>(got[3 * i + c]), static_cast<int>(line[3 * at + c]));
    }
  }
  // floor((i + 0.5) * scale), not floor(i * scale): of 4 samples, 2 outputs take the second and the fourth.
  const uint8_t four[] = {10, 20, 30, 40};
  uint8_t two[2];
  resize_nearest_u8(four, 4, 1, 1, two, 2, 1);
  CHECK_EQ(static_cast<int>(two[0]), 20);
  CHECK_EQ(static_cast<int>(two[1]), 40);
}

namespace {

// A float32 tensor of a safetensors file, by its entry in the header.
std::vector<float> read_tensor(const std::string& path, const std::string& name) {
  FILE* file = std::fopen(path.c_str(), "rb");
  CHECK(file != nullptr);
  uint64_t length = 0;
  CHECK(std::fread(&length, sizeof length, 1, file) == 1 && length < 1000000);
  std::string header(length, '\0');
  CHECK(std::fread(header.data(), 1, length, file) == length);
  const size_t entry = header.find("\"" + name + "\"");
  const size_t offsets = entry == std::string::npos ? entry : header.find("data_offsets", entry);
  CHECK(offsets != std::string::npos);
  unsigned long begin = 0, end = 0;
  CHECK(std::sscanf(header.c_str() + header.find('[', offsets), "[%lu,%lu]", &begin, &end) == 2 &&
        end > begin);
  std::vector<float> values((end - begin) / sizeof(float));
  CHECK(std::fseek(file, static_cast<long>(8 + length + begin), SEEK_SET) == 0);
  CHECK(std::fread(values.data(), sizeof(float), values.size(), file) == values.size());
  std::fclose(file);
  return values;
}

void compare_golden(const char* file, int width, int height) {
  const std::string path = check::shared_data(std::string("golden/") + file);
  const std::vector<float> map = read_tensor(path, "anomaly"),
                           every_4th = read_tensor(path, "anomaly_full_every_4th");
  CHECK_EQ(map.size(), static_cast<size_t>(512 * 256));
  CHECK_EQ(every_4th.size(), static_cast<size_t>((width / 4) * (height / 4)));
  std::vector<float> full(static_cast<size_t>(width) * height);
  resize_bicubic_f32(map.data(), 512, 256, full.data(), width, height);
  for (int y = 0; y < height; y += 4)
    for (int x = 0; x < width; x += 4)
      CHECK_NEAR(full[static_cast<size_t>(y) * width + x],
                 every_4th[static_cast<size_t>(y / 4) * (width / 4) + x / 4], 1e-6);
}

}  // namespace

TEST(golden_map_at_the_frame_size) {
  compare_golden("full_256x512.safetensors", 960, 540);
}
TEST(golden_map_at_the_reference_size) {
  compare_golden("full_1024x2048.safetensors", 2048, 1024);
}

TEST(bad_sizes_are_refused) {
  uint8_t in[12] = {}, out[12];
  CHECK_THROWS(resize_bicubic_rgb8(in, 2, 2, out, 0, 2), std::invalid_argument, "0x2");
  CHECK_THROWS(resize_bicubic_rgb8(in, 2, -1, out, 2, 2), std::invalid_argument, "2x-1");
  float plane[4] = {}, other[4];
  CHECK_THROWS(resize_bicubic_f32(plane, 0, 2, other, 2, 2), std::invalid_argument, "0x2");
  CHECK_THROWS(resize_bicubic_f32(plane, 2, 2, other, 2, 99999), std::invalid_argument, "2x99999");
  CHECK_THROWS(resize_nearest_u8(in, 2, 0, 1, out, 2, 2), std::invalid_argument, "2x0");
}

TEST_MAIN()

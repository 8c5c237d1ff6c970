// SPDX-License-Identifier: LGPL-2.1-or-later
// The measures of src/eval/ranking.h for other programs to compare with.
//   ranking FILE         FILE: float32 scores, then as many uint8 targets; prints one line of JSON
//   ranking --pixels N   N pixels with scores drawn from 2^24 levels; prints the measures, time and memory
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "src/eval/ranking.h"

using anomaly::eval::Ranking;
using anomaly::eval::RankingMeasures;

namespace {

void print(const RankingMeasures& m) {
  std::printf("{\"average_precision\": %.17g, \"auroc\": %.17g, \"fpr95\": %.17g}\n", m.average_precision,
              m.auroc, m.fpr95);
}

int measure_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  const size_t count = bytes.size() / 5;
  std::vector<float> scores(count);
  std::vector<uint8_t> targets(count);
  std::memcpy(scores.data(), bytes.data(), 4 * count);
  std::memcpy(targets.data(), bytes.data() + 4 * count, count);
  Ranking ranking;
  ranking.add(scores.data(), targets.data(), count);
  print(ranking.measure());
  return count > 0 ? 0 : 1;
}

int measure_many(size_t pixels) {
  constexpr size_t kFrame = 1'000'000;
  const auto start = std::chrono::steady_clock::now();
  Ranking ranking;
  std::mt19937_64 random(1);
  std::vector<float> scores(kFrame);
  std::vector<uint8_t> targets(kFrame);
  for (size_t done = 0; done < pixels; done += kFrame) {
    const size_t count = std::min(kFrame, pixels - done);
    for (size_t i = 0; i < count; ++i) {
      const uint64_t bits = random();
      targets[i] = bits % 50 == 0;
      // Two overlapping triangles: anomalies score higher, not always.
      const double a = static_cast<double>(bits >> 8 & 0xffffff),
                   b = static_cast<double>(bits >> 36 & 0xffffff);
      scores[i] = static_cast<float>((a + b) / 0x1p25 * 0.8 + 0.2 * targets[i]);
    }
    ranking.add(scores.data(), targets.data(), count);
  }
  print(ranking.measure(400));
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%zu pixels: %.1f s, %.0f MiB at most\n", pixels, seconds,
              static_cast<double>(usage.ru_maxrss) / 1024);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--pixels") == 0)
    return measure_many(std::strtoull(argv[2], nullptr, 10));
  if (argc == 2) return measure_file(argv[1]);
  std::fputs("usage: ranking FILE | ranking --pixels N\n", stderr);
  return 2;
}

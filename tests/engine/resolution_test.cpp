// SPDX-License-Identifier: LGPL-2.1-or-later
// The frame's score does not depend on the resolution that a scene was filmed at: it is a figure of the map,
// whose size is the bundle's. With the built-in bundle.
#include <cstdlib>

#include "kernels/resize.h"
#include "src/engine/engine.h"
#include "src/scene/scene.h"
#include "tests/check.h"

using namespace anomaly;

namespace {

struct Size {
  int width, height;
};
// The last is narrower than what the network takes, and has lost detail to it.
constexpr Size kSizes[] = {{1920, 1080}, {960, 540}, {640, 360}, {480, 270}};

Engine& engine() {
  static const std::shared_ptr<Engine> opened = [] {
    const char* root = std::getenv("ANOMALY_SOURCE_ROOT");
    EngineOptions options;
    options.bundle = std::string(root ? root : ".") + "/models/compact.safetensors";
    options.device = "cpu";
    options.threads = 1;
    return Engine::open(options);
  }();
  return *opened;
}

MapStatistics statistics(const std::vector<uint8_t>& rgb, Size size, const Request& like) {
  FrameView view;
  view.format = PixelFormat::RGB;
  view.width = size.width;
  view.height = size.height;
  view.plane[0] = rgb.data();
  view.stride[0] = 3 * size.width;
  Request request = like;
  request.frame = engine().ingest(view);
  return engine().submit(std::move(request)).get().statistics;
}

// A frame with an anomaly, filmed large and shrunk as a scaler would.
std::vector<std::vector<uint8_t>> scene_at_sizes(uint64_t seed) {
  SceneOptions options;
  options.width = kSizes[0].width;
  options.height = kSizes[0].height;
  options.seed = seed;
  SceneFrame frame;
  Scene::create(options)->render(60, frame);
  std::vector<std::vector<uint8_t>> pictures = {frame.rgb};
  for (size_t i = 1; i < std::size(kSizes); ++i) {
    pictures.emplace_back(size_t{3} * kSizes[i].width * kSizes[i].height);
    resize_bicubic_rgb8(frame.rgb.data(), options.width, options.height, pictures.back().data(),
                        kSizes[i].width, kSizes[i].height);
  }
  return pictures;
}

Rect scaled(Rect roi, Size size) {
  return {roi.x * size.width / 480, roi.y * size.height / 270, roi.width * size.width / 480,
          roi.height * size.height / 270};
}

}  // namespace

TEST(scores_of_one_scene_agree_at_every_resolution) {
  const Rect lower = {40, 110, 400, 150};  // of 480 x 270
  double most = 0, most_narrow = 0;
  for (const uint64_t seed : {1, 3}) {
    const auto pictures = scene_at_sizes(seed);
    for (const Normalization normalization : {Normalization::Frame, Normalization::Fixed})
      for (const bool roi : {false, true}) {
        Request request;
        request.settings.normalization = normalization;
        for (size_t i = 0; i < 4; ++i) request.settings.ensemble[i] = engine().model().ensemble[i];
        std::vector<MapStatistics> found;
        for (size_t i = 0; i < pictures.size(); ++i) {
          if (roi) request.roi = scaled(lower, kSizes[i]);
          found.push_back(statistics(pictures[i], kSizes[i], request));
        }
        for (size_t i = 1; i < found.size(); ++i) {
          const bool narrow = kSizes[i].width < engine().model().segmentation_width;
          const double apart = std::abs(found[i].score - found[0].score);
          (narrow ? most_narrow : most) = std::max(narrow ? most_narrow : most, apart);
          CHECK_NEAR(found[i].score, found[0].score, narrow ? 0.05 : 0.03);
          CHECK_NEAR(found[i].mean, found[0].mean, 0.01);
        }
      }
  }
  std::printf("# scores differ by up to %.4f, %.4f where the frame is narrower than the network\n", most,
              most_narrow);
}

TEST_MAIN()

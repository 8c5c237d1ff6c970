// SPDX-License-Identifier: LGPL-2.1-or-later
// The built-in bundle: what it says of itself, and that it understands a plain motorway frame.
#include <ATen/TensorOperators.h>

#include <filesystem>
#include <opencv2/core.hpp>

#include "src/bundle/bundle.h"
#include "src/framework/framework.h"
#include "src/train/frames.h"
#include "src/train/pipeline.h"
#include "tests/check.h"

using namespace anomaly;

namespace {

std::string bundle_path() {
  const char* root = std::getenv("ANOMALY_SOURCE_ROOT");
  return std::string(root ? root : ".") + "/models/compact.safetensors";
}

// Share of the rows [top, bottom) and columns [left, right), given as shares of the map, where `map` is true.
double share(const at::Tensor& map, double top, double bottom, double left, double right) {
  const auto rows = static_cast<double>(map.size(0)), columns = static_cast<double>(map.size(1));
  const at::Tensor part =
      map.slice(0, static_cast<int64_t>(top * rows), static_cast<int64_t>(bottom * rows))
          .slice(1, static_cast<int64_t>(left * columns), static_cast<int64_t>(right * columns));
  return part.to(at::kFloat).mean().item<double>();
}

}  // namespace

TEST(it_is_small_and_names_its_terms) {
  CHECK(std::filesystem::file_size(bundle_path()) < 10'000'000);
  const auto bundle = Bundle::open(bundle_path());
  CHECK_EQ(bundle->info().name, "compact");
  for (const char* network : {"segmentation", "encoder", "generator", "perceptual", "dissimilarity"}) {
    CHECK(bundle->has(network));
    CHECK(bundle->info().architecture.at(network).at("type").as_string().starts_with("compact-"));
  }
  for (const char* word : {"non-commercial", "CamVid", "Cityscapes", "COCO", "LGPL"})
    if (bundle->info().license.find(word) == std::string::npos) check::fail(__FILE__, __LINE__, "no ", word);
  CHECK_EQ(bundle->info().provenance.at("program").as_string(), "anomaly-train");
  CHECK(bundle->info().provenance.find("state") == nullptr);  // no preliminary weights
  CHECK(bundle->info().perceptual_bounds.has_value());
}

TEST(a_motorway_frame_is_understood_and_raises_no_alarm) {
  const cv::Mat rgb = train::read_rgb(check::shared_data("golden/dashcam_frame100.png"));
  const train::Pipeline pipeline(bundle_path());
  const at::Tensor frame = pipeline.frame(rgb);
  Framework framework(Bundle::open(bundle_path()), "cpu");
  Settings settings;
  settings.ensemble = pipeline.info().ensemble;
  const FrameTensors out = framework.run(frame.unsqueeze(0), settings).at(0);
  CHECK(share(out.at("labels").eq(0), 0.8, 1.0, 0.3, 0.7) > 0.9);   // road before the bonnet
  CHECK(share(out.at("labels").eq(10), 0.0, 0.2, 0.2, 0.6) > 0.9);  // sky
  CHECK(out.at("anomaly").max().item<double>() < pipeline.info().threshold);
  // The synthesis shows the label map in the frame's look: its road is darker than its sky, as in the frame.
  const at::Tensor painted = out.at("synthesis").to(at::kFloat).mean(2);
  const int64_t rows = painted.size(0);
  CHECK(painted.narrow(0, 0, rows / 5).mean().item<double>() >
        painted.narrow(0, rows * 4 / 5, rows / 5).mean().item<double>() + 10);
}

TEST_MAIN()

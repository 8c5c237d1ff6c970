// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/test_composites.h"

#include <cstdio>
#include <filesystem>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "src/error.h"

namespace anomaly::train {

namespace fs = std::filesystem;

std::vector<CompositeSet> read_composite_sets(const Session& session) {
  const ObjectsConfig& config = session.config.objects;
  std::vector<CompositeSet> sets(1);
  sets[0] = {"composites, all held-out objects", "held-out", read_objects(session.data, config, true)};
  CompositeSet inanimate{"composites, no animals", "no-animals", {}};
  for (const PastedObject& object : sets[0].objects)
    if (!is_animal(object.category)) inanimate.objects.push_back(object);
  sets.push_back(inanimate);
  if (!config.held_out_categories.empty())
    sets.push_back({"composites, categories left out of training", "left-out",
                    read_objects(session.data, config, true, ObjectKind::LeftOut)});
  std::erase_if(sets, [](const CompositeSet& set) { return set.objects.empty(); });
  return sets;
}

TestComposite make_test_composite(const Frame& frame, const std::vector<PastedObject>& objects, uint64_t seed,
                                  size_t index, int height, int width) {
  TestComposite result{{}, cv::Mat::zeros(height, width, CV_8UC1)};
  cv::Mat truth;
  cv::resize(frame.rgb, result.rgb, {width, height}, 0, 0, cv::INTER_CUBIC);
  cv::resize(frame.groups, truth, {width, height}, 0, 0, cv::INTER_NEAREST_EXACT);
  Random random({seed, 7, index});
  const int64_t count = 1 + random.below(2);
  for (int64_t k = 0; k < count; ++k)
    paste(objects[static_cast<size_t>(random.below(static_cast<int64_t>(objects.size())))], PasteOptions{},
          random, result.rgb, result.mask);
  result.mask.setTo(255, (truth == Groups::kIgnore) & (result.mask == 0));
  return result;
}

namespace {

void write_png(const fs::path& path, const cv::Mat& picture) {
  if (!cv::imwrite(path.string(), picture))
    throw Error(ErrorKind::Io, path.string() + ": the picture cannot be written");
}

}  // namespace

void write_test_composites(const Session& session, const std::string& folder) {
  const Config& config = session.config;
  if (config.test.images.empty())
    throw Error(ErrorKind::BadSettings, "the configuration names no \"test\" frames to make composites of");
  const std::vector<CompositeSet> sets = read_composite_sets(session);
  if (sets.empty())
    throw Error(ErrorKind::BadSettings, "the configuration's \"objects\" leave none for evaluation");
  Groups groups;
  const Dataset test = read_dataset_frames(session.data, config.test, 0, groups);
  for (const CompositeSet& set : sets) {
    const fs::path images = fs::path(folder) / set.folder / "images",
                   masks = fs::path(folder) / set.folder / "masks";
    std::error_code failed;
    for (const fs::path& made : {images, masks}) {
      fs::create_directories(made, failed);
      if (failed) throw Error(ErrorKind::Io, made.string() + ": " + failed.message());
    }
    for (size_t i = 0; i < test.training.size(); ++i) {
      TestComposite composite = make_test_composite(test.training[i], set.objects, config.seed, i,
                                                    config.segmentation_size[0], config.segmentation_size[1]);
      cv::cvtColor(composite.rgb, composite.rgb, cv::COLOR_RGB2BGR);
      const std::string name = test.training[i].name + ".png";
      write_png(images / name, composite.rgb);
      write_png(masks / name, composite.mask);
    }
    std::printf("%s: %zu pictures in %s\n", set.title.c_str(), test.training.size(), images.c_str());
  }
}

}  // namespace anomaly::train

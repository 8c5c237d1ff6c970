// SPDX-License-Identifier: LGPL-2.1-or-later
// A drawn drive with masks and label maps, and anomaly-eval run over it with tiny networks.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "src/json.h"
#include "src/scene/scene.h"
#include "tests/check.h"
#include "tests/engine/networks_fixture.h"
#include "tests/engine/safetensors_files.h"
#include "tests/tools/child_process.h"

namespace drawn {

inline constexpr int kWidth = 160, kHeight = 96, kFrames = 6;

inline const fixture::BundleFile& tiny_file() {
  static const fixture::BundleFile file(
      [] {
        auto info = fixture::tiny_info();
        info.ensemble = {0.5, 0.1, 0.3, 0.1};  // other ones than those without a bundle
        return info;
      }(),
      fixture::tiny_tensors());
  return file;
}

inline anomaly::SceneFrame scene_frame(int index) {
  anomaly::SceneOptions options;
  options.width = kWidth;
  options.height = kHeight;
  options.seed = 5;
  options.anomaly_first = 0;
  options.anomaly_period = 3;
  options.anomaly_frames = 2;  // frames 0, 1, 3, 4
  anomaly::SceneFrame frame;
  anomaly::Scene::create(options)->render(index, frame);
  return frame;
}

inline void write_picture(const std::string& path, const cv::Mat& picture) {
  if (!cv::imwrite(path, picture)) throw std::runtime_error("cannot write " + path);
}

// Six frames of a drive with masks and label maps.
struct Drive {
  check::TemporaryFolder folder;
  std::string images = folder.file("images"), masks = folder.file("masks"), labels = folder.file("labels");
  std::vector<anomaly::SceneFrame> frames;

  Drive() {
    for (const std::string& name : {images, masks, labels}) std::filesystem::create_directories(name);
    for (int i = 0; i < kFrames; ++i) {
      frames.push_back(scene_frame(i));
      anomaly::SceneFrame& f = frames.back();
      f.mask[0] = 255;
      cv::Mat bgr;
      cv::cvtColor(cv::Mat(kHeight, kWidth, CV_8UC3, f.rgb.data()), bgr, cv::COLOR_RGB2BGR);
      const std::string name = "/road" + std::to_string(i) + ".png";
      write_picture(images + name, bgr);
      write_picture(masks + name, cv::Mat(kHeight, kWidth, CV_8UC1, f.mask.data()));
      write_picture(labels + name, cv::Mat(kHeight, kWidth, CV_8UC1, f.labels.data()));
    }
  }

  check::Finished run(std::vector<std::string> arguments, rlim_t file_limit = 0) const {
    const char* const program = std::getenv("ANOMALY_EVAL");
    std::vector<std::string> all = {program ? program : "anomaly-eval", "--model", tiny_file().path(),
                                    "--threads", "1"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return check::run_program(all, folder.file("printed"), file_limit);
  }
  std::string text(const std::string& name) const {
    std::ifstream file(folder.file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Runs, and reads the JSON back.
  anomaly::Json measured(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--json", folder.file("out.json"), images});
    const check::Finished done = run(arguments);
    if (done.status != 0) check::fail(__FILE__, __LINE__, "status ", done.status, ": ", done.err);
    return anomaly::Json::parse(text("out.json"));
  }
  void refuses(const std::vector<std::string>& arguments, int status, const std::string& part,
               rlim_t file_limit = 0) const {
    const check::Finished done = run(arguments, file_limit);
    const size_t last = done.err.rfind("anomaly-eval: ");
    if (done.status != status || last == std::string::npos ||
        done.err.find(part, last) == std::string::npos || done.err.find('\n', last) + 1 != done.err.size())
      check::fail(__FILE__, __LINE__, "status ", done.status, ", no one line with \"", part,
                  "\": ", done.err);
  }
};

inline const Drive& drive() {
  static const Drive one;
  return one;
}

inline const anomaly::Json& of_method(const anomaly::Json& report, const std::string& name) {
  for (const anomaly::Json& method : report.at("methods").items())
    if (method.at("method").as_string() == name) return method;
  check::fail(__FILE__, __LINE__, "no method ", name);
}

}  // namespace drawn

// SPDX-License-Identifier: LGPL-2.1-or-later
// What anomaly-eval reads and refuses.
#include <filesystem>
#include <fstream>
#include <iterator>

#ifdef ANOMALY_VIDEOIO
#include <opencv2/videoio.hpp>
#endif

#include "src/error.h"
#include "src/eval/input.h"
#include "src/eval/options.h"
#include "tests/eval/drive.h"

using namespace anomaly;
using namespace drawn;
namespace fs = std::filesystem;

#ifdef ANOMALY_VIDEOIO
TEST(a_video_file_is_read_frame_by_frame) {
  check::TemporaryFolder place;
  const std::string path = place.file("drive.avi");
  {
    cv::VideoWriter video(path, cv::CAP_OPENCV_MJPEG, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 8,
                          {kWidth, kHeight});
    CHECK(video.isOpened());
    for (int i = 0; i < kFrames; ++i)
      video.write(cv::imread(drive().images + "/road" + std::to_string(i) + ".png"));
  }
  const std::string masks = place.file("masks"), json = place.file("out.json");
  fs::create_directories(masks);
  for (const int i : {1, 4}) {
    const std::string number = (i == 1 ? "/mask_0001" : "/4");
    fs::copy_file(drive().masks + "/road" + std::to_string(i) + ".png", masks + number + ".png");
  }
  const auto done = drive().run({"--masks", masks, "--methods", "synboost", "--json", json, path});
  if (done.status != 0) check::fail(__FILE__, __LINE__, done.err);
  std::ifstream file(json);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const Json report = Json::parse(text);
  CHECK_EQ(report.at("frames").as_int(), kFrames);
  CHECK_EQ(report.at("labelled_frames").as_int(), 2);
  CHECK_NEAR(report.at("fps").as_double(), 8, 1e-6);
  CHECK(of_method(report, "synboost").find("video"));

  fs::copy_file(masks + "/4.png", masks + "/6.png");
  drive().refuses({"--masks", masks, path}, 1, "6.png: there is no such frame");
  fs::rename(masks + "/6.png", masks + "/road.png");
  drive().refuses({"--masks", masks, path}, 1, "ends in the number of its frame");
  fs::rename(masks + "/road.png", masks + "/04.png");
  drive().refuses({"--masks", masks, path}, 1, "belong to one frame");
  std::ofstream(place.file("no.avi")) << "RIFF";
  drive().refuses({"--normal", place.file("no.avi")}, 1, "no.avi: not a video that can be read");
}
#endif

// Goes through all the frames.
static int read_all(const eval::InputOptions& options) {
  const auto input = eval::Input::open(options);
  eval::EvalFrame frame;
  int frames = 0;
  while (input->next(frame)) ++frames;
  return frames;
}

#ifdef ANOMALY_VIDEOIO
TEST(a_video_that_ends_early_is_refused) {
  check::TemporaryFolder place;
  const std::string whole = place.file("whole.avi"), part = place.file("part.avi");
  constexpr int kLength = 24;
  {
    cv::VideoWriter video(whole, cv::CAP_OPENCV_MJPEG, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 8,
                          {kWidth, kHeight});
    for (int i = 0; i < kLength; ++i)
      video.write(cv::imread(drive().images + "/road" + std::to_string(i % kFrames) + ".png"));
  }
  CHECK_EQ(read_all({.path = whole, .normal = true}), kLength);
  // Broken off in the middle, as by a disk that was full or a transfer that was not finished.
  fs::copy_file(whole, part);
  fs::resize_file(part, fs::file_size(whole) / 2);
  CHECK_THROWS(read_all({.path = part, .normal = true}), Error, "part.avi: is cut short or damaged");
  CHECK_THROWS(read_all({.path = part, .normal = true}), Error, "it announces 24 frames, of which 1");
  drive().refuses({"--normal", part}, 1, "part.avi: is cut short or damaged");
}

TEST(an_mp4_file_that_ends_early_is_refused) {
  const std::string whole = check::shared_data("data/dashcam/highway-960x540-25fps.mp4");
  check::TemporaryFolder place;
  const std::string part = place.file("part.mp4");
  std::ofstream(part, std::ios::binary) << std::ifstream(whole, std::ios::binary).rdbuf();
  fs::resize_file(part, fs::file_size(whole) / 4);
  CHECK_THROWS(read_all({.path = part, .normal = true}), Error, "part.mp4: is cut short or damaged");
}
#endif

TEST(bad_input_is_refused_by_name) {
  const Drive& d = drive();
  check::TemporaryFolder place;
  const std::string empty = place.file("empty"), few = place.file("few"), wrong = place.file("wrong");
  fs::create_directories(empty);
  fs::copy(d.masks, few);
  fs::remove(few + "/road2.png");
  fs::remove(few + "/road4.png");
  const auto refuses = [](const std::string& images, const std::string& masks, const std::string& labels,
                          const char* part) {
    CHECK_THROWS(read_all({.path = images, .masks = masks, .normal = masks.empty(), .labels = labels}), Error,
                 part);
  };
  refuses(place.file("nowhere"), "", "", "nowhere: no such folder or video file");
  refuses(empty, "", "", "empty: no pictures there");
  refuses(d.images, empty, "", "empty: no pictures there");
  refuses(d.images, place.file("gone"), "", "gone: no such folder");
  refuses(d.images, few, "", "(2 of 6 are missing)");
  refuses(d.images, few, "", "images/road2.png has no mask");
  refuses(d.images, "", few, "has no label map");
  fs::copy(d.masks, wrong);
  const std::string one = wrong + "/road1.png";
  write_picture(one, cv::Mat::zeros(kHeight, kWidth - 1, CV_8UC1));
  refuses(d.images, wrong, "", "wrong/road1.png: 159x96 pixels, its picture has 160x96");
  refuses(d.images, "", wrong, "wrong/road1.png: 159x96 pixels, its picture has 160x96");
  write_picture(one, cv::Mat::zeros(kHeight, kWidth, CV_8UC3));
  refuses(d.images, wrong, "", "wrong/road1.png: 3 channels of 8 bits");
  write_picture(one, cv::Mat::zeros(kHeight, kWidth, CV_16UC1));
  refuses(d.images, wrong, "", "wrong/road1.png: 1 channels of 16 bits");
  std::ofstream(one) << "no picture";
  refuses(d.images, wrong, "", "wrong/road1.png: not a picture that can be read");
  refuses(wrong, "", "", "wrong/road1.png: not a picture that can be read");
  d.refuses({"--masks", wrong, d.images}, 1, "wrong/road1.png: not a picture that can be read");
  std::ofstream(wrong + "/road3.jpg") << "x";
  refuses(wrong, "", "", "have one stem");
}

TEST(places_and_settings_that_cannot_be_are_refused) {
  const Drive& d = drive();
  check::TemporaryFolder place;
  d.refuses({"--normal", "--json", place.file("gone/out.json"), d.images}, 1,
            "gone/out.json: cannot be written");
  d.refuses({"--normal", "--html", d.masks, d.images}, 1, "masks: cannot be written");
  d.refuses({"--normal", "--html", place.file("page.html"), d.images}, 1, "TMPDIR", 8192);
  CHECK_EQ(place.entries(), size_t{0});
  d.refuses({"--normal", "--device", "tpu", d.images}, 1, "no device \"tpu\"");
  d.refuses({"--normal", "--normalization", "temporal", d.images}, 1, "say how often with --fps");
  d.refuses({"--normal", "--methods", "magic", d.images}, 1, "there is no method \"magic\"");
  d.refuses({"--normal", "--methods", "synboost,synboost", d.images}, 1, "named twice");
  d.refuses({"--normal", "--model", place.file("no.safetensors"), d.images}, 1, "no.safetensors");
}

TEST(a_bundle_serves_what_it_has_networks_for) {
  BundleInfo info = fixture::tiny_info();
  Json architecture = Json::object();
  for (const auto& [name, network] : info.architecture.members())
    if (name != "baseline") architecture.set(name, network);
  info.architecture = architecture;
  fixture::NamedTensors tensors;
  for (const auto& entry : fixture::tiny_tensors())
    if (entry.first.rfind("baseline.", 0) != 0) tensors.push_back(entry);
  const fixture::BundleFile without(info, tensors);
  const Json report = drive().measured({"--model", without.path(), "--masks", drive().masks});
  CHECK_EQ(report.at("methods").items().size(), size_t{7});
  drive().refuses({"--model", without.path(), "--normal", "--methods", "resynthesis", drive().images}, 1,
                  "needs the network \"baseline\"");
}

TEST(bad_command_lines_are_refused) {
  const Drive& d = drive();
  for (const auto& [arguments, part] : std::vector<std::pair<std::vector<std::string>, const char*>>{
           {{"--normal"}, "name a folder"},
           {{"--normal", "a", "b"}, "name one input"},
           {{d.images}, "--masks DIR, --normal"},
           {{"--normal", "--masks", d.masks, d.images}, "contradict"},
           {{"--normal", "--label-map", "0", d.images}, "there is no --labels"},
           {{"--normal", "--fps", "0", d.images}, "--fps 0: expected a number from 0.001 to 10000"},
           {{"--normal", "--fps", "nan", d.images}, "--fps nan"},
           {{"--normal", "--threads", "0", d.images}, "--threads 0: expected a whole number from 1 to 1024"},
           {{"--normal", "--min-area", "1.5", d.images}, "--min-area 1.5"},
           {{"--normal", "--mask-values", "0,1", d.images}, "--mask-values 0,1"},
           {{"--normal", "--mask-values", "0,1,1", d.images}, "two meanings"},
           {{"--normal", "--roi", "1,2,3", d.images}, "--roi 1,2,3"},
           {{"--normal", "--normalization", "odd", d.images}, "--normalization"},
           {{"--normal", "--json"}, "--json: needs a value"},
           {{"--normal", "--nothing", d.images}, "--nothing: not an option"},
       }) {
    std::vector<std::string> all = arguments;
    all.insert(all.begin(), "anomaly-eval");
    std::vector<char*> argv;
    for (std::string& argument : all) argv.push_back(argument.data());
    argv.push_back(nullptr);
    CHECK_THROWS(eval::parse_options(static_cast<int>(all.size()), argv.data()), UsageError, part);
  }
  d.refuses({"--normal", "--nothing", d.images}, 2, "--nothing: not an option");
  d.refuses({"--normal", "--labels", d.labels, "--label-map", "0,77", d.images}, 2,
            "\"77\" is not a train id");
  d.refuses({"--normal", "--labels", d.labels, "--label-map", "0,1,0", d.images}, 2,
            "--label-map 0,1,0: train id 0 stands at the label values 0 and 2");
  CHECK(d.run({"--help"}).out.rfind("usage: anomaly-eval", 0) == 0);
  CHECK(d.run({"--version"}).out.rfind("anomaly-eval ", 0) == 0);
}

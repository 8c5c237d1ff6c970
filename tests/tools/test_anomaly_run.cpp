// SPDX-License-Identifier: LGPL-2.1-or-later
// anomaly-run from outside, over tiny networks: what it writes is what the framework computes, whatever
// picture and options it gets, and what it refuses.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "kernels/ingest.h"
#include "kernels/resize.h"
#include "src/bundle/safetensors.h"
#include "src/framework/framework.h"
#include "tests/check.h"
#include "tests/engine/networks_fixture.h"
#include "tests/engine/safetensors_files.h"
#include "tests/tools/child_process.h"

using namespace anomaly;
namespace fs = std::filesystem;

namespace {

const fixture::BundleFile& tiny_file() {
  static const fixture::BundleFile file(fixture::tiny_info(), fixture::tiny_tensors());
  return file;
}

// A folder with pictures and a place for results.
struct Place {
  check::TemporaryFolder folder;
  std::string out = folder.file("out");

  std::string picture(const std::string& name, const cv::Mat& image) const {
    const std::string path = folder.file(name);
    if (!cv::imwrite(path, image)) throw std::runtime_error("cannot write " + path);
    return path;
  }
  std::set<std::string> results() const {
    std::set<std::string> names;
    if (fs::exists(out))
      for (const auto& entry : fs::directory_iterator(out)) names.insert(entry.path().filename().string());
    return names;
  }
  check::Finished run(std::vector<std::string> arguments, rlim_t file_limit = 0) const {
    const char* const program = std::getenv("ANOMALY_RUN");
    arguments.insert(arguments.begin(), program ? program : "anomaly-run");
    return check::run_program(arguments, folder.file("printed"), file_limit);
  }
  // With the tiny bundle, one thread, and --dump.
  check::Finished run_tiny(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"--model", tiny_file().path(), "--threads", "1",
                                          "--dump",  "--output",         out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
};

cv::Mat drawing(int width, int height, int seed = 1) {
  cv::Mat image(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      image.at<cv::Vec3b>(y, x) =
          cv::Vec3b(static_cast<uint8_t>(x * 5 + seed), static_cast<uint8_t>(y * 3 + x / 4),
                    static_cast<uint8_t>((x * y) / 7 + 40 * seed));
  return image;
}

// One readable line that begins with the program's name.
void check_one_line(const check::Finished& done) {
  const bool one = done.err.find('\n') + 1 == done.err.size();
  if (!one || done.err.rfind("anomaly-run: ", 0) != 0)
    check::fail(__FILE__, __LINE__, "not one line: ", done.err);
}

void check_refused(const check::Finished& done, int status, const std::string& part) {
  if (done.status != status)
    check::fail(__FILE__, __LINE__, "status ", done.status, " instead of ", status, ": ", done.err);
  if (done.err.find(part) == std::string::npos)
    check::fail(__FILE__, __LINE__, "no \"", part, "\" in: ", done.err);
  check_one_line(done);
}

// What the framework itself computes for the picture.
FrameTensors expected(const cv::Mat& image, const Settings& settings, int height = fixture::kMapHeight,
                      int width = fixture::kMapWidth, TrunkPrecision trunk = TrunkPrecision::Same) {
  static Framework plain(tiny_file().open(), "cpu"),
      fp8(tiny_file().open(), "cpu", Precision::Auto, TrunkPrecision::Fp8);
  Framework& framework = trunk == TrunkPrecision::Fp8 ? fp8 : plain;
  at::set_num_threads(1);
  FrameView view;
  view.format = PixelFormat::BGR;
  view.range = ColorRange::Full;
  view.width = image.cols;
  view.height = image.rows;
  view.plane[0] = image.data;
  view.stride[0] = static_cast<std::ptrdiff_t>(image.step);
  at::Tensor frame = at::empty({1, height, width, 3}, at::kByte);
  ingest_rgb8(view, frame.mutable_data_ptr<uint8_t>(), width, height);
  FrameTensors tensors = framework.run(frame, settings, true).at(0);
  const at::Tensor& map = tensors.at("anomaly");
  at::Tensor full = at::empty({image.rows, image.cols}, at::kFloat);
  resize_bicubic_f32(map.const_data_ptr<float>(), static_cast<int>(map.size(1)),
                     static_cast<int>(map.size(0)), full.mutable_data_ptr<float>(), image.cols, image.rows);
  tensors["anomaly_full"] = full;
  return tensors;
}

// The dump holds exactly these tensors, the PNG the map at the picture's size.
void check_results(const Place& place, const std::string& stem, const FrameTensors& wanted) {
  const auto file = SafetensorsFile::open(place.out + "/" + stem + ".safetensors");
  for (const auto& [name, info] : file->tensors())
    if (!wanted.contains(name)) check::fail(__FILE__, __LINE__, "surplus tensor ", name);
  for (const auto& [name, tensor] : wanted) {
    const at::Tensor held = file->tensor(name);
    if (held.scalar_type() != tensor.scalar_type() || !at::equal(held, tensor))
      check::fail(__FILE__, __LINE__, "tensor ", name);
  }
  const cv::Mat png = cv::imread(place.out + "/" + stem + ".png", cv::IMREAD_UNCHANGED);
  const at::Tensor& full = wanted.at("anomaly_full");
  CHECK_EQ(png.type(), CV_16UC1);
  CHECK_EQ(png.rows, full.size(0));
  CHECK_EQ(png.cols, full.size(1));
  for (int y = 0; y < png.rows; ++y)
    for (int x = 0; x < png.cols; ++x) {
      const double score = full.const_data_ptr<float>()[y * png.cols + x];
      CHECK_EQ(png.at<uint16_t>(y, x), std::lround(65535 * std::min(std::max(score, 0.0), 1.0)));
    }
}

Settings with(Method method) {
  Settings settings;
  settings.method = method;
  return settings;
}

}  // namespace

TEST(help_and_version) {
  const Place place;
  const auto help = place.run({"--help"});
  CHECK_EQ(help.status, 0);
  CHECK_EQ(help.err, "");
  for (const char* option : {"--model", "--device", "--trunk-precision", "--method", "--segmentation-height",
                             "--segmentation-width", "--ensemble-weights", "--normalization", "--latent",
                             "--seed", "--formulas", "--threads", "--dump", "--output", "IMAGE", "65535"})
    if (help.out.find(option) == std::string::npos) check::fail(__FILE__, __LINE__, "help lacks ", option);
  const auto version = place.run({"--version"});
  CHECK_EQ(version.status, 0);
  CHECK_EQ(version.out.rfind("anomaly-run 0.", 0), 0u);
}

TEST(usage_errors) {
  const Place place;
  const std::string image = place.picture("a.png", drawing(8, 8));
  const auto refuse = [&](std::vector<std::string> arguments, const std::string& part) {
    check_refused(place.run(std::move(arguments)), 2, part);
  };
  refuse({}, "--output DIR is needed");
  refuse({image}, "--output DIR is needed");
  refuse({"--output", place.out}, "no image was named");
  refuse({"--output"}, "--output: needs a value");
  refuse({"--output="}, "--output: needs a value");
  refuse({"--unknown", image}, "--unknown: not an option");
  refuse({image, "-x"}, "-x: not an option");
  refuse({"--dump=1", image}, "--dump: takes no value");
  const auto refuse_value = [&](const std::string& option, const std::string& value) {
    check_refused(place.run({"--output", place.out, option, value, image}), 2, option);
  };
  refuse_value("--method", "magic");
  refuse_value("--trunk-precision", "int8");
  refuse_value("--normalization", "none");
  refuse_value("--normalization", "temporal");
  refuse_value("--latent", "median");
  refuse_value("--formulas", "mine");
  for (const char* bad : {"31", "8193", "-256", "1e3", "256px", "0x100"}) {
    refuse_value("--segmentation-height", bad);
    refuse_value("--segmentation-width", bad);
  }
  for (const char* bad : {"1,2,3", "1,2,3,4,5", "1,2,3,", ",1,2,3", "1,2,3,x", "1,2,3,-1", "0,0,0,0",
                          "1,2,3,nan", "1,2,3,inf", "1;2;3;4"})
    refuse_value("--ensemble-weights", bad);
  for (const char* bad : {"-1", "x", "18446744073709551616"}) refuse_value("--seed", bad);
  for (const char* bad : {"0", "-1", "x"}) refuse_value("--threads", bad);
  CHECK(place.results().empty());
}

TEST(every_method) {
  const Place place;
  const cv::Mat image = drawing(90, 50);
  const std::string path = place.picture("street.png", image);
  const std::set<std::string> comparison = {"latent_mean", "latent_logvar", "synthesis"};
  for (const Method method : {Method::Synboost, Method::Resynthesis, Method::SoftmaxEntropy,
                              Method::SoftmaxDistance, Method::PerceptualDifference}) {
    const auto done = place.run_tiny({"--method", to_string(method), path});
    if (done.status != 0) check::fail(__FILE__, __LINE__, to_string(method), ": ", done.err);
    CHECK_EQ(done.out, "");
    check_results(place, "street", expected(image, with(method)));
    CHECK(place.results() == (std::set<std::string>{"street.png", "street.safetensors"}));
    const auto dump = SafetensorsFile::open(place.out + "/street.safetensors");
    CHECK_EQ(dump->metadata().at("method"), to_string(method));
    CHECK_EQ(dump->metadata().at("model"), "tiny");
    for (const char* always : {"logits", "labels", "anomaly", "anomaly_full"})
      CHECK(dump->tensors().contains(always));
    const bool compares = method != Method::SoftmaxEntropy && method != Method::SoftmaxDistance;
    for (const auto& name : comparison) CHECK_EQ(dump->tensors().contains(name), compares);
    CHECK_EQ(dump->tensors().contains("dissimilarity"), method == Method::Synboost);
    CHECK_EQ(dump->tensors().contains("baseline_dissimilarity"), method == Method::Resynthesis);
    CHECK_EQ(dump->tensors().contains("entropy"),
             method == Method::Synboost || method == Method::SoftmaxEntropy);
  }
}

TEST(every_option_reaches_the_framework) {
  const Place place;
  at::Tensor frame = fixture::pictures(1, 50, 90);
  const cv::Mat image(50, 90, CV_8UC3, frame.data_ptr());
  const std::string path = place.picture("street.png", image);
  const auto same = [&](std::vector<std::string> options, const Settings& settings,
                        int height = fixture::kMapHeight, int width = fixture::kMapWidth) {
    options.push_back(path);
    const auto done = place.run_tiny(options);
    if (done.status != 0) check::fail(__FILE__, __LINE__, options.front(), ": ", done.err);
    check_results(place, "street", expected(image, settings, height, width));
  };
  const FrameTensors plain = expected(image, {});
  const auto differs = [&](const char* option, const char* tensor, const Settings& settings) {
    if (at::equal(plain.at(tensor), expected(image, settings).at(tensor)))
      check::fail(__FILE__, __LINE__, option, " is without effect");
  };
  Settings settings;
  settings.ensemble = {0, 0, 0.5, 0.25};
  same({"--ensemble-weights", "0,0,.5,0.25"}, settings);
  differs("--ensemble-weights", "anomaly", settings);

  settings = {};
  settings.latent = Latent::Draw;
  settings.seed = 18446744073709551615u;
  same({"--latent", "draw", "--seed", "18446744073709551615"}, settings);
  differs("--latent", "synthesis", settings);

  settings = {};
  settings.formulas = Formulas::Paper;
  same({"--formulas", "paper"}, settings);
  differs("--formulas", "entropy_raw", settings);

  settings = with(Method::SoftmaxEntropy);
  settings.normalization = Normalization::Fixed;
  same({"--method=softmax-entropy", "--normalization=fixed"}, settings);

  same({"--segmentation-height", "32", "--segmentation-width", "96", "--device", "cpu"}, {}, 32, 96);
  same({"--segmentation-width", "64"}, {}, fixture::kMapHeight, 64);

  const FrameTensors trunk =
      expected(image, {}, fixture::kMapHeight, fixture::kMapWidth, TrunkPrecision::Fp8);
  CHECK(!at::equal(plain.at("logits"), trunk.at("logits")));
  const auto done = place.run_tiny({"--trunk-precision", "fp8", path});
  if (done.status != 0) check::fail(__FILE__, __LINE__, "--trunk-precision: ", done.err);
  check_results(place, "street", trunk);
}

TEST(pictures_of_every_kind) {
  const Place place;
  const cv::Mat image = drawing(40, 30);
  cv::Mat grey, grey_as_color, wide, alpha;
  cv::extractChannel(image, grey, 1);
  cv::merge(std::vector<cv::Mat>{grey, grey, grey}, grey_as_color);
  image.convertTo(wide, CV_16UC3, 257);
  std::vector<cv::Mat> channels;
  cv::split(image, channels);
  channels.push_back(grey);
  cv::merge(channels, alpha);
  const std::vector<std::string> pictures = {
      place.picture("color.png", image), place.picture("color.bmp.png", image),
      place.picture("grey.png", grey),   place.picture("wide.png", wide),
      place.picture("alpha.png", alpha), place.picture("flat.ppm", image)};
  const auto done = place.run_tiny(pictures);
  CHECK_EQ(done.status, 0);
  const FrameTensors color = expected(image, {});
  for (const char* stem : {"color", "color.bmp", "wide", "alpha", "flat"}) check_results(place, stem, color);
  check_results(place, "grey", expected(grey_as_color, {}));
  // Several images: progress on standard error, a line each.
  CHECK_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 6);
  CHECK(done.err.find("[6/6] " + pictures[5] + " done") != std::string::npos);
}

TEST(extreme_sizes) {
  const Place place;
  for (const auto& [width, height] : {std::pair(1, 1), std::pair(1, 300), std::pair(2000, 2)}) {
    const cv::Mat image = drawing(width, height);
    CHECK_EQ(place.run_tiny({"--method", "softmax-entropy", place.picture("x.png", image)}).status, 0);
    check_results(place, "x", expected(image, with(Method::SoftmaxEntropy)));
  }
}

TEST(orientation_tags_are_ignored) {
  const Place place;
  const std::string path = place.picture("turned.jpg", drawing(64, 32));
  const cv::Mat stored = cv::imread(path);  // JPEG loses a little
  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  // An APP1 segment after the start of the image: EXIF, big endian, one entry, orientation 6 (a quarter
  // turn).
  const std::string exif(
      "\xFF\xE1\x00\x22"
      "Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
      36);
  bytes.insert(2, exif);
  check::write_bytes(path, bytes);
  CHECK_EQ(cv::imread(path).cols, 32);  // the tag is valid: it turns the picture where it is followed
  CHECK_EQ(place.run_tiny({path}).status, 0);
  check_results(place, "turned", expected(stored, {}));
}

TEST(names_are_checked_before_any_work) {
  const Place place;
  fs::create_directory(place.folder.file("other"));
  const std::string a = place.picture("a.png", drawing(8, 8));
  const std::string twin = place.picture("other/a.jpg", drawing(8, 8));
  check_refused(place.run_tiny({a, twin}), 2, a + " and " + twin + " would both be written to");
  check_refused(place.run_tiny({a, a}), 2, "would both be written");
  CHECK(!fs::exists(place.out));
  const auto before = fs::last_write_time(a);
  const std::string here = place.folder.file("");
  check_refused(place.run({"--model", tiny_file().path(), "--output", here, a}), 2,
                a + " would be overwritten");
  CHECK(fs::last_write_time(a) == before);
}

TEST(unreadable_images_are_reported_and_the_others_done) {
  const Place place;
  const std::string good = place.picture("good.png", drawing(40, 30));
  const std::string cut = place.picture("cut.png", drawing(40, 30));
  fs::resize_file(cut, 30);
  const std::string text = check::write_bytes(place.folder.file("text.png"), "not a picture");
  const std::string empty = check::write_bytes(place.folder.file("empty.png"), "");
  const std::string folder = place.folder.file("folder.png");
  fs::create_directory(folder);
  const std::string fifo = place.folder.file("fifo.png");
  CHECK_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const std::string none = place.folder.file("none.png");
  const auto done = place.run_tiny({none, cut, text, empty, folder, fifo, good});
  CHECK_EQ(done.status, 1);
  for (const std::string& bad : {none, cut, text, empty, folder, fifo})
    if (done.err.find("anomaly-run: " + bad + ": ") == std::string::npos)
      check::fail(__FILE__, __LINE__, bad, " not in: ", done.err);
  CHECK(place.results() == (std::set<std::string>{"good.png", "good.safetensors"}));
  check_refused(place.run_tiny({none}), 1, none + ": No such file");
}

TEST(bundles_and_devices_are_refused) {
  const Place place;
  const std::string image = place.picture("a.png", drawing(40, 30));
  const auto refuse = [&](const std::string& option, const std::string& value, const std::string& part) {
    const auto done = place.run({"--model", tiny_file().path(), option, value, "--output", place.out, image});
    check_refused(done, 1, part);
  };
  const std::string none = place.folder.file("none.safetensors");
  refuse("--model", none, none);
  refuse("--model", image, image);
  refuse("--model", check::write_bytes(place.folder.file("net.pth"), "PK\x03\x04 and more"),
         "convert it with models/convert.py");
  refuse("--device", "abacus", "abacus");
  if (!fs::exists("/dev/nvidiactl")) refuse("--device", "cuda", "cuda");
  check_refused(place.run({"--model", tiny_file().path(), "--output", image, image}), 1,
                "cannot be made a folder");
  // A method whose network the bundle lacks is refused by the network's name.
  BundleInfo info = fixture::tiny_info();
  Json architecture = Json::object();
  for (const auto& [network, description] : info.architecture.members())
    if (network != "baseline") architecture.set(network, description);
  info.architecture = architecture;
  fixture::NamedTensors tensors;
  for (const auto& named : fixture::tiny_tensors())
    if (named.first.rfind("baseline.", 0) != 0) tensors.push_back(named);
  const fixture::BundleFile without(info, tensors);
  const auto done =
      place.run({"--model", without.path(), "--method", "resynthesis", "--output", place.out, image});
  check_refused(done, 1, "baseline");
  CHECK(place.results().empty());
}

TEST(a_full_disk_is_reported_and_leaves_nothing) {
  const Place place;
  const std::string image = place.picture("a.png", drawing(200, 200));
  const auto done = place.run({"--model", tiny_file().path(), "--output", place.out, image}, 512);
  check_refused(done, 1, place.out + "/a.png: cannot be written");
  CHECK(place.results().empty());
}

TEST(the_built_in_bundle) {
  const std::string bundle = std::string(ANOMALY_SOURCE_ROOT) + "/models/compact.safetensors";
  if (!fs::exists(bundle)) SKIP("no built-in bundle at " + bundle);
  ::unsetenv("GST_ANOMALY_BUNDLE");
  const Place place;
  const std::string image = place.picture("a.png", drawing(320, 180));
  const auto done = place.run({"--output", place.out, "--dump", image});
  if (done.status != 0) check::fail(__FILE__, __LINE__, done.err);
  CHECK(place.results() == (std::set<std::string>{"a.png", "a.safetensors"}));
  const auto dump = SafetensorsFile::open(place.out + "/a.safetensors");
  CHECK_EQ(dump->metadata().at("model"), Bundle::open(bundle)->info().name);
  CHECK(dump->tensor("anomaly_full").isfinite().all().item<bool>());
}

// The whole chain, from the picture to the map at its size, against the published program's outputs.
// golden.sh names the bundle that was converted from the golden cases' checkpoints.
TEST(golden) {
  const char* const bundle = std::getenv("ANOMALY_GOLDEN_BUNDLE");
  if (!bundle) SKIP("ANOMALY_GOLDEN_BUNDLE names no bundle of the golden cases: see tests/engine/golden.sh");
  const auto golden = SafetensorsFile::open(check::shared_data("golden/full_256x512.safetensors"));
  const std::string image = check::shared_data("golden/dashcam_frame100.png");
  const Place place;
  const auto done = place.run({"--model", bundle, "--segmentation-height", "256", "--segmentation-width",
                               "512", "--dump", "--output", place.out, image});
  if (done.status != 0) check::fail(__FILE__, __LINE__, done.err);
  const auto dump = SafetensorsFile::open(place.out + "/dashcam_frame100.safetensors");

  const auto share = [&](const char* name, int tolerance) {
    const at::Tensor ours = dump->tensor(name).to(at::kInt), theirs = golden->tensor(name).to(at::kInt);
    CHECK(ours.sizes() == theirs.sizes());
    return ours.sub(theirs).abs().le(tolerance).to(at::kDouble).mean().item<double>();
  };
  CHECK(share("labels", 0) >= 0.999);
  for (const char* name : {"entropy", "distance", "perceptual", "synthesis"}) {
    const double agreeing = share(name, 1);
    if (agreeing < 0.995) check::fail(__FILE__, __LINE__, name, ": ", agreeing, " of the pixels agree");
  }
  const auto error = [&](const at::Tensor& ours, const char* name) {
    const at::Tensor theirs = golden->tensor(name);
    CHECK(ours.sizes() == theirs.sizes());
    return ours.sub(theirs).abs().mean().item<double>();
  };
  const auto every = [](const at::Tensor& full, int step) {
    return full.slice(-2, 0, c10::nullopt, step).slice(-1, 0, c10::nullopt, step);
  };
  CHECK(error(dump->tensor("anomaly"), "anomaly") < 2e-3);
  CHECK(error(every(dump->tensor("anomaly_full"), 4), "anomaly_full_every_4th") < 2e-3);
  CHECK(error(every(dump->tensor("entropy_raw"), 8), "entropy_raw_every_8th") < 2e-3);
  CHECK(error(every(dump->tensor("distance_raw"), 8), "distance_raw_every_8th") < 2e-3);
  CHECK(fixture::relative_error(every(dump->tensor("logits"), 8), golden->tensor("logits_every_8th")) < 1e-3);
  for (const char* name : {"latent_mean", "latent_logvar", "dissimilarity_logits"})
    CHECK(fixture::relative_error(dump->tensor(name), golden->tensor(name)) < 1e-2);
  const cv::Mat png = cv::imread(place.out + "/dashcam_frame100.png", cv::IMREAD_UNCHANGED);
  CHECK_EQ(png.cols, 960);
  CHECK_EQ(png.rows, 540);
}

TEST_MAIN()

// SPDX-License-Identifier: LGPL-2.1-or-later
// anomaly-run: the framework on single pictures.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <opencv2/core/utils/logger.hpp>

#include "kernels/ingest.h"
#include "kernels/resize.h"
#include "src/bundle/bundle.h"
#include "src/bundle/safetensors.h"
#include "src/error.h"
#include "src/framework/framework.h"
#include "src/tools/pictures.h"
#include "src/tools/run_options.h"

namespace anomaly {
namespace {

namespace fs = std::filesystem;

struct Job {
  std::string image, png, dump;
};

void complain(const std::string& what) {
  std::string line = what.substr(0, what.find('\n'));
  std::fprintf(stderr, "anomaly-run: %s\n", line.c_str());
}

// Everything about file names that can go wrong is found here, before any work.
std::vector<Job> plan(const RunOptions& options) {
  std::vector<Job> jobs;
  std::map<std::string, std::string> stems;
  for (const std::string& image : options.images) {
    const std::string stem = fs::path(image).stem().string();
    if (stem.empty()) throw UsageError("\"" + image + "\": not the name of an image");
    const auto [other, fresh] = stems.emplace(stem, image);
    if (!fresh)
      throw UsageError(other->second + " and " + image + " would both be written to " +
                       (fs::path(options.output) / (stem + ".png")).string() +
                       ": give each image a name of its own");
    const fs::path base = fs::path(options.output) / stem;
    jobs.push_back({image, base.string() + ".png", base.string() + ".safetensors"});
  }
  std::error_code none;
  for (const Job& job : jobs)
    for (const Job& source : jobs)
      for (const std::string& target : {job.png, options.dump ? job.dump : job.png})
        if (fs::exists(target, none) && fs::equivalent(target, source.image, none))
          throw UsageError(source.image + " would be overwritten by a result: choose another --output");
  return jobs;
}

Settings settings_of(const RunOptions& options, const BundleInfo& info) {
  Settings settings;
  settings.method = options.method ? *options.method : method_from_string(info.default_method);
  settings.ensemble = options.ensemble ? *options.ensemble : info.ensemble;
  settings.normalization = options.normalization;
  settings.latent = options.latent;
  settings.seed = options.seed;
  settings.formulas = options.formulas;
  return settings;
}

at::Tensor frame_of(const Picture& picture, int height, int width) {
  FrameView view;
  view.format = PixelFormat::BGR;
  view.range = ColorRange::Full;
  view.width = picture.width;
  view.height = picture.height;
  view.plane[0] = picture.bgr.data();
  view.stride[0] = static_cast<std::ptrdiff_t>(picture.width) * 3;
  at::Tensor frame = at::empty({1, height, width, 3}, at::kByte);
  ingest_rgb8(view, frame.mutable_data_ptr<uint8_t>(), width, height);
  return frame;
}

// The map at the picture's size.
at::Tensor full_size(const at::Tensor& map, const Picture& picture) {
  at::Tensor full = at::empty({picture.height, picture.width}, at::kFloat);
  resize_bicubic_f32(map.const_data_ptr<float>(), static_cast<int>(map.size(1)),
                     static_cast<int>(map.size(0)), full.mutable_data_ptr<float>(), picture.width,
                     picture.height);
  return full;
}

std::vector<uint16_t> grey16(const at::Tensor& scores) {
  std::vector<uint16_t> grey(static_cast<size_t>(scores.numel()));
  const float* const score = scores.const_data_ptr<float>();
  for (size_t i = 0; i < grey.size(); ++i)
    grey[i] =
        static_cast<uint16_t>(std::lround(65535.0 * std::clamp(static_cast<double>(score[i]), 0.0, 1.0)));
  return grey;
}

class Runner {
 public:
  Runner(const RunOptions& options, std::shared_ptr<const Bundle> bundle)
      : options_(options),
        info_(bundle->info()),
        settings_(settings_of(options, info_)),
        framework_(std::move(bundle), options.device, options.precision, options.trunk_precision) {
    framework_.prepare(settings_);
  }

  void run(const Job& job) {
    const Picture picture = read_picture(job.image);
    const at::Tensor frame =
        frame_of(picture, options_.segmentation_height.value_or(info_.segmentation_height),
                 options_.segmentation_width.value_or(info_.segmentation_width));
    FrameTensors tensors = framework_.run(frame, settings_, options_.dump).at(0);
    const at::Tensor full = full_size(tensors.at("anomaly"), picture);
    write_grey16(job.png, grey16(full), picture.width, picture.height);
    if (!options_.dump) return;
    tensors["anomaly_full"] = full;
    write_safetensors(job.dump, {tensors.begin(), tensors.end()},
                      {{"image", job.image},
                       {"model", info_.name},
                       {"method", to_string(settings_.method)},
                       {"normalization", to_string(settings_.normalization)},
                       {"formulas", to_string(settings_.formulas)}});
  }

 private:
  const RunOptions& options_;
  const BundleInfo info_;
  const Settings settings_;
  Framework framework_;
};

// False where something failed; what and why has then been said.
template <typename Work>
bool attempt(const std::string& what, Work work) {
  const std::string prefix = what.empty() ? "" : what + ": ";
  try {
    work();
    return true;
  } catch (const c10::Error& e) {
    complain(prefix + e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    complain(prefix + "out of memory");
  } catch (const Error& e) {
    complain(e.what());
  } catch (const UsageError&) {
    throw;
  } catch (const std::exception& e) {
    complain(prefix + e.what());
  }
  return false;
}

int run(const RunOptions& options) {
  const std::vector<Job> jobs = plan(options);
  if (options.threads > 0) at::set_num_threads(options.threads);
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);

  std::unique_ptr<Runner> runner;
  const bool ready = attempt("", [&] {
    runner = std::make_unique<Runner>(
        options, Bundle::open(options.model.empty() ? builtin_bundle_path() : options.model));
    std::error_code failed;
    fs::create_directories(options.output, failed);
    if (!fs::is_directory(options.output))
      throw Error(ErrorKind::Io,
                  options.output + ": cannot be made a folder" + (failed ? ": " + failed.message() : ""));
  });
  if (!ready) return 1;

  bool all = true;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    const bool done = attempt(jobs[i].image, [&] { runner->run(jobs[i]); });
    all = all && done;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (jobs.size() > 1)
      std::fprintf(stderr, "[%zu/%zu] %s %s, %.1f s\n", i + 1, jobs.size(), jobs[i].image.c_str(),
                   done ? "done" : "failed", seconds);
  }
  return all ? 0 : 1;
}

}  // namespace
}  // namespace anomaly

int main(int argc, char** argv) {
  try {
    const anomaly::RunOptions options = anomaly::parse_run_options(argc, argv);
    if (options.help) {
      std::fputs(anomaly::run_help(), stdout);
      return 0;
    }
    if (options.version) {
      std::puts("anomaly-run " ANOMALY_VERSION);
      return 0;
    }
    return anomaly::run(options);
  } catch (const anomaly::UsageError& e) {
    anomaly::complain(std::string(e.what()) + " (anomaly-run --help shows the options)");
    return 2;
  } catch (const std::exception& e) {
    anomaly::complain(e.what());
    return 1;
  }
}

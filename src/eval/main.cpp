// SPDX-License-Identifier: LGPL-2.1-or-later
// anomaly-eval: all measures of all methods on labelled frames.
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <opencv2/core/utils/logger.hpp>
#include <string>

#include "src/bundle/bundle.h"
#include "src/engine/device.h"
#include "src/engine/failure.h"
#include "src/error.h"
#include "src/eval/evaluation.h"
#include "src/eval/options.h"

namespace anomaly::eval {

namespace {

// A result that is written under another name and then renamed. A place that cannot be written is found
// before the work.
class ResultFile {
 public:
  explicit ResultFile(const std::string& path) : path_(path), partial_(path + ".partial") {
    if (path_.empty()) return;
    std::error_code unknown;
    if (std::filesystem::is_directory(path_, unknown)) {
      errno = EISDIR;
      fail();
    }
    std::FILE* const file = std::fopen(partial_.c_str(), "wb");
    if (!file) fail();
    std::fclose(file);
    std::remove(partial_.c_str());
  }
  bool wanted() const { return !path_.empty(); }

  void write(const std::string& content) const {
    std::FILE* const file = std::fopen(partial_.c_str(), "wb");
    if (!file) fail();
    bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
    int reason = errno;
    if (std::fclose(file) != 0 && written) {
      written = false;
      reason = errno;
    }
    if (written && std::rename(partial_.c_str(), path_.c_str()) == 0) return;
    if (written) reason = errno;
    std::remove(partial_.c_str());
    errno = reason;
    fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(ErrorKind::Io, path_ + ": cannot be written: " + std::strerror(errno));
  }
  std::string path_, partial_;
};

// One line that changes in a terminal; in a file, a line at every tenth part of the work.
class ProgressLine {
 public:
  void operator()(const std::string& what, int64_t done, int64_t all) {
    const std::string count =
        all > 0 ? std::to_string(done) + "/" + std::to_string(all) : std::to_string(done);
    if (terminal_) {
      std::fprintf(stderr, "\r\033[K[%s] %s", count.c_str(), what.c_str());
      shown_ = true;
      return;
    }
    const int64_t part = all > 0 ? 10 * done / all : done / 100;
    if (part == part_ && all == all_) return;
    part_ = part;
    all_ = all;
    std::fprintf(stderr, "[%s] %s\n", count.c_str(), what.c_str());
  }
  ~ProgressLine() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
  int64_t part_ = -1, all_ = -1;
};

void complain(const std::string& what) {
  std::fprintf(stderr, "anomaly-eval: %s\n", what.substr(0, what.find('\n')).c_str());
}

// Label values that are train ids.
LabelGroups identity(size_t classes) {
  LabelGroups groups;
  for (size_t id = 0; id < classes; ++id) groups.push_back({static_cast<int>(id)});
  return groups;
}

void run(Options options) {
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  if (options.threads > 0) at::set_num_threads(options.threads);
  const auto bundle = Bundle::open(options.model.empty() ? builtin_bundle_path() : options.model);
  if (options.device != "auto" && resolve_device(options.device) != "cpu")
    throw UsageError("--device " + options.device + ": measured is on the processor alone: cpu");
  // Refuses bundles with tensors that belong nowhere.
  const Framework framework(bundle, "cpu", Precision::Auto, options.trunk_precision);
  const size_t classes = bundle->info().classes.size();
  try {
    options.evaluation.labels = options.label_map.empty()
                                    ? identity(classes)
                                    : parse_label_groups(options.label_map, static_cast<int>(classes));
  } catch (const std::invalid_argument& e) {
    throw UsageError("--label-map " + options.label_map + ": " + e.what());
  }
  options.input.normal = options.normal;
  const auto input = Input::open(options.input);
  if (input->surplus() > 0)
    complain(std::to_string(input->surplus()) + " masks in " + options.input.masks + " have no picture");
  const ResultFile json(options.json), html(options.html);
  Methods methods(bundle, options.settings, options.methods, options.trunk_precision);

  Report report;
  {
    ProgressLine line;
    const Progress progress = std::ref(line);
    report = evaluate(*input, methods, options.evaluation, progress);
  }
  report.bundle_path = bundle->path();
  report.input = options.input.path;
  report.device = "cpu";
  report.trunk_precision = to_string(options.trunk_precision);
  std::fputs(to_table(report).c_str(), stdout);
  if (json.wanted()) json.write(to_json(report).dump(1) + '\n');
  if (html.wanted()) html.write(to_html(report));
  if (std::fflush(stdout) != 0)
    throw Error(ErrorKind::Io, std::string("standard output: ") + std::strerror(errno));
}

}  // namespace

}  // namespace anomaly::eval

int main(int argc, char** argv) {
  using namespace anomaly;
  using namespace anomaly::eval;
  try {
    const Options options = parse_options(argc, argv);
    if (options.help) {
      std::fputs(help(), stdout);
      return 0;
    }
    if (options.version) {
      std::puts("anomaly-eval " ANOMALY_VERSION);
      return 0;
    }
    try {
      run(options);
    } catch (const UsageError&) {
      throw;
    } catch (...) {
      std::rethrow_exception(current_failure("evaluating"));
    }
    return 0;
  } catch (const UsageError& e) {
    complain(std::string(e.what()) + " (anomaly-eval --help shows the options)");
    return 2;
  } catch (const std::exception& e) {
    complain(e.what());
    return 1;
  }
}

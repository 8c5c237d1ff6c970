// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/eval/options.h"

#include <getopt.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string_view>

namespace anomaly::eval {

namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t from = 0;;) {
    const size_t comma = text.find(',', from);
    parts.push_back(text.substr(from, comma - from));
    if (comma == std::string::npos) return parts;
    from = comma + 1;
  }
}

// The whole text as a number from low to high, whatever the locale.
template <typename Number>
Number number(const std::string& option, const std::string& text, Number low, Number high) {
  const std::optional<Number> value = number_of<Number>(text);
  if (!value || !(*value >= low && *value <= high)) {
    const auto shown = [](Number bound) {
      std::string digits = std::to_string(bound);
      if (digits.find('.') != std::string::npos) digits.erase(digits.find_last_not_of('0') + 1);
      if (digits.back() == '.') digits.pop_back();
      return digits;
    };
    throw UsageError("--" + option + " " + text + ": expected a " +
                     (std::is_integral_v<Number> ? "whole number" : "number") + " from " + shown(low) +
                     " to " + shown(high));
  }
  return *value;
}

std::array<int, 3> mask_values(const std::string& option, const std::string& text) {
  const std::vector<std::string> parts = split(text);
  std::array<int, 3> values{};
  if (parts.size() != values.size())
    throw UsageError("--" + option + " " + text +
                     ": expected three values as in 0,1,255, or - where none is");
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = parts[i] == "-" ? -1 : number(option, parts[i], 0, 255);
  for (size_t i = 0; i < values.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (values[i] >= 0 && values[i] == values[j])
        throw UsageError("--" + option + " " + text + ": one value has two meanings");
  return values;
}

Rect rectangle(const std::string& option, const std::string& text) {
  const std::vector<std::string> parts = split(text);
  if (parts.size() != 4)
    throw UsageError("--" + option + " " + text + ": expected x,y,width,height in pixels");
  constexpr int kMost = 32768;
  return {number(option, parts[0], 0, kMost), number(option, parts[1], 0, kMost),
          number(option, parts[2], 1, kMost), number(option, parts[3], 1, kMost)};
}

// What an option does with its value; none takes no value.
struct Handler {
  bool takes_value;
  std::function<void(Options&, const std::string& name, const std::string& value)> apply;
};

const std::map<std::string, Handler>& handlers() {
  constexpr int64_t kMostPixels = int64_t{1} << 30;
  constexpr double kMostScore = 4;  // an ensemble's weights may add up to more than 1
  using S = const std::string&;
  static const std::map<std::string, Handler> all = {
      {"help", {false, [](Options& o, S, S) { o.help = true; }}},
      {"version", {false, [](Options& o, S, S) { o.version = true; }}},
      {"normal", {false, [](Options& o, S, S) { o.normal = true; }}},
      {"model", {true, [](Options& o, S, S v) { o.model = v; }}},
      {"device", {true, [](Options& o, S, S v) { o.device = v; }}},
      {"trunk-precision",
       {true, [](Options& o, S n, S v) { o.trunk_precision = named(n, trunk_precision_from_string, v); }}},
      {"threads", {true, [](Options& o, S n, S v) { o.threads = number(n, v, 1, 1024); }}},
      {"methods", {true, [](Options& o, S, S v) { o.methods = split(v); }}},
      {"normalization",
       {true,
        [](Options& o, S n, S v) { o.settings.normalization = named(n, normalization_from_string, v); }}},
      {"masks", {true, [](Options& o, S, S v) { o.input.masks = v; }}},
      {"mask-values", {true, [](Options& o, S n, S v) { o.input.mask_values = mask_values(n, v); }}},
      {"labels", {true, [](Options& o, S, S v) { o.input.labels = v; }}},
      {"label-map", {true, [](Options& o, S, S v) { o.label_map = v; }}},
      {"roi", {true, [](Options& o, S n, S v) { o.input.roi = rectangle(n, v); }}},
      {"fps", {true, [](Options& o, S n, S v) { o.evaluation.fps = number(n, v, 0.001, 10000.0); }}},
      {"latency",
       {true, [](Options& o, S n, S v) { o.evaluation.latency = number(n, v, 0.0, 3.6e6) / 1000; }}},
      {"threshold",
       {true, [](Options& o, S n, S v) { o.evaluation.threshold = number(n, v, 0.0, kMostScore); }}},
      {"min-area",
       {true, [](Options& o, S n, S v) { o.evaluation.min_area = number(n, v, int64_t{0}, kMostPixels); }}},
      {"component-threshold",
       {true,
        [](Options& o, S n, S v) { o.evaluation.component_threshold = number(n, v, 0.0, kMostScore); }}},
      {"min-prediction",
       {true, [](Options& o, S n,
                 S v) { o.evaluation.components.min_prediction = number(n, v, int64_t{0}, kMostPixels); }}},
      {"min-truth",
       {true, [](Options& o, S n,
                 S v) { o.evaluation.components.min_truth = number(n, v, int64_t{0}, kMostPixels); }}},
      {"examples", {true, [](Options& o, S n, S v) { o.evaluation.examples = number(n, v, 0, 1000); }}},
      {"json", {true, [](Options& o, S, S v) { o.json = v; }}},
      {"html", {true, [](Options& o, S, S v) { o.html = v; }}},
  };
  return all;
}

void check(const Options& options) {
  if (options.input.masks.empty() && !options.normal && options.input.labels.empty())
    throw UsageError(
        "what is known of the frames? --masks DIR, --normal where nothing in them is anomalous, or --labels "
        "DIR");
  if (!options.input.masks.empty() && options.normal)
    throw UsageError("--masks and --normal contradict each other");
  if (options.input.labels.empty() && !options.label_map.empty())
    throw UsageError("--label-map says what the values in --labels mean, and there is no --labels");
}

}  // namespace

Options parse_options(int argc, char** argv) {
  std::vector<option> known;
  for (const auto& [name, handler] : handlers())
    known.push_back({name.c_str(), handler.takes_value ? required_argument : no_argument, nullptr, 0});
  known.push_back({});
  Options options;
  std::vector<std::string> inputs;
  opterr = 0;
  optind = 0;
  for (;;) {
    int index = -1;
    const int which = getopt_long(argc, argv, ":", known.data(), &index);
    if (which == -1) break;
    const std::string last = argv[optind - 1];
    if (which == ':') throw UsageError(last + ": needs a value");
    if (which == '?')
      throw UsageError(last + ": not an option, or not clear which, or one that takes no value");
    const std::string name = known[static_cast<size_t>(index)].name, value = optarg ? optarg : "";
    const Handler& handler = handlers().at(name);
    if (handler.takes_value && value.empty()) throw UsageError("--" + name + ": needs a value");
    handler.apply(options, name, value);
  }
  inputs.assign(argv + optind, argv + argc);
  if (options.help || options.version) return options;
  if (inputs.size() != 1)
    throw UsageError(inputs.empty() ? "name a folder of pictures or a video" : "name one input, not several");
  options.input.path = inputs[0];
  check(options);
  return options;
}

const char* help() {
  return R"(usage: anomaly-eval [OPTION]... (--masks DIR | --normal | --labels DIR) INPUT

Measures how well a bundle finds what does not belong in driving pictures: all methods and
ablations side by side. INPUT is a folder of pictures or a video file. Prints a table.

What is known of the frames
  --masks DIR              masks of the pictures' stems (road7.jpg: road7.png), one 8-bit
                             channel, of the pictures' size; for a video file their stems
                             end in the frame's number from 0, other frames are not scored
  --mask-values N,A,I      what normal, anomalous and ignored pixels are in them; - where
                             none is (default: 0,1,255; often 0,255,-)
  --normal                 instead: nothing is anomalous anywhere (for false alarms)
  --labels DIR             label maps, for the segmentation's IoU
  --label-map MAP          the train ids that label values 0, 1, ... stand for: commas
                             between values, + between ids, - for an ignored value;
                             an id belongs to one value (default: they are train ids,
                             and others are ignored)
  --roi X,Y,W,H            what lies outside, in frame pixels, is ignored
  --fps N                  the frames follow each other N times a second (default: as the
                             video file says; without it a folder is single pictures)

What is measured
  --methods A,B,...        of synboost, without-ensemble, without-uncertainty,
                             without-synthesis, resynthesis, softmax-entropy,
                             softmax-distance, perceptual-difference (default: all that
                             the bundle can)
  --normalization BOUNDS   of the maps: frame, fixed, or temporal (default: frame)
  --component-threshold T  of the component measures (default: of the best F1 by pixels)
  --min-prediction N       smaller predicted components are removed (default: 50 pixels)
  --min-truth N            smaller true components are ignored (default: 10 pixels)
  --threshold T            of false alarms (default: the bundle's, for its own method)
  --min-area N             smaller regions are no alarm, frame pixels (default: 0)
  --latency MS             a frame's time, for the accuracy on arrival (default: measured)

With what, and where to
  --model BUNDLE           weights, a safetensors file (default: the built-in bundle)
  --device DEVICE          cpu, or auto, which is the same here (default: cpu)
  --trunk-precision NAME   of the segmentation's trunk: same, or fp8, 8-bit numbers
                             (default: same)
  --threads N              threads to compute with (default: one a core)
  --json FILE              all figures and curves
  --html FILE              one page with tables, curves, and the best and worst frames
  --examples N             that many of each (default: 4)
  --help, --version        print this, or the version, and exit

docs/evaluation.md defines every measure. Intermediate results go to $TMPDIR (or /tmp).

Exit status: 0 done; 1 something failed, nothing is written; 2 the command line was not
understood.
)";
}

}  // namespace anomaly::eval

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/tools/run_options.h"

#include <getopt.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace anomaly {
namespace {

enum Option {
  kModel = 1,
  kDevice,
  kPrecision,
  kTrunkPrecision,
  kMethod,
  kSegmentationHeight,
  kSegmentationWidth,
  kEnsembleWeights,
  kNormalization,
  kLatent,
  kSeed,
  kFormulas,
  kThreads,
  kDump,
  kOutput,
  kHelp,
  kVersion,
};

constexpr option kOptions[] = {
    {"model", required_argument, nullptr, kModel},
    {"device", required_argument, nullptr, kDevice},
    {"precision", required_argument, nullptr, kPrecision},
    {"trunk-precision", required_argument, nullptr, kTrunkPrecision},
    {"method", required_argument, nullptr, kMethod},
    {"segmentation-height", required_argument, nullptr, kSegmentationHeight},
    {"segmentation-width", required_argument, nullptr, kSegmentationWidth},
    {"ensemble-weights", required_argument, nullptr, kEnsembleWeights},
    {"normalization", required_argument, nullptr, kNormalization},
    {"latent", required_argument, nullptr, kLatent},
    {"seed", required_argument, nullptr, kSeed},
    {"formulas", required_argument, nullptr, kFormulas},
    {"threads", required_argument, nullptr, kThreads},
    {"dump", no_argument, nullptr, kDump},
    {"output", required_argument, nullptr, kOutput},
    {"help", no_argument, nullptr, kHelp},
    {"version", no_argument, nullptr, kVersion},
    {nullptr, 0, nullptr, 0},
};

constexpr int kMinSize = 32, kMaxSize = 8192, kMaxThreads = 1024;

int integer(const std::string& name, const std::string& text, int low, int high) {
  const auto value = number_of<int>(text);
  if (!value || *value < low || *value > high)
    throw UsageError("--" + name + " " + text + ": expected a whole number from " + std::to_string(low) +
                     " to " + std::to_string(high));
  return *value;
}

std::array<double, 4> weights(const std::string& text) {
  const auto fail = [&] {
    throw UsageError("--ensemble-weights " + text +
                     ": expected four numbers from 0 up, one of them above 0, as in 0.75,0.25,0,0");
  };
  std::array<double, 4> out{};
  std::string_view rest = text;
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const auto value = number_of<double>(rest.substr(0, comma));
    if (!value || !std::isfinite(*value) || *value < 0) fail();
    out[i] = *value;
    const bool last = i + 1 == out.size();
    if (last != (comma == rest.size())) fail();
    rest.remove_prefix(last ? rest.size() : comma + 1);
  }
  if (std::all_of(out.begin(), out.end(), [](double w) { return w == 0; })) fail();
  return out;
}

// getopt_long leaves in `optopt` a short option's letter, a long one's number where it is known, else 0.
[[noreturn]] void misunderstood(int which, const char* last) {
  for (const option& known : kOptions)
    if (known.name && optopt == known.val)
      throw UsageError(std::string("--") + known.name +
                       (which == ':' ? ": needs a value" : ": takes no value"));
  if (optopt != 0) throw UsageError(std::string("-") + static_cast<char>(optopt) + ": not an option");
  throw UsageError(std::string(last) + ": not an option, or not clear which");
}

void apply(RunOptions& options, int which, const std::string& name, const std::string& text) {
  switch (which) {
    case kModel:
      options.model = text;
      break;
    case kDevice:
      options.device = text;
      break;
    case kPrecision:
      options.precision = named(name, precision_from_string, text);
      break;
    case kTrunkPrecision:
      options.trunk_precision = named(name, trunk_precision_from_string, text);
      break;
    case kMethod:
      options.method = named(name, method_from_string, text);
      break;
    case kSegmentationHeight:
      options.segmentation_height = integer(name, text, kMinSize, kMaxSize);
      break;
    case kSegmentationWidth:
      options.segmentation_width = integer(name, text, kMinSize, kMaxSize);
      break;
    case kEnsembleWeights:
      options.ensemble = weights(text);
      break;
    case kNormalization:
      options.normalization = named(name, normalization_from_string, text);
      if (options.normalization == Normalization::Temporal)
        throw UsageError("--normalization temporal: is for streams; choose frame or fixed for pictures");
      break;
    case kLatent:
      options.latent = named(name, latent_from_string, text);
      break;
    case kSeed: {
      const auto seed = number_of<uint64_t>(text);
      if (!seed) throw UsageError("--seed " + text + ": expected a whole number from 0 to 2^64 - 1");
      options.seed = *seed;
      break;
    }
    case kFormulas:
      options.formulas = named(name, formulas_from_string, text);
      break;
    case kThreads:
      options.threads = integer(name, text, 1, kMaxThreads);
      break;
    case kDump:
      options.dump = true;
      break;
    case kOutput:
      options.output = text;
      break;
    case kHelp:
      options.help = true;
      break;
    case kVersion:
      options.version = true;
      break;
    default:
      break;
  }
}

}  // namespace

RunOptions parse_run_options(int argc, char** argv) {
  RunOptions options;
  opterr = 0;
  optind = 0;
  for (;;) {
    int index = 0;
    const int which = getopt_long(argc, argv, ":", kOptions, &index);
    if (which == -1) break;
    if (which == '?' || which == ':') misunderstood(which, argv[optind - 1]);
    const option& known = kOptions[index];
    const std::string value = optarg ? optarg : "";
    if (known.has_arg == required_argument && value.empty())
      throw UsageError(std::string("--") + known.name + ": needs a value");
    apply(options, which, known.name, value);
  }
  options.images.assign(argv + optind, argv + argc);
  if (options.help || options.version) return options;
  if (options.output.empty()) throw UsageError("--output DIR is needed");
  if (options.images.empty()) throw UsageError("no image was named");
  return options;
}

const char* run_help() {
  return R"(usage: anomaly-run [OPTION]... --output DIR IMAGE...

Finds what does not belong in driving pictures, pixel by pixel. For every IMAGE it writes
DIR/<stem>.png: 16-bit grey at the image's size, value = round(65535 * score), where the
score is clamped to 0 (nothing unusual) .. 1 (anomaly).

  --output DIR             folder for the results; made if it is not there
  --model BUNDLE           weights, a safetensors file (default: the built-in bundle)
  --device DEVICE          cpu, or cuda[:N] for a GPU (default: cpu)
  --precision PRECISION    numbers that the networks compute with: float32, on a GPU also
                             float16 or bfloat16, or auto (default): bfloat16 or float16 on
                             GPUs made for it, else float32
  --trunk-precision same|fp8
                           of the segmentation's trunk: the same numbers (default), or 8-bit
                             ones, on GPUs of compute capability 8.9 and newer; on the CPU
                             slowly, to measure what they cost
  --method METHOD          what the score is (default: the bundle's, as a rule synboost):
                             synboost               the whole framework, an ensemble
                             resynthesis            the network without uncertainty maps
                             softmax-entropy        the segmentation's entropy
                             softmax-distance       1 - highest + second highest probability
                             perceptual-difference  features of frame against synthesis
  --segmentation-height H  height and width of the segmentation's input in pixels,
  --segmentation-width W     32 to 8192 (default: the bundle's); less is faster and coarser
  --ensemble-weights A,B,C,D
                           weights of dissimilarity, entropy, perceptual difference and
                             softmax distance in synboost's score, each from 0 up, used as
                             given (default: the bundle's; published: 0.75,0.25,0,0)
  --normalization BOUNDS   what the maps are scaled by: frame, the frame's own lowest and
                             highest value (published), or fixed, bounds that make scores of
                             different frames comparable (default: frame)
  --latent mean|draw       the synthesis' latent code: its mean, or drawn (default: mean)
  --seed N                 of the draw, 0 to 2^64 - 1 (default: 0)
  --formulas published|paper
                           entropy, distance and perceptual difference as the published
                             program computes them, or as the papers write them
                             (default: published)
  --threads N              threads to compute with (default: one a core)
  --dump                   also DIR/<stem>.safetensors: every tensor that the method
                             computed (logits, labels, entropy, ..., anomaly_full);
                             raw entropy in nats, raw distance 0..1, 8-bit maps 0..255
  --help, --version        print this, or the version, and exit

An orientation tag (EXIF) is ignored: pixels are taken as they are stored. 16-bit, grey
and transparent images are read as 8-bit colour.

Exit status: 0 all done; 1 something failed (an image that cannot be read is reported and
the others are done); 2 the command line was not understood.
)";
}

}  // namespace anomaly

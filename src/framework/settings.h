// SPDX-License-Identifier: LGPL-2.1-or-later
// What a user chooses. No LibTorch here: the elements include this.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace anomaly {

enum class Method { Synboost, Resynthesis, SoftmaxEntropy, SoftmaxDistance, PerceptualDifference };
// Where the maps' bounds come from: the frame itself (published), the bundle, or the stream so far
// (StreamState).
enum class Normalization { Frame, Fixed, Temporal };
enum class Latent { Mean, Draw };
enum class Formulas { Published, Paper };

// The numbers that networks compute with. Auto: on a GPU with tensor cores for them BFloat16 (compute
// capability 8.0 and newer) or else Float16 (7.0 and newer), Float32 on other GPUs and on the CPU, which
// computes nothing else.
enum class Precision { Auto, Float32, Float16, BFloat16 };

// What the segmentation's trunk, its heaviest part, multiplies: the same numbers as everything else, or 8-bit
// ones (float8_e4m3fn) where its convolutions allow it.
enum class TrunkPrecision { Same, Fp8 };

// Names as on the command line and in properties: "synboost", "resynthesis", "softmax-entropy", ...; "frame",
// "fixed", "temporal"; ...
const char* to_string(Method method);
const char* to_string(Normalization value);
const char* to_string(Latent value);
const char* to_string(Formulas value);
const char* to_string(Precision value);
const char* to_string(TrunkPrecision value);
Method method_from_string(const std::string& name);  // throws Error(BadSettings) that lists the names
Normalization normalization_from_string(const std::string& name);
Latent latent_from_string(const std::string& name);
Formulas formulas_from_string(const std::string& name);
Precision precision_from_string(const std::string& name);
TrunkPrecision trunk_precision_from_string(const std::string& name);

struct Settings {
  Method method = Method::Synboost;
  std::array<double, 4> ensemble = {0.75, 0.25, 0,
                                    0};  // dissimilarity, entropy, perceptual, distance; used as given
  Normalization normalization = Normalization::Frame;
  Latent latent = Latent::Mean;
  uint64_t seed = 0;  // of Latent::Draw
  Formulas formulas = Formulas::Published;

  bool operator==(const Settings&) const = default;
};

}  // namespace anomaly

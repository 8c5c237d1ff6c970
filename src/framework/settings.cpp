// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/framework/settings.h"

#include "src/error.h"

namespace anomaly {
namespace {

template <typename Value>
struct Name {
  Value value;
  const char* name;
};

constexpr Name<Method> kMethods[] = {{Method::Synboost, "synboost"},
                                     {Method::Resynthesis, "resynthesis"},
                                     {Method::SoftmaxEntropy, "softmax-entropy"},
                                     {Method::SoftmaxDistance, "softmax-distance"},
                                     {Method::PerceptualDifference, "perceptual-difference"}};
constexpr Name<Normalization> kNormalizations[] = {
    {Normalization::Frame, "frame"}, {Normalization::Fixed, "fixed"}, {Normalization::Temporal, "temporal"}};
constexpr Name<Latent> kLatents[] = {{Latent::Mean, "mean"}, {Latent::Draw, "draw"}};
constexpr Name<Formulas> kFormulas[] = {{Formulas::Published, "published"}, {Formulas::Paper, "paper"}};
constexpr Name<Precision> kPrecisions[] = {{Precision::Auto, "auto"},
                                           {Precision::Float32, "float32"},
                                           {Precision::Float16, "float16"},
                                           {Precision::BFloat16, "bfloat16"}};
constexpr Name<TrunkPrecision> kTrunkPrecisions[] = {{TrunkPrecision::Same, "same"},
                                                     {TrunkPrecision::Fp8, "fp8"}};

template <typename Value, size_t N>
const char* name_of(const Name<Value> (&names)[N], Value value) {
  for (const auto& n : names)
    if (n.value == value) return n.name;
  return "?";
}

template <typename Value, size_t N>
Value value_of(const Name<Value> (&names)[N], const std::string& name, const char* what) {
  std::string known;
  for (const auto& n : names) {
    if (name == n.name) return n.value;
    known += (known.empty() ? "" : ", ") + std::string(n.name);
  }
  throw Error(ErrorKind::BadSettings,
              std::string("unknown ") + what + " \"" + name + "\": choose one of " + known);
}

}  // namespace

const char* to_string(Method method) {
  return name_of(kMethods, method);
}
const char* to_string(Normalization value) {
  return name_of(kNormalizations, value);
}
const char* to_string(Latent value) {
  return name_of(kLatents, value);
}
const char* to_string(Formulas value) {
  return name_of(kFormulas, value);
}
const char* to_string(Precision value) {
  return name_of(kPrecisions, value);
}
const char* to_string(TrunkPrecision value) {
  return name_of(kTrunkPrecisions, value);
}

Method method_from_string(const std::string& name) {
  return value_of(kMethods, name, "method");
}
Normalization normalization_from_string(const std::string& name) {
  return value_of(kNormalizations, name, "normalization");
}
Latent latent_from_string(const std::string& name) {
  return value_of(kLatents, name, "latent");
}
Formulas formulas_from_string(const std::string& name) {
  return value_of(kFormulas, name, "formulas");
}
Precision precision_from_string(const std::string& name) {
  return value_of(kPrecisions, name, "precision");
}
TrunkPrecision trunk_precision_from_string(const std::string& name) {
  return value_of(kTrunkPrecisions, name, "trunk precision");
}

}  // namespace anomaly

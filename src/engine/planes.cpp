// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/planes.h"

#include <sstream>

#include <ATen/core/Tensor.h>

namespace anomaly {

namespace {

struct Kind {
  unsigned flag;
  const char* tensor;
  const char* name;
  Plane::Type type;
  int channels;
};

constexpr Kind kScores = {0, "anomaly", "anomaly", Plane::Type::F32, 1};
constexpr Kind kLabels = {kMapLabels, "labels", "labels", Plane::Type::U8, 1};
constexpr Kind kFurther[] = {
    kLabels,
    {kMapEntropy, "entropy", "entropy", Plane::Type::U8, 1},
    {kMapDistance, "distance", "distance", Plane::Type::U8, 1},
    {kMapPerceptual, "perceptual", "perceptual", Plane::Type::U8, 1},
    // A method computes one of the two.
    {kMapDissimilarity, "dissimilarity", "dissimilarity", Plane::Type::F32, 1},
    {kMapDissimilarity, "baseline_dissimilarity", "dissimilarity", Plane::Type::F32, 1},
    {kMapSynthesis, "synthesis", "synthesis", Plane::Type::U8, 3},
};

Plane plane_of(const at::Tensor& tensor, const Kind& kind) {
  const auto type = kind.type == Plane::Type::F32 ? at::kFloat : at::kByte;
  const bool shaped =
      kind.channels == 1 ? tensor.dim() == 2 : tensor.dim() == 3 && tensor.size(2) == kind.channels;
  if (tensor.scalar_type() != type || !shaped || !tensor.is_contiguous() || !tensor.device().is_cpu()) {
    std::ostringstream text;
    text << "The framework's tensor \"" << kind.tensor << "\" has type " << tensor.scalar_type()
         << " and shape " << tensor.sizes() << ": not a plane of numbers in memory.";
    throw Error(ErrorKind::Device, text.str());
  }
  Plane plane;
  plane.name = kind.name;
  plane.type = kind.type;
  plane.height = static_cast<int>(tensor.size(0));
  plane.width = static_cast<int>(tensor.size(1));
  plane.channels = kind.channels;
  // The pointer owns the tensor, which owns the numbers.
  plane.data = std::shared_ptr<const void>(tensor.const_data_ptr(), [tensor](const void*) {});
  return plane;
}

}  // namespace

Result result_planes(const FrameTensors& tensors, unsigned maps) {
  const auto scores = tensors.find(kScores.tensor);
  if (scores == tensors.end()) throw Error(ErrorKind::Device, "The framework returned no anomaly map.");
  Result result;
  result.map = plane_of(scores->second, kScores);
  for (const Kind& kind : kFurther)
    if (maps & kind.flag)
      if (const auto found = tensors.find(kind.tensor); found != tensors.end())
        result.further.push_back(plane_of(found->second, kind));
  return result;
}

Plane label_plane(const FrameTensors& tensors) {
  const auto found = tensors.find(kLabels.tensor);
  return found == tensors.end() ? Plane{} : plane_of(found->second, kLabels);
}

}  // namespace anomaly

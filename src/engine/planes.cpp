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
constexpr Kind kFurtherPlanes[] = {
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
  if (tensor.scalar_type() != type || !shaped || !tensor.is_contiguous()) {
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

Plane named_plane(const FrameTensors& tensors, const Kind& kind) {
  const auto found = tensors.find(kind.tensor);
  return found == tensors.end() ? Plane{} : plane_of(found->second, kind);
}

MapStatistics statistics_of(const Request& request, const ComputedFrame& frame) {
  const Plane map = named_plane(frame.tensors, kScores), labels = named_plane(frame.tensors, kLabels);
  StatisticsQuery query;
  query.frame_width = request.frame.frame_width;
  query.frame_height = request.frame.frame_height;
  query.threshold = request.threshold;
  query.min_area = request.min_area;
  query.roi = request.roi;
  query.mask = request.mask.get();
  query.classes = request.classes;
  query.with_runs = request.with_runs;
  return map_statistics(static_cast<const float*>(map.data.get()), map.width, map.height,
                        static_cast<const uint8_t*>(labels.data.get()), labels.width, labels.height, query);
}

void place(Plane& plane, const ComputedFrame& frame) {
  if (!frame.download) return;
  plane.kind = FrameMemory::Kind::Cuda;
  plane.device = frame.device;
  plane.download = [download = frame.download, data = plane.data.get(), bytes = plane.bytes()](void* host) {
    download(host, data, bytes);
  };
}

}  // namespace

Result result_of(const Request& request, const ComputedFrame& frame) {
  Result result;
  result.scene_cut = frame.scene_cut;
  result.map = named_plane(frame.tensors, kScores);
  if (!result.map.data) throw Error(ErrorKind::Device, "The framework returned no anomaly map.");
  for (const Kind& kind : kFurtherPlanes)
    if (request.maps & kind.flag)
      if (Plane plane = named_plane(frame.tensors, kind); plane.data)
        result.further.push_back(std::move(plane));
  result.statistics = frame.statistics ? *frame.statistics : statistics_of(request, frame);
  place(result.map, frame);
  for (Plane& plane : result.further) place(plane, frame);
  return result;
}

}  // namespace anomaly

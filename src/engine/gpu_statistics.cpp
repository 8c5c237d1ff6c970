// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/gpu_statistics.h"

#include <algorithm>
#include <array>
#include <utility>

namespace anomaly {
namespace {

constexpr size_t kWorkspacesMost = 8;  // as many sizes of frames and maps are kept

}  // namespace

struct GpuStatistics::Workspace {
  std::array<int, 4> sizes;
  std::unique_ptr<AnomalyCudaStatistics, void (*)(AnomalyCudaStatistics*)> own;
};

GpuStatistics::GpuStatistics(const Compute& compute, std::shared_ptr<BufferPool> pinned,
                             std::shared_ptr<BufferPool> on_device)
    : compute_(compute), pinned_(std::move(pinned)), on_device_(std::move(on_device)) {}

GpuStatistics::~GpuStatistics() = default;

bool GpuStatistics::serves(const Request& request) {
  return !request.mask && !request.with_runs;
}

AnomalyCudaStatistics* GpuStatistics::workspace_for(int map_width, int map_height, int frame_width,
                                                    int frame_height) {
  const std::array<int, 4> sizes = {map_width, map_height, frame_width, frame_height};
  const auto found = std::find_if(workspaces_.begin(), workspaces_.end(),
                                  [&](const Workspace& workspace) { return workspace.sizes == sizes; });
  if (found != workspaces_.end()) {
    workspaces_.splice(workspaces_.begin(), workspaces_, found);
  } else {
    if (workspaces_.size() >= kWorkspacesMost) {
      // What goes may still be at work.
      compute_.check(compute_.kernels->synchronize(compute_.stream()), "waiting for statistics");
      workspaces_.pop_back();
    }
    AnomalyCudaStatistics* own = nullptr;
    compute_.check(
        compute_.kernels->statistics_create(map_width, map_height, frame_width, frame_height, &own),
        "making room for statistics");
    workspaces_.push_front({sizes, {own, compute_.kernels->statistics_destroy}});
  }
  return workspaces_.front().own.get();
}

std::shared_ptr<GpuStatistics::Pending> GpuStatistics::queue(const Request& request, const at::Tensor& map,
                                                             const at::Tensor& labels) {
  AnomalyCudaStatistics* workspace =
      workspace_for(static_cast<int>(map.size(1)), static_cast<int>(map.size(0)), request.frame.frame_width,
                    request.frame.frame_height);
  std::array<uint8_t, 256> classes{};
  for (size_t i = 0; i < classes.size(); ++i) classes[i] = request.classes[i];
  AnomalyCudaQuery query{};
  query.map = map.const_data_ptr<float>();
  query.labels = labels.const_data_ptr<uint8_t>();
  query.label_width = static_cast<int>(labels.size(1));
  query.label_height = static_cast<int>(labels.size(0));
  query.threshold = request.threshold;
  query.min_area = request.min_area;
  query.x = request.roi.x;
  query.y = request.roi.y;
  query.width = request.roi.width;
  query.height = request.roi.height;
  query.classes = request.classes.any() ? classes.data() : nullptr;
  auto pending = std::make_shared<Pending>();
  pending->figures_ = on_device_->take(sizeof(AnomalyCudaFigures));
  pending->on_host_ = pinned_->take(sizeof(AnomalyCudaFigures));
  compute_.check(
      compute_.kernels->map_statistics(
          workspace, &query, static_cast<AnomalyCudaFigures*>(pending->figures_.get()), compute_.stream()),
      "the statistics of a map");
  compute_.check(compute_.kernels->copy_to_host(pending->on_host_.get(), pending->figures_.get(),
                                                sizeof(AnomalyCudaFigures), compute_.stream()),
                 "fetching statistics");
  return pending;
}

MapStatistics GpuStatistics::Pending::statistics() const {
  const auto& figures = *static_cast<const AnomalyCudaFigures*>(on_host_.get());
  MapStatistics out;
  out.score = figures.score;
  out.max = figures.max;
  out.mean = figures.mean;
  out.share =
      figures.counted > 0 ? static_cast<double>(figures.over) / static_cast<double>(figures.counted) : 0;
  const int count = std::clamp(figures.regions, 0, kAnomalyMostRegions);
  for (int i = 0; i < count; ++i) {
    const AnomalyCudaRegion& r = figures.region[i];
    out.regions.push_back({i + 1, r.x, r.y, r.width, r.height, r.area, r.mean, r.max, r.label});
  }
  return out;
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/gpu_statistics.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include <ATen/ops/empty.h>

namespace anomaly {
namespace {

constexpr size_t kWorkspacesMost = 8;  // as many sizes of frames and maps are kept
constexpr size_t kMasksMost = 64;      // that lie on the device: a stream has one

// Fetched as they are.
static_assert(sizeof(RegionRun) == sizeof(AnomalyCudaRun) &&
              offsetof(RegionRun, y) == offsetof(AnomalyCudaRun, y) &&
              offsetof(RegionRun, first) == offsetof(AnomalyCudaRun, first) &&
              offsetof(RegionRun, last) == offsetof(AnomalyCudaRun, last) &&
              offsetof(RegionRun, region) == offsetof(AnomalyCudaRun, region));

// The most runs that a frame can have: every second pixel of each row begins one.
int64_t most_runs(const PreparedFrame& frame) {
  return (int64_t{frame.frame_width} + 1) / 2 * frame.frame_height;
}

}  // namespace

struct GpuStatistics::Workspace {
  std::array<int, 4> sizes;
  std::unique_ptr<AnomalyCudaStatistics, void (*)(AnomalyCudaStatistics*)> own;
};

// A stream's mask is the same for all its frames: it is uploaded with the first. Whose it is says the weak
// pointer, which no other mask can have while it is here.
struct GpuStatistics::UploadedMask {
  std::weak_ptr<const PixelMask> mask;
  std::shared_ptr<void> counts;
};

GpuStatistics::GpuStatistics(const Compute& compute, std::shared_ptr<BufferPool> pinned,
                             std::shared_ptr<BufferPool> on_device)
    : compute_(compute), pinned_(std::move(pinned)), on_device_(std::move(on_device)) {}

GpuStatistics::~GpuStatistics() = default;

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

const uint8_t* GpuStatistics::mask_on_device(const std::shared_ptr<const PixelMask>& mask, Pending& pending) {
  masks_.remove_if([](const UploadedMask& uploaded) { return uploaded.mask.expired(); });
  const auto found = std::find_if(masks_.begin(), masks_.end(),
                                  [&](const UploadedMask& uploaded) { return uploaded.mask.lock() == mask; });
  if (found != masks_.end()) {
    masks_.splice(masks_.begin(), masks_, found);
    pending.mask_ = found->counts;
    return static_cast<const uint8_t*>(pending.mask_.get());
  }
  const size_t bytes = mask->counts.size();
  pending.mask_ = on_device_->take(bytes);
  pending.mask_staged_ = pinned_->take(bytes);
  std::memcpy(pending.mask_staged_.get(), mask->counts.data(), bytes);
  compute_.check(compute_.kernels->copy_to_device(pending.mask_.get(), pending.mask_staged_.get(), bytes,
                                                  compute_.stream()),
                 "uploading a mask");
  if (masks_.size() >= kMasksMost) masks_.pop_back();  // frames under way hold theirs
  masks_.push_front({mask, pending.mask_});
  return static_cast<const uint8_t*>(pending.mask_.get());
}

void GpuStatistics::queue(const Request& request, const at::Tensor& map, const at::Tensor& labels,
                          std::shared_ptr<Pending>& out) {
  if (request.mask) check_mask(*request.mask, request.frame.frame_width, request.frame.frame_height);
  const auto pending = out = std::make_shared<Pending>();
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
  if (request.mask) query.mask = mask_on_device(request.mask, *pending);
  if (request.with_runs) {
    const int64_t most = most_runs(request.frame);
    pending->runs_ = at::empty({most * static_cast<int64_t>(sizeof(AnomalyCudaRun))}, compute_.bytes());
    query.runs = static_cast<AnomalyCudaRun*>(pending->runs_.mutable_data_ptr());
    query.run_capacity = static_cast<int>(most);
  }
  pending->figures_ = on_device_->take(sizeof(AnomalyCudaFigures));
  pending->on_host_ = pinned_->take(sizeof(AnomalyCudaFigures));
  compute_.check(
      compute_.kernels->map_statistics(
          workspace, &query, static_cast<AnomalyCudaFigures*>(pending->figures_.get()), compute_.stream()),
      "the statistics of a map");
  compute_.check(compute_.kernels->copy_to_host(pending->on_host_.get(), pending->figures_.get(),
                                                sizeof(AnomalyCudaFigures), compute_.stream()),
                 "fetching statistics");
}

MapStatistics GpuStatistics::Pending::statistics(const ComputedFrame::Download& download) const {
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
  if (runs_.defined() && figures.runs > 0) {
    out.runs.resize(static_cast<size_t>(figures.runs));
    download(out.runs.data(), runs_.const_data_ptr(), out.runs.size() * sizeof(RegionRun));
  }
  return out;
}

}  // namespace anomaly

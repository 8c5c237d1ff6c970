// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/gpu_reader.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include "kernels/pixel_format.h"
#include "src/error.h"

namespace anomaly {
namespace {

constexpr size_t kRowAlignment = 256;  // of staged planes: what memory transactions like
constexpr size_t kResamplersMost = 16;

constexpr int kCellRows = StreamState::kThumbnailRows, kCellColumns = StreamState::kThumbnailColumns;

size_t aligned(size_t bytes) {
  return (bytes + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
}

// The pixels of one dimension that a thumbnail counts, and a matrix of 1 where one of them lies in a cell.
std::pair<at::Tensor, at::Tensor> counted(int size, int cells) {
  std::vector<std::pair<int, int>> pixels;  // pixel, cell
  for (int cell = 0; cell < cells; ++cell)
    for (int i = cell * size / cells; i < (cell + 1) * size / cells; i += StreamState::kThumbnailStep)
      pixels.emplace_back(i, cell);
  const auto count = static_cast<int64_t>(pixels.size());
  at::Tensor index = at::empty({count}, at::kLong), member = at::zeros({cells, count}, at::kDouble);
  for (int64_t i = 0; i < count; ++i) {
    index.mutable_data_ptr<int64_t>()[i] = pixels[static_cast<size_t>(i)].first;
    member.mutable_data_ptr<double>()[pixels[static_cast<size_t>(i)].second * count + i] = 1;
  }
  return {index, member};
}

int counted_in_cell(int size, int cells, int cell) {
  const int pixels = (cell + 1) * size / cells - cell * size / cells;
  return (pixels + StreamState::kThumbnailStep - 1) / StreamState::kThumbnailStep;
}

}  // namespace

// Resamplers that nobody uses, by geometry.
class GpuReader::Resamplers : public std::enable_shared_from_this<Resamplers> {
 public:
  std::shared_ptr<DeviceResampler> take(const Compute& compute, std::array<int, 4> sizes) {
    std::unique_ptr<DeviceResampler> own;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto found =
          std::find_if(idle_.begin(), idle_.end(), [&](const Idle& idle) { return idle.sizes == sizes; });
      if (found != idle_.end()) {
        own = std::move(found->resampler);
        idle_.erase(found);
      }
    }
    if (!own) own = std::make_unique<DeviceResampler>(compute, sizes[0], sizes[1], sizes[2], sizes[3]);
    DeviceResampler* resampler = own.release();
    return {resampler, [keeper = weak_from_this(), sizes](DeviceResampler* p) {
              std::unique_ptr<DeviceResampler> back(p);
              if (const auto alive = keeper.lock()) alive->give_back(std::move(back), sizes);
            }};
  }

 private:
  struct Idle {
    std::array<int, 4> sizes;
    std::unique_ptr<DeviceResampler> resampler;
  };
  void give_back(std::unique_ptr<DeviceResampler> resampler, std::array<int, 4> sizes) {
    std::list<Idle> one;
    one.push_back({sizes, std::move(resampler)});
    const std::lock_guard<std::mutex> lock(mutex_);
    idle_.splice(idle_.begin(), one);
    if (idle_.size() > kResamplersMost) idle_.pop_back();
  }
  std::mutex mutex_;
  std::list<Idle> idle_;
};

GpuReading::~GpuReading() {
  try {
    done_.wait();
  } catch (...) {  // the device has failed: it uses nothing any more
  }
}

StreamState::Thumbnail GpuReading::thumbnail() const {
  done_.wait();
  StreamState::Thumbnail out{};
  const auto* sums = static_cast<const double*>(sums_.get());
  for (int row = 0; row < kCellRows; ++row)
    for (int column = 0; column < kCellColumns; ++column) {
      const int count =
          counted_in_cell(height_, kCellRows, row) * counted_in_cell(width_, kCellColumns, column);
      for (int channel = 0; channel < 3; ++channel) {
        const int i = (row * kCellColumns + column) * 3 + channel;
        out[static_cast<size_t>(i)] = static_cast<float>(sums[i]) / static_cast<float>(std::max(count, 1));
      }
    }
  return out;
}

GpuReader::GpuReader(const Compute& compute, int device, std::shared_ptr<GpuHealth> health,
                     std::shared_ptr<BufferPool> pinned, std::shared_ptr<BufferPool> on_device)
    : compute_(compute),
      device_(device),
      health_(std::move(health)),
      pinned_(std::move(pinned)),
      on_device_(std::move(on_device)),
      stream_(new_stream(compute)),
      resamplers_(std::make_shared<Resamplers>()) {}

GpuReader::ThumbnailCells GpuReader::cells_of(int width, int height) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (cells_.width != width || cells_.height != height) {
    const auto [rows, by_row] = counted(height, kCellRows);
    const auto [columns, by_column] = counted(width, kCellColumns);
    cells_ = {width,
              height,
              rows.to(compute_.device),
              columns.to(compute_.device),
              by_row.to(compute_.device),
              by_column.to(compute_.device)};
  }
  return cells_;
}

// Sums of bytes, exact in double. StreamState divides by the counts.
void GpuReader::queue_thumbnail(const at::Tensor& rgb, GpuReading& reading) {
  const ThumbnailCells cells = cells_of(reading.width_, reading.height_);
  const at::Tensor pixels =
      rgb.index_select(0, cells.rows).index_select(1, cells.columns).permute({2, 0, 1}).to(at::kDouble);
  reading.thumbnail_ = at::matmul(at::matmul(cells.by_row, pixels), cells.by_column.t())
                           .permute({1, 2, 0})
                           .contiguous();  // rows x columns x 3
  reading.sums_ = pinned_->take(reading.thumbnail_.nbytes());
  compute_.check(compute_.kernels->copy_to_host(reading.sums_.get(), reading.thumbnail_.const_data_ptr(),
                                                reading.thumbnail_.nbytes(), compute_.stream()),
                 "fetching a thumbnail");
}

// Copies the frame's planes to staging memory and queues their upload. Returns where they will be.
FrameView GpuReader::upload(const FrameView& frame, GpuReading& reading) const {
  const PixelFormatInfo& info = pixel_format_info(frame.format);
  std::array<size_t, kMaxPlanes> begin{}, stride{};
  size_t bytes = 0;
  for (int i = 0; i < info.planes; ++i) {
    begin[i] = bytes;
    stride[i] = aligned(static_cast<size_t>(plane_row_bytes(info, i, frame.width)));
    bytes += stride[i] * static_cast<size_t>(plane_rows(info, i, frame.height));
  }
  reading.staging_ = pinned_->take(bytes);
  reading.planes_ = on_device_->take(bytes);
  auto* const staging = static_cast<uint8_t*>(reading.staging_.get());
  auto* const planes = static_cast<uint8_t*>(reading.planes_.get());
  FrameView uploaded = frame;
  for (int i = 0; i < info.planes; ++i) {
    const auto row = static_cast<size_t>(plane_row_bytes(info, i, frame.width));
    const int rows = plane_rows(info, i, frame.height);
    uint8_t* to = staging + begin[i];
    const uint8_t* from = frame.plane[i];
    if (frame.stride[i] == static_cast<std::ptrdiff_t>(stride[i]))
      std::memcpy(to, from, stride[i] * static_cast<size_t>(rows - 1) + row);
    else
      for (int y = 0; y < rows; ++y, to += stride[i], from += frame.stride[i]) std::memcpy(to, from, row);
    uploaded.plane[i] = planes + begin[i];
    uploaded.stride[i] = static_cast<std::ptrdiff_t>(stride[i]);
  }
  compute_.check(compute_.kernels->copy_to_device(planes, staging, bytes, compute_.stream()),
                 "uploading a frame");
  return uploaded;
}

PreparedFrame GpuReader::read(const FrameView& frame, const FrameMemory& memory, int width, int height) {
  health_->check();
  if (memory.kind == FrameMemory::Kind::Cuda && memory.device != device_)
    throw Error(ErrorKind::Device,
                "The frame lies in the memory of GPU " + std::to_string(memory.device) +
                    ", and the engine computes on GPU " + std::to_string(device_) +
                    ": let both use one GPU (device=cuda:" + std::to_string(memory.device) +
                    "), or copy frames to system memory first.");
  check_frame(frame);
  const c10::InferenceMode inference;
  const StreamScope scope(compute_, stream_);
  auto reading = std::make_shared<GpuReading>();
  reading->device_ = device_;
  reading->width_ = width;
  reading->height_ = height;
  try {
    reading->rgb_ = on_device_->take(size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(height));
    reading->resampler_ = resamplers_->take(compute_, {frame.width, frame.height, width, height});
    auto* const rgb = static_cast<uint8_t*>(reading->rgb_.get());
    const auto ingest = [&](const FrameView& view, void* stream) {
      compute_.check(compute_.kernels->ingest_rgb8(reading->resampler_->get(), &view, rgb, stream),
                     "reading a frame");
    };
    if (memory.kind == FrameMemory::Kind::Host) {
      ingest(upload(frame, *reading), compute_.stream());
    } else {
      // On the stream that the frame is written on: after what is queued there. Its owner takes the frame
      // back when this returns.
      ingest(frame, memory.stream);
      compute_.check(compute_.kernels->synchronize(memory.stream), "reading a frame");
    }
    queue_thumbnail(at::from_blob(
                        rgb, {height, width, 3}, [](void*) {}, compute_.bytes(), compute_.device),
                    *reading);
    reading->done_.record(stream_);
  } catch (...) {
    const std::exception_ptr failure = std::current_exception();
    try {
      wait_for(stream_);
    } catch (...) {  // it uses nothing any more
    }
    std::rethrow_exception(failure);
  }
  PreparedFrame out;
  out.width = width;
  out.height = height;
  out.frame_width = frame.width;
  out.frame_height = frame.height;
  out.kind = FrameMemory::Kind::Cuda;
  out.rgb = std::shared_ptr<uint8_t>(reading, static_cast<uint8_t*>(reading->rgb_.get()));
  out.reading = std::move(reading);
  return out;
}

}  // namespace anomaly

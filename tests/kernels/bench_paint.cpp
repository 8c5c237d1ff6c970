// SPDX-License-Identifier: LGPL-2.1-or-later
// What bench_cuda times of painting: as anomalyoverlay lists it, on an NV12 frame. Times hold the processor's
// part, too: it sorts the steps into tiles while the stream waits.
#include <algorithm>
#include <vector>

#include "kernels/paint_list.h"
#include "tests/kernels/bench_cuda.h"

namespace bench {
namespace {

constexpr float kThreshold = 0.5f;
constexpr int kTileWidth = 64, kTileHeight = 16;

// A quiet map with some hills that reach the threshold, as a street gives.
std::vector<float> hills(int width, int height) {
  std::vector<float> map(static_cast<size_t>(width) * static_cast<size_t>(height));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      map[static_cast<size_t>(y * width + x)] = x / 24 % 4 == 1 && y / 20 % 3 == 1 ? 0.9f : 0.1f;
  return map;
}

// Tiles that a rectangle touches.
double tiles_of(int width, int height) {
  return static_cast<double>((width + kTileWidth - 1) / kTileWidth) *
         ((height + kTileHeight - 1) / kTileHeight);
}

}  // namespace

void bench_painting(int frame_width, int frame_height, int map_width, int map_height, const Table& table) {
  const size_t luma = static_cast<size_t>(frame_width) * static_cast<size_t>(frame_height);
  const double pixels = static_cast<double>(luma), all_tiles = tiles_of(frame_width, frame_height);
  const std::vector<float> scores = hills(map_width, map_height);
  const double share = static_cast<double>(std::count_if(scores.begin(), scores.end(),
                                                         [](float s) { return s >= kThreshold; })) /
                       static_cast<double>(scores.size());
  const Memory planes(luma * 3 / 2), map(scores.size() * sizeof(float));
  demand(cuda->copy_to_device(map.at(), scores.data(), map.bytes(), nullptr), "an upload");
  demand(cuda->synchronize(nullptr), "an upload");
  anomaly::MutableFrameView frame;
  frame.format = anomaly::PixelFormat::NV12;
  frame.width = frame_width;
  frame.height = frame_height;
  frame.plane[0] = planes.at<uint8_t>();
  frame.plane[1] = planes.at<uint8_t>() + luma;
  frame.stride[0] = frame.stride[1] = frame_width;
  const anomaly::ScoreMap on_device = {map.at<float>(), map_width, map_height};
  AnomalyCudaPainter* painter = nullptr;
  demand(cuda->painter_create(&painter), "a painter");
  const auto row = [&](const char* name, const anomaly::PaintList& list, const cuda_bytes::Bytes& bytes) {
    table.row(name, bytes, [&] {
      return cuda->paint(painter, &frame, list.steps().data(), list.steps().size(), &on_device, 0, nullptr);
    });
  };

  std::vector<uint8_t> colours(256 * 3);
  for (size_t i = 0; i < colours.size(); ++i) colours[i] = static_cast<uint8_t>(i);
  anomaly::HeatmapStyle heat;
  heat.lut = colours.data();
  heat.threshold = kThreshold;
  const anomaly::Rect whole = {0, 0, frame_width, frame_height};
  const double map_bytes = static_cast<double>(map.bytes());
  anomaly::PaintList heatmap(frame_width, frame_height);
  heatmap.heatmap(whole, heat);
  row("paint: heatmap", heatmap,
      cuda_bytes::paint(1.5 * pixels * share, map_bytes,
                        cuda_bytes::paint_program(1, all_tiles, all_tiles, 1), 0));

  // Twenty outlines, rim and line, with a label each.
  const int line = std::max(1, frame_height / 270), side = frame_height / 8;
  anomaly::PaintList outlines(frame_width, frame_height);
  double changed = 0, touched = 0;
  const auto outline = [&](const anomaly::Rect& box, int thickness, uint8_t grey) {
    outlines.box(box, thickness, grey, grey, grey);
    changed += 1.5 * 2.0 * thickness * (box.width + box.height - 2.0 * thickness);
    touched += tiles_of(box.width, box.height);
  };
  for (int i = 0; i < 20; ++i) {
    const anomaly::Rect box = {i % 5 * frame_width / 5, i / 5 * frame_height / 5 + side / 4, side, side / 2};
    outline(box, 2 * line, 0);
    outline(box, line, 255);
    const anomaly::Rect label = {box.x, box.y - side / 4, side, side / 4};
    outlines.mask(label, std::vector<uint8_t>(static_cast<size_t>(label.width * label.height), 200), 0, 0, 0);
    changed += 1.5 * label.width * label.height;
    touched += tiles_of(label.width, label.height);
  }
  const double masks = 20.0 * side * (side / 4);
  row("paint: 20 outlines with labels", outlines,
      cuda_bytes::paint(changed, 0,
                        cuda_bytes::paint_program(60, std::min(touched, all_tiles), touched, 0) + masks, 0));

  anomaly::ContourStyle style;
  style.threshold = kThreshold;
  style.line = line;
  style.rim = std::max(1, line / 2);
  anomaly::PaintList contours(frame_width, frame_height);
  contours.contours(whole, style);
  // The hills' outlines, 24 x 20 cells each.
  const double hills_there = share * static_cast<double>(scores.size()) / (24 * 20);
  const double length = 2 * (24.0 * frame_width / map_width + 20.0 * frame_height / map_height);
  row("paint: contours", contours,
      cuda_bytes::paint(1.5 * hills_there * length * (line + 2 * style.rim), map_bytes,
                        cuda_bytes::paint_program(2, all_tiles, 2 * all_tiles, 0), pixels));
  cuda->painter_destroy(painter);
}

}  // namespace bench

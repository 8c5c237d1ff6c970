// SPDX-License-Identifier: LGPL-2.1-or-later
// bench_temporal [--drives N] [--frames N] [--method METHOD] [--ensemble A,B,C,D] BUNDLE [VIDEO]: what each
// normalization does to a stream. Prints, for frame, fixed and temporal, of the video, of the same with
// objects pasted on its road (every other frame), and of N synthetic drives of so many frames:
//   map, score   mean absolute change of the map, and of the frame's score, from a frame to the next
//   of bounds    what the normalization makes of it: the change of the same frame when it is scaled as the
//                frame before it was
//   AP           where anomalies are known: average precision over all cells of the map
#include <gst/video/video.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "kernels/ingest.h"
#include "kernels/resize.h"
#include "kernels/statistics.h"
#include "src/bundle/bundle.h"
#include "src/error.h"
#include "src/framework/framework.h"
#include "src/scene/scene.h"

using namespace anomaly;

namespace {

constexpr int64_t kFrame = 40'000'000;  // nanoseconds

double mean_change(const at::Tensor& a, const at::Tensor& b) {
  const float *x = a.const_data_ptr<float>(), *y = b.const_data_ptr<float>();
  double sum = 0;
  for (int64_t i = 0; i < a.numel(); ++i) sum += std::abs(x[i] - y[i]);
  return sum / static_cast<double>(a.numel());
}

double score_of(const at::Tensor& map) {
  StatisticsQuery query;
  query.frame_width = static_cast<int>(map.size(1));
  query.frame_height = static_cast<int>(map.size(0));
  query.threshold = INFINITY;
  return map_statistics(map.const_data_ptr<float>(), query.frame_width, query.frame_height, nullptr, 0, 0,
                        query)
      .score;
}

// One stream under one normalization.
class Measured {
 public:
  // bounds: measure their part as well, which takes as long again.
  Measured(Framework& framework, Settings settings, Normalization normalization, bool bounds)
      : framework_(framework), settings_(settings), normalization_(normalization), bounds_(bounds) {}

  void frame(const at::Tensor& rgb, const std::vector<uint8_t>& truth) {
    settings_.normalization = normalization_;
    const at::Tensor map =
        run(rgb, normalization_ == Normalization::Temporal ? &stream_ : nullptr, kFrame * frames_);
    const double score = score_of(map);
    if (frames_ > 0) {
      map_change_ += mean_change(map, map_);
      score_change_ += std::abs(score - score_);
      if (bounds_ && normalization_ != Normalization::Fixed) {
        // A nanosecond after the frame before, the bounds are still that frame's.
        settings_.normalization = Normalization::Temporal;
        const at::Tensor held = run(rgb, &held_, kFrame * (frames_ - 1) + 1);
        bounds_map_ += mean_change(map, held);
        bounds_score_ += std::abs(score - score_of(held));
      }
    }
    if (bounds_) keep_bounds(rgb);
    if (!truth.empty())
      for (int64_t i = 0; i < map.numel(); ++i)
        cells.emplace_back(map.const_data_ptr<float>()[i], truth[static_cast<size_t>(i)] != 0);
    map_ = map;
    score_ = score;
    ++frames_;
  }

  void next_stream() {
    stream_ = StreamState();
    total_ += std::exchange(frames_, 0) - 1;
  }

  void print() {
    next_stream();
    std::printf(" %9.5f %9.5f %9.5f %9.5f", map_change_ / total_, bounds_map_ / total_,
                score_change_ / total_, bounds_score_ / total_);
  }

  std::vector<std::pair<float, bool>> cells;

 private:
  at::Tensor run(const at::Tensor& rgb, StreamState* stream, int64_t time) {
    return framework_.run(rgb, settings_, false, {{stream, time}}).at(0).at("anomaly");
  }

  // Makes held_ a stream whose bounds are those that this frame was scaled with.
  void keep_bounds(const at::Tensor& rgb) {
    if (normalization_ == Normalization::Temporal) held_ = stream_;
    if (normalization_ != Normalization::Frame) return;
    held_ = StreamState();
    settings_.normalization = Normalization::Temporal;
    run(rgb, &held_, kFrame * frames_);
  }

  Framework& framework_;
  Settings settings_;
  const Normalization normalization_;
  const bool bounds_;
  StreamState stream_, held_;
  at::Tensor map_;
  double score_ = 0;
  int64_t frames_ = 0, total_ = 0;
  double map_change_ = 0, score_change_ = 0, bounds_map_ = 0, bounds_score_ = 0;
};

class Bench {
 public:
  // ensemble: empty, or four weights in place of the bundle's.
  Bench(const char* bundle, const std::string& method, const std::vector<double>& ensemble, bool bounds)
      : framework_(Bundle::open(bundle), "cpu"),
        height_(framework_.bundle().info().segmentation_height),
        width_(framework_.bundle().info().segmentation_width) {
    Settings settings;
    settings.method = method_from_string(method.empty() ? framework_.bundle().info().default_method : method);
    const auto& own = framework_.bundle().info().ensemble;
    std::copy(own.begin(), own.end(), settings.ensemble.begin());
    std::copy(ensemble.begin(), ensemble.end(), settings.ensemble.begin());
    for (const Normalization n : {Normalization::Frame, Normalization::Fixed, Normalization::Temporal})
      measured_.emplace_back(framework_, settings, n, bounds);
  }

  // truth: of the frame's size, or empty.
  void frame(const uint8_t* rgb, int stride, int width, int height, const std::vector<uint8_t>& truth) {
    FrameView view;
    view.format = PixelFormat::RGB;
    view.width = width;
    view.height = height;
    view.plane[0] = rgb;
    view.stride[0] = stride;
    const at::Tensor input = at::empty({1, height_, width_, 3}, at::kByte);
    ingest_rgb8(view, input.mutable_data_ptr<uint8_t>(), static_cast<int>(width_), static_cast<int>(height_));
    std::vector<uint8_t> cells;
    if (!truth.empty()) {
      const BundleInfo& info = framework_.bundle().info();
      cells.resize(static_cast<size_t>(info.map_width) * static_cast<size_t>(info.map_height));
      resize_nearest_u8(truth.data(), width, height, 1, cells.data(), info.map_width, info.map_height);
    }
    for (Measured& one : measured_) one.frame(input, cells);
  }
  std::vector<Measured>& measured() { return measured_; }

 private:
  Framework framework_;
  int64_t height_, width_;
  std::vector<Measured> measured_;
};

struct Player {
  Bench& bench;
  bool paste;  // objects, on every other frame
  int frames = 0;
};

// A blob of coloured squares that comes nearer on the road for 55 frames, then another one. rgb: height x
// width x 3.
std::vector<uint8_t> paste(uint8_t* rgb, int width, int height, int frame) {
  constexpr int kStay = 55, kSquare = 6;
  const int number = frame / kStay;
  const double near = static_cast<double>(frame % kStay) / kStay;
  const double radius = height * (0.02 + 0.05 * near);
  const double x0 = width * (0.47 + 0.02 * (number % 4)), y0 = height * (0.66 + 0.2 * near) - radius;
  std::vector<uint8_t> truth(static_cast<size_t>(width) * static_cast<size_t>(height));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double dx = (x - x0) / (1.4 * radius), dy = (y - y0) / radius;
      if (dx * dx + dy * dy > 1) continue;
      const size_t at = static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x);
      const auto square = static_cast<uint32_t>(static_cast<int>(x - x0 + 1000) / kSquare * 977 +
                                                static_cast<int>(y - y0 + 1000) / kSquare + number * 31);
      const uint32_t colour = (square + 1) * 2654435761u;
      truth[at] = 1;
      for (size_t c = 0; c < 3; ++c) rgb[3 * at + c] = static_cast<uint8_t>(colour >> (8 * c));
    }
  return truth;
}

void on_frame(GstElement*, GstBuffer* buffer, GstPad* pad, gpointer data) {
  Player& player = *static_cast<Player*>(data);
  const int number = player.frames++;
  if (player.paste && number % 2 != 0) return;
  GstCaps* caps = gst_pad_get_current_caps(pad);
  GstVideoInfo info;
  GstVideoFrame frame;
  if (caps && gst_video_info_from_caps(&info, caps) &&
      gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ)) {
    const int width = GST_VIDEO_FRAME_WIDTH(&frame), height = GST_VIDEO_FRAME_HEIGHT(&frame);
    const auto* pixels = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
    std::vector<uint8_t> rgb, truth;
    for (int y = 0; y < height; ++y) {
      const uint8_t* row = pixels + static_cast<size_t>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
      rgb.insert(rgb.end(), row, row + 3 * static_cast<size_t>(width));
    }
    if (player.paste) truth = paste(rgb.data(), width, height, number);
    player.bench.frame(rgb.data(), 3 * width, width, height, truth);
    gst_video_frame_unmap(&frame);
  }
  gst_clear_caps(&caps);
}

bool play(const char* video, Player player) {
  GstElement* pipeline = gst_parse_launch(
      "filesrc name=file ! decodebin ! videoconvert ! video/x-raw,format=RGB ! "
      "fakesink name=sink sync=false signal-handoffs=true",
      nullptr);
  GstElement *file = gst_bin_get_by_name(GST_BIN(pipeline), "file"),
             *sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
  g_object_set(file, "location", video, nullptr);
  g_signal_connect(sink, "handoff", G_CALLBACK(on_frame), &player);
  gst_object_unref(file);
  gst_object_unref(sink);
  GstBus* bus = gst_element_get_bus(pipeline);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstMessage* message = gst_bus_timed_pop_filtered(
      bus, GST_CLOCK_TIME_NONE, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  const bool ended = GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
  if (!ended) {
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    std::fprintf(stderr, "%s: %s\n", video, error->message);
    g_error_free(error);
  }
  gst_message_unref(message);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return ended;
}

// Step-wise, without interpolation; equal scores are one step.
double average_precision(std::vector<std::pair<float, bool>>& cells) {
  std::sort(cells.begin(), cells.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  double positives = 0;
  for (const auto& cell : cells) positives += cell.second;
  double hits = 0, seen = 0, area = 0;
  for (size_t i = 0; i < cells.size();) {
    double here = 0;
    for (const float score = cells[i].first; i < cells.size() && cells[i].first == score; ++i) {
      here += cells[i].second;
      ++seen;
    }
    hits += here;
    area += here * hits / seen;
  }
  return positives > 0 ? area / positives : NAN;
}

constexpr const char* kNames[] = {"frame", "fixed", "temporal"};

void print(const char* what, Bench& bench, bool truth) {
  std::printf("%-10s %9s %9s %9s %9s%s\n", what, "map", "of bounds", "score", "of bounds",
              truth ? "        AP" : "");
  for (size_t i = 0; i < std::size(kNames); ++i) {
    std::printf("%-10s", kNames[i]);
    bench.measured()[i].print();
    if (truth) std::printf(" %9.4f", average_precision(bench.measured()[i].cells));
    std::printf("\n");
  }
}

void measure(const char* bundle, const char* video, const std::string& method,
             const std::vector<double>& ensemble, int drives, int frames) {
  if (video) {
    Bench bench(bundle, method, ensemble, true), pasted(bundle, method, ensemble, false);
    if (!play(video, {bench, false}) || !play(video, {pasted, true}))
      throw Error(ErrorKind::Io, "the video could not be played");
    print("video", bench, false);
    print("pasted", pasted, true);
  }
  Bench bench(bundle, method, ensemble, true);
  for (int drive = 0; drive < drives; ++drive) {
    SceneOptions options;
    options.seed = static_cast<uint64_t>(drive);
    options.anomaly_first = 5;
    options.anomaly_frames = 40;
    const auto scene = Scene::create(options);
    SceneFrame frame;
    for (int i = 0; i < frames; ++i) {
      scene->render(i, frame);
      bench.frame(frame.rgb.data(), 3 * options.width, options.width, options.height, frame.mask);
    }
    if (drive + 1 < drives)
      for (Measured& one : bench.measured()) one.next_stream();
  }
  if (drives > 0) print("drives", bench, true);
}

// "A,B,C,D" -> four numbers of at least 0, not all 0. Empty text: none.
std::vector<double> read_ensemble(const std::string& text) {
  std::vector<double> weights;
  const char* rest = text.c_str();
  while (*rest) {
    char* end = nullptr;
    const double weight = std::strtod(rest, &end);
    if (end == rest || !(weight >= 0) || weight > 1e6 || (*end != ',' && *end != '\0')) break;
    weights.push_back(weight);
    rest = *end == ',' ? end + 1 : end;
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!text.empty() && (*rest || weights.size() != 4 || !(sum > 0)))
    throw Error(ErrorKind::BadSettings,
                "--ensemble " + text + ": expected four weights with commas, as 0.75,0.25,0,0");
  return weights;
}

}  // namespace

int main(int argc, char** argv) {
  gint drives = 8, frames = 50;
  gchar *method = nullptr, *ensemble = nullptr, **rest = nullptr;
  const GOptionEntry entries[] = {
      {"drives", 0, 0, G_OPTION_ARG_INT, &drives, "synthetic drives", "N"},
      {"frames", 0, 0, G_OPTION_ARG_INT, &frames, "frames of each", "N"},
      {"method", 0, 0, G_OPTION_ARG_STRING, &method, "default: the bundle's", "METHOD"},
      {"ensemble", 0, 0, G_OPTION_ARG_STRING, &ensemble, "default: the bundle's", "A,B,C,D"},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, nullptr, "BUNDLE [VIDEO]"},
      {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr}};
  GError* error = nullptr;
  GOptionContext* context = g_option_context_new(nullptr);
  g_option_context_add_main_entries(context, entries, nullptr);
  g_option_context_add_group(context, gst_init_get_option_group());
  if (!g_option_context_parse(context, &argc, &argv, &error) || !rest || drives < 0 || frames < 2) {
    std::fprintf(stderr, "%s\n", error ? error->message : "usage: bench_temporal [OPTION...] BUNDLE [VIDEO]");
    return 2;
  }
  g_option_context_free(context);
  try {
    measure(rest[0], rest[1], method ? method : "", read_ensemble(ensemble ? ensemble : ""), drives, frames);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_temporal: %s\n", e.what());
    return 1;
  }
  g_strfreev(rest);
  g_free(method);
  g_free(ensemble);
  return 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
// The engine: one bundle on one device, one worker that computes, frames in and results out in order. No
// LibTorch here.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "kernels/frame_view.h"
#include "kernels/statistics.h"
#include "src/engine/frame_memory.h"
#include "src/error.h"
#include "src/framework/map_memory.h"
#include "src/framework/settings.h"
#include "src/framework/stream_state.h"

namespace anomaly {

class GpuReading;

struct EngineOptions {
  std::string bundle;  // path; empty = the built-in bundle
  std::string device =
      "auto";       // auto | cpu | cuda[:N]; a named device that is missing is an error, never a fall-back
  int threads = 0;  // of the worker's computations; 0 = all cores
  Precision precision = Precision::Auto;                  // a device that does not have it is an error
  TrunkPrecision trunk_precision = TrunkPrecision::Same;  // the same
};

// What a program may want to know of a bundle, without LibTorch or JSON.
struct ModelInfo {
  std::string path, name, license, default_method;
  std::string device;  // "cpu", "cuda:0"; "cuda:0 (emulated)" for the module that stands in for one in tests
  std::string precision;        // that networks compute with: "float32", "float16", "bfloat16"
  std::string trunk_precision;  // of the segmentation's trunk: "same", "fp8"
  int segmentation_width = 0, segmentation_height = 0, map_width = 0, map_height = 0;
  std::vector<std::string> classes;  // by train id
  double threshold = 0.5;
  double ensemble[4] = {};
};

enum MapFlags : unsigned {
  kMapLabels = 1u << 0,         // uint8 train ids, segmentation size
  kMapEntropy = 1u << 1,        // uint8, segmentation size
  kMapDistance = 1u << 2,       // uint8, segmentation size
  kMapPerceptual = 1u << 3,     // uint8, map size
  kMapDissimilarity = 1u << 4,  // float32, map size
  kMapSynthesis = 1u << 5,      // uint8 x 3, map size
};

// A plane of numbers, shared with whoever computed it; row-major, no padding. Kept alive by `data`.
struct Plane {
  enum class Type { U8, F32 };
  std::string name;  // "anomaly", "labels", "entropy", "distance", "perceptual", "dissimilarity", "synthesis"
  Type type = Type::F32;
  int width = 0, height = 0, channels = 1;
  std::shared_ptr<const void> data;
  FrameMemory::Kind kind = FrameMemory::Kind::Host;  // where `data` points
  int device = 0;                                    // Kind::Cuda: the GPU
  // Kind::Cuda: copies all values to bytes() of host memory, once they are computed. While `data` is held,
  // from any thread. Throws Error.
  std::function<void(void* host)> download;
  size_t bytes() const {
    return static_cast<size_t>(width) * height * channels * (type == Type::F32 ? 4 : 1);
  }
};

// A frame after ingest: RGB at segmentation size. Made in the caller's thread; holds nothing of the caller's
// buffer.
struct PreparedFrame {
  int width = 0, height = 0;              // segmentation size
  int frame_width = 0, frame_height = 0;  // of the frame it was made from
  std::shared_ptr<uint8_t> rgb;
  FrameMemory::Kind kind = FrameMemory::Kind::Host;  // where `rgb` points
  std::shared_ptr<const GpuReading> reading;         // Kind::Cuda: the engine's own, of that GPU
};

struct Request {
  PreparedFrame frame;
  Settings settings;
  float threshold = 0.5f;
  int64_t min_area = 0;                   // frame pixels
  Rect roi;                               // frame pixels
  std::shared_ptr<const PixelMask> mask;  // of the frame's size; null = all pixels count
  ClassSet classes;                       // train ids; none = all. See map_statistics()
  unsigned maps = 0;                      // MapFlags: which further planes to return
  bool with_runs = false;                 // whether to return the regions' pixels, MapStatistics::runs

  // Whose frame it is: callers with frames in the queue take turns. See new_caller(); 0 = nobody's in
  // particular, who is one caller, too.
  uint64_t caller = 0;
  // The frame may be computed together with up to batch_size - 1 others, of other callers, with the same
  // settings and size. It waits for them for batch_timeout at most, and only while there is nothing else to
  // compute; what is said of the other frames counts likewise, the smaller number and the shorter time.
  int batch_size = 1;
  std::chrono::nanoseconds batch_timeout{0};

  // What the stream's frames before this one left, for the worker alone until the stream has no frame queued;
  // null for a frame on its own. Normalization::Temporal needs it.
  std::shared_ptr<StreamState> stream;
  int64_t time = -1;  // nanoseconds of running time, -1 = unknown
  // Where the maps of the result go; null = memory of the engine, used again when the result is let go of.
  std::shared_ptr<MapMemory> memory;
  // On a GPU: the planes of the result stay in device memory (Plane::kind), and `memory` is not asked.
  bool keep_on_device = false;

  // Where it reads true before the worker reaches the frame, nothing is computed and the future throws
  // Error(Cancelled).
  std::shared_ptr<const std::atomic<bool>> cancelled;
  // Called once, after the future has become ready, from the worker (from the engine's destructor for what it
  // fails). Must not throw, block, or let go of the engine's last reference.
  std::function<void()> done;
};

struct Result {
  Plane map;                   // "anomaly", float32, map size
  std::vector<Plane> further;  // those of Request::maps that the method computed
  MapStatistics statistics;
  bool scene_cut = false;   // another scene than on the stream's frame before; needs Request::stream
  int batch = 1;            // frames that were computed together with this one, itself included
  double inference_ms = 0;  // the worker's time on this frame; in a batch an even share of the common part
};

// A number for Request::caller that no other caller of this process has.
uint64_t new_caller();

class Engine {
 public:
  // Throws Error. Loads and checks the bundle in the calling thread.
  static std::shared_ptr<Engine> open(const EngineOptions& options);
  virtual ~Engine() = default;  // finishes the frame in hand, fails the rest (Cancelled), joins the worker

  virtual const ModelInfo& model() const = 0;

  // Loads what `settings` need and throws Error(BadSettings) where the bundle cannot serve them. Any thread.
  virtual void prepare(const Settings& settings) = 0;

  // Ingest in the calling thread. width or height 0: the bundle's segmentation size. Any thread.
  virtual PreparedFrame ingest(const FrameView& frame, int width = 0, int height = 0) = 0;

  // The same for a frame whose planes lie in `memory`. A GPU engine takes frames of its own GPU without a
  // copy to the host, after what is queued on memory.stream, and has read them when it returns. Throws
  // Error(Device) for device memory that the engine cannot read, saying why.
  virtual PreparedFrame ingest(const FrameView& frame, const FrameMemory& memory, int width, int height) = 0;

  // Queues a frame; results of one caller come in the order queued, callers take turns. The future throws
  // Error: Resource where memory ran out, Device where LibTorch failed, BadSettings, Cancelled. The queue has
  // no bound: callers hold theirs. Any thread.
  virtual std::future<Result> submit(Request request) = 0;
};

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// An engine whose networks are a script: what it computes is known, and tests hold its worker where they
// like.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ops/full.h>

#include "src/engine/computation.h"
#include "tests/check.h"
#include "tests/gate.h"

namespace anomaly {

inline constexpr int kMapWidth = 16, kMapHeight = 8, kWidth = 64, kHeight = 32;

// What tests share with the computation that the engine owns.
struct Script {
  std::function<void(const PreparedFrame&)> before;               // called in the worker for each frame
  std::function<void(FrameTensors&)> change;                      // of what is returned
  std::function<void(const std::vector<const Request*>&)> batch;  // called in the worker for each batch
  std::function<void()> prepare;
  std::atomic<int> computed{0};
};

// A map whose values are the first byte of the frame, / 255; labels 3; further maps of each type.
class Scripted final : public Computation {
 public:
  explicit Scripted(Script& script) : script_(script) {}
  void prepare(const Settings&) override {
    if (script_.prepare) script_.prepare();
  }
  std::vector<FrameTensors> compute(const std::vector<const Request*>& batch) override {
    if (script_.batch) script_.batch(batch);
    std::vector<FrameTensors> results;
    results.reserve(batch.size());
    for (const Request* request : batch) results.push_back(one(*request));
    return results;
  }

 private:
  FrameTensors one(const Request& request) {
    const PreparedFrame& frame = request.frame;
    if (request.stream) request.stream->begin_frame(frame.rgb.get(), frame.width, frame.height, request.time);
    if (script_.before) script_.before(frame);
    ++script_.computed;
    const float value = frame.rgb.get()[0] / 255.0f;
    FrameTensors out;
    out["anomaly"] = at::full({kMapHeight, kMapWidth}, value, at::kFloat);
    out["labels"] = at::full({frame.height, frame.width}, 3, at::kByte);
    out["entropy"] = at::full({frame.height, frame.width}, 7, at::kByte);
    out["baseline_dissimilarity"] = at::full({kMapHeight, kMapWidth}, 0.25f, at::kFloat);
    out["synthesis"] = at::full({kMapHeight, kMapWidth, 3}, 9, at::kByte);
    if (script_.change) script_.change(out);
    return out;
  }

  Script& script_;
};

inline std::shared_ptr<Engine> scripted(Script& script, int threads = 1) {
  ModelInfo model;
  model.name = "scripted";
  model.segmentation_width = kWidth;
  model.segmentation_height = kHeight;
  return make_engine(std::make_unique<Scripted>(script), model, threads);
}

inline Request grey(Engine& engine, uint8_t value, int width = kWidth, int height = kHeight) {
  const std::vector<uint8_t> pixels(size_t{3} * width * height, value);
  FrameView view;
  view.format = PixelFormat::RGB;
  view.width = width;
  view.height = height;
  view.plane[0] = pixels.data();
  view.stride[0] = 3 * width;
  Request request;
  request.frame = engine.ingest(view);
  return request;
}

inline ErrorKind kind_of(std::future<Result>& future, std::string* text = nullptr) {
  try {
    future.get();
  } catch (const Error& e) {
    if (text) *text = e.what();
    return e.kind();
  }
  check::fail(__FILE__, __LINE__, "no error");
}

}  // namespace anomaly

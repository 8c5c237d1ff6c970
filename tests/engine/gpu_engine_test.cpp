// SPDX-License-Identifier: LGPL-2.1-or-later
// Engines on a GPU, as elements use them: frames of its memory, planes that stay there, batches, streams,
// failures. The CUDA module is the emulated one, whose device memory is ordinary memory.
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <ATen/TensorOperators.h>

#include "kernels/ingest.h"
#include "kernels/pixel_format.h"
#include "src/engine/engine.h"
#include "tests/check.h"
#include "tests/engine/failing_module.h"
#include "tests/engine/networks_fixture.h"

using namespace anomaly;

namespace {

const std::string& tiny_path() {
  static const fixture::BundleFile file(fixture::tiny_info(), fixture::tiny_tensors());
  return file.path();
}

std::shared_ptr<Engine> open(const char* device, Precision precision = Precision::Auto) {
  EngineOptions options;
  options.bundle = tiny_path();
  options.device = device;
  options.threads = 1;
  options.precision = precision;
  return Engine::open(options);
}

// A frame of any format: samples drawn within the format's range, rows further apart than they are long.
struct Frame {
  FrameView view;
  std::vector<std::vector<uint8_t>> planes;

  Frame(PixelFormat format, int width, int height, unsigned seed) {
    const PixelFormatInfo& info = pixel_format_info(format);
    view.format = format;
    view.width = width;
    view.height = height;
    uint32_t state = seed * 2654435761u + 1;
    for (int i = 0; i < info.planes; ++i) {
      const int stride = plane_row_bytes(info, i, width) + 12;
      planes.emplace_back(static_cast<size_t>(stride) * static_cast<size_t>(plane_rows(info, i, height)));
      for (uint8_t& byte : planes.back()) {
        state = state * 1664525u + 1013904223u;
        byte = static_cast<uint8_t>(state >> 24);
      }
      view.plane[i] = planes.back().data();
      view.stride[i] = stride;
    }
  }
};

FrameMemory on_gpu(int device = 0) {
  FrameMemory memory;
  memory.kind = FrameMemory::Kind::Cuda;
  memory.device = device;
  return memory;
}

FrameView picture(const at::Tensor& rgb) {
  FrameView view;
  view.width = static_cast<int>(rgb.size(1));
  view.height = static_cast<int>(rgb.size(0));
  view.plane[0] = rgb.const_data_ptr<uint8_t>();
  view.stride[0] = 3 * view.width;
  return view;
}

std::vector<float> floats(const Plane& plane) {
  std::vector<float> out(plane.bytes() / 4);
  if (plane.kind == FrameMemory::Kind::Cuda)
    plane.download(out.data());
  else
    std::memcpy(out.data(), plane.data.get(), plane.bytes());
  return out;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  CHECK_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(double{a[i]} - b[i]));
  return largest;
}

template <typename Work>
ErrorKind failure_of(Work work, std::string* text) {
  try {
    work();
  } catch (const Error& e) {
    *text = e.what();
    return e.kind();
  }
  check::fail(__FILE__, __LINE__, "no error");
}

bool holds(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST(the_model_says_where_and_with_what_it_is_computed) {
  const auto model = [](const char* device, Precision precision = Precision::Auto) {
    return open(device, precision)->model();
  };
  CHECK_EQ(model("cuda").device, "cuda:0 (emulated)");
  CHECK_EQ(model("cuda", Precision::BFloat16).precision, "bfloat16");
  CHECK_EQ(model("cpu").precision, "float32");
  CHECK_THROWS(open("cpu", Precision::Float16), Error, "is for GPUs");
}

TEST(frames_of_every_format_are_read_from_device_and_host_memory) {
  auto gpu = open("cuda");
  for (int format = 0; format < kPixelFormats; ++format) {
    const Frame frame(static_cast<PixelFormat>(format), 75, 47, 1);
    std::vector<uint8_t> expected(3 * 128 * 64);
    ingest_rgb8(frame.view, expected.data(), 128, 64);
    for (const FrameMemory& memory : {on_gpu(), FrameMemory{}}) {
      const PreparedFrame got = gpu->ingest(frame.view, memory, 0, 0);
      CHECK(got.kind == FrameMemory::Kind::Cuda);
      CHECK_EQ(got.width, 128);
      CHECK_EQ(got.frame_height, 47);
      if (!std::equal(expected.begin(), expected.end(), got.rgb.get()))
        check::fail(__FILE__, __LINE__, pixel_format_info(frame.view.format).name, " is read otherwise");
    }
  }
}

TEST(rows_may_run_upwards) {
  auto gpu = open("cuda");
  Frame frame(PixelFormat::RGB, 40, 30, 3);
  frame.view.plane[0] += frame.view.stride[0] * 29;
  frame.view.stride[0] = -frame.view.stride[0];
  std::vector<uint8_t> expected(3 * 128 * 64);
  ingest_rgb8(frame.view, expected.data(), 128, 64);
  const PreparedFrame got = gpu->ingest(frame.view, {}, 0, 0);
  CHECK(std::equal(expected.begin(), expected.end(), got.rgb.get()));
}

TEST(planes_stay_on_the_device_and_can_be_fetched) {
  auto gpu = open("cuda");
  const Frame frame(PixelFormat::NV12, 96, 54, 5);
  Request request;
  request.frame = gpu->ingest(frame.view, on_gpu(), 0, 0);
  request.maps = ~0u;
  const Result host = gpu->submit(request).get();
  request.keep_on_device = true;
  const Result device = gpu->submit(request).get();
  CHECK(host.map.kind == FrameMemory::Kind::Host);
  CHECK(device.map.kind == FrameMemory::Kind::Cuda);
  CHECK(!host.map.download);
  CHECK(floats(host.map) == floats(device.map));
  CHECK_EQ(device.further.size(), size_t{6});
  CHECK_EQ(host.further.size(), size_t{6});
  for (size_t i = 0; i < device.further.size(); ++i) {
    CHECK_EQ(device.further[i].name, host.further[i].name);
    CHECK(device.further[i].kind == FrameMemory::Kind::Cuda);
    std::vector<uint8_t> fetched(device.further[i].bytes());
    device.further[i].download(fetched.data());
    CHECK(std::memcmp(fetched.data(), host.further[i].data.get(), fetched.size()) == 0);
  }
  CHECK_EQ(device.statistics.score, host.statistics.score);
  CHECK_EQ(device.statistics.regions.size(), host.statistics.regions.size());
  CHECK(host.statistics.max > 0);
  // What was asked for, and no more.
  request.maps = kMapEntropy;
  const Result one = gpu->submit(request).get();
  CHECK_EQ(one.further.size(), size_t{1});
  CHECK_EQ(one.further[0].name, "entropy");
  gpu.reset();  // planes outlive the engine
  CHECK(floats(one.map) == floats(host.map));
}

TEST(results_equal_the_cpus) {
  auto gpu = open("cuda"), cpu = open("cpu");
  for (unsigned seed = 0; seed < 5; ++seed) {  // past the recording of the graph
    const Frame frame(PixelFormat::I420, 96, 54, seed);
    const auto map = [&](Engine& engine) {
      Request request;
      request.frame = engine.ingest(frame.view);
      return floats(engine.submit(std::move(request)).get().map);
    };
    CHECK(largest_difference(map(*gpu), map(*cpu)) < 2e-3);
  }
}

TEST(statistics_are_found_on_the_device) {
  auto gpu = open("cuda"), cpu = open("cpu");
  const Frame frame(PixelFormat::NV12, 96, 54, 11);
  auto mask = std::make_shared<PixelMask>(PixelMask{96, 54, std::vector<uint8_t>(96 * 54)});
  std::fill_n(mask->counts.begin(), 96 * 20, uint8_t{1});
  Request request;
  request.settings.method = Method::SoftmaxEntropy;
  const auto statistics = [&](Engine& engine) {
    request.frame = engine.ingest(frame.view);
    return engine.submit(request).get().statistics;
  };
  const MapStatistics whole = statistics(*cpu);
  request.threshold = (whole.mean + whole.max) / 2;
  enum Case { kPlain, kRoi, kClasses, kRuns, kMask, kMaskAndRuns };
  for (const Case which : {kPlain, kRoi, kClasses, kRuns, kMask, kMaskAndRuns}) {
    request.roi = which == kRoi ? Rect{10, 5, 50, 30} : Rect{};
    request.min_area = which == kRoi ? 4 : 0;
    request.classes.reset();
    if (which == kClasses) request.classes.set(0).set(1).set(2).set(3).set(4).set(5);
    request.with_runs = which == kRuns || which == kMaskAndRuns;
    request.mask = which == kMask || which == kMaskAndRuns ? mask : nullptr;
    const MapStatistics b = statistics(*cpu), a = statistics(*gpu);
    request.keep_on_device = true;  // where the maps go does not matter
    const MapStatistics kept = statistics(*gpu);
    request.keep_on_device = false;
    CHECK(kept.score == a.score && kept.share == a.share && kept.regions.size() == a.regions.size());
    CHECK_EQ(kept.runs.size(), a.runs.size());
    CHECK_NEAR(a.score, b.score, 1e-5);
    CHECK_NEAR(a.max, b.max, 1e-5);
    CHECK_NEAR(a.mean, b.mean, 1e-5);
    CHECK_NEAR(a.share, b.share, 2e-3);
    CHECK(which == kClasses || b.share > 0);
    CHECK_EQ(a.regions.empty(), b.regions.empty());
    CHECK_EQ(a.runs.empty(), b.runs.empty());
    CHECK_EQ(b.runs.empty(), !request.with_runs);
    if (b.regions.empty()) continue;
    CHECK_EQ(a.regions[0].id, 1);
    CHECK_NEAR(static_cast<double>(a.regions[0].area), static_cast<double>(b.regions[0].area), 8);
  }
}

TEST(a_mask_of_another_size_is_refused) {
  for (const char* device : {"cuda", "cpu"}) {
    auto engine = open(device);
    const Frame frame(PixelFormat::NV12, 96, 54, 5);
    Request request;
    request.frame = engine->ingest(frame.view);
    request.mask = std::make_shared<PixelMask>(PixelMask{96, 53, std::vector<uint8_t>(96 * 53)});
    CHECK_THROWS(engine->submit(request).get(), Error, "a mask of 96x53 for a frame of 96x54");
    request.mask.reset();
    CHECK(engine->submit(request).get().statistics.max > 0);
  }
}

TEST(a_batch_gives_each_caller_its_own) {
  auto gpu = open("cuda"), cpu = open("cpu");
  const at::Tensor pictures = fixture::pictures(6, 64, 128, 4);
  const uint64_t callers[] = {new_caller(), new_caller(), new_caller()};
  std::vector<std::future<Result>> results;
  for (int64_t i = 0; i < pictures.size(0); ++i) {
    Request request;
    request.frame = gpu->ingest(picture(pictures[i]));
    request.caller = callers[i % 3];
    request.batch_size = 3;
    request.batch_timeout = std::chrono::seconds(2);
    results.push_back(gpu->submit(std::move(request)));
  }
  int together = 0;
  for (int64_t i = 0; i < pictures.size(0); ++i) {
    const Result result = results[static_cast<size_t>(i)].get();
    together = std::max(together, result.batch);
    Request request;
    request.frame = cpu->ingest(picture(pictures[i]));
    CHECK(largest_difference(floats(result.map), floats(cpu->submit(std::move(request)).get().map)) < 2e-3);
  }
  CHECK_EQ(together, 3);
}

TEST(bounds_follow_a_stream_as_on_the_cpu) {
  auto gpu = open("cuda"), cpu = open("cpu");
  const at::Tensor pictures = fixture::pictures(2, 64, 128, 8);
  const auto streams = std::vector{std::make_shared<StreamState>(), std::make_shared<StreamState>()};
  std::vector<std::future<Result>> of_gpu, of_cpu;
  for (int i = 0; i < 8; ++i) {
    // Slowly darker, then a cut to another picture.
    const at::Tensor rgb = i < 5 ? (pictures[0].to(at::kFloat) * (1 - 0.03 * i)).to(at::kByte).contiguous()
                                 : pictures[1].bitwise_not();
    for (const auto& [engine, list, stream] :
         {std::tuple(gpu.get(), &of_gpu, streams[0]), std::tuple(cpu.get(), &of_cpu, streams[1])}) {
      Request request;
      request.frame = engine->ingest(picture(rgb));
      request.settings.normalization = Normalization::Temporal;
      request.settings.ensemble = {0.25, 0.25, 0.25, 0.25};
      request.stream = stream;
      request.time = i * 40'000'000;
      list->push_back(engine->submit(std::move(request)));
    }
  }
  int cuts = 0;
  for (size_t i = 0; i < of_gpu.size(); ++i) {
    const Result a = of_gpu[i].get(), b = of_cpu[i].get();
    CHECK(largest_difference(floats(a.map), floats(b.map)) < 5e-3);
    CHECK_EQ(a.scene_cut, b.scene_cut);
    cuts += a.scene_cut;
  }
  CHECK_EQ(cuts, 1);
  CHECK_NEAR(streams[0]->thumbnail_difference(), streams[1]->thumbnail_difference(), 1e-6);
}

TEST(frames_in_the_wrong_place_are_refused) {
  auto gpu = open("cuda"), cpu = open("cpu");
  const Frame frame(PixelFormat::NV12, 96, 54, 5);
  CHECK_THROWS(gpu->ingest(frame.view, on_gpu(3), 0, 0), Error, "of GPU 3, and the engine computes on GPU 0");
  CHECK_THROWS(cpu->ingest(frame.view, on_gpu(), 0, 0), Error,
               "and the engine computes on cpu: use device=cuda");
  CHECK_THROWS(gpu->ingest(frame.view, on_gpu(), 8, 8), Error, "outside 32 to 8192");
  FrameView broken = frame.view;
  broken.plane[1] = nullptr;
  CHECK_THROWS(gpu->ingest(broken, on_gpu(), 0, 0), Error, "The frame cannot be read");

  Request request;
  request.frame = gpu->ingest(frame.view);
  CHECK_THROWS(cpu->submit(request).get(), Error, "let the same engine read it");
  request.frame = cpu->ingest(frame.view);
  CHECK_THROWS(gpu->submit(request).get(), Error, "let the same engine read it");
  request.frame = gpu->ingest(frame.view);
  request.settings.normalization = Normalization::Temporal;
  CHECK_THROWS(gpu->submit(request).get(), Error, "for the frames of a stream");
  request.settings.normalization = Normalization::Frame;
  CHECK(gpu->submit(request).get().statistics.max > 0);
}

TEST(failures_of_the_device) {
  const char* path = std::getenv("ANOMALY_EMULATED_MODULE");
  if (!path) SKIP("ANOMALY_EMULATED_MODULE is not set: meson runs this test again with it");
  void* module = dlopen(std::getenv("GST_ANOMALY_CUDA_MODULE"), RTLD_NOW);
  CHECK(module != nullptr);
  Faults& faults = *reinterpret_cast<FaultsEntry>(dlsym(module, kFaultsEntry))();
  constexpr int kOutOfMemory = 2, kLaunchFailure = 719;
  const Frame frame(PixelFormat::NV12, 96, 54, 5);
  std::string text;

  auto gpu = open("cuda");
  const auto computed = [&] {
    Request request;
    request.frame = gpu->ingest(frame.view);
    return gpu->submit(std::move(request)).get().statistics.max;
  };
  const float usual = computed();
  // Memory runs out: that frame fails, the next ones do not.
  faults.ensemble = kOutOfMemory;
  CHECK(failure_of(computed, &text) == ErrorKind::Resource);
  CHECK(holds(text, "Use a smaller segmentation size"));
  faults.ensemble = 0;
  CHECK_EQ(computed(), usual);
  faults.ingest = kOutOfMemory;
  CHECK(failure_of(computed, &text) == ErrorKind::Resource);
  faults.ingest = 0;
  CHECK_EQ(computed(), usual);

  // An error that the device recovers from.
  faults.ensemble = kLaunchFailure;
  CHECK(failure_of(computed, &text) == ErrorKind::Device);
  CHECK(holds(text, "the ensemble failed on the GPU"));
  CHECK(text.find('\n') == std::string::npos);
  faults.ensemble = 0;
  CHECK_EQ(computed(), usual);

  // One that it does not recover from: every frame after it is refused, even when it would work again.
  Request before;
  before.frame = gpu->ingest(frame.view);
  faults.ensemble = kLaunchFailure;
  faults.synchronize = kLaunchFailure;
  CHECK(failure_of(computed, &text) == ErrorKind::Device);
  faults.ensemble = 0;
  faults.synchronize = 0;
  CHECK(failure_of(computed, &text) == ErrorKind::Device);
  CHECK(holds(text, "computes no more frames"));
  CHECK(holds(text, "the process must be restarted"));
  CHECK(failure_of([&] { gpu->submit(before).get(); }, &text) == ErrorKind::Device);
  CHECK(failure_of([&] { gpu->prepare({}); }, &text) == ErrorKind::Device);

  // An engine that is opened anew works, or says that the process is done for.
  faults.synchronize = kLaunchFailure;
  CHECK(failure_of([&] { open("cuda"); }, &text) == ErrorKind::Device);
  CHECK(holds(text, "only a new process"));
  faults.synchronize = 0;
  before = {};
  gpu = open("cuda");
  CHECK_EQ(computed(), usual);

  // Frames in device memory: the wait for their reading may fail, too.
  faults.synchronize = kLaunchFailure;
  CHECK(failure_of([&] { gpu->ingest(frame.view, on_gpu(), 0, 0); }, &text) == ErrorKind::Device);
  faults.synchronize = 0;
  CHECK(failure_of([&] { gpu->ingest(frame.view, on_gpu(), 0, 0); }, &text) == ErrorKind::Device);
  CHECK(holds(text, "computes no more frames"));
}

TEST_MAIN()

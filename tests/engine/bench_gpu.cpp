// SPDX-License-Identifier: LGPL-2.1-or-later
// What an engine on a GPU does in a second, as a line of a table. Frames are NV12 surfaces in device memory,
// results stay there. usage: see kUsage.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/InferenceMode.h>

#include "src/engine/device.h"
#include "src/engine/engine.h"
#include "src/framework/device_stream.h"
#include "src/framework/framework.h"
#include "src/networks/network.h"
#include "tests/engine/flops.h"
#include "tests/engine/networks_fixture.h"

using namespace anomaly;

namespace {

constexpr char kUsage[] =
    "usage: bench_gpu engine|segmentation|matrix|flops|bundle OPTION=VALUE...\n"
    "  engine        frames a second from surfaces in device memory to finished maps there, memory, "
    "allocations\n"
    "  segmentation  the segmentation network alone, and its share of the matrix rate\n"
    "  matrix        the rate of one large matrix product\n"
    "  flops         operations of a frame, network by network: the bundle's, run once where device= says; "
    "without\n"
    "                one the published networks', from their shapes (height=1024 width=2048)\n"
    "  bundle        writes random weights of the published networks: bundle=FILE features=64\n"
    "options: bundle=FILE device=cuda precision=auto trunk=same batch=1 frames=50 warmup=8 height=0 width=0 "
    "(the bundle's)\n"
    "         frame-width=1920 frame-height=1080 size=8192 (of the matrices)\n";

using Options = std::map<std::string, std::string>;

struct Bench {
  Options options;

  std::string text(const std::string& name, const std::string& fallback) const {
    const auto found = options.find(name);
    return found == options.end() ? fallback : found->second;
  }
  int number(const std::string& name, int fallback) const {
    return std::atoi(text(name, std::to_string(fallback)).c_str());
  }
  EngineOptions engine_options() const {
    EngineOptions out;
    out.bundle = text("bundle", "");
    out.device = text("device", "cuda");
    out.precision = precision_from_string(text("precision", "auto"));
    out.trunk_precision = trunk_precision_from_string(text("trunk", "same"));
    return out;
  }
  Compute compute() const {
    const EngineOptions wanted = engine_options();
    return compute_on(resolve_device(wanted.device), wanted.precision, wanted.trunk_precision);
  }
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What LibTorch's allocator and the module have taken of the GPU.
struct Memory {
  int64_t reserved_peak = 0, allocations = 0;
  double used_gib = 0;
};

Memory memory_of(const Compute& compute) {
  Memory out;
  size_t free_bytes = 0, total_bytes = 0;
  if (compute.kernels->memory_info(&free_bytes, &total_bytes) == 0)
    out.used_gib = static_cast<double>(total_bytes - free_bytes) / (1 << 30);
  if (!compute.device.is_cuda()) return out;
  const auto stats = c10::getDeviceAllocator(compute.device.type())->getDeviceStats(compute.device.index());
  out.reserved_peak = stats.reserved_bytes[0].peak;
  out.allocations = stats.num_device_alloc;
  return out;
}

// An NV12 surface in device memory.
class Surface {
 public:
  Surface(const Compute& compute, int width, int height) : kernels_(*compute.kernels) {
    const size_t pitch = (static_cast<size_t>(width) + 255) / 256 * 256, rows = static_cast<size_t>(height);
    const size_t bytes = pitch * (rows + (rows + 1) / 2);
    compute.check(kernels_.allocate(&memory_, bytes), "allocating a surface");
    std::vector<uint8_t> pixels(bytes);
    for (size_t i = 0; i < bytes; ++i) pixels[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
    compute.check(kernels_.copy_to_device(memory_, pixels.data(), bytes, nullptr), "filling a surface");
    compute.check(kernels_.synchronize(nullptr), "filling a surface");
    view.format = PixelFormat::NV12;
    view.width = width;
    view.height = height;
    view.plane[0] = static_cast<uint8_t*>(memory_);
    view.plane[1] = view.plane[0] + pitch * rows;
    view.stride[0] = view.stride[1] = static_cast<std::ptrdiff_t>(pitch);
  }
  ~Surface() { kernels_.release(memory_); }
  Surface(const Surface&) = delete;
  Surface& operator=(const Surface&) = delete;
  FrameView view;

 private:
  const AnomalyCudaKernels& kernels_;
  void* memory_ = nullptr;
};

void bench_engine(const Bench& bench) {
  auto engine = Engine::open(bench.engine_options());
  const Compute compute = bench.compute();
  const int batch = bench.number("batch", 1), frames = bench.number("frames", 50);
  const int warm_up = bench.number("warmup", 8);
  const int height = bench.number("height", 0), width = bench.number("width", 0);
  const Surface surface(compute, bench.number("frame-width", 1920), bench.number("frame-height", 1080));
  FrameMemory memory;
  memory.kind = FrameMemory::Kind::Cuda;
  Settings settings;
  settings.method = method_from_string(engine->model().default_method);
  engine->prepare(settings);
  std::vector<uint64_t> callers;
  for (int i = 0; i < batch; ++i) callers.push_back(new_caller());

  std::deque<std::future<Result>> waiting;
  int largest = 0;
  const auto submit = [&](int caller) {
    Request request;
    request.frame = engine->ingest(surface.view, memory, width, height);
    request.settings = settings;
    request.caller = callers[static_cast<size_t>(caller)];
    request.batch_size = batch;
    request.batch_timeout = std::chrono::milliseconds(100);
    request.keep_on_device = true;
    waiting.push_back(engine->submit(std::move(request)));
  };
  // Three batches under way: two on the device, one waiting. `count` batches.
  const auto run = [&](int count) {
    const double start = now();
    for (int i = 0; i < count; ++i) {
      for (int caller = 0; caller < batch; ++caller) submit(caller);
      while (waiting.size() > static_cast<size_t>(2 * batch)) {
        largest = std::max(largest, waiting.front().get().batch);
        waiting.pop_front();
      }
    }
    for (; !waiting.empty(); waiting.pop_front()) waiting.front().get();
    return (now() - start) / count;
  };
  submit(0);
  waiting.front().get();
  waiting.pop_front();
  const double first = now();
  run(warm_up);
  const Memory before = memory_of(compute);
  const double seconds = run(frames);
  const Memory after = memory_of(compute);
  const ModelInfo& model = engine->model();
  std::printf(
      "| %s, %s, trunk %s, batch %d (largest %d), %dx%d surface, segmentation %dx%d | %.2f ms a frame | %.1f "
      "frames/s "
      "| "
      "GPU in use %.2f GiB, LibTorch %.2f GiB at most | %lld allocations of device memory after the first %d "
      "frames |\n",
      model.name.c_str(), model.precision.c_str(), model.trunk_precision.c_str(), batch, largest,
      surface.view.width, surface.view.height, width ? width : model.segmentation_width,
      height ? height : model.segmentation_height, 1e3 * seconds / batch, batch / seconds, after.used_gib,
      static_cast<double>(after.reserved_peak) / (1 << 30),
      static_cast<long long>(after.allocations - before.allocations), 1 + warm_up * batch);
  std::fprintf(stderr, "warm-up %.1f s, on %s\n", now() - first - seconds * frames, model.device.c_str());
}

// TFLOP/s of C = A * B, size x size.
double matrix_rate(const Bench& bench, const Compute& compute) {
  const c10::InferenceMode inference;
  const c10::Stream stream = new_stream(compute);
  const StreamScope scope(compute, stream);
  const int64_t size = bench.number("size", 8192);
  const at::Tensor a = at::randn({size, size}, compute.options()),
                   b = at::randn({size, size}, compute.options());
  const int rounds = bench.number("frames", 50);
  at::matmul(a, b);
  wait_for(stream);
  const double start = now();
  for (int i = 0; i < rounds; ++i) at::matmul(a, b);
  wait_for(stream);
  const double cube = static_cast<double>(size) * static_cast<double>(size) * static_cast<double>(size);
  return 2 * cube * rounds / (now() - start) / 1e12;
}

void bench_segmentation(const Bench& bench) {
  const Compute compute = bench.compute();
  const auto bundle = Bundle::open(bench.text("bundle", ""));
  const int64_t batch = bench.number("batch", 1);
  const int64_t height = bench.number("height", bundle->info().segmentation_height);
  const int64_t width = bench.number("width", bundle->info().segmentation_width);
  const double rate = matrix_rate(bench, compute);
  const c10::InferenceMode inference;
  const c10::Stream stream = new_stream(compute);
  const StreamScope scope(compute, stream);
  const ComputeScope computing(compute);
  const auto network = load_segmentation(*bundle);
  const at::Tensor image =
      at::randn({batch, 3, height, width}, compute.options()).contiguous(at::MemoryFormat::ChannelsLast);
  const int rounds = bench.number("frames", 50);
  const double tflop = [&] {
    const flops::Counter counter;
    network->logits(image);
    return counter.count() / static_cast<double>(batch) / 1e12;
  }();
  for (int i = 0; i < 2; ++i) network->logits(image);
  wait_for(stream);
  const double start = now();
  for (int i = 0; i < rounds; ++i) network->logits(image);
  wait_for(stream);
  const double seconds = (now() - start) / rounds / static_cast<double>(batch);
  std::printf(
      "| segmentation alone, trunk %s, batch %lld, %lldx%lld, %.3f TFLOP | %.2f ms a frame | %.3f TFLOP/s | "
      "%.0f %% of "
      "the matrix rate of %.3f TFLOP/s |\n",
      to_string(bench.engine_options().trunk_precision), static_cast<long long>(batch),
      static_cast<long long>(width), static_cast<long long>(height), tflop, 1e3 * seconds, tflop / seconds,
      100 * tflop / seconds / rate, rate);
}

void count_flops(const Bench& bench) {
  flops::Costs costs;
  if (bench.text("bundle", "").empty()) {
    costs = flops::count_published({64, 256, 256, 512}, bench.number("height", 1024),
                                   bench.number("width", 2048));
  } else {
    const auto bundle = Bundle::open(bench.text("bundle", ""));
    const EngineOptions wanted = bench.engine_options();
    Framework framework(bundle, wanted.device, wanted.precision, wanted.trunk_precision);
    Settings settings;
    settings.method = method_from_string(bundle->info().default_method);
    framework.prepare(settings);
    const c10::InferenceMode inference;
    const ComputeScope computing(framework.compute());
    costs = flops::count(
        *framework.networks(), bundle->info(), bench.number("height", bundle->info().segmentation_height),
        bench.number("width", bundle->info().segmentation_width), framework.compute().options());
  }
  for (const auto& [network, cost] : costs)
    std::printf("| %s | %.4f TFLOP |\n", network.c_str(), cost / 1e12);
  std::printf("| a frame | %.4f TFLOP |\n", flops::sum_of(costs) / 1e12);
}

void write_bundle(const Bench& bench) {
  const int features = bench.number("features", 64);
  fixture::PublishedSizes sizes;
  sizes.features = features;
  sizes.latent = 4 * features;
  sizes.map_height = std::max(64, 4 * features);  // the generator halves it six times
  sizes.map_width = 2 * sizes.map_height;
  BundleInfo info = fixture::published_info(sizes);
  info.segmentation_height = 4 * sizes.map_height;
  info.segmentation_width = 4 * sizes.map_width;
  fixture::write_bundle(bench.text("bundle", "random.safetensors"), info, fixture::published_tensors(sizes));
}

}  // namespace

int main(int argc, char** argv) {
  Bench bench;
  for (int i = 2; i < argc; ++i) {
    const char* equals = std::strchr(argv[i], '=');
    if (!equals) return std::fputs(kUsage, stderr), 2;
    bench.options[std::string(argv[i], static_cast<size_t>(equals - argv[i]))] = equals + 1;
  }
  try {
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "engine")
      bench_engine(bench);
    else if (what == "segmentation")
      bench_segmentation(bench);
    else if (what == "matrix")
      std::printf("| matrix product, %d | %.3f TFLOP/s |\n", bench.number("size", 8192),
                  matrix_rate(bench, bench.compute()));
    else if (what == "flops")
      count_flops(bench);
    else if (what == "bundle")
      write_bundle(bench);
    else
      return std::fputs(kUsage, stderr), 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_gpu: %s\n", e.what());
    return 1;
  }
  return 0;
}

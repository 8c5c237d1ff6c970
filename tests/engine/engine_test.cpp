// SPDX-License-Identifier: LGPL-2.1-or-later
// The engine's queue, worker and planes, around a computation whose results are known.
#include <omp.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "kernels/ingest.h"
#include "src/engine/buffer_pool.h"
#include "src/engine/device.h"
#include "tests/engine/scripted_engine.h"

using namespace anomaly;

TEST(results_come_in_order_and_are_their_own) {
  Script script;
  auto engine = scripted(script);
  std::vector<std::future<Result>> futures;
  for (int i = 0; i < 50; ++i) futures.push_back(engine->submit(grey(*engine, static_cast<uint8_t>(i))));
  for (int i = 0; i < 50; ++i) {
    const Result result = futures[i].get();
    CHECK_EQ(result.map.width, kMapWidth);
    CHECK_EQ(result.map.height, kMapHeight);
    CHECK_EQ(static_cast<const float*>(result.map.data.get())[5], i / 255.0f);
    CHECK(result.inference_ms > 0);
  }
}

TEST(callers_in_many_threads_get_their_own_results) {
  Script script;
  auto engine = scripted(script);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&, c] {
      for (int i = 0; i < 20; ++i) {
        const auto value = static_cast<uint8_t>(c * 50 + i);
        const Result result = engine->submit(grey(*engine, value)).get();
        if (static_cast<const float*>(result.map.data.get())[0] != value / 255.0f) ++wrong;
      }
    });
  for (auto& caller : callers) caller.join();
  CHECK_EQ(wrong.load(), 0);
}

TEST(statistics_are_those_of_the_request) {
  Script script;
  auto engine = scripted(script);
  Request request = grey(*engine, 204, 100, 50);
  request.threshold = 0.5f;
  request.roi = {10, 20, 30, 10};
  Result result = engine->submit(request).get();
  CHECK_NEAR(result.statistics.score, 0.8, 1e-6);
  CHECK_NEAR(result.statistics.share, 1.0, 1e-9);
  CHECK_EQ(result.statistics.regions.size(), size_t{1});
  const Region& region = result.statistics.regions[0];
  CHECK_EQ(region.x, 10);
  CHECK_EQ(region.y, 20);
  CHECK_EQ(region.width, 30);
  CHECK_EQ(region.height, 10);
  CHECK_EQ(region.area, 300);
  CHECK_EQ(region.label, 3);
  request.min_area = 301;
  CHECK_EQ(engine->submit(request).get().statistics.regions.size(), size_t{0});
  request.min_area = 0;
  request.threshold = 0.9f;
  CHECK_EQ(engine->submit(request).get().statistics.share, 0.0);
}

TEST(planes_share_the_tensors_memory_and_outlive_the_engine) {
  Script script;
  const void* written = nullptr;
  script.change = [&](FrameTensors& tensors) { written = tensors.at("anomaly").const_data_ptr(); };
  Result result;
  {
    auto engine = scripted(script);
    Request request = grey(*engine, 51);
    request.maps = ~0u;
    result = engine->submit(request).get();
  }
  CHECK(result.map.data.get() == written);
  CHECK_EQ(static_cast<const float*>(result.map.data.get())[kMapWidth * kMapHeight - 1], 0.2f);
  CHECK_EQ(result.further.size(), size_t{4});
  CHECK_EQ(result.further[0].name, "labels");
  CHECK_EQ(result.further[0].width, kWidth);
  CHECK_EQ(result.further[0].bytes(), size_t{kWidth * kHeight});
  CHECK_EQ(result.further[2].name, "dissimilarity");
  CHECK(result.further[2].type == Plane::Type::F32);
  CHECK_EQ(result.further[3].name, "synthesis");
  CHECK_EQ(result.further[3].bytes(), size_t{kMapWidth * kMapHeight * 3});
  CHECK_EQ(static_cast<const uint8_t*>(result.further[3].data.get())[kMapWidth * kMapHeight * 3 - 1], 9);
}

TEST(only_the_maps_that_were_asked_for_come) {
  Script script;
  auto engine = scripted(script);
  Request request = grey(*engine, 1);
  CHECK_EQ(engine->submit(request).get().further.size(), size_t{0});
  request.maps = kMapEntropy | kMapPerceptual;  // the second is not computed
  const Result result = engine->submit(request).get();
  CHECK_EQ(result.further.size(), size_t{1});
  CHECK_EQ(result.further[0].name, "entropy");
}

TEST(a_tensor_that_is_no_plane_is_refused) {
  Script script;
  auto engine = scripted(script);
  std::string text;
  script.change = [](FrameTensors& tensors) {
    tensors["anomaly"] = at::zeros({kMapHeight, kMapWidth}, at::kDouble);
  };
  auto future = engine->submit(grey(*engine, 1));
  CHECK(kind_of(future, &text) == ErrorKind::Device);
  CHECK(text.find("anomaly") != std::string::npos);
  script.change = [](FrameTensors& tensors) { tensors["anomaly"] = tensors["anomaly"].t(); };
  future = engine->submit(grey(*engine, 1));
  CHECK(kind_of(future) == ErrorKind::Device);
  script.change = [](FrameTensors& tensors) {
    tensors["labels"] = at::zeros({3, kHeight, kWidth}, at::kByte);
  };
  future = engine->submit(grey(*engine, 1));
  CHECK(kind_of(future) == ErrorKind::Device);
  script.change = [](FrameTensors& tensors) { tensors.erase("anomaly"); };
  future = engine->submit(grey(*engine, 1));
  CHECK(kind_of(future) == ErrorKind::Device);
}

TEST(whatever_is_thrown_arrives_as_an_error_and_the_engine_goes_on) {
  struct Throw {
    const char* what;
    ErrorKind kind;
    std::function<void()> body;
  };
  const std::vector<Throw> throws = {
      {"own error", ErrorKind::BadBundle, [] { throw Error(ErrorKind::BadBundle, "own error in tensor x"); }},
      {"Memory ran out", ErrorKind::Resource, [] { throw std::bad_alloc(); }},
      {"Memory ran out", ErrorKind::Resource, [] { at::empty({int64_t{1} << 57}, at::kByte); }},
      {"LibTorch failed", ErrorKind::Device,
       [] {
         at::zeros({2, 3}).add(at::zeros({4, 5}));
       }},
      {"plain", ErrorKind::Device, [] { throw std::runtime_error("plain"); }},
      {"not given", ErrorKind::Device, [] { throw 5; }},
  };
  Script script;
  auto engine = scripted(script);
  for (const Throw& t : throws) {
    script.before = [&t](const PreparedFrame&) { t.body(); };
    auto future = engine->submit(grey(*engine, 1));
    std::string text;
    CHECK_EQ(static_cast<int>(kind_of(future, &text)), static_cast<int>(t.kind));
    CHECK(text.find(t.what) != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
    script.before = nullptr;
    CHECK_EQ(engine->submit(grey(*engine, 255)).get().statistics.max, 1.0f);
  }
}

TEST(prepare_runs_in_the_worker_and_throws) {
  Script script;
  std::thread::id loader, computer;
  script.prepare = [&] { loader = std::this_thread::get_id(); };
  script.before = [&](const PreparedFrame&) { computer = std::this_thread::get_id(); };
  auto engine = scripted(script);
  engine->prepare({});
  engine->submit(grey(*engine, 1)).get();
  CHECK(loader == computer);
  CHECK(loader != std::this_thread::get_id());
  script.prepare = [] { throw Error(ErrorKind::BadSettings, "no such network"); };
  CHECK_THROWS(engine->prepare({}), Error, "no such network");
}

TEST(closing_finishes_the_frame_in_hand_and_fails_the_rest) {
  Script script;
  Gate gate;
  script.before = [&](const PreparedFrame&) { gate.wait(); };
  auto engine = scripted(script);
  std::atomic<int> done{0};
  std::vector<std::future<Result>> futures;
  for (int i = 0; i < 3; ++i) {
    Request request = grey(*engine, 255);
    request.done = [&] { ++done; };
    futures.push_back(engine->submit(std::move(request)));
  }
  gate.until_somebody_waits();
  std::thread closer([&] { engine.reset(); });
  // The rest fails while the first one still computes.
  CHECK(kind_of(futures[1]) == ErrorKind::Cancelled);
  CHECK(kind_of(futures[2]) == ErrorKind::Cancelled);
  gate.open();
  closer.join();
  CHECK_EQ(futures[0].get().statistics.max, 1.0f);
  CHECK_EQ(done.load(), 3);
  CHECK_EQ(script.computed.load(), 1);
}

TEST(a_frame_called_off_is_not_computed) {
  Script script;
  Gate gate;
  script.before = [&](const PreparedFrame&) { gate.wait(); };
  auto engine = scripted(script);
  auto first = engine->submit(grey(*engine, 255));
  auto flag = std::make_shared<std::atomic<bool>>(false);
  Request request = grey(*engine, 255);
  request.cancelled = flag;
  auto second = engine->submit(request);
  auto third = engine->submit(grey(*engine, 0));
  gate.until_somebody_waits();
  *flag = true;
  gate.open();
  CHECK_EQ(first.get().statistics.max, 1.0f);
  CHECK(kind_of(second) == ErrorKind::Cancelled);
  CHECK_EQ(third.get().statistics.max, 0.0f);
  CHECK_EQ(script.computed.load(), 2);
}

TEST(done_comes_after_the_result) {
  Script script;
  auto engine = scripted(script);
  std::promise<bool> was_ready;
  std::future<Result> future;
  std::mutex mutex;
  Request request = grey(*engine, 1);
  request.done = [&] {
    const std::lock_guard<std::mutex> lock(mutex);
    was_ready.set_value(future.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
  };
  {
    const std::lock_guard<std::mutex> lock(mutex);
    future = engine->submit(std::move(request));
  }
  CHECK(was_ready.get_future().get());
}

TEST(each_engine_keeps_its_own_number_of_threads) {
  Script script;
  std::atomic<int> openmp{0}, torch{0};
  script.before = [&](const PreparedFrame&) {
    openmp = omp_get_max_threads(), torch = at::get_num_threads();
  };
  auto two = scripted(script, 2);
  auto one = scripted(script, 1);
  auto three = scripted(script, 3);
  const int before = omp_get_max_threads();
  for (int round = 0; round < 2; ++round) {
    two->submit(grey(*two, 1)).get();
    CHECK_EQ(openmp.load(), 2);
    CHECK_EQ(torch.load(), 2);
    one->submit(grey(*one, 1)).get();
    CHECK_EQ(openmp.load(), 1);
    CHECK_EQ(torch.load(), 1);
    three->submit(grey(*three, 1)).get();
    CHECK_EQ(openmp.load(), 3);
    CHECK_EQ(torch.load(), 3);
  }
  CHECK_EQ(omp_get_max_threads(), before);
}

TEST(ingest_reads_the_frame_and_uses_its_buffers_again) {
  Script script;
  auto engine = scripted(script);
  std::vector<uint8_t> pixels(3 * 40 * 30), expected(3 * 48 * 36);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 7 + i / 50);
  FrameView view;
  view.width = 40;
  view.height = 30;
  view.plane[0] = pixels.data();
  view.stride[0] = 120;
  ingest_rgb8(view, expected.data(), 48, 36);
  const uint8_t* first = nullptr;
  {
    const PreparedFrame frame = engine->ingest(view, 48, 36);
    CHECK_EQ(frame.width, 48);
    CHECK_EQ(frame.height, 36);
    CHECK_EQ(frame.frame_width, 40);
    CHECK_EQ(frame.frame_height, 30);
    CHECK(std::equal(expected.begin(), expected.end(), frame.rgb.get()));
    first = frame.rgb.get();
  }
  const PreparedFrame again = engine->ingest(view, 48, 36);
  CHECK(again.rgb.get() == first);
  CHECK(engine->ingest(view, 48, 36).rgb.get() != first);
  CHECK_EQ(engine->ingest(view).width, kWidth);
  CHECK_EQ(engine->ingest(view, 0, 64).height, 64);
  engine.reset();  // what is still held must outlive the pool
  CHECK_EQ(again.rgb.get()[0], expected[0]);
}

TEST(buffers_of_a_few_sizes_are_used_again) {
  const auto pool = BufferPool::create();
  for (int round = 0; round < 10; ++round) {
    std::vector<std::shared_ptr<void>> held;
    for (const size_t bytes : {100, 200, 100, 300}) {
      held.push_back(pool->take(bytes));
      std::memset(held.back().get(), round, bytes);
    }
    CHECK(held[0] != held[2]);
  }
  CHECK_EQ(pool->allocated(), uint64_t{4});
  // Sizes that nobody asks for any more are forgotten.
  for (size_t bytes = 1; bytes <= 16; ++bytes) pool->take(bytes);
  CHECK_EQ(pool->allocated(), uint64_t{20});
  pool->take(16);
  CHECK_EQ(pool->allocated(), uint64_t{20});
  pool->take(100);
  CHECK_EQ(pool->allocated(), uint64_t{21});
}

TEST(mask_and_classes_are_those_of_the_request) {
  Script script;
  auto engine = scripted(script);
  Request request = grey(*engine, 204, 100, 50);
  auto mask = std::make_shared<PixelMask>(PixelMask{100, 50, std::vector<uint8_t>(5000)});
  std::fill_n(mask->counts.begin(), 1000, uint8_t{1});  // the first ten rows
  request.mask = mask;
  const Result masked = engine->submit(request).get();
  CHECK_EQ(masked.statistics.regions.at(0).height, 10);
  request.mask = nullptr;
  request.classes.set(3);
  CHECK_EQ(engine->submit(request).get().statistics.regions.size(), size_t{1});
  request.classes.reset();
  request.classes.set(4);
  const Result none = engine->submit(request).get();
  CHECK(none.statistics.regions.empty());
  CHECK_EQ(none.statistics.score, 0.0f);
}

TEST(a_scene_cut_is_told) {
  Script script;
  auto engine = scripted(script);
  const auto stream = std::make_shared<StreamState>();
  std::vector<bool> cuts;
  for (const int value : {10, 12, 200, 201}) {
    Request request = grey(*engine, static_cast<uint8_t>(value));
    request.stream = stream;
    cuts.push_back(engine->submit(std::move(request)).get().scene_cut);
  }
  CHECK(cuts == std::vector<bool>({false, false, true, false}));
  CHECK(!engine->submit(grey(*engine, 10)).get().scene_cut);
}

TEST(frames_and_sizes_that_cannot_be_are_refused) {
  Script script;
  auto engine = scripted(script);
  const std::vector<uint8_t> pixels(300, 0);
  FrameView view;
  view.width = view.height = 10;
  view.plane[0] = pixels.data();
  view.stride[0] = 30;
  CHECK_THROWS(engine->ingest(view, 31, 32), Error, "31x32");
  CHECK_THROWS(engine->ingest(view, 64, -1), Error, "64x-1");
  CHECK_THROWS(engine->ingest(view, 64, 8193), Error, "64x8193");
  view.plane[0] = nullptr;
  CHECK_THROWS(engine->ingest(view), Error, "cannot be read");
  auto future = engine->submit({});
  CHECK(kind_of(future) == ErrorKind::BadSettings);
}

TEST(device_names) {
  CHECK_EQ(resolve_device("cpu"), "cpu");
  for (const char* name :
       {"gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:0x", "cuda:99999999999", "CUDA", "cuda0", "cuda: 0"})
    CHECK_THROWS(resolve_device(name), Error, std::string("\"") + name + "\"");
  const std::string chosen = resolve_device("auto");
  CHECK(chosen == "cpu" || chosen == "cuda:0");
  CHECK_EQ(resolve_device(""), chosen);
}

TEST(a_named_gpu_that_is_missing_is_an_error) {
  if (resolve_device("auto") != "cpu") SKIP("a GPU can be used here");
  for (const char* name : {"cuda", "cuda:3"}) {
    try {
      resolve_device(name);
      check::fail(__FILE__, __LINE__, "no error");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::Device);
      CHECK(std::string(e.what()).find(name) != std::string::npos);
      CHECK(std::string(e.what()).find("Use device auto or cpu") != std::string::npos);
    }
  }
}

// Run with a stand-in for the driver that offers two GPUs: the words for a GPU that is not among them, and
// for one that is there and cannot be used.
TEST(gpus_behind_a_driver) {
  if (!std::getenv("ANOMALY_DRIVER_STANDIN")) SKIP("runs with a stand-in for the driver");
  CHECK_THROWS(resolve_device("cuda:2"), Error,
               "Device cuda:2 cannot be used: this machine has 2 GPUs, numbered from 0.");
  CHECK_THROWS(resolve_device("cuda:1"), Error, "Device cuda:1 cannot be used: ");
  CHECK_THROWS(resolve_device("cuda"), Error, "Use device auto or cpu to compute without it.");
  CHECK_EQ(resolve_device("auto"), "cpu");
}

TEST_MAIN()

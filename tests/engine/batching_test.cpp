// SPDX-License-Identifier: LGPL-2.1-or-later
// Several callers on one engine: turns, batches, and that each frame's result is its own.
#include <algorithm>
#include <cstring>
#include <random>

#include "src/engine/turns.h"
#include "tests/engine/networks_fixture.h"
#include "tests/engine/scripted_engine.h"

using namespace anomaly;

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// A queue on its own, whose frames are known by Request::min_area.
struct Waiting {
  Turns turns;
  TurnClock::time_point now{hours(1)};
  std::vector<std::future<Result>> futures;

  Request* push(uint64_t caller, int64_t number, int batch_size = 1, std::chrono::nanoseconds timeout = {}) {
    std::list<QueuedRequest> one;
    QueuedRequest& frame = one.emplace_back();
    frame.request.caller = caller;
    frame.request.min_area = number;
    frame.request.batch_size = batch_size;
    frame.request.batch_timeout = timeout;
    frame.queued = now;
    futures.push_back(frame.promise.get_future());
    turns.push(std::move(one));
    return &frame.request;
  }
  static std::string text(const std::list<QueuedRequest>& frames) {
    std::string out;
    for (const QueuedRequest& frame : frames) {
      if (!out.empty()) out += ' ';
      out += std::to_string(frame.request.min_area);
    }
    return out;
  }
  std::string take() { return text(turns.take(now).batch); }
};

bool ready(const std::future<Result>& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

float value_of(const Result& result) {
  return static_cast<const float*>(result.map.data.get())[0];
}

// A request of `caller` that may go with three others.
Request of_caller(Engine& engine, uint64_t caller, uint8_t value, std::chrono::nanoseconds timeout = {}) {
  Request request = grey(engine, value);
  request.caller = caller;
  request.batch_size = 4;
  request.batch_timeout = timeout;
  return request;
}

// Holds the worker with a frame of a caller of its own, until it goes.
class Held {
 public:
  Held(Engine& engine, Script& script) {
    script.before = [this](const PreparedFrame& frame) {
      if (frame.rgb.get()[0] == kValue) gate_.wait();
    };
    first_ = engine.submit(grey(engine, kValue));
    gate_.until_somebody_waits();
  }
  void go() {
    gate_.open();
    first_.get();
  }

 private:
  static constexpr uint8_t kValue = 255;
  Gate gate_;
  std::future<Result> first_;
};

}  // namespace

TEST(callers_take_turns_whatever_one_has_waiting) {
  Waiting waiting;
  for (int i = 0; i < 6; ++i) waiting.push(1, 10 + i);
  CHECK_EQ(waiting.take(), "10");
  waiting.push(2, 20);
  waiting.push(2, 21);
  CHECK_EQ(waiting.take(), "11");  // it was in front already
  CHECK_EQ(waiting.take(), "20");
  waiting.push(3, 30);
  std::string order;
  for (int i = 0; i < 6; ++i) order += waiting.take() + " ";
  CHECK_EQ(order, "12 21 30 13 14 15 ");
  CHECK_EQ(waiting.take(), "");
}

TEST(a_frame_called_off_costs_no_turn) {
  Waiting waiting;
  const auto off = std::make_shared<std::atomic<bool>>(true);
  for (int i = 0; i < 5; ++i) waiting.push(1, 10 + i)->cancelled = off;
  waiting.push(1, 15);
  waiting.push(2, 20)->cancelled = off;
  waiting.push(2, 21);
  const Turns::Next next = waiting.turns.take(waiting.now);
  CHECK_EQ(Waiting::text(next.cancelled), "10 11 12 13 14 20");
  CHECK_EQ(Waiting::text(next.batch), "15");
  CHECK_EQ(waiting.take(), "21");
}

TEST(a_batch_takes_one_frame_of_each_caller) {
  Waiting waiting;
  for (const int caller : {1, 2, 3}) {
    waiting.push(caller, caller * 10, 8);
    waiting.push(caller, caller * 10 + 1, 8);
  }
  CHECK_EQ(waiting.take(), "10 20 30");
  CHECK_EQ(waiting.take(), "11 21 31");
}

TEST(a_batch_is_as_large_as_each_of_its_frames_allows) {
  Waiting waiting;
  waiting.push(1, 10, 3);
  waiting.push(2, 20, 1);  // never with others
  waiting.push(3, 30, 8);
  waiting.push(4, 40, 2);  // would be the third
  waiting.push(5, 50, 8);
  waiting.push(6, 60, 8);
  CHECK_EQ(waiting.take(), "10 30 50");
  CHECK_EQ(waiting.take(), "20");
  CHECK_EQ(waiting.take(), "40 60");
}

TEST(frames_that_differ_in_settings_size_or_not_in_stream_go_apart) {
  Waiting waiting;
  const auto stream = std::make_shared<StreamState>();
  waiting.push(1, 10, 8)->stream = stream;
  waiting.push(2, 20, 8)->settings.method = Method::SoftmaxEntropy;
  waiting.push(3, 30, 8)->settings.seed = 1;
  waiting.push(4, 40, 8)->frame.width = 96;
  waiting.push(5, 50, 8)->stream = stream;
  waiting.push(6, 60, 8)->stream = std::make_shared<StreamState>();
  waiting.push(7, 70, 8);
  CHECK_EQ(waiting.take(), "10 60 70");
  CHECK_EQ(waiting.take(), "20");
  CHECK_EQ(waiting.take(), "30");
  CHECK_EQ(waiting.take(), "40");
  CHECK_EQ(waiting.take(), "50");
}

TEST(a_batch_waits_for_its_shortest_timeout_or_until_it_is_full) {
  Waiting waiting;
  waiting.push(1, 10, 3, milliseconds(30));
  Turns::Next next = waiting.turns.take(waiting.now);
  CHECK(next.batch.empty());
  CHECK(next.wait_until == waiting.now + milliseconds(30));
  waiting.push(2, 20, 3, milliseconds(5));
  next = waiting.turns.take(waiting.now);
  CHECK(next.batch.empty());
  CHECK(next.wait_until == waiting.now + milliseconds(5));
  waiting.now += milliseconds(5);
  CHECK_EQ(waiting.take(), "10 20");  // a part of one
  waiting.push(1, 11, 2, hours(1));
  CHECK_EQ(waiting.take(), "");
  waiting.push(2, 21, 2, hours(1));
  CHECK_EQ(waiting.take(), "11 21");  // full
  waiting.push(1, 12, 2, hours(1));
  CHECK_EQ(waiting.take(), "");
  waiting.push(2, 22, 1);
  CHECK_EQ(waiting.take(), "12");  // another would have to wait for it
  CHECK_EQ(waiting.take(), "22");
}

TEST(what_waits_keeps_its_turn) {
  Waiting waiting;
  for (const int caller : {1, 2, 3}) waiting.push(caller, caller * 10, 4, hours(1));
  CHECK_EQ(waiting.take(), "");
  waiting.push(4, 40, 4, hours(1));
  CHECK_EQ(waiting.take(), "10 20 30 40");
}

// Four streams push through one engine at their own pace, in batches: every value is the frame's own.
TEST(results_of_a_batch_are_their_own) {
  Script script;
  std::atomic<int> together{0};
  script.batch = [&](const auto& batch) { together += batch.size() > 1; };
  auto engine = scripted(script);
  Held held(*engine, script);
  constexpr int kCallers = 4, kFrames = 30;
  std::mt19937 random(7);
  std::vector<int> order(kCallers * kFrames);
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i % kCallers);
  std::shuffle(order.begin(), order.end(), random);
  struct Sent {
    int value;
    std::future<Result> result;
  };
  std::vector<Sent> sent;
  std::vector<std::shared_ptr<StreamState>> streams(kCallers);
  for (auto& stream : streams) stream = std::make_shared<StreamState>();
  std::vector<int> next(kCallers);
  std::vector<int> finished(kCallers);
  std::atomic<bool> in_order{true};
  for (const int caller : order) {
    const int number = next[caller]++, value = caller * kFrames + number;
    Request request = of_caller(*engine, 1 + caller, static_cast<uint8_t>(value));
    request.stream = streams[caller];
    request.done = [&, caller, number] {
      if (finished[caller]++ != number) in_order = false;
    };
    sent.push_back({value, engine->submit(std::move(request))});
  }
  held.go();
  for (Sent& frame : sent) {
    const Result result = frame.result.get();
    CHECK_EQ(value_of(result), frame.value / 255.0f);
    CHECK_EQ(result.statistics.max, frame.value / 255.0f);
  }
  engine.reset();  // the last call of `done` may come after its result
  CHECK(in_order.load());
  CHECK_EQ(together.load(), kFrames);
}

// The same through real networks, in shuffled orders and with every method: bit for bit what the frame gives
// alone, streams included.
TEST(a_batch_of_real_networks_equals_single_frames) {
  const fixture::BundleFile bundle(fixture::tiny_info(), fixture::tiny_tensors());
  EngineOptions options;
  options.bundle = bundle.path();
  options.device = "cpu";
  options.threads = 1;
  const auto engine = Engine::open(options);
  constexpr int kCallers = 4, kFrames = 3, kHeightHere = 64, kWidthHere = 96;
  const at::Tensor pictures = fixture::pictures(int64_t{kCallers} * kFrames, kHeightHere, kWidthHere);
  const auto frame_of = [&](int caller, int number) {
    FrameView view;
    view.width = kWidthHere;
    view.height = kHeightHere;
    view.plane[0] = pictures.const_data_ptr<uint8_t>() +
                    size_t{3} * kHeightHere * kWidthHere * static_cast<size_t>(caller * kFrames + number);
    view.stride[0] = 3 * kWidthHere;
    return engine->ingest(view, kWidthHere, kHeightHere);
  };
  std::mt19937 random(3);
  for (const Method method : {Method::Synboost, Method::SoftmaxEntropy}) {
    std::vector<Result> alone, batched;
    int largest = 0;
    for (const bool batch : {false, true}) {
      std::vector<std::shared_ptr<StreamState>> streams(kCallers);
      for (auto& stream : streams) stream = std::make_shared<StreamState>();
      auto& results = batch ? batched : alone;
      results.resize(kCallers * kFrames);
      for (int number = 0; number < kFrames; ++number) {
        std::vector<int> order = {0, 1, 2, 3};
        std::shuffle(order.begin(), order.end(), random);
        std::vector<std::pair<int, std::future<Result>>> sent;
        for (const int caller : order) {
          Request request;
          request.frame = frame_of(caller, number);
          request.settings.method = method;
          request.settings.normalization = Normalization::Temporal;
          request.stream = streams[caller];
          request.caller = static_cast<uint64_t>(caller) + 1;
          request.batch_size = batch ? kCallers : 1;
          request.batch_timeout = hours(1);  // none of them is computed before all are there
          request.time = number * 40'000'000;
          sent.emplace_back(caller, engine->submit(std::move(request)));
        }
        for (auto& [caller, future] : sent) {
          results[caller * kFrames + number] = future.get();
          largest = std::max(largest, results[caller * kFrames + number].batch);
        }
      }
    }
    CHECK_EQ(largest, kCallers);
    for (size_t i = 0; i < alone.size(); ++i) {
      CHECK_EQ(alone[i].map.bytes(), batched[i].map.bytes());
      CHECK(std::memcmp(alone[i].map.data.get(), batched[i].map.data.get(), alone[i].map.bytes()) == 0);
      CHECK_EQ(alone[i].scene_cut, batched[i].scene_cut);
      CHECK_EQ(alone[i].statistics.score, batched[i].statistics.score);
      for (size_t j = 0; j < i; ++j)  // which a swap could not hide behind
        CHECK(std::memcmp(alone[i].map.data.get(), alone[j].map.data.get(), alone[i].map.bytes()) != 0);
    }
  }
}

TEST(a_partial_batch_is_computed_after_its_timeout) {
  Script script;
  auto engine = scripted(script);
  auto first = engine->submit(of_caller(*engine, 1, 10, milliseconds(1)));
  auto second = engine->submit(of_caller(*engine, 2, 20, hours(1)));
  CHECK_EQ(value_of(first.get()), 10 / 255.0f);
  // Unless it came in time for the first one's batch, it waits for two more.
  auto third = engine->submit(of_caller(*engine, 3, 30, milliseconds(1)));
  CHECK_EQ(value_of(second.get()), 20 / 255.0f);
  CHECK_EQ(value_of(third.get()), 30 / 255.0f);
}

TEST(a_frame_that_fails_does_not_touch_its_batch) {
  Script script;
  auto engine = scripted(script);
  Held held(*engine, script);
  const auto before = script.before;
  script.before = [&](const PreparedFrame& frame) {
    before(frame);
    if (frame.rgb.get()[0] == 20) throw Error(ErrorKind::Device, "this frame cannot be computed");
  };
  std::vector<std::shared_ptr<StreamState>> streams;
  std::vector<std::future<Result>> futures;
  std::atomic<int> done{0};
  for (const int value : {10, 20, 30}) {
    Request request = of_caller(*engine, static_cast<uint64_t>(value), static_cast<uint8_t>(value));
    request.stream = streams.emplace_back(std::make_shared<StreamState>());
    request.done = [&] { ++done; };
    futures.push_back(engine->submit(std::move(request)));
  }
  held.go();
  const Result first = futures[0].get();
  CHECK_EQ(value_of(first), 10 / 255.0f);
  CHECK_EQ(first.batch, 1);
  std::string text;
  CHECK(kind_of(futures[1], &text) == ErrorKind::Device);
  CHECK(text.find("cannot be computed") != std::string::npos);
  CHECK_EQ(value_of(futures[2].get()), 30 / 255.0f);
  engine.reset();
  CHECK_EQ(done.load(), 3);
  // The first was computed twice, its stream saw one frame: a second like it is no cut, nor a first one.
  streams[0]->begin_frame(std::vector<uint8_t>(3 * 64 * 32, 14).data(), 64, 32, -1);
  CHECK_NEAR(streams[0]->thumbnail_difference(), 4, 1e-6);
  CHECK(!streams[0]->cut());
}

// Bounds that follow the stream would move twice.
TEST(a_stream_is_told_of_a_frame_once_although_its_batch_failed) {
  Script script;
  script.batch = [&](const auto& batch) {
    for (const Request* request : batch)
      if (request->stream) {
        request->stream->begin_frame(request->frame.rgb.get(), kWidth, kHeight, request->time);
        const float own = request->frame.rgb.get()[0];
        request->stream->smoothed(StreamState::Map::Entropy, {own, own + 1});
      }
    if (batch.size() > 1) throw std::bad_alloc();
  };
  auto engine = scripted(script);
  StreamState expected;
  const auto stream = std::make_shared<StreamState>();
  for (int i = 0; i < 3; ++i) {
    Request request = of_caller(*engine, 1, static_cast<uint8_t>(10 * i), hours(1));
    const std::vector<uint8_t> pixels(size_t{3} * kWidth * kHeight, static_cast<uint8_t>(10 * i));
    expected.begin_frame(pixels.data(), kWidth, kHeight, i);
    expected.smoothed(StreamState::Map::Entropy, {10.0f * i, 10.0f * i + 1});
    // The script's own call of begin_frame is one more, with the same frame.
    expected.begin_frame(pixels.data(), kWidth, kHeight, i);
    request.stream = stream;
    request.time = i;
    request.batch_size = 2;
    auto one = engine->submit(std::move(request));
    Request other = of_caller(*engine, 2, 200, hours(1));
    other.batch_size = 2;
    auto two = engine->submit(std::move(other));
    CHECK_EQ(one.get().batch, 1);
    two.get();
  }
  CHECK_EQ(stream->smoothed(StreamState::Map::Entropy, {5, 6}).min,
           expected.smoothed(StreamState::Map::Entropy, {5, 6}).min);
}

TEST(a_frame_called_off_leaves_its_batch) {
  Script script;
  std::vector<size_t> sizes;
  script.batch = [&](const auto& batch) { sizes.push_back(batch.size()); };
  auto engine = scripted(script);
  Held held(*engine, script);
  const auto off = std::make_shared<std::atomic<bool>>(false);
  std::vector<std::future<Result>> futures;
  for (const int value : {10, 20, 30}) {
    Request request = of_caller(*engine, static_cast<uint64_t>(value), static_cast<uint8_t>(value));
    if (value == 20) request.cancelled = off;
    futures.push_back(engine->submit(std::move(request)));
  }
  *off = true;
  held.go();
  CHECK_EQ(value_of(futures[0].get()), 10 / 255.0f);
  CHECK(kind_of(futures[1]) == ErrorKind::Cancelled);
  CHECK_EQ(value_of(futures[2].get()), 30 / 255.0f);
  engine.reset();
  CHECK(sizes == std::vector<size_t>({1, 2}));
}

// A stream with fifty frames in the queue does not hold up one that has a single frame.
TEST(a_fast_stream_leaves_room_for_a_slow_one) {
  Script script;
  auto engine = scripted(script);
  Held held(*engine, script);
  std::vector<std::future<Result>> fast;
  for (int i = 0; i < 50; ++i) {
    Request request = grey(*engine, 1);
    request.caller = 1;
    fast.push_back(engine->submit(std::move(request)));
  }
  int computed_before = -1;
  Request request = grey(*engine, 2);
  request.caller = 2;
  request.done = [&] { computed_before = script.computed; };
  auto slow = engine->submit(std::move(request));
  held.go();
  slow.get();
  engine.reset();
  CHECK(computed_before > 0 && computed_before <= 3);  // the one that held, one of the fast, itself
}

TEST(closing_does_not_wait_for_a_batch_to_fill) {
  Script script;
  auto engine = scripted(script);
  auto future = engine->submit(of_caller(*engine, 1, 10, hours(1)));
  CHECK(!ready(future));
  engine.reset();
  CHECK(kind_of(future) == ErrorKind::Cancelled);
}

// Whoever starts does not wait for a batch to fill.
TEST(networks_are_loaded_while_a_batch_waits) {
  Script script;
  auto engine = scripted(script);
  auto future = engine->submit(of_caller(*engine, 1, 10, hours(1)));
  engine->prepare({});
  CHECK(!ready(future));
}

TEST_MAIN()

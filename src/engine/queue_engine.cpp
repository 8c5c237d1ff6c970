// SPDX-License-Identifier: LGPL-2.1-or-later
// The queue, the worker, and what goes around a computation: ingest before it, planes and statistics after
// it.
#include <omp.h>
#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>

#include "kernels/ingest.h"
#include "src/engine/buffer_pool.h"
#include "src/engine/computation.h"
#include "src/engine/failure.h"
#include "src/engine/planes.h"
#include "src/engine/turns.h"

namespace anomaly {

namespace {

constexpr int kSizeMin = 32, kSizeMax = 8192;

// OpenMP keeps its number of threads for each thread that starts parallel regions.
class OpenMpThreads {
 public:
  explicit OpenMpThreads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~OpenMpThreads() { omp_set_num_threads(before_); }
  OpenMpThreads(const OpenMpThreads&) = delete;
  OpenMpThreads& operator=(const OpenMpThreads&) = delete;

 private:
  int before_;
};

std::exception_ptr cancelled() {
  return std::make_exception_ptr(
      Error(ErrorKind::Cancelled, "The frame was called off before it was computed."));
}

class QueueEngine final : public Engine {
 public:
  QueueEngine(std::unique_ptr<Computation> computation, ModelInfo model, int threads)
      : computation_(std::move(computation)),
        model_(std::move(model)),
        threads_(threads > 0 ? threads : omp_get_max_threads()),
        pool_(BufferPool::create()) {
    try {
      worker_ = std::thread([this] { work(); });
    } catch (const std::system_error& e) {
      throw Error(ErrorKind::Resource, std::string("The engine's thread could not be started: ") + e.what());
    }
  }

  ~QueueEngine() override {
    std::list<QueuedRequest> frames;
    std::deque<Preparation> preparations;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
      frames = turns_.clear();
      preparations.swap(preparations_);
    }
    wake_.notify_one();
    fail_all(frames, cancelled());
    for (Preparation& preparation : preparations) preparation.promise.set_exception(cancelled());
    worker_.join();
  }

  const ModelInfo& model() const override { return model_; }

  // In the worker, as everything that touches the networks: OpenMP then keeps one team of threads, not one a
  // caller.
  void prepare(const Settings& settings) override {
    Preparation preparation{settings, {}};
    std::future<void> done = preparation.promise.get_future();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      preparations_.push_back(std::move(preparation));
    }
    wake_.notify_one();
    done.get();
  }

  PreparedFrame ingest(const FrameView& frame, int width, int height) override {
    PreparedFrame out;
    out.width = width ? width : model_.segmentation_width;
    out.height = height ? height : model_.segmentation_height;
    out.frame_width = frame.width;
    out.frame_height = frame.height;
    if (out.width < kSizeMin || out.height < kSizeMin || out.width > kSizeMax || out.height > kSizeMax)
      throw Error(ErrorKind::BadSettings, "The segmentation size " + std::to_string(out.width) + "x" +
                                              std::to_string(out.height) + " is outside " +
                                              std::to_string(kSizeMin) + " to " + std::to_string(kSizeMax) +
                                              " pixels a side.");
    const OpenMpThreads team(threads_);
    try {
      out.rgb = std::static_pointer_cast<uint8_t>(pool_->take(size_t{3} * out.width * out.height));
      ingest_rgb8(frame, out.rgb.get(), out.width, out.height);
    } catch (const std::invalid_argument& e) {
      throw Error(ErrorKind::BadSettings, std::string("The frame cannot be read: ") + e.what());
    } catch (...) {
      std::rethrow_exception(current_failure("reading a frame"));
    }
    return out;
  }

  std::future<Result> submit(Request request) override {
    std::list<QueuedRequest> one;
    one.push_back({std::move(request), {}, TurnClock::now()});
    if (!one.front().request.memory) one.front().request.memory = pool_;
    std::future<Result> future = one.front().promise.get_future();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      turns_.push(std::move(one));
    }
    wake_.notify_one();
    return future;
  }

 private:
  struct Preparation {
    Settings settings;
    std::promise<void> promise;
  };

  static void fail(QueuedRequest& frame, const std::exception_ptr& failure) {
    frame.promise.set_exception(failure);
    if (frame.request.done) frame.request.done();
  }
  static void fail_all(std::list<QueuedRequest>& frames, const std::exception_ptr& failure) {
    for (QueuedRequest& frame : frames) fail(frame, failure);
  }

  void work() {
    pthread_setname_np(pthread_self(), "anomaly-engine");
    // LibTorch sets a thread's number on its first use to what was last asked for anywhere in the process:
    // let it do that now, then set ours.
    at::get_num_threads();
    at::set_num_threads(threads_);
    omp_set_num_threads(threads_);
    for (;;) {
      std::deque<Preparation> preparations;
      Turns::Next next;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
          if (stop_) return;
          // First, for somebody waits to start; and it is nothing where the networks are there.
          preparations.swap(preparations_);
          if (!preparations.empty()) break;
          next = turns_.take(TurnClock::now());
          if (!next.batch.empty() || !next.cancelled.empty()) break;
          if (next.wait_until)
            wake_.wait_until(lock, *next.wait_until);
          else
            wake_.wait(lock);
        }
      }
      for (Preparation& preparation : preparations) load(preparation);
      fail_all(next.cancelled, cancelled());
      if (!next.batch.empty()) serve(next.batch);
    }
  }

  void load(Preparation& preparation) {
    std::exception_ptr failure;
    try {
      computation_->prepare(preparation.settings);
    } catch (...) {
      failure = current_failure("loading the networks");
    }
    if (failure)
      preparation.promise.set_exception(failure);
    else
      preparation.promise.set_value();
  }

  // Where a batch fails its frames are computed one by one, their streams as they were: none pays for
  // another.
  void serve(std::list<QueuedRequest>& batch) {
    const bool several = batch.size() > 1;
    std::exception_ptr failure;
    try {
      std::vector<StreamState> streams;
      for (const QueuedRequest& frame : batch)
        if (several && frame.request.stream) streams.push_back(*frame.request.stream);
      try {
        compute(batch);
        return;
      } catch (...) {
        failure = current_failure("computing a frame");
      }
      auto before = streams.begin();
      for (QueuedRequest& frame : batch)
        if (several && frame.request.stream) *frame.request.stream = *before++;
    } catch (...) {
      failure = current_failure("computing a frame");
    }
    if (!several) return fail_all(batch, failure);
    while (!batch.empty()) {
      std::list<QueuedRequest> one;
      one.splice(one.end(), batch, batch.begin());
      serve(one);
    }
  }

  // Throws before any promise is kept, or not at all.
  void compute(std::list<QueuedRequest>& batch) {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    const auto start = TurnClock::now();
    std::vector<const Request*> requests;
    for (const QueuedRequest& frame : batch) {
      if (!frame.request.frame.rgb)
        throw Error(ErrorKind::BadSettings, "A frame without pixels was given to the engine.");
      requests.push_back(&frame.request);
    }
    std::vector<FrameTensors> tensors = computation_->compute(requests);
    if (tensors.size() != requests.size())
      throw Error(ErrorKind::Device, "The framework returned " + std::to_string(tensors.size()) +
                                         " results for " + std::to_string(requests.size()) + " frames.");
    const Milliseconds share = Milliseconds(TurnClock::now() - start) / static_cast<double>(requests.size());
    auto result = tensors.begin();
    for (QueuedRequest& frame : batch) {
      const auto own = TurnClock::now();
      std::exception_ptr failure;
      try {
        Result out = finish(frame.request, std::exchange(*result++, {}));
        out.batch = static_cast<int>(requests.size());
        out.inference_ms = (share + Milliseconds(TurnClock::now() - own)).count();
        frame.promise.set_value(std::move(out));
      } catch (...) {
        failure = current_failure("computing a frame");
      }
      if (failure)
        fail(frame, failure);
      else if (frame.request.done)
        frame.request.done();
    }
  }

  static Result finish(const Request& request, const FrameTensors& tensors) {
    Result result = result_planes(tensors, request.maps);
    const Plane labels = label_plane(tensors);

    StatisticsQuery query;
    query.frame_width = request.frame.frame_width;
    query.frame_height = request.frame.frame_height;
    query.threshold = request.threshold;
    query.min_area = request.min_area;
    query.roi = request.roi;
    query.mask = request.mask.get();
    query.classes = request.classes;
    query.with_runs = request.with_runs;
    result.statistics =
        map_statistics(static_cast<const float*>(result.map.data.get()), result.map.width, result.map.height,
                       static_cast<const uint8_t*>(labels.data.get()), labels.width, labels.height, query);
    result.scene_cut = request.stream && request.stream->cut();
    return result;
  }

  const std::unique_ptr<Computation> computation_;  // the worker's
  const ModelInfo model_;
  const int threads_;
  const std::shared_ptr<BufferPool> pool_;

  std::mutex mutex_;
  std::condition_variable wake_;
  Turns turns_;
  std::deque<Preparation> preparations_;
  bool stop_ = false;

  std::thread worker_;  // last: it uses all of the above
};

}  // namespace

uint64_t new_caller() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

std::shared_ptr<Engine> make_engine(std::unique_ptr<Computation> computation, ModelInfo model, int threads) {
  return std::make_shared<QueueEngine>(std::move(computation), std::move(model), threads);
}

}  // namespace anomaly

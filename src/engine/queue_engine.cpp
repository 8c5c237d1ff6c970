// SPDX-License-Identifier: LGPL-2.1-or-later
// The queue, the worker, and what goes around a computation: ingest before it, planes and statistics after
// it.
#include <omp.h>
#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <ATen/Parallel.h>

#include "kernels/ingest.h"
#include "src/engine/buffer_pool.h"
#include "src/engine/computation.h"
#include "src/engine/failure.h"
#include "src/engine/planes.h"

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
    std::deque<Job> rest;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
      rest.swap(jobs_);
    }
    wake_.notify_one();
    for (Job& job : rest) job.fail(cancelled());
    worker_.join();
  }

  const ModelInfo& model() const override { return model_; }

  // In the worker, as everything that touches the networks: OpenMP then keeps one team of threads, not one a
  // caller.
  void prepare(const Settings& settings) override {
    auto promise = std::make_shared<std::promise<void>>();
    std::future<void> done = promise->get_future();
    push({[this, promise, settings] {
            computation_->prepare(settings);
            promise->set_value();
          },
          [promise](std::exception_ptr e) { promise->set_exception(std::move(e)); }, "loading the networks"});
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
    auto promise = std::make_shared<std::promise<Result>>();
    std::future<Result> future = promise->get_future();
    auto shared = std::make_shared<Request>(std::move(request));
    if (!shared->memory) shared->memory = pool_;
    push({[this, promise, shared] {
            promise->set_value(compute(*shared));
            if (shared->done) shared->done();
          },
          [promise, shared](std::exception_ptr e) {
            promise->set_exception(std::move(e));
            if (shared->done) shared->done();
          },
          "computing a frame"});
    return future;
  }

 private:
  struct Job {
    std::function<void()> run;
    std::function<void(std::exception_ptr)> fail;  // in place of run, or after it threw
    const char* doing;
  };

  void push(Job job) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
  }

  void work() {
    pthread_setname_np(pthread_self(), "anomaly-engine");
    // LibTorch sets a thread's number on its first use to what was last asked for anywhere in the process:
    // let it do that now, then set ours.
    at::get_num_threads();
    at::set_num_threads(threads_);
    omp_set_num_threads(threads_);
    for (;;) {
      Job job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
        if (stop_) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      std::exception_ptr failure;
      try {
        job.run();
      } catch (...) {
        failure = current_failure(job.doing);
      }
      if (failure) job.fail(failure);
    }
  }

  Result compute(const Request& request) {
    if (request.cancelled && request.cancelled->load()) std::rethrow_exception(cancelled());
    const auto start = std::chrono::steady_clock::now();
    if (!request.frame.rgb)
      throw Error(ErrorKind::BadSettings, "A frame without pixels was given to the engine.");
    const FrameTensors tensors = computation_->compute(request);
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
    result.statistics =
        map_statistics(static_cast<const float*>(result.map.data.get()), result.map.width, result.map.height,
                       static_cast<const uint8_t*>(labels.data.get()), labels.width, labels.height, query);
    result.scene_cut = request.stream && request.stream->cut();
    result.inference_ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    return result;
  }

  const std::unique_ptr<Computation> computation_;  // the worker's
  const ModelInfo model_;
  const int threads_;
  const std::shared_ptr<BufferPool> pool_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stop_ = false;

  std::thread worker_;  // last: it uses all of the above
};

}  // namespace

std::shared_ptr<Engine> make_engine(std::unique_ptr<Computation> computation, ModelInfo model, int threads) {
  return std::make_shared<QueueEngine>(std::move(computation), std::move(model), threads);
}

}  // namespace anomaly

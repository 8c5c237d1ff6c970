// SPDX-License-Identifier: LGPL-2.1-or-later
// The queue, the worker, and the threads around a computation. What a frame leaves with: delivery.h.
#include <omp.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/ingest.h"
#include "kernels/statistics.h"
#include "src/engine/buffer_pool.h"
#include "src/engine/computation.h"
#include "src/engine/delivery.h"
#include "src/engine/failure.h"
#include "src/engine/turns.h"
#include "src/engine/worker_thread.h"

namespace anomaly {

namespace {

constexpr int kSizeMin = 32, kSizeMax = 8192;

class QueueEngine final : public Engine {
 public:
  QueueEngine(std::unique_ptr<Computation> computation, ModelInfo model, int threads)
      : computation_(std::move(computation)),
        model_(std::move(model)),
        threads_(threads > 0 ? threads : omp_get_max_threads()),
        depth_(static_cast<size_t>(computation_->depth())),
        pool_(BufferPool::create()) {
    try {
      worker_ = std::thread([this] { work(); });
      if (depth_ > 1) finisher_ = std::thread([this] { finish_all(); });
    } catch (const std::system_error& e) {
      if (worker_.joinable()) {
        {
          const std::lock_guard<std::mutex> lock(mutex_);
          stop_ = true;
        }
        wake_.notify_all();
        worker_.join();
      }
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
    wake_.notify_all();
    fail_all(frames, cancelled());
    for (Preparation& preparation : preparations) preparation.promise.set_exception(cancelled());
    worker_.join();
    if (!finisher_.joinable()) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      all_begun_ = true;
    }
    begun_.notify_one();
    finisher_.join();
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
    wake_.notify_all();
    done.get();
  }

  PreparedFrame ingest(const FrameView& frame, int width, int height) override {
    return ingest(frame, FrameMemory{}, width, height);
  }

  PreparedFrame ingest(const FrameView& frame, const FrameMemory& memory, int width, int height) override {
    if (memory.kind != FrameMemory::Kind::Host && !computation_->reads())
      throw Error(ErrorKind::Device,
                  "The frame lies in the memory of GPU " + std::to_string(memory.device) +
                      ", and the engine computes on " + model_.device +
                      ": use device=cuda, or copy frames to system memory first (cudadownload, "
                      "nvvideoconvert).");
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
      if (computation_->reads()) return computation_->read(frame, memory, out.width, out.height);
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
    if (const Request& own = one.front().request; own.mask) {
      try {
        check_mask(*own.mask, own.frame.frame_width, own.frame.frame_height);
      } catch (const std::invalid_argument& e) {  // it would fail the others of its batch
        one.front().promise.set_exception(std::make_exception_ptr(Error(ErrorKind::BadSettings, e.what())));
        return future;
      }
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      turns_.push(std::move(one));
    }
    wake_.notify_all();
    return future;
  }

 private:
  struct Preparation {
    Settings settings;
    std::promise<void> promise;
  };

  // A batch under way.
  struct Begun {
    std::list<QueuedRequest> batch;
    std::vector<const Request*> requests;
    std::unique_ptr<Computing> computing;
    TurnClock::time_point start;
  };

  void work() {
    become_worker("anomaly-engine", threads_);
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
          if (depth_ > 1 && under_way_.size() >= depth_) {
            wake_.wait(lock);
            continue;
          }
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
    wait_for_streams(batch);
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
    Begun begun;
    begun.start = TurnClock::now();
    for (const QueuedRequest& frame : batch) {
      if (!frame.request.frame.rgb)
        throw Error(ErrorKind::BadSettings, "A frame without pixels was given to the engine.");
      if (frame.request.frame.kind != FrameMemory::Kind::Host && !computation_->reads())
        throw Error(ErrorKind::BadSettings, "A frame that was read for a GPU was given to an engine on " +
                                                model_.device + ": let the same engine read it.");
      begun.requests.push_back(&frame.request);
    }
    if (depth_ > 1) return begin(batch, begun);
    std::vector<FrameTensors> tensors = computation_->compute(begun.requests);
    std::vector<ComputedFrame> frames(tensors.size());
    for (size_t i = 0; i < std::min(frames.size(), begun.requests.size()); ++i) {
      const std::shared_ptr<StreamState>& stream = begun.requests[i]->stream;
      frames[i].tensors = std::move(tensors[i]);
      frames[i].scene_cut = stream && stream->cut();
    }
    deliver(batch, frames, begun.start);
  }

  void begin(std::list<QueuedRequest>& batch, Begun& begun) {
    begun.computing = computation_->begin(begun.requests);
    begun.batch.splice(begun.batch.end(), batch);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      under_way_.push_back(std::move(begun));
    }
    begun_.notify_one();
  }

  // Until no frame is under way that tells a stream of `batch` its bounds, or whose bounds a frame of `batch`
  // needs.
  void wait_for_streams(const std::list<QueuedRequest>& batch) {
    if (depth_ == 1) return;
    const auto temporal = [](const Request& request) {
      return request.stream && request.settings.normalization == Normalization::Temporal;
    };
    const auto shared = [&](const Request& before) {
      return std::any_of(batch.begin(), batch.end(), [&](const QueuedRequest& frame) {
        return frame.request.stream == before.stream && (temporal(before) || temporal(frame.request));
      });
    };
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [&] {
      for (const Begun& begun : under_way_)
        for (const Request* before : begun.requests)
          if (before->stream && shared(*before)) return false;
      return true;
    });
  }

  void finish_all() {
    become_worker("anomaly-results", threads_);
    TurnClock::time_point last{};  // when the device was done with the batch before
    for (;;) {
      Begun* begun = nullptr;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        begun_.wait(lock, [this] { return !under_way_.empty() || all_begun_; });
        if (under_way_.empty()) return;
        begun = &under_way_.front();  // a list's element stays where it is
      }
      std::exception_ptr failure;
      std::list<QueuedRequest> batch;
      try {
        std::vector<ComputedFrame> frames = begun->computing->finish();
        begun->computing.reset();
        const auto start = std::max(begun->start, last);
        last = TurnClock::now();
        batch.splice(batch.end(), begun->batch);
        done_with_front();  // before results are made of it: the next one may begin
        begun = nullptr;
        deliver(batch, frames, start);
      } catch (...) {
        failure = current_failure("computing a frame");
      }
      // What fails this late fails for all: the device does, and trying again would not help.
      if (!failure) continue;
      if (begun) {
        batch.splice(batch.end(), begun->batch);
        begun->computing.reset();
        done_with_front();
      }
      fail_all(batch, failure);
    }
  }

  void done_with_front() {
    std::list<Begun> gone;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      gone.splice(gone.end(), under_way_, under_way_.begin());
    }
    wake_.notify_all();
  }

  const std::unique_ptr<Computation> computation_;  // the worker's
  const ModelInfo model_;
  const int threads_;
  const size_t depth_;  // of the computation
  const std::shared_ptr<BufferPool> pool_;

  std::mutex mutex_;
  std::condition_variable wake_;
  Turns turns_;
  std::deque<Preparation> preparations_;
  bool stop_ = false;
  // Begun and not yet waited for, the oldest in front: at most depth_. Empty where that is 1.
  std::list<Begun> under_way_;
  std::condition_variable begun_;
  bool all_begun_ = false;

  std::thread worker_, finisher_;  // last: they use all of the above
};

}  // namespace

std::unique_ptr<Computing> Computation::begin(const std::vector<const Request*>&) {
  throw std::logic_error("a computation of depth 1 begins nothing");
}

PreparedFrame Computation::read(const FrameView&, const FrameMemory&, int, int) {
  throw std::logic_error("a computation in host memory reads no frames");
}

uint64_t new_caller() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

std::shared_ptr<Engine> make_engine(std::unique_ptr<Computation> computation, ModelInfo model, int threads) {
  return std::make_shared<QueueEngine>(std::move(computation), std::move(model), threads);
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/shared_engine.h"

#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "src/bundle/bundle.h"
#include "src/engine/device.h"

namespace anomaly {

namespace {

// A file that is read while somebody replaces it is read again, so often.
constexpr int kReadings = 3;

struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = -1;  // -1: there is none, which opening it will say
  time_t seconds = 0;
  long nanoseconds = 0;

  bool operator==(const FileIdentity&) const = default;
};

FileIdentity identity_of(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

std::string describe(const EngineOptions& options) {
  const std::string threads = options.threads == 0   ? "all cores"
                              : options.threads == 1 ? "1 thread"
                                                     : std::to_string(options.threads) + " threads";
  const std::string numbers =
      options.precision == Precision::Auto ? "" : std::string(" in ") + to_string(options.precision);
  const std::string trunk = options.trunk_precision == TrunkPrecision::Same
                                ? ""
                                : std::string(", trunk in ") + to_string(options.trunk_precision) + ",";
  return options.bundle + " on " + options.device + numbers + trunk + " with " + threads;
}

}  // namespace

struct EngineRegistry::State {
  struct Hold {
    uint64_t caller, serial;  // serial: rises with every hold
  };
  struct Entry {
    EngineOptions options;  // device and bundle resolved
    std::string id;
    FileIdentity file;
    std::vector<Hold> holds;

    bool loading = true;
    std::exception_ptr failure;
    std::shared_ptr<Engine> engine;

    bool same(const Entry& other) const {
      return file == other.file && options.device == other.options.device &&
             options.threads == other.options.threads && options.precision == other.options.precision &&
             options.trunk_precision == other.options.trunk_precision;
    }
  };
  using Entries = std::list<std::shared_ptr<Entry>>;

  const Open open;
  std::mutex mutex;
  std::condition_variable loaded;
  Entries entries;
  uint64_t last_serial = 0;

  explicit State(Open open_engine) : open(std::move(open_engine)) {}

  // Where the caller is now, or is about to be.
  bool newest(const Hold& hold) const {
    for (const auto& entry : entries)
      for (const Hold& other : entry->holds)
        if (other.caller == hold.caller && other.serial > hold.serial) return false;
    return true;
  }

  void check_id(const Entry& wanted, uint64_t caller) const {
    if (wanted.id.empty()) return;
    for (const auto& entry : entries) {
      if (entry->id != wanted.id || entry->same(wanted)) continue;
      for (const Hold& hold : entry->holds)
        if (hold.caller != caller && newest(hold))
          throw Error(ErrorKind::BadSettings,
                      "The engine \"" + wanted.id + "\" is in use for " + describe(entry->options) +
                          ", and was asked for " + describe(wanted.options) +
                          ". Who shares an engine by its id must ask for the same bundle, device, precision "
                          "and number of threads: change these, or the id.");
    }
  }

  void let_go(const std::shared_ptr<Entry>& entry, uint64_t serial) noexcept {
    std::shared_ptr<Engine> unused;  // goes after the lock: its end takes its time
    const std::lock_guard<std::mutex> lock(mutex);
    std::erase_if(entry->holds, [serial](const Hold& hold) { return hold.serial == serial; });
    if (!entry->holds.empty()) return;
    entries.remove(entry);
    unused.swap(entry->engine);
  }
};

class EngineRegistry::Share final : public EngineShare {
 public:
  Share(std::shared_ptr<State> state, std::shared_ptr<State::Entry> entry, uint64_t serial)
      : state_(std::move(state)), entry_(std::move(entry)), serial_(serial) {}
  ~Share() override { state_->let_go(entry_, serial_); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  Engine& engine() const override { return *entry_->engine; }

  int users() const override {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    std::set<uint64_t> callers;
    for (const State::Hold& hold : entry_->holds) callers.insert(hold.caller);
    return static_cast<int>(callers.size());
  }

 private:
  const std::shared_ptr<State> state_;
  const std::shared_ptr<State::Entry> entry_;
  const uint64_t serial_;
};

EngineRegistry::EngineRegistry(Open open) : state_(std::make_shared<State>(std::move(open))) {}

EngineRegistry& EngineRegistry::of_process() {
  // Never destroyed: engines that are left at the process' end must not end after what they use.
  static auto& registry = *new EngineRegistry;
  return registry;
}

std::shared_ptr<EngineShare> EngineRegistry::share(const EngineOptions& options, const std::string& id,
                                                   uint64_t caller) {
  auto wanted = std::make_shared<State::Entry>();
  wanted->options = options;
  wanted->options.device = resolve_device(options.device);
  if (options.bundle.empty()) wanted->options.bundle = builtin_bundle_path();
  wanted->id = id;
  wanted->file = identity_of(wanted->options.bundle);

  State& state = *state_;
  std::unique_lock<std::mutex> lock(state.mutex);
  state.check_id(*wanted, caller);
  const uint64_t serial = ++state.last_serial;
  const auto found = std::find_if(state.entries.begin(), state.entries.end(),
                                  [&](const auto& entry) { return entry->id == id && entry->same(*wanted); });
  const bool first = found == state.entries.end();
  const std::shared_ptr<State::Entry> entry = first ? wanted : *found;
  entry->holds.push_back({caller, serial});
  std::shared_ptr<Share> share;
  try {
    if (first) state.entries.push_back(entry);
    share = std::make_shared<Share>(state_, entry, serial);
  } catch (...) {
    lock.unlock();
    state.let_go(entry, serial);
    throw;
  }
  if (!first) {
    state.loaded.wait(lock, [&] { return !entry->loading; });
    const std::exception_ptr failure = entry->failure;
    lock.unlock();
    if (failure) std::rethrow_exception(failure);
    return share;
  }
  lock.unlock();

  std::shared_ptr<Engine> engine;
  std::exception_ptr failure;
  FileIdentity file = entry->file;
  try {
    for (int reading = 0; reading < kReadings; ++reading) {
      const FileIdentity before = file;
      engine = state.open(entry->options);
      file = identity_of(entry->options.bundle);
      if (file == before) break;
    }
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  entry->file = file;
  entry->engine = std::move(engine);
  entry->failure = failure;
  entry->loading = false;
  if (failure) state.entries.remove(entry);  // who asks from now on tries for himself
  lock.unlock();
  state.loaded.notify_all();
  if (failure) std::rethrow_exception(failure);
  return share;
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// Who shares an engine with whom, and until when.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "src/engine/shared_engine.h"
#include "tests/engine/scripted_engine.h"

using namespace anomaly;

namespace {

// Files that stand for bundles, and a registry that opens scripted engines for them.
struct Bundles {
  std::string folder, one, two;
  Script script;
  std::atomic<int> opened{0};
  std::function<void(const EngineOptions&)> on_open;
  EngineRegistry registry{[this](const EngineOptions& options) {
    ++opened;
    if (on_open) on_open(options);
    return scripted(script);
  }};

  Bundles() {
    std::string name = "/tmp/anomaly-sharing-XXXXXX";
    if (!mkdtemp(name.data())) check::fail(__FILE__, __LINE__, "no folder in /tmp");
    folder = name;
    one = write("one", "1");
    two = write("two", "2");
  }
  ~Bundles() {
    for (const char* name : {"one", "two", "link", "new"}) unlink((folder + "/" + name).c_str());
    rmdir(folder.c_str());
  }
  Bundles(const Bundles&) = delete;
  Bundles& operator=(const Bundles&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    std::string path = folder + "/" + name;
    FILE* file = std::fopen(path.c_str(), "wb");
    if (!file) check::fail(__FILE__, __LINE__, "cannot write ", path);
    std::fputs(text.c_str(), file);
    std::fclose(file);
    return path;
  }
  std::shared_ptr<EngineShare> share(const std::string& bundle, const std::string& id = "", int threads = 1,
                                     uint64_t caller = new_caller()) {
    EngineOptions options;
    options.bundle = bundle;
    options.device = "cpu";
    options.threads = threads;
    return registry.share(options, id, caller);
  }
};

}  // namespace

TEST(the_same_file_device_and_threads_share) {
  Bundles bundles;
  CHECK_EQ(symlink("one", (bundles.folder + "/link").c_str()), 0);
  const auto a = bundles.share(bundles.one),
             b = bundles.share(bundles.folder + "/../" + bundles.folder.substr(5) + "/one"),
             c = bundles.share(bundles.folder + "/link");
  CHECK(&a->engine() == &b->engine() && &a->engine() == &c->engine());
  CHECK_EQ(a->users(), 3);
  CHECK_EQ(bundles.opened.load(), 1);
  const auto other_file = bundles.share(bundles.two), other_threads = bundles.share(bundles.one, "", 2);
  CHECK(&other_file->engine() != &a->engine());
  CHECK(&other_threads->engine() != &a->engine());
  CHECK_EQ(other_file->users(), 1);
  CHECK_EQ(bundles.opened.load(), 3);
}

TEST(ids_set_engines_apart) {
  Bundles bundles;
  const auto plain = bundles.share(bundles.one), a = bundles.share(bundles.one, "a"),
             also_a = bundles.share(bundles.one, "a"), b = bundles.share(bundles.one, "b");
  CHECK(&a->engine() == &also_a->engine());
  CHECK(&a->engine() != &b->engine());
  CHECK(&a->engine() != &plain->engine());
  CHECK_EQ(bundles.opened.load(), 3);
}

TEST(an_id_stands_for_one_engine) {
  Bundles bundles;
  const auto a = bundles.share(bundles.one, "front");
  CHECK_THROWS(bundles.share(bundles.two, "front"), Error, "\"front\"");
  CHECK_THROWS(bundles.share(bundles.two, "front"), Error, bundles.one + " on cpu with 1 thread");
  CHECK_THROWS(bundles.share(bundles.two, "front"), Error, bundles.two + " on cpu with 1 thread");
  CHECK_THROWS(bundles.share(bundles.one, "front", 0), Error, "all cores");
  CHECK_EQ(bundles.opened.load(), 1);
  CHECK_EQ(a->users(), 1);
}

TEST(an_id_is_free_again_when_its_engine_is_gone) {
  Bundles bundles;
  bundles.share(bundles.one, "front").reset();
  const auto other = bundles.share(bundles.two, "front");
  CHECK_EQ(bundles.opened.load(), 2);
}

// As when a bundle takes another's place: the old one is still held for the frames inside.
TEST(a_caller_may_move_its_id_to_another_bundle) {
  Bundles bundles;
  const uint64_t mover = new_caller(), other = new_caller();
  auto before = bundles.share(bundles.one, "front", 1, mover);
  auto after = bundles.share(bundles.two, "front", 1, mover);
  CHECK(&before->engine() != &after->engine());
  const auto follower = bundles.share(bundles.two, "front", 1, other);
  CHECK(&follower->engine() == &after->engine());
  // Somebody else is there now.
  CHECK_THROWS(bundles.share(bundles.one, "front", 1, mover), Error, "front");
  // What was held ready and never used leaves the former one in force.
  Bundles more;
  before = more.share(more.one, "front", 1, mover);
  more.share(more.two, "front", 1, mover).reset();
  CHECK_THROWS(more.share(more.two, "front", 1, other), Error, "front");
}

TEST(a_file_that_was_replaced_is_another) {
  Bundles bundles;
  const auto before = bundles.share(bundles.one);
  CHECK_EQ(std::rename(bundles.write("new", "1").c_str(), bundles.one.c_str()), 0);
  const auto after = bundles.share(bundles.one);
  CHECK(&before->engine() != &after->engine());
}

TEST(a_file_that_is_replaced_while_it_is_read_is_read_again) {
  Bundles bundles;
  bundles.on_open = [&](const EngineOptions&) {
    if (bundles.opened == 1) std::rename(bundles.write("new", "1").c_str(), bundles.one.c_str());
  };
  const auto a = bundles.share(bundles.one), b = bundles.share(bundles.one);
  CHECK_EQ(bundles.opened.load(), 2);
  CHECK(&a->engine() == &b->engine());
}

TEST(one_caller_counts_once) {
  Bundles bundles;
  const uint64_t caller = new_caller();
  const auto a = bundles.share(bundles.one, "", 1, caller), b = bundles.share(bundles.one, "", 1, caller),
             c = bundles.share(bundles.one);
  CHECK_EQ(a->users(), 2);
}

TEST(the_last_share_ends_the_engine) {
  Bundles bundles;
  Gate gate;
  bundles.script.before = [&](const PreparedFrame&) { gate.wait(); };
  auto a = bundles.share(bundles.one), b = bundles.share(bundles.one);
  std::future<Result> frame = a->engine().submit(grey(a->engine(), 255));
  gate.until_somebody_waits();
  a.reset();
  std::future<Result> second = b->engine().submit(grey(b->engine(), 1));
  std::thread last([&] { b.reset(); });
  CHECK(kind_of(second) == ErrorKind::Cancelled);  // the engine is ending, held up by the frame in hand
  // Others are served meanwhile, by an engine of their own.
  const auto c = bundles.share(bundles.one);
  CHECK_EQ(bundles.opened.load(), 2);
  CHECK_EQ(c->users(), 1);
  gate.open();
  last.join();
  CHECK_EQ(frame.get().statistics.max, 1.0f);
}

TEST(who_asks_while_it_is_opened_waits_for_it) {
  Bundles bundles;
  Gate gate;
  bundles.on_open = [&](const EngineOptions&) { gate.wait(); };
  std::shared_ptr<EngineShare> shares[4];
  std::vector<std::thread> callers;
  callers.emplace_back([&] { shares[0] = bundles.share(bundles.one); });
  gate.until_somebody_waits();
  for (int i = 1; i < 4; ++i) callers.emplace_back([&, i] { shares[i] = bundles.share(bundles.one); });
  gate.open();
  for (auto& caller : callers) caller.join();
  CHECK_EQ(bundles.opened.load(), 1);
  for (const auto& share : shares) CHECK(&share->engine() == &shares[0]->engine());
  CHECK_EQ(shares[0]->users(), 4);
}

TEST(a_bundle_that_cannot_be_opened_fails_all_and_is_tried_again) {
  Bundles bundles;
  Gate gate;
  bundles.on_open = [&](const EngineOptions&) {
    gate.wait();
    throw Error(ErrorKind::BadBundle, "not a bundle");
  };
  std::atomic<int> failed{0};
  std::vector<std::thread> callers;
  callers.reserve(3);
  for (int i = 0; i < 3; ++i)
    callers.emplace_back([&] {
      try {
        bundles.share(bundles.one, "x");
      } catch (const Error& e) {
        failed += e.kind() == ErrorKind::BadBundle;
      }
    });
  gate.until_somebody_waits();
  gate.open();
  for (auto& caller : callers) caller.join();
  CHECK_EQ(failed.load(), 3);
  bundles.on_open = nullptr;
  CHECK_EQ(bundles.share(bundles.two, "x")->users(), 1);
  CHECK_EQ(bundles.share(bundles.one, "x")->users(), 1);
}

TEST(many_threads_come_and_go) {
  Bundles bundles;
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  callers.reserve(4);
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&, c] {
      for (int i = 0; i < 50; ++i) {
        const bool first = (c + i) % 3 != 0;
        const auto share = bundles.share(first ? bundles.one : bundles.two, i % 2 ? "" : first ? "1" : "2");
        const auto value = static_cast<uint8_t>(c * 50 + i);
        Request request = grey(share->engine(), value);
        request.caller = static_cast<uint64_t>(c) + 1;
        const Result result = share->engine().submit(std::move(request)).get();
        if (static_cast<const float*>(result.map.data.get())[0] != value / 255.0f) ++wrong;
      }
    });
  for (auto& caller : callers) caller.join();
  CHECK_EQ(wrong.load(), 0);
}

// The registry's own words for what is not there are the engine's.
TEST(a_missing_bundle_is_not_found) {
  EngineOptions options;
  options.bundle = "/nowhere/bundle.safetensors";
  options.device = "cpu";
  try {
    EngineRegistry::of_process().share(options, "", new_caller());
    check::fail(__FILE__, __LINE__, "no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::NotFound);
  }
}

TEST_MAIN()

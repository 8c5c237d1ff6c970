// SPDX-License-Identifier: LGPL-2.1-or-later
// A test harness in one header, so that the engine's suites build where only a compiler and LibTorch are.
// Prints TAP. A suite is one executable: TEST(name) { ... } blocks, then TEST_MAIN().
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace check {

struct Case {
  const char* name;
  std::function<void()> body;
};
struct Failure {
  std::string what;
};
struct Skipped {
  std::string why;
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

struct Registrar {
  Registrar(const char* name, std::function<void()> body) { cases().push_back({name, std::move(body)}); }
};

template <typename... Parts>
[[noreturn]] void fail(const char* file, int line, const Parts&... parts) {
  std::ostringstream text;
  text << file << ":" << line << ": ";
  (text << ... << parts);
  throw Failure{text.str()};
}

// The folder of golden cases and data, or skips the test loudly.
inline std::string shared_data(const std::string& inside) {
  const char* root = std::getenv("ANOMALY_SHARED");
  std::string path = std::string(root ? root : "../shared") + "/" + inside;
  if (FILE* f = std::fopen(path.c_str(), "rb")) {
    std::fclose(f);
    return path;
  }
  throw Skipped{"no test data at " + path + " (set ANOMALY_SHARED)"};
}

inline int run(int argc, char** argv) {
  std::vector<Case> chosen;
  for (auto& c : cases())
    if (argc < 2 || std::string(c.name).find(argv[1]) != std::string::npos) chosen.push_back(c);
  std::printf("1..%zu\n", chosen.size());
  int failed = 0, number = 0;
  for (auto& c : chosen) {
    ++number;
    std::string problem;
    try {
      c.body();
      std::printf("ok %d - %s\n", number, c.name);
    } catch (const Skipped& s) {
      std::printf("ok %d - %s # SKIP %s\n", number, c.name, s.why.c_str());
    } catch (const Failure& f) {
      problem = f.what;
    } catch (const std::exception& e) {
      problem = std::string("unexpected exception: ") + e.what();
    }
    if (!problem.empty()) {
      ++failed;
      std::printf("not ok %d - %s\n", number, c.name);
      std::fprintf(stderr, "# %s: %s\n", c.name, problem.c_str());
    }
    std::fflush(stdout);
  }
  return failed ? 1 : 0;
}

}  // namespace check

#define TEST(name)                                                    \
  static void test_##name();                                          \
  static const check::Registrar registrar_##name(#name, test_##name); \
  static void test_##name()
#undef CHECK  // c10 defines one of its own
#define CHECK(condition) \
  ((condition) ? void() : check::fail(__FILE__, __LINE__, "CHECK(" #condition ") failed"))
#define CHECK_EQ(a, b)                                                                          \
  do {                                                                                          \
    const auto& check_a = (a);                                                                  \
    const auto& check_b = (b);                                                                  \
    if (!(check_a == check_b))                                                                  \
      check::fail(__FILE__, __LINE__, #a " == " #b " failed: ", check_a, " against ", check_b); \
  } while (0)
#define CHECK_NEAR(a, b, tolerance)                                                               \
  do {                                                                                            \
    const double check_a = (a), check_b = (b);                                                    \
    if (!(std::abs(check_a - check_b) <= (tolerance)))                                            \
      check::fail(__FILE__, __LINE__, #a " near " #b " failed: ", check_a, " against ", check_b); \
  } while (0)
// The statement throws an exception of that type whose text contains `part`.
#define CHECK_THROWS(statement, type, part)                                                       \
  do {                                                                                            \
    bool check_thrown = false;                                                                    \
    try {                                                                                         \
      statement;                                                                                  \
    } catch (const type& e) {                                                                     \
      check_thrown = true;                                                                        \
      if (std::string(e.what()).find(part) == std::string::npos)                                  \
        check::fail(__FILE__, __LINE__, #statement ": message lacks \"", part, "\": ", e.what()); \
    }                                                                                             \
    if (!check_thrown) check::fail(__FILE__, __LINE__, #statement " did not throw " #type);       \
  } while (0)
#define SKIP(why)        \
  throw check::Skipped { \
    why                  \
  }
#define TEST_MAIN()                 \
  int main(int argc, char** argv) { \
    return check::run(argc, argv);  \
  }

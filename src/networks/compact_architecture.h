// SPDX-License-Identifier: LGPL-2.1-or-later
// The architecture of a compact network as a bundle's JSON gives it: untrusted numbers, read within ranges.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/json.h"

namespace anomaly {

// One network's object of the architecture. Every getter throws Error(BadBundle) that names file, network and
// member.
class ArchitectureReader {
 public:
  // `file`, `network`: for messages. `type`: what the member "type" must say.
  ArchitectureReader(std::string file, std::string network, const Json& object, const std::string& type);

  bool has(const std::string& member) const { return object_.find(member) != nullptr; }
  // An integer in [low, high].
  int64_t integer(const std::string& member, int64_t low, int64_t high) const;
  // An array of exactly `count` integers, each in [low, high].
  std::vector<int64_t> integers(const std::string& member, size_t count, int64_t low, int64_t high) const;
  // The same, all of them odd.
  std::vector<int64_t> odd_integers(const std::string& member, size_t count, int64_t low, int64_t high) const;
  // An array of exactly `count` finite numbers, each in [low, high].
  std::vector<double> numbers(const std::string& member, size_t count, double low, double high) const;
  bool boolean(const std::string& member) const;

 private:
  [[noreturn]] void fail(const std::string& member, const std::string& problem) const;
  const Json& member(const std::string& name) const;

  std::string file_, network_;
  const Json& object_;
};

}  // namespace anomaly

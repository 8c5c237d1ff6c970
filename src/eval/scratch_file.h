// SPDX-License-Identifier: LGPL-2.1-or-later
// What does not fit into memory while all frames are looked at: a file without a name, gone with the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace anomaly::eval {

class ScratchFile {
 public:
  // In $TMPDIR, else /tmp. Throws Error(Io) that names the folder.
  ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile();

  // Appends; returns where. Throws Error(Io) where the disk is full.
  int64_t put(const void* data, size_t bytes);
  void get(int64_t offset, void* data, size_t bytes) const;

  template <typename Value>
  int64_t put(const std::vector<Value>& values) {
    return put(values.data(), values.size() * sizeof(Value));
  }
  // As many values as `values` has.
  template <typename Value>
  void get(int64_t offset, std::vector<Value>& values) const {
    get(offset, values.data(), values.size() * sizeof(Value));
  }

 private:
  std::string folder_;
  int file_ = -1;
  int64_t size_ = 0;
};

}  // namespace anomaly::eval

// SPDX-License-Identifier: LGPL-2.1-or-later
// The safetensors container: 8 bytes little-endian header length, a JSON header, tensor bytes. Untrusted
// input.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace anomaly {

struct TensorInfo {
  std::string dtype;  // as written: "F32", "F16", "I64", "U8", ...
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes, relative to the end of the header
};

// Maps a file read-only. Everything is checked on opening: header length against the file and a 100 MB cap,
// JSON, dtypes, shape * size == bytes without overflow, at most 8 dimensions, offsets in range, no overlaps,
// no holes. Errors (ErrorKind::NotFound, Io, BadBundle) name the file and, where there is one, the tensor.
class SafetensorsFile {
 public:
  static std::shared_ptr<SafetensorsFile> open(const std::string& path);
  const std::string& path() const { return path_; }
  const std::map<std::string, TensorInfo>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }  // "__metadata__", strings
  // A tensor over the mapping (read-only by agreement; keeps the file mapped), or a copy where the file does
  // not align it for its type. F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL. Throws Error(BadBundle) for
  // a name that is not there and for the container's other types.
  at::Tensor tensor(const std::string& name) const;
  virtual ~SafetensorsFile() = default;

 private:
  struct Mapping;
  std::string path_;
  std::shared_ptr<const Mapping> mapping_;
  uint64_t data_begin_ = 0;  // bytes from the start of the file
  std::map<std::string, TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Writes to `path + ".partial"`, then renames, so that `path` is never half written; on any error nothing is
// left behind. Tensors are made contiguous on the CPU, and each lies aligned for its type. Throws Error(Io),
// and Error(BadSettings) for a name given twice, an empty name or a type that the container has no name for.
void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace anomaly

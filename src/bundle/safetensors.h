// The safetensors container: 8 bytes little-endian header length, a JSON header, tensor bytes. Untrusted input.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace anomaly {

struct TensorInfo {
  std::string dtype;            // as written: "F32", "F16", "I64", "U8", ...
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes, relative to the end of the header
};

// Maps a file read-only. Everything is checked on opening: header length against the file and a 100 MB cap, JSON, dtypes,
// shape * size == bytes without overflow, offsets in range, no overlaps, no holes. Errors (ErrorKind::NotFound, Io,
// BadBundle) name the file and, where there is one, the tensor.
class SafetensorsFile {
 public:
  static std::shared_ptr<SafetensorsFile> open(const std::string& path);
  const std::string& path() const;
  const std::map<std::string, TensorInfo>& tensors() const;
  const std::map<std::string, std::string>& metadata() const;  // "__metadata__", strings
  // A tensor over the mapping (read-only by agreement; keeps the file mapped). F32, F16, BF16, F64, I64, I32, U8, BOOL.
  at::Tensor tensor(const std::string& name) const;
  virtual ~SafetensorsFile() = default;
};

// Writes to `path + ".partial"`, then renames, so that `path` is never half written. Tensors are made contiguous on the CPU.
void write_safetensors(const std::string& path, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace anomaly

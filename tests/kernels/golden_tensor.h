// SPDX-License-Identifier: LGPL-2.1-or-later
// Reads one tensor of a golden case. Only for files of the test data: it trusts them.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "tests/check.h"

namespace check {

template <typename T>
struct GoldenTensor {
  std::vector<int> shape;
  std::vector<T> values;
};

template <typename T>
GoldenTensor<T> golden_tensor(const std::string& golden_case, const std::string& name) {
  std::ifstream file(shared_data("golden/" + golden_case + ".safetensors"), std::ios::binary);
  uint64_t length = 0;
  file.read(reinterpret_cast<char*>(&length), sizeof length);
  std::string header(length, '\0');
  file.read(header.data(), static_cast<std::streamsize>(length));
  size_t at = header.find("\"" + name + "\":");
  if (at == std::string::npos) fail(__FILE__, __LINE__, golden_case, " holds no ", name);
  header = header.substr(at, header.find('}', at) - at);
  const auto numbers = [&](const char* key) {
    std::vector<uint64_t> list;
    size_t p = header.find('[', header.find(key)) + 1;
    while (header[p] != ']') {
      size_t used = 0;
      list.push_back(std::stoull(header.substr(p), &used));
      p += used;
      while (header[p] == ',' || header[p] == ' ') ++p;
    }
    return list;
  };
  GoldenTensor<T> tensor;
  for (uint64_t size : numbers("\"shape\"")) tensor.shape.push_back(static_cast<int>(size));
  const std::vector<uint64_t> range = numbers("\"data_offsets\"");
  tensor.values.resize((range[1] - range[0]) / sizeof(T));
  file.seekg(static_cast<std::streamoff>(8 + length + range[0]));
  file.read(reinterpret_cast<char*>(tensor.values.data()), static_cast<std::streamsize>(range[1] - range[0]));
  if (!file) fail(__FILE__, __LINE__, golden_case, " ends inside ", name);
  return tensor;
}

}  // namespace check

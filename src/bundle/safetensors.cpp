// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/bundle/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string_view>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "src/bundle/dtypes.h"
#include "src/bundle/text.h"
#include "src/error.h"
#include "src/json.h"

namespace anomaly {

static_assert(std::endian::native == std::endian::little,
              "the container is little endian and is read in place");

struct SafetensorsFile::Mapping {
  const unsigned char* data = nullptr;
  uint64_t size = 0;

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (data) ::munmap(const_cast<unsigned char*>(data), size);
  }
};

namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeader = 100'000'000;
constexpr size_t kMaxDimensions = 8;

[[noreturn]] void bad(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::BadBundle, in_quotes(path) + ": " + what);
}

[[noreturn]] void bad_tensor(const std::string& path, std::string_view name, const std::string& what) {
  bad(path, "tensor " + in_quotes(name) + ": " + what);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

bool starts_with(const unsigned char* data, uint64_t size, std::string_view magic) {
  return size >= magic.size() && std::memcmp(data, magic.data(), magic.size()) == 0;
}

// What a file that is no safetensors file is, as far as its first bytes tell.
std::string foreign(const unsigned char* data, uint64_t size) {
  using namespace std::string_view_literals;
  const bool pickle = size >= 2 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5;
  if (pickle || starts_with(data, size, "PK\x03\x04"sv))
    return "this is a PyTorch checkpoint; convert it with models/convert.py";
  if (starts_with(data, size, "version https://git-lfs"sv))
    return "this is a Git LFS pointer, not the file itself; fetch it with \"git lfs pull\"";
  return "not a safetensors file";
}

// Elements of `shape`; strides of every part of it fit as well, whatever zeros it holds.
uint64_t count(const std::string& path, const std::string& name, const Json& shape,
               std::vector<int64_t>& sizes) {
  if (shape.type() != Json::Type::Array) bad_tensor(path, name, "its shape is not an array");
  if (shape.items().size() > kMaxDimensions)
    bad_tensor(path, name, "its shape has more than " + std::to_string(kMaxDimensions) + " dimensions");
  uint64_t elements = 1, extent = 1;
  for (const Json& item : shape.items()) {
    if (item.type() != Json::Type::Number || !item.is_integer() || item.raw_integer() < 0)
      bad_tensor(path, name, "its shape holds something that is not a whole number from 0 up");
    const auto size = static_cast<uint64_t>(item.raw_integer());
    if (__builtin_mul_overflow(extent, std::max<uint64_t>(size, 1), &extent) ||
        extent > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / 16)
      bad_tensor(path, name, "its shape overflows");
    elements *= size;
    sizes.push_back(item.raw_integer());
  }
  return elements;
}

TensorInfo entry(const std::string& path, const std::string& name, const Json& json, uint64_t data_size) {
  if (json.type() != Json::Type::Object) bad_tensor(path, name, "its header entry is not an object");
  for (const auto& [key, value] : json.members())
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      bad_tensor(path, name, "unknown member " + in_quotes(key) + " in its header entry");
  for (const char* key : {"dtype", "shape", "data_offsets"})
    if (!json.find(key)) bad_tensor(path, name, std::string("its header entry lacks \"") + key + "\"");

  const Json& dtype = json.at("dtype");
  if (dtype.type() != Json::Type::String) bad_tensor(path, name, "its dtype is not a string");
  const ElementType* type = element_type(dtype.as_string());
  if (!type) bad_tensor(path, name, "unknown dtype " + in_quotes(dtype.as_string()));

  TensorInfo info;
  info.dtype = dtype.as_string();
  const uint64_t elements = count(path, name, json.at("shape"), info.shape);

  const Json& offsets = json.at("data_offsets");
  const bool pair = offsets.type() == Json::Type::Array && offsets.items().size() == 2;
  if (!pair) bad_tensor(path, name, "its data_offsets are not a pair");
  for (const Json& offset : offsets.items())
    if (offset.type() != Json::Type::Number || !offset.is_integer() || offset.raw_integer() < 0)
      bad_tensor(path, name, "its data_offsets are not whole numbers from 0 up");
  info.begin = static_cast<uint64_t>(offsets.items()[0].raw_integer());
  info.end = static_cast<uint64_t>(offsets.items()[1].raw_integer());
  if (info.begin > info.end) bad_tensor(path, name, "its data_offsets are reversed");
  if (info.end > data_size)
    bad_tensor(path, name,
               "its data ends at byte " + std::to_string(info.end) + " of the data, which has " +
                   std::to_string(data_size) + " bytes: the file is truncated or its header is wrong");
  if (info.end - info.begin != elements * type->bytes)
    bad_tensor(path, name,
               "its shape needs " + std::to_string(elements * type->bytes) +
                   " bytes, its data_offsets hold " + std::to_string(info.end - info.begin));
  return info;
}

std::map<std::string, std::string> metadata_entry(const std::string& path, const Json& json) {
  if (json.type() != Json::Type::Object) bad(path, "\"__metadata__\" is not an object");
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : json.members()) {
    if (value.type() != Json::Type::String)
      bad(path, "\"__metadata__\" member " + in_quotes(key) + " is not a string");
    out.emplace(key, value.as_string());
  }
  return out;
}

// Every byte of the data belongs to exactly one tensor.
void check_layout(const std::string& path, const std::map<std::string, TensorInfo>& tensors,
                  uint64_t data_size) {
  std::vector<std::pair<const std::string*, const TensorInfo*>> order;
  order.reserve(tensors.size());
  for (const auto& [name, info] : tensors) order.emplace_back(&name, &info);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  uint64_t at = 0;
  const std::string* previous = nullptr;
  for (const auto& [name, info] : order) {
    if (info->begin < at) bad_tensor(path, *name, "its data overlaps that of tensor " + in_quotes(*previous));
    if (info->begin > at)
      bad_tensor(path, *name,
                 std::to_string(info->begin - at) + " bytes before its data belong to no tensor");
    at = info->end;
    previous = name;
  }
  if (at != data_size)
    bad(path, std::to_string(data_size - at) + " bytes at the end of the file belong to no tensor");
}

}  // namespace

std::shared_ptr<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  // Without O_NONBLOCK the opening of a FIFO would wait for its writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    throw Error(missing ? ErrorKind::NotFound : ErrorKind::Io,
                missing ? in_quotes(path) + ": no such file"
                        : in_quotes(path) + ": cannot be opened: " + std::strerror(errno));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    throw Error(ErrorKind::Io, in_quotes(path) + ": cannot be examined: " + std::strerror(errno));
  if (S_ISDIR(status.st_mode)) throw Error(ErrorKind::Io, in_quotes(path) + ": is a folder, not a file");
  if (!S_ISREG(status.st_mode)) throw Error(ErrorKind::Io, in_quotes(path) + ": is not a regular file");
  if (status.st_size == 0) bad(path, "the file is empty");

  auto mapping = std::make_shared<Mapping>();
  const auto size = static_cast<uint64_t>(status.st_size);
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED)
    throw Error(ErrorKind::Io, in_quotes(path) + ": cannot be mapped: " + std::strerror(errno));
  mapping->data = static_cast<const unsigned char*>(memory);
  mapping->size = size;

  const unsigned char* const data = mapping->data;
  uint64_t length = 0;
  if (size < kLengthBytes) {
    const std::string kind = foreign(data, size);
    bad(path, kind + " (" + std::to_string(size) + " bytes hold no header)");
  }
  std::memcpy(&length, data, kLengthBytes);
  if (length > size - kLengthBytes || length > kMaxHeader || length < 2 || data[kLengthBytes] != '{') {
    const std::string kind = foreign(data, size);
    std::string why = "its header is not a JSON object";
    if (length > kMaxHeader) {
      why = "a header of " + std::to_string(length) + " bytes exceeds the limit of " +
            std::to_string(kMaxHeader);
    } else if (length > size - kLengthBytes) {
      why = "a header of " + std::to_string(length) + " bytes does not fit into a file of " +
            std::to_string(size);
    } else if (length < 2) {
      why = "a header of " + std::to_string(length) + " bytes holds no JSON object";
    }
    bad(path, kind + ": " + why);
  }

  Json header;
  try {
    header = Json::parse({reinterpret_cast<const char*>(data + kLengthBytes), static_cast<size_t>(length)});
  } catch (const JsonError& e) {
    bad(path, "its header is broken: " + std::string(e.what()));
  }

  auto opened = std::make_shared<SafetensorsFile>();
  opened->path_ = path;
  opened->data_begin_ = kLengthBytes + length;
  const uint64_t data_size = size - opened->data_begin_;
  for (const auto& [name, value] : header.members()) {
    if (name == "__metadata__") {
      opened->metadata_ = metadata_entry(path, value);
    } else if (name.empty()) {
      bad(path, "a tensor without a name");
    } else {
      opened->tensors_.emplace(name, entry(path, name, value, data_size));
    }
  }
  check_layout(path, opened->tensors_, data_size);
  opened->mapping_ = std::move(mapping);
  return opened;
}

at::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) bad_tensor(path_, name, "is missing");
  const TensorInfo& info = found->second;
  const ElementType& type = *element_type(info.dtype);
  if (!type.torch) bad_tensor(path_, name, "dtype " + info.dtype + " is not supported");
  const unsigned char* const data = mapping_->data + data_begin_ + info.begin;
  const uint64_t bytes = info.end - info.begin;
  if (*type.torch == c10::ScalarType::Bool &&
      std::any_of(data, data + bytes, [](unsigned char value) { return value > 1; }))
    bad_tensor(path_, name, "a BOOL that is neither 0 nor 1");

  const bool aligned = reinterpret_cast<uintptr_t>(data) % type.bytes == 0;
  if (bytes == 0 || !aligned) {
    at::Tensor copy = at::empty(info.shape, at::TensorOptions(*type.torch));
    if (bytes) std::memcpy(copy.mutable_data_ptr(), data, bytes);
    return copy;
  }
  auto keep = mapping_;
  return at::from_blob(
      const_cast<unsigned char*>(data), info.shape, [keep](void*) {}, at::TensorOptions(*type.torch));
}

}  // namespace anomaly

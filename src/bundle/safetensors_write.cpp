// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>

#include "src/bundle/dtypes.h"
#include "src/bundle/safetensors.h"
#include "src/bundle/text.h"
#include "src/error.h"
#include "src/json.h"

namespace anomaly {
namespace {

constexpr size_t kAlignment = 64;              // of the first tensor: a cache line
constexpr size_t kMaxWrite = size_t{1} << 30;  // Linux writes at most 2 GB at once

// The file that becomes `path` when all is written, and vanishes when not.
class PartialFile {
 public:
  explicit PartialFile(const std::string& path) : path_(path), partial_(path + ".partial") {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
      throw Error(ErrorKind::Io, in_quotes(path) + ": exists and is not a regular file");
    }
    // A leftover of a killed run, or a link that someone put there: neither is written through.
    ::unlink(partial_.c_str());
    fd_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0) fail("cannot be created");
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile() {
    if (fd_ >= 0) ::close(fd_);
    if (fd_ >= 0 || closed_) ::unlink(partial_.c_str());
  }

  void write(const void* data, size_t size) {
    const char* at = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t written = ::write(fd_, at, std::min(size, kMaxWrite));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot be written");
      at += written;
      size -= static_cast<size_t>(written);
    }
  }

  void commit() {
    if (::fsync(fd_) != 0) fail("cannot be written");
    const int fd = fd_;
    fd_ = -1;
    closed_ = true;
    if (::close(fd) != 0) fail("cannot be written");
    if (::rename(partial_.c_str(), path_.c_str()) != 0) fail("cannot be renamed to its final name");
    closed_ = false;
    // The new name survives a power cut once its folder is on the disk; some file systems cannot do that.
    const auto slash = path_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
      ::fsync(directory);
      ::close(directory);
    }
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error(ErrorKind::Io, in_quotes(partial_) + ": " + what + ": " + std::strerror(errno));
  }

  std::string path_, partial_;
  int fd_ = -1;
  bool closed_ = false;  // closed and not yet renamed
};

struct Item {
  const std::string* name;
  at::Tensor tensor;
  const ElementType* type;
};

std::vector<Item> checked(const std::string& path,
                          const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
  std::vector<Item> items;
  items.reserve(tensors.size());
  std::set<std::string_view> names;
  const auto refuse = [&](const std::string& name, const std::string& what) {
    throw Error(ErrorKind::BadSettings, in_quotes(path) + ": tensor " + in_quotes(name) + ": " + what);
  };
  for (const auto& [name, tensor] : tensors) {
    if (name.empty() || name == "__metadata__") refuse(name, "is no name for a tensor");
    if (!names.insert(name).second) refuse(name, "is given twice");
    if (!tensor.defined()) refuse(name, "is undefined");
    const ElementType* type = element_type(tensor.scalar_type());
    if (!type)
      refuse(name, std::string("type ") + c10::toString(tensor.scalar_type()) + " cannot be written");
    items.push_back({&name, tensor, type});
  }
  // Widest type first: every tensor is then aligned for its type without holes.
  std::stable_sort(items.begin(), items.end(),
                   [](const Item& a, const Item& b) { return a.type->bytes > b.type->bytes; });
  return items;
}

std::string header_text(const std::vector<Item>& items, const std::map<std::string, std::string>& metadata) {
  Json::Members members;
  if (!metadata.empty()) {
    Json::Members strings;
    for (const auto& [key, value] : metadata) strings.emplace_back(key, value);
    members.emplace_back("__metadata__", Json::object(std::move(strings)));
  }
  int64_t at = 0;
  for (const Item& item : items) {
    std::vector<Json> shape;
    for (const int64_t size : item.tensor.sizes()) shape.emplace_back(size);
    const int64_t end = at + item.tensor.numel() * static_cast<int64_t>(item.type->bytes);
    members.emplace_back(*item.name, Json::object({{"dtype", std::string(item.type->name)},
                                                   {"shape", Json::array(std::move(shape))},
                                                   {"data_offsets", Json::array({at, end})}}));
    at = end;
  }
  std::string text = Json::object(std::move(members)).dump();
  text.resize((text.size() + 8 + kAlignment - 1) / kAlignment * kAlignment - 8, ' ');
  return text;
}

}  // namespace

void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::vector<Item> items = checked(path, tensors);
  const std::string header = header_text(items, metadata);
  PartialFile file(path);
  const uint64_t length = header.size();
  file.write(&length, sizeof length);
  file.write(header.data(), header.size());
  for (const Item& item : items) {
    const at::Tensor plain = item.tensor.detach().cpu().contiguous();
    file.write(plain.const_data_ptr(), static_cast<size_t>(plain.numel()) * item.type->bytes);
  }
  file.commit();
}

}  // namespace anomaly

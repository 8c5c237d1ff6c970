// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/tensor_source.h"

#include <sys/mman.h>
#include <unistd.h>

#include <ATen/ops/empty.h>

#include "src/error.h"

namespace anomaly {
namespace {

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

[[noreturn]] void refuse(const Bundle& bundle, const std::string& name, const std::string& what) {
  throw Error(ErrorKind::BadBundle, bundle.path() + ": tensor \"" + name + "\" " + what);
}

// The copies hold what is needed: without this the resident size counts every weight twice. A later read of
// the same pages reads the file again.
void release_pages(const at::Tensor& mapped) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto* begin = static_cast<const char*>(mapped.const_data_ptr());
  const size_t to_boundary = (page - reinterpret_cast<uintptr_t>(begin) % page) % page;
  if (mapped.nbytes() < to_boundary + page) return;
  const size_t whole_pages = (mapped.nbytes() - to_boundary) / page * page;
  madvise(const_cast<char*>(begin) + to_boundary, whole_pages, MADV_DONTNEED);  // only a hint: may fail
}

}  // namespace

TensorSource::TensorSource(const Bundle& bundle, std::string network)
    : bundle_(bundle), network_(std::move(network)) {
  architecture();
  const std::string prefix = network_ + ".";
  const auto& tensors = bundle_.file().tensors();
  for (auto it = tensors.lower_bound(prefix); it != tensors.end() && it->first.starts_with(prefix); ++it)
    left_.insert(it->first);
}

const Json& TensorSource::architecture() const {
  const Json* found = bundle_.info().architecture.find(network_);
  if (!found)
    throw Error(ErrorKind::BadSettings,
                bundle_.path() + " has no network \"" + network_ +
                    "\": choose a bundle that has it, or a method that does without it");
  return *found;
}

int64_t TensorSource::integer(const std::string& member, int64_t fallback, int64_t min, int64_t max) const {
  const std::string where =
      bundle_.path() + ": member \"" + member + "\" of the architecture of \"" + network_ + "\" ";
  int64_t value = fallback;
  try {
    value = architecture().int_or(member, fallback);
  } catch (const JsonError& e) {
    throw Error(ErrorKind::BadBundle, where + "is not an integer: " + e.what());
  }
  if (value < min || value > max)
    throw Error(ErrorKind::BadBundle, where + "is " + std::to_string(value) + ", must be " +
                                          std::to_string(min) + " to " + std::to_string(max));
  return value;
}

at::Tensor TensorSource::take(const std::string& key, at::IntArrayRef shape) {
  const std::string name = network_ + "." + key;
  const auto& tensors = bundle_.file().tensors();
  const auto found = tensors.find(name);
  if (found == tensors.end()) refuse(bundle_, name, "is missing");
  const TensorInfo& info = found->second;
  if (info.dtype != "F32" && info.dtype != "F16" && info.dtype != "BF16")
    refuse(bundle_, name, "is " + info.dtype + ", must be F32, F16 or BF16");
  if (at::IntArrayRef(info.shape) != shape)
    refuse(bundle_, name, "has shape " + shape_text(info.shape) + ", must be " + shape_text(shape));
  left_.erase(name);
  const at::Tensor mapped = bundle_.file().tensor(name);
  at::Tensor own = at::empty(shape, at::kFloat);
  own.copy_(mapped);
  release_pages(mapped);
  return own;
}

void TensorSource::finish() {
  if (left_.empty()) return;
  const std::string more = left_.size() > 1 ? " (and " + std::to_string(left_.size() - 1) + " more)" : "";
  refuse(bundle_, *left_.begin(), "does not belong to the network" + more);
}

void check_no_strays(const Bundle& bundle) {
  for (const auto& [name, info] : bundle.file().tensors()) {
    const size_t dot = name.find('.');
    if (dot == std::string::npos || !bundle.has(name.substr(0, dot)))
      refuse(bundle, name, "belongs to no network of the bundle");
  }
}

}  // namespace anomaly

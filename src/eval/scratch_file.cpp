// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/eval/scratch_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "src/error.h"

namespace anomaly::eval {

ScratchFile::ScratchFile() {
  const char* const chosen = std::getenv("TMPDIR");
  folder_ = chosen && *chosen ? chosen : "/tmp";
  std::string name = folder_ + "/anomaly-eval-XXXXXX";
  file_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (file_ < 0)
    throw Error(ErrorKind::Io, folder_ + ": no room for intermediate results there (" + std::strerror(errno) +
                                   "): set TMPDIR to a folder that can be written");
  ::unlink(name.c_str());
}

ScratchFile::~ScratchFile() {
  ::close(file_);
}

int64_t ScratchFile::put(const void* data, size_t bytes) {
  const auto* from = static_cast<const char*>(data);
  for (size_t done = 0; done < bytes;) {
    const ssize_t count =
        ::pwrite(file_, from + done, bytes - done, static_cast<off_t>(size_ + static_cast<int64_t>(done)));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0)
      throw Error(ErrorKind::Io, folder_ + ": intermediate results cannot be written (" +
                                     std::strerror(errno) + "): set TMPDIR to a folder with more room");
    done += static_cast<size_t>(count);
  }
  const int64_t at = size_;
  size_ += static_cast<int64_t>(bytes);
  return at;
}

void ScratchFile::get(int64_t offset, void* data, size_t bytes) const {
  auto* to = static_cast<char*>(data);
  for (size_t done = 0; done < bytes;) {
    const ssize_t count =
        ::pread(file_, to + done, bytes - done, static_cast<off_t>(offset + static_cast<int64_t>(done)));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0)
      throw Error(ErrorKind::Io, folder_ + ": intermediate results cannot be read back (" +
                                     (count < 0 ? std::strerror(errno) : "the file has been cut") + ")");
    done += static_cast<size_t>(count);
  }
}

}  // namespace anomaly::eval

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/linewriter.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>

namespace anomaly {
namespace {

// Writing into a pipe without a reader raises SIGPIPE, whose default ends the process. Holds it back in this
// thread, and takes it away if it was this write that raised it.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigset_t pending;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    if (!was_pending_) pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutSigpipe() {
    if (was_pending_) return;
    const timespec at_once = {0, 0};
    while (sigtimedwait(&pipe_, nullptr, &at_once) == -1 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t pipe_, before_;
  bool was_pending_;
};

// The system tells nobody that a named pipe has found a reader: it is tried again after so long.
constexpr GstClockTime kReaderRetry = 50 * GST_MSECOND;

bool ends_within_a_line(int fd) {
  const off_t end = lseek(fd, 0, SEEK_END);
  char last = '\n';
  return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

}  // namespace

LineWriter::LineWriter() : poll_(gst_poll_new(TRUE)) {
  gst_poll_fd_init(&fd_);
}

LineWriter::~LineWriter() {
  close();
  gst_poll_free(poll_);
}

int LineWriter::open(const std::string& path, bool append) {
  close();
  if (path == "-") return adopt(STDOUT_FILENO, false);
  struct stat status = {};
  const bool exists = stat(path.c_str(), &status) == 0;
  const bool readable = append && exists && S_ISREG(status.st_mode);
  const int flags = (readable ? O_RDWR : O_WRONLY) | (append ? O_APPEND : O_TRUNC);
  const int fd = ::open(path.c_str(), flags | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (fd < 0) {
    if (errno != ENXIO || !exists || !S_ISFIFO(status.st_mode)) return errno;
    pipe_ = path;
    return 0;
  }
  int error = adopt(fd, true);
  if (error == 0 && readable && ends_within_a_line(fd) && write("\n", &error) == Outcome::Failed) close();
  return error;
}

int LineWriter::adopt(int fd, bool owned) {
  fd_.fd = fd;
  owned_ = owned;
  struct stat status = {};
  if (fstat(fd, &status) != 0) {
    const int error = errno;
    close();
    return error;
  }
  waits_ = !S_ISREG(status.st_mode);
  if (waits_) {
    gst_poll_add_fd(poll_, &fd_);
    gst_poll_fd_ctl_write(poll_, &fd_, TRUE);
  }
  return 0;
}

void LineWriter::close() {
  if (waits_) gst_poll_remove_fd(poll_, &fd_);
  if (owned_) ::close(fd_.fd);
  gst_poll_fd_init(&fd_);
  owned_ = waits_ = false;
  cut_.clear();
  pipe_.clear();
}

void LineWriter::interrupt(bool on) {
  gst_poll_set_flushing(poll_, on);
}

LineWriter::Outcome LineWriter::wait_for_reader(int* error) {
  int fd = -1;
  while ((fd = ::open(pipe_.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK)) < 0) {
    if (errno != ENXIO && errno != EINTR) {
      *error = errno;
      return Outcome::Failed;
    }
    if (gst_poll_wait(poll_, kReaderRetry) < 0 && errno == EBUSY) return Outcome::Interrupted;
  }
  pipe_.clear();
  *error = adopt(fd, true);
  return *error == 0 ? Outcome::Ok : Outcome::Failed;
}

LineWriter::Outcome LineWriter::wait_until_writable(int* error) {
  while (gst_poll_wait(poll_, GST_CLOCK_TIME_NONE) < 0) {
    if (errno == EBUSY) return Outcome::Interrupted;
    if (errno == EINTR || errno == EAGAIN) continue;
    *error = errno;
    return Outcome::Failed;
  }
  return Outcome::Ok;
}

LineWriter::Outcome LineWriter::write(const std::string& line, int* error) {
  if (waits_for_reader()) {
    const Outcome outcome = wait_for_reader(error);
    if (outcome != Outcome::Ok) return outcome;
  }
  const WithoutSigpipe guard;
  const size_t before = cut_.size();
  const std::string text = cut_ + line;
  size_t done = 0;
  while (done < text.size()) {
    size_t part = text.size() - done;
    if (waits_) {
      const Outcome outcome = wait_until_writable(error);
      if (outcome != Outcome::Ok) {
        cut_ = done <= before ? text.substr(done, before - done) : text.substr(done);
        return outcome;
      }
      part = std::min<size_t>(part, PIPE_BUF);  // so much a pipe takes at once where it takes anything
    }
    const ssize_t written = ::write(fd_.fd, text.data() + done, part);
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno != EINTR && errno != EAGAIN) {
      *error = errno;
      return Outcome::Failed;
    }
  }
  cut_.clear();
  return Outcome::Ok;
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a program and collects what it prints.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace check {

struct Finished {
  int status = -1;  // exit status; 128 + signal where it was killed
  std::string out, err;
};

// Standard output and error go to files beside `scratch`. `file_limit`: bytes that the program may write to a
// file, 0 for no limit; stands for a disk that is full.
inline Finished run_program(const std::vector<std::string>& arguments, const std::string& scratch,
                            rlim_t file_limit = 0) {
  const std::string out = scratch + ".stdout", err = scratch + ".stderr";
  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    const int out_fd = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int err_fd = ::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(out_fd, 1);
    ::dup2(err_fd, 2);
    if (file_limit > 0) {
      const rlimit limit{file_limit, file_limit};
      ::signal(SIGXFSZ, SIG_IGN);  // write() then fails instead
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const auto text = [](const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(in)), {});
  };
  Finished finished{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text(out), text(err)};
  ::unlink(out.c_str());
  ::unlink(err.c_str());
  return finished;
}

}  // namespace check

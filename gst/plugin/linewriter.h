// SPDX-License-Identifier: LGPL-2.1-or-later
// Whole lines into a file, a pipe or standard output, handed to the system one by one.
#pragma once

#include <string>

#include <gst/gst.h>

namespace anomaly {

class LineWriter {
 public:
  enum class Outcome { Ok, Interrupted, Failed };

  LineWriter();
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // "-" is standard output. A file is made where there is none, and emptied unless `append`; appending begins
  // on a line of its own, should the file end in the middle of one. Never blocks: a named pipe that nobody
  // reads yet is opened by write(), when it has its reader. Returns 0 or an errno value.
  int open(const std::string& path, bool append);
  void close();

  // True until a named pipe has found its reader.
  bool waits_for_reader() const { return !pipe_.empty(); }

  // The line is with the system when this returns Ok: a crash of this process cannot lose it. A reader that
  // went away is an error, never a signal. On Failed, *error is an errno value; a pipe that nobody reads or
  // empties blocks until interrupt(true). A line that this cuts short is ended by the next write(), before
  // its own.
  Outcome write(const std::string& line, int* error);

  // While true, a blocked write() returns Interrupted and later ones at once. Any thread.
  void interrupt(bool on);

 private:
  int adopt(int fd, bool owned);
  Outcome wait_for_reader(int* error);
  Outcome wait_until_writable(int* error);

  std::string cut_;   // what is missing of a line that was begun
  std::string pipe_;  // path of a pipe without a reader
  GstPoll* poll_;
  GstPollFD fd_;
  bool owned_ = false;  // to be closed by us
  bool waits_ = false;  // a pipe, a socket or a terminal: writing can block
};

}  // namespace anomaly

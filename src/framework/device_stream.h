// SPDX-License-Identifier: LGPL-2.1-or-later
// Streams, events and resamplers of a device, as LibTorch's device-generic interface gives them. In ordinary
// memory (emulation, Compute) everything is done when it is queued: streams and events are then no more than
// their names.
#pragma once

#include <memory>
#include <optional>

#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <c10/core/StreamGuard.h>

#include "src/networks/compute.h"

namespace anomaly {

// Makes `compute`'s device the calling thread's, for LibTorch and the module, and `stream` its current one,
// until the end of the scope.
class StreamScope {
 public:
  StreamScope(const Compute& compute, c10::Stream stream);

 private:
  std::optional<c10::StreamGuard> guard_;
};

// A stream of its own.
c10::Stream new_stream(const Compute& compute);
// Waits for all that was queued on it.
void wait_for(const c10::Stream& stream);

// A point in a stream's work. Before record() it has been reached.
class DeviceEvent {
 public:
  void record(const c10::Stream& stream);
  // What is queued on `stream` from here on comes after the point.
  void hold_back(const c10::Stream& stream) const;
  // The calling thread waits. Throws what LibTorch throws where the device has failed.
  void wait() const;

 private:
  std::optional<c10::Event> event_;
};

// Filters and intermediate memory of one resize (module.h). For one stream at a time.
class DeviceResampler {
 public:
  DeviceResampler(const Compute& compute, int in_width, int in_height, int out_width, int out_height);
  ~DeviceResampler();
  DeviceResampler(const DeviceResampler&) = delete;
  DeviceResampler& operator=(const DeviceResampler&) = delete;
  AnomalyCudaResampler* get() const { return resampler_; }

 private:
  const Compute compute_;
  AnomalyCudaResampler* resampler_ = nullptr;
};

}  // namespace anomaly

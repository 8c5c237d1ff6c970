// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/framework/device_stream.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace anomaly {

StreamScope::StreamScope(const Compute& compute, c10::Stream stream) {
  const int index = compute.device.is_cuda() ? compute.device.index() : 0;
  compute.check(compute.kernels->set_device(index), "choosing the device");
  if (compute.device.is_cuda()) guard_.emplace(stream);
}

c10::Stream new_stream(const Compute& compute) {
  if (!compute.device.is_cuda()) return c10::Stream(c10::Stream::DEFAULT, compute.device);
  return c10::impl::VirtualGuardImpl(compute.device.type()).getNewStream(compute.device);
}

void wait_for(const c10::Stream& stream) {
  if (stream.device().is_cuda()) stream.synchronize();
}

void DeviceEvent::record(const c10::Stream& stream) {
  if (!stream.device().is_cuda()) return;
  if (!event_) event_.emplace(stream.device_type());
  event_->record(stream);
}

void DeviceEvent::hold_back(const c10::Stream& stream) const {
  if (event_) event_->block(stream);
}

void DeviceEvent::wait() const {
  if (event_) event_->synchronize();
}

DeviceResampler::DeviceResampler(const Compute& compute, int in_width, int in_height, int out_width,
                                 int out_height)
    : compute_(compute) {
  compute.check(compute.kernels->resampler_create(in_width, in_height, out_width, out_height, &resampler_),
                "making room for a resize");
}

DeviceResampler::~DeviceResampler() {
  compute_.kernels->resampler_destroy(resampler_);
}

}  // namespace anomaly

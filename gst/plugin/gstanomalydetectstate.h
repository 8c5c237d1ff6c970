// SPDX-License-Identifier: LGPL-2.1-or-later
// What an anomalydetect holds: for the files that make the element, and for them alone.
#pragma once

#include <gst/video/video.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gst/plugin/cudacontext.h"
#include "gst/plugin/devicebuffer.h"
#include "gst/plugin/gstanomalydetect.h"
#include "gst/plugin/gstanomalydetectcaps.h"
#include "gst/plugin/gstanomalydetectconfig.h"
#include "gst/plugin/gstanomalydetectevents.h"
#include "gst/plugin/gstanomalydetectlateness.h"
#include "gst/plugin/gstanomalydetectmodel.h"
#include "gst/plugin/gstanomalydetectoutput.h"
#include "gst/plugin/gstanomalydetectqos.h"
#include "gst/plugin/gstanomalydetectqueue.h"
#include "gst/plugin/gstanomalydetectstats.h"
#include "gst/plugin/objectlock.h"

namespace anomaly {

struct DetectState {
  explicit DetectState(GstElement* element) : cuda(element) {}

  DetectConfig config;                                // under the object lock
  EventSettings event_settings;                       // under the object lock
  bool started = false;                               // under the object lock
  std::vector<std::string> classes;                   // of the bundle in use; under the object lock
  GstClockTime frame_duration = GST_CLOCK_TIME_NONE;  // under the object lock

  // These lock themselves.
  DetectStats stats;
  DetectQos qos;
  DetectLateness lateness;
  EventTracker events;
  ModelSwap swap;
  CudaElementContext cuda;
  const std::shared_ptr<DetectSignal> signal = std::make_shared<DetectSignal>();
  std::mutex model;  // held while the element starts or a bundle takes another's place

  std::atomic<bool> in_flight{false};  // started, and frames are pushed by a task of the source pad

  std::atomic<bool> on_gpu{false};  // started, and the engine computes on one

  // From start to stop, in the streaming thread.
  std::unique_ptr<DetectQueue> queue;
  std::unique_ptr<DetectOutput> output;
  std::string device;  // as the property said when the element started
  GstVideoInfo info;
  BufferKind kind = BufferKind::System;
  bool have_info = false;
  CapsWarnings warned;
};

}  // namespace anomaly

struct _GstAnomalyDetect {
  GstBaseTransform parent;
  anomaly::DetectState* state;
};

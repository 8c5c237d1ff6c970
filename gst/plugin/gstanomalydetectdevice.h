// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames in device memory, and the GPU that an anomalydetect computes them on.
#pragma once

#include <memory>

#include "gst/plugin/devicebuffer.h"
#include "gst/plugin/gstanomalydetect.h"

namespace anomaly {

// After the element's engine has opened: where that is on a GPU, its context is the one that the pipeline's
// other elements get, unless they have one already.
void share_context(GstAnomalyDetect* self) noexcept;

// Whether an element with this device= can ever read frames of `kind`. Posts an error that says why not.
bool check_device(GstAnomalyDetect* self, BufferKind kind);

// Maps a frame for the engine, and adopts the context that it comes with. The engine follows frames of
// another GPU: it is opened anew there where device=auto, in the streaming thread, which this is for. Throws
// Error: Device where the engine cannot read such frames, and as map_pictures() and open_detect_model().
std::unique_ptr<MappedPictures> map_for_engine(GstAnomalyDetect* self, GstBuffer* buffer);

// For CAPS queries of the sink pad, after all others have answered: an engine on a GPU would rather have
// frames of that GPU than bring them there itself, so that upstream elements which can give both do. Takes
// and gives a reference.
GstCaps* prefer_device(GstAnomalyDetect* self, GstCaps* caps);

// For ALLOCATION queries, after downstream has answered. held: buffers that are held here for a time.
void offer_device_pool(GstAnomalyDetect* self, GstQuery* query, guint held);

}  // namespace anomaly

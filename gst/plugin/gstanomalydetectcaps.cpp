// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectcaps.h"

#include <utility>

namespace anomaly {

namespace {

const char* high_dynamic_range(const GstVideoInfo& info) {
  switch (info.colorimetry.transfer) {
    case GST_VIDEO_TRANSFER_SMPTE2084:
      return "PQ (SMPTE ST 2084)";
    case GST_VIDEO_TRANSFER_ARIB_STD_B67:
      return "HLG (ARIB STD-B67)";
    default:
      return nullptr;
  }
}

}  // namespace

bool check_caps(GstElement* element, const GstVideoInfo& info, CapsWarnings& warned) {
  switch (GST_VIDEO_INFO_INTERLACE_MODE(&info)) {
    case GST_VIDEO_INTERLACE_MODE_PROGRESSIVE:
      break;
    case GST_VIDEO_INTERLACE_MODE_INTERLEAVED:
    case GST_VIDEO_INTERLACE_MODE_MIXED:
      if (!std::exchange(warned.interlaced, true))
        GST_ELEMENT_WARNING(element, STREAM, FORMAT,
                            ("These frames are interlaced; they are looked at as if they were progressive."),
                            ("What moves looks torn and may be taken for an anomaly: put deinterlace before "
                             "this element."));
      break;
    default:
      GST_ELEMENT_ERROR(element, STREAM, FORMAT,
                        ("Interlaced video with separate fields (interlace-mode=%s) cannot be looked at: put "
                         "deinterlace before this element.",
                         gst_video_interlace_mode_to_string(GST_VIDEO_INFO_INTERLACE_MODE(&info))),
                        (nullptr));
      return false;
  }
  const char* transfer = high_dynamic_range(info);
  if (transfer && !std::exchange(warned.transfer, true))
    GST_ELEMENT_WARNING(
        element, STREAM, FORMAT,
        ("These frames are %s; they are looked at as if they were of standard dynamic range.", transfer),
        ("Scores may be off: tone-map before this element."));
  return true;
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// The debug category of anomalypublish and of what works for it.
#pragma once

#include <gst/gst.h>

GST_DEBUG_CATEGORY_EXTERN(anomalypublish_debug);
#define GST_CAT_DEFAULT anomalypublish_debug

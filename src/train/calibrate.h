// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace anomaly::train {

// Measures the perceptual difference's bounds on pictures of ordinary streets (every .jpg and .png of
// `folder`): the means over the pictures of its lowest and highest raw value. Writes the bundle with them to
// `output`, which may be `bundle_path` itself; nothing else of it changes but the provenance, which says how
// many pictures there were. Throws Error: NotFound without pictures, BadSettings where a network is missing.
void calibrate(const std::string& bundle_path, const std::string& folder, const std::string& output);

}  // namespace anomaly::train

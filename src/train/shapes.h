// SPDX-License-Identifier: LGPL-2.1-or-later
// Things of no category: an invented outline, filled with an invented or a borrowed surface. What lies on a
// road in earnest (cargo, debris, a torn tyre) is often of no kind that a set of pictures holds.
#pragma once

#include <vector>

#include "src/train/objects.h"

namespace anomaly::train {

// An outline of one to four overlapping ellipses and polygons, 64 to 160 pixels a side. Its surface: half of
// the time a patch of one of `surfaces`, if there are any, else a colour with a gradient, stripes, speckle or
// nothing; always with some light from above.
PastedObject random_shape(const std::vector<PastedObject>& surfaces, Random& random);

}  // namespace anomaly::train

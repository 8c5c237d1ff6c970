// SPDX-License-Identifier: LGPL-2.1-or-later
// Two bundles that suites run whole frameworks on, opened once.
#pragma once

#include <memory>

#include "src/bundle/bundle.h"
#include "tests/engine/networks_fixture.h"

namespace fixture {

inline const std::shared_ptr<const anomaly::Bundle>& tiny_bundle() {
  static const BundleFile file(tiny_info(), tiny_tensors());
  static const std::shared_ptr<const anomaly::Bundle> bundle = file.open();
  return bundle;
}

inline const std::shared_ptr<const anomaly::Bundle>& compact_bundle() {
  static const std::shared_ptr<const anomaly::Bundle> bundle =
      anomaly::Bundle::open(anomaly::builtin_bundle_path());
  return bundle;
}

}  // namespace fixture

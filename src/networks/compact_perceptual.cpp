// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/compact_perceptual.h"

#include "src/networks/compact_architecture.h"

namespace anomaly {

Json CompactPerceptualOptions::to_json() const {
  Json width_list = Json::array(), weight_list = Json::array();
  for (const int64_t width : widths) width_list.push(width);
  for (const double weight : level_weights) weight_list.push(weight);
  return Json::object({{"type", "compact-perceptual"},
                       {"widths", width_list},
                       {"blocks", blocks},
                       {"level_weights", weight_list}});
}

CompactPerceptualOptions CompactPerceptualOptions::from_json(const Json& json, const std::string& file,
                                                             const std::string& network) {
  const ArchitectureReader reader(file, network, json, "compact-perceptual");
  CompactPerceptualOptions options;
  const auto widths = reader.integers("widths", options.widths.size(), 1, 512);
  std::copy(widths.begin(), widths.end(), options.widths.begin());
  options.blocks = reader.integer("blocks", 1, 16);
  const auto weights = reader.numbers("level_weights", options.level_weights.size(), 0, 1e3);
  std::copy(weights.begin(), weights.end(), options.level_weights.begin());
  return options;
}

}  // namespace anomaly

// SPDX-License-Identifier: LGPL-2.1-or-later
// Bounds for normalization fixed, for a bundle that comes without them.
#include "src/train/calibrate.h"

#include <cstdio>

#include "src/bundle/bundle.h"
#include "src/error.h"
#include "src/eval/input.h"
#include "src/train/frames.h"
#include "src/train/pipeline.h"

namespace anomaly::train {

void calibrate(const std::string& bundle_path, const std::string& folder, const std::string& output) {
  const auto bundle = Bundle::open(bundle_path);
  for (const char* network : {"encoder", "generator", "perceptual"})
    if (!bundle->has(network))
      throw Error(ErrorKind::BadSettings, bundle_path + " has no network \"" + network +
                                              "\", and so no perceptual difference to calibrate");
  const std::vector<std::string> pictures = eval::list_picture_files(folder);
  const Pipeline pipeline(bundle_path);
  double low = 0, high = 0;
  for (const std::string& picture : pictures) {
    const at::Tensor frame = pipeline.frame(read_rgb(picture));
    FrameTensors out = pipeline.segment(frame);
    pipeline.synthesise(frame, out);
    const at::Tensor raw = out.at("perceptual_raw");
    std::printf("%s: %.4f to %.4f\n", picture.c_str(), raw.min().item<double>(), raw.max().item<double>());
    low += raw.min().item<double>();
    high += raw.max().item<double>();
  }
  const auto count = static_cast<double>(pictures.size());
  BundleInfo info = bundle->info();
  info.perceptual_bounds = {{low / count, high / count}};
  if (info.provenance.type() == Json::Type::Object)
    info.provenance.set("perceptual_bounds", Json::object({{"pictures", count}}));
  // Read back as a reader will, so that bounds that cannot be are refused here.
  const Json description = info.to_json();
  BundleInfo::from_json(description, output);

  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const auto& entry : bundle->file().tensors())
    tensors.emplace_back(entry.first, bundle->file().tensor(entry.first));
  write_safetensors(output, tensors, {{"format_version", "1"}, {"bundle", description.dump()}});
  std::printf("%s: bounds of the perceptual difference %.4f to %.4f\n", output.c_str(),
              (*info.perceptual_bounds)[0], (*info.perceptual_bounds)[1]);
}

}  // namespace anomaly::train

// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/network_setup.h"

#include <ATen/Context.h>
#include <torch/nn/module.h>

#include <cstdio>
#include <fstream>
#include <vector>

#include "src/bundle/bundle.h"
#include "src/error.h"
#include "src/networks/tensor_source.h"
#include "src/train/optimizer.h"

namespace anomaly::train {

void seed_weights(uint64_t seed) {
  at::manual_seed(seed);
}

bool start_from_bundle(const Session& session, const std::string& name, torch::nn::Module& network) {
  if (session.start.empty()) return false;
  const at::NoGradGuard no_grad;
  const double share = 1 / static_cast<double>(session.start.size());
  for (size_t i = 0; i < session.start.size(); ++i) {
    const std::string& path = session.start[i];
    const auto bundle = Bundle::open(path);
    if (!bundle->has(name))
      throw Error(ErrorKind::BadSettings,
                  path + ": has no network \"" + name + "\" to start from; train that stage without --start");
    TensorSource source(*bundle, name);
    for (const auto& [key, tensor] : named_tensors(network)) {
      const at::Tensor part = source.take(key, tensor.sizes()).mul_(share);
      i == 0 ? tensor.copy_(part) : tensor.add_(part);
    }
    source.finish();
  }
  return true;
}

std::string start_signature(const Session& session) {
  if (session.start.empty()) return "";
  uint64_t digest = 0xcbf29ce484222325;  // FNV-1a
  std::vector<char> buffer(65536);
  for (const std::string& path : session.start) {
    std::ifstream file(path, std::ios::binary);
    while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0)
      for (std::streamsize i = 0; i < file.gcount(); ++i)
        digest = (digest ^ static_cast<unsigned char>(buffer[static_cast<size_t>(i)])) * 0x100000001b3;
    if (!file.eof()) throw Error(ErrorKind::Io, path + ": cannot be read");
  }
  char text[32];
  std::snprintf(text, sizeof text, "start:%016llx", static_cast<unsigned long long>(digest));
  return text;
}

void to_channels_last(torch::nn::Module& network) {
  const at::NoGradGuard no_grad;
  for (at::Tensor& parameter : network.parameters())
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
}

}  // namespace anomaly::train

// SPDX-License-Identifier: LGPL-2.1-or-later
// CC-FPSE's latent encoder: a picture to the mean and log variance of the generator's latent vector. Keys as
// published.
#pragma once

#include <array>
#include <memory>

#include "src/networks/layers.h"
#include "src/networks/network.h"

namespace anomaly {

struct CcFpseEncoderOptions {
  int64_t latent = 256;
  int64_t features = 64;  // ndf
  int64_t size = 256;     // the picture is resized to size x size; a multiple of 64
};

class CcFpseEncoder : public torch::nn::Module, public LatentEncoder {
 public:
  explicit CcFpseEncoder(const CcFpseEncoderOptions& options = {});
  std::pair<at::Tensor, at::Tensor> encode(const at::Tensor& image) override;

 private:
  CcFpseEncoderOptions options_;
  std::array<std::shared_ptr<Conv>, 6> layers_;
  std::shared_ptr<Linear> fc_mu_, fc_var_;
};

}  // namespace anomaly

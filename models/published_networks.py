# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keys, types and shapes of the published networks, generated from their architecture.

A table maps a key to (dtype, shape), in the order in which the networks register their parameters.
"""
from __future__ import annotations

import re
from typing import Dict, Tuple

Table = Dict[str, Tuple[str, Tuple[int, ...]]]

# Batch norms that the generator's blocks own and never run; counters of training steps.
_IDLE = re.compile(r"(^|\.)(num_batches_tracked|norm_0\.\w+|conv_[02]\.norm_layer\.\w+)$")


def takes_part(key: str) -> bool:
    """False for keys of the checkpoints that no output depends on."""
    return _IDLE.search(key) is None


class _Keys:
    """Collects keys under a prefix."""

    def __init__(self) -> None:
        self.table: Table = {}

    def add(self, key: str, *shape: int, dtype: str = "float32") -> None:
        self.table[key] = (dtype, shape)

    def conv(self, name: str, out: int, inp: int, kernel: int, bias: bool = True) -> None:
        self.add(f"{name}.weight", out, inp, kernel, kernel)
        if bias:
            self.add(f"{name}.bias", out)

    def linear(self, name: str, out: int, inp: int) -> None:
        self.add(f"{name}.weight", out, inp)
        self.add(f"{name}.bias", out)

    def spectral_conv(self, name: str, out: int, inp: int, kernel: int) -> None:
        self.add(f"{name}.weight_orig", out, inp, kernel, kernel)
        self.add(f"{name}.weight_u", out)
        self.add(f"{name}.weight_v", inp * kernel * kernel)

    def batch_norm(self, name: str, channels: int, affine: bool = True) -> None:
        for leaf in (("weight", "bias") if affine else ()) + ("running_mean", "running_var"):
            self.add(f"{name}.{leaf}", channels)
        self.add(f"{name}.num_batches_tracked", dtype="int64")


def segmentation(classes: int = 19) -> Table:
    """DeepLabV3+ on WideResNet-38-A2."""
    keys = _Keys()
    keys.conv("mod1.conv1", 64, 3, 3, bias=False)
    inp = 64
    modules = ((3, (128, 128)), (3, (256, 256)), (6, (512, 512)), (3, (512, 1024)), (1, (512, 1024, 2048)), (1, (1024, 2048, 4096)))
    for module, (blocks, widths) in enumerate(modules, start=2):
        for block in range(1, blocks + 1):
            name = f"mod{module}.block{block}"
            keys.batch_norm(f"{name}.bn1.0", inp)
            kernels = (3, 3) if len(widths) == 2 else (1, 3, 1)
            before = inp
            for i, (width, kernel) in enumerate(zip(widths, kernels), start=1):
                if i > 1:
                    keys.batch_norm(f"{name}.convs.bn{i}.0", before)
                keys.conv(f"{name}.convs.conv{i}", width, before, kernel, bias=False)
                before = width
            if inp != widths[-1]:
                keys.conv(f"{name}.proj_conv", widths[-1], inp, 1, bias=False)
            inp = widths[-1]
    for i, kernel in enumerate((1, 3, 3, 3)):
        keys.conv(f"aspp.features.{i}.0", 256, inp, kernel, bias=False)
        keys.batch_norm(f"aspp.features.{i}.1", 256)
    keys.conv("aspp.img_conv.0", 256, inp, 1, bias=False)
    keys.batch_norm("aspp.img_conv.1", 256)
    keys.conv("bot_fine", 48, 128, 1, bias=False)
    keys.conv("bot_aspp", 256, 5 * 256, 1, bias=False)
    for i, before in ((0, 256 + 48), (3, 256)):
        keys.conv(f"final.{i}", 256, before, 3, bias=False)
        keys.batch_norm(f"final.{i + 1}", 256)
    keys.conv("final.6", classes, 256, 1, bias=False)
    return keys.table


def generator(labels: int = 36, latent: int = 256) -> Table:
    """CC-FPSE's generator: label pyramid, seven blocks with predicted per-pixel kernels."""
    keys = _Keys()
    keys.linear("fc", 1024 * 4 * 8, latent)
    for group, count, kernel in (("labelenc", 7, 3), ("labellat", 6, 1), ("labeldec", 6, 3)):
        for i in range(1, count + 1):
            first = group == "labelenc" and i == 1
            keys.spectral_conv(f"{group}{i}.0.0", 64, labels if first else 64, kernel)
            keys.batch_norm(f"{group}{i}.0.1", 64)
    seen = labels + 64  # what a block's predictors read
    blocks = ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3")
    widths = (1024, 1024, 1024, 1024, 512, 256, 128, 64)
    for block, fin, fout in zip(blocks, widths, widths[1:]):
        middle = min(fin, fout)
        predictors = (("gen_weights1", 9 * fin), ("gen_weights2", 9 * fout), ("gen_se_weights1", middle), ("gen_se_weights2", fout))
        for name, out in predictors:
            keys.conv(f"{block}.{name}.0", 128, seen, 3)
            keys.conv(f"{block}.{name}.2", out, 128, 3)
        keys.batch_norm(f"{block}.conv_0.norm_layer", fin)
        keys.batch_norm(f"{block}.norm_0", middle)
        keys.conv(f"{block}.conv_1", middle, fin, 1)
        keys.batch_norm(f"{block}.norm_1", fin)
        keys.batch_norm(f"{block}.conv_2.norm_layer", fout)
        keys.batch_norm(f"{block}.norm_2", middle)
        keys.conv(f"{block}.conv_3", fout, middle, 1)
        if fin != fout:
            keys.spectral_conv(f"{block}.conv_s", fout, fin, 1)
            keys.batch_norm(f"{block}.norm_s.param_free_norm", fin, affine=False)
            keys.conv(f"{block}.norm_s.mlp_shared.0", 128, seen, 3)
            keys.conv(f"{block}.norm_s.mlp_gamma", fin, 128, 3)
            keys.conv(f"{block}.norm_s.mlp_beta", fin, 128, 3)
    keys.conv("conv_img", 3, 64, 3)
    return keys.table


def encoder(latent: int = 256) -> Table:
    """CC-FPSE's latent encoder."""
    keys = _Keys()
    widths = (3, 64, 128, 256, 512, 512, 512)
    for i, (before, width) in enumerate(zip(widths, widths[1:]), start=1):
        keys.spectral_conv(f"layer{i}.0", width, before, 3)
    keys.linear("fc_mu", latent, 512 * 4 * 4)
    keys.linear("fc_var", latent, 512 * 4 * 4)
    return keys.table


# torchvision's numbers of VGG's convolutions up to relu5_1: slice, number, channels in and out.
_VGG = {
    "vgg16": ((1, 0, 3, 64), (2, 2, 64, 64), (2, 5, 64, 128), (3, 7, 128, 128), (3, 10, 128, 256), (4, 12, 256, 256), (4, 14, 256, 256),
              (4, 17, 256, 512), (5, 19, 512, 512), (5, 21, 512, 512), (5, 24, 512, 512)),
    "vgg19": ((1, 0, 3, 64), (2, 2, 64, 64), (2, 5, 64, 128), (3, 7, 128, 128), (3, 10, 128, 256), (4, 12, 256, 256), (4, 14, 256, 256),
              (4, 16, 256, 256), (4, 19, 256, 512), (5, 21, 512, 512), (5, 23, 512, 512), (5, 25, 512, 512), (5, 28, 512, 512)),
}


def perceptual(kind: str = "vgg19") -> Table:
    """VGG-19, or VGG-16, in five slices."""
    keys = _Keys()
    for part, number, inp, out in _VGG[kind]:
        keys.conv(f"slice{part}.{number}", out, inp, 3)
    return keys.table


def torchvision_key(key: str) -> str:
    """slice2.5.weight -> features.5.weight"""
    return "features." + key.split(".", 1)[1]


def dissimilarity(uncertainty: bool = True, classes: int = 19) -> Table:
    """The dissimilarity network on VGG-16; without uncertainty maps and SPADE it is the baseline."""
    keys = _Keys()
    for layer, first, widths in ((1, 0, (3, 64, 64)), (2, 1, (64, 128, 128)), (3, 1, (128, 256, 256, 256)), (4, 1, (256, 512, 512, 512))):
        for i, (before, width) in enumerate(zip(widths, widths[1:])):
            keys.conv(f"vgg_encoder.layer{layer}.{first + 2 * i}", width, before, 3)
    encoders = [("semantic_encoder", (classes, 32, 64, 128, 256))]
    if uncertainty:
        encoders.append(("prior_encoder", (3, 64, 128, 256, 512)))
    for name, widths in encoders:
        for i, (before, width) in enumerate(zip(widths, widths[1:])):
            keys.conv(f"{name}.hidden_layers.{i}.0", width, before, 7 if i == 0 else 3)
    for name, out, inp in (("conv1", 256, 513), ("conv12", 256, 513), ("conv3", 128, 385), ("conv5", 64, 193)):
        keys.conv(f"{name}.0", out, inp, 3)
    for name, width in (("conv2", 256), ("conv13", 256), ("conv4", 128), ("conv6", 64)):
        if not uncertainty:
            keys.conv(f"{name}.0", width, width, 3)
            continue
        for norm in ("norm1", "norm2"):
            if norm == "norm2":
                keys.conv(f"{name}.conv", width, width, 3)
            keys.conv(f"{name}.{norm}.shared.0", 128, classes, 3)
            keys.conv(f"{name}.{norm}.gamma", width, 128, 3)
            keys.conv(f"{name}.{norm}.beta", width, 128, 3)
    for name, width in (("tconv1", 256), ("tconv3", 256), ("tconv2", 128)):
        keys.conv(name, width, width, 2)
    for name, out, inp in (("conv7", 512, 1280), ("conv8", 256, 640), ("conv9", 128, 320), ("conv10", 64, 160), ("conv11", 2, 64)):
        keys.conv(name, out, inp, 1)
    return keys.table

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make a bundle from the published checkpoints.

FOLDER is laid out as published:

  models/image-segmentation/cityscapes_best.pth
  models/image-synthesis/latest_net_G.pth, latest_net_E.pth
  models/image-dissimilarity/best_net_baseline_void_prior_spadedecoder_mult_3.pth
  models/image-dissimilarity/best_net_baseline_mult_3.pth   (optional: the method `resynthesis`)
  vgg19.pth                                                 (torchvision's VGG-19; or name it with --vgg19)

The first five are found through the README of https://github.com/giandbt/synboost, VGG-19 through torchvision
(https://download.pytorch.org/models/vgg19-dcbb9e9d.pth). --vgg16 takes torchvision's VGG-16, which the papers write, in
its place (https://download.pytorch.org/models/vgg16-397923af.pth). Needs NumPy only. Checkpoints are read as data: nothing in
them is run, whatever they hold.
"""
from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import struct
import sys
from typing import Any, BinaryIO, Callable, Dict, List, NamedTuple, Optional, Sequence

try:
    import numpy as np
except ImportError:
    sys.exit(f"convert.py: NumPy is needed and {sys.executable} does not have it: apt install python3-numpy, or pip install numpy")

import published_networks as networks
from published_networks import Table
from torch_checkpoint import Checkpoint, CheckpointError, Tensor

_SOURCE = "the README of https://github.com/giandbt/synboost"
_VGG = {"vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth", "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"}
_DISSIMILARITY = "models/image-dissimilarity/best_net_"


class Source(NamedTuple):
    """A network: its file (None: VGG's), its keys, and what the bundle says of it."""

    network: str
    file: Optional[str]
    table: Table
    architecture: Dict[str, Any]
    where: str = _SOURCE
    rename: Callable[[str], str] = str  # from the network's key to the file's
    optional: bool = False


def published(vgg: str = "vgg19") -> List[Source]:
    """The networks of a bundle, with VGG-19 ("vgg19") or VGG-16 ("vgg16") for the perceptual difference."""
    return [
        Source("segmentation", "models/image-segmentation/cityscapes_best.pth", networks.segmentation(), {"type": "deeplabv3plus-wrn38"}),
        Source("generator", "models/image-synthesis/latest_net_G.pth", networks.generator(), {"type": "cc-fpse", "latent": 256}),
        Source("encoder", "models/image-synthesis/latest_net_E.pth", networks.encoder(), {"type": "cc-fpse-encoder", "latent": 256}),
        Source("perceptual", None, networks.perceptual(vgg), {"type": vgg}, f"torchvision: {_VGG[vgg]}", networks.torchvision_key),
        Source("dissimilarity", _DISSIMILARITY + "baseline_void_prior_spadedecoder_mult_3.pth", networks.dissimilarity(),
               {"type": "dissimilarity-vgg16", "uncertainty": True}),
        Source("baseline", _DISSIMILARITY + "baseline_mult_3.pth", networks.dissimilarity(uncertainty=False),
               {"type": "dissimilarity-vgg16", "uncertainty": False}, optional=True),
    ]


# Cityscapes: name, colour, label id, by train id.
_CLASSES = (
    ("road", (128, 64, 128), 7), ("sidewalk", (244, 35, 232), 8), ("building", (70, 70, 70), 11), ("wall", (102, 102, 156), 12),
    ("fence", (190, 153, 153), 13), ("pole", (153, 153, 153), 17), ("traffic light", (250, 170, 30), 19),
    ("traffic sign", (220, 220, 0), 20), ("vegetation", (107, 142, 35), 21), ("terrain", (152, 251, 152), 22), ("sky", (70, 130, 180), 23),
    ("person", (220, 20, 60), 24), ("rider", (255, 0, 0), 25), ("car", (0, 0, 142), 26), ("truck", (0, 0, 70), 27), ("bus", (0, 60, 100), 28),
    ("train", (0, 80, 100), 31), ("motorcycle", (0, 0, 230), 32), ("bicycle", (119, 11, 32), 33))

_LICENSE = ("The terms of the checkpoints' authors and of their training data hold (https://github.com/giandbt/synboost; Cityscapes: "
            "non-commercial research). The licence of the program does not cover these weights.")


class ConversionError(Exception):
    """The conversion cannot be done. The message names file and key."""


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Part(NamedTuple):
    """A network whose checkpoint was checked: every tensor that the bundle takes, by its key there."""

    source: Source
    checkpoint: Checkpoint
    tensors: Dict[str, Tensor]


def match(source: Source, checkpoint: Checkpoint) -> Dict[str, Tensor]:
    """The tensors of the network by key, all present with their types and shapes. Lists what is left over."""
    held: Dict[str, Any] = {}
    surplus: List[str] = []
    for key, value in checkpoint.state.items():
        if not isinstance(key, str):
            surplus.append(f"a key of type {type(key).__name__}")
            continue
        plain = key[len("module."):] if key.startswith("module.") else key
        if plain in held:
            raise checkpoint.error(f"key {ascii(plain)} occurs with and without the prefix \"module.\"")
        held[plain] = value
    tensors: Dict[str, Tensor] = {}
    used = set()
    for key, (dtype, shape) in source.table.items():
        name = source.rename(key)
        used.add(name)
        if not networks.takes_part(key):
            continue
        if name not in held:
            raise checkpoint.error(f"key {ascii(name)} is missing")
        value = held[name]
        if not isinstance(value, Tensor):
            raise checkpoint.error(f"key {ascii(name)} is no tensor")
        if value.shape != shape:
            raise checkpoint.error(f"key {ascii(name)} has the shape {list(value.shape)} instead of {list(shape)}")
        if value.dtype != dtype:
            raise checkpoint.error(f"key {ascii(name)} has the type {value.dtype} instead of {dtype}")
        tensors[key] = value
    surplus += [ascii(name)[1:-1] for name in held if name not in used and not name.startswith("classifier.")]
    if surplus:
        more = f" and {len(surplus) - 20} more" if len(surplus) > 20 else ""
        note(f"{checkpoint.path}: ignored {len(surplus)} keys that the network does not have: {', '.join(surplus[:20])}{more}")
    return tensors


def open_all(sources: Sequence[Source], folder: str, vgg: str, parts: List[Part]) -> None:
    """Appends to `parts`, so that the caller can close what was opened before an error."""
    for source in sources:
        path = os.path.join(folder, source.file) if source.file else vgg
        if not os.path.lexists(path):
            if source.optional:
                note(f"{path}: not found; the bundle is made without the network \"{source.network}\"")
                continue
            raise ConversionError(f"{path}: not found; see {source.where}")
        checkpoint = Checkpoint(path)
        try:
            part = Part(source, checkpoint, match(source, checkpoint))
        except BaseException:
            checkpoint.close()
            raise
        parts.append(part)
        count = sum(int(np.prod(tensor.shape, dtype=np.int64)) for tensor in part.tensors.values())
        note(f"{source.network}: {len(part.tensors)} tensors, {count / 1e6:.1f} million values from {path}")


def today() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc) if epoch.isdigit() else datetime.datetime.now(datetime.timezone.utc)
    return moment.strftime("%Y-%m-%d")


def digest(path: str) -> str:
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            sha.update(block)
    return sha.hexdigest()


def description(parts: Sequence[Part]) -> Dict[str, Any]:
    files = [{"file": os.path.basename(part.checkpoint.path), "network": part.source.network, "sha256": digest(part.checkpoint.path)}
             for part in parts]
    vgg16 = any(part.source.architecture["type"] == "vgg16" for part in parts)
    return {
        "name": "published-synboost-vgg16" if vgg16 else "published-synboost",
        "classes": [{"name": name, "color": list(color), "label_id": label} for name, color, label in _CLASSES],
        "mean": [0.485, 0.456, 0.406],
        "deviation": [0.229, 0.224, 0.225],
        "segmentation_height": 1024,
        "segmentation_width": 2048,
        "map_height": 256,
        "map_width": 512,
        "default_method": "synboost",
        "ensemble": [0.75, 0.25, 0, 0],
        "threshold": 0.5,
        "architecture": {part.source.network: part.source.architecture for part in parts},
        "provenance": {"data": ["Cityscapes", "ImageNet (VGG)"], "date": today(), "program": "models/convert.py", "checkpoints": files},
        "license": _LICENSE,
    }


class Plan(NamedTuple):
    name: str
    key: str
    part: Part
    tensor: Tensor


def header(plans: Sequence[Plan], half: bool, metadata: Dict[str, str]) -> bytes:
    size = 2 if half else 4
    entries: Dict[str, Any] = {"__metadata__": metadata}
    at = 0
    for plan in plans:
        end = at + size * int(np.prod(plan.tensor.shape, dtype=np.int64))
        entries[plan.name] = {"dtype": "F16" if half else "F32", "shape": list(plan.tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)  # the tensors begin at a multiple of 64
    return struct.pack("<Q", len(text)) + text


def values(plan: Plan, half: bool) -> np.ndarray:
    array = plan.part.checkpoint.array(plan.tensor)
    where = f"key {ascii(plan.part.source.rename(plan.key))}"
    if not np.isfinite(array).all():
        raise plan.part.checkpoint.error(f"{where} holds infinities or NaN")
    if not half:
        return array.astype("<f4", copy=False)
    with np.errstate(over="ignore"):
        narrow = array.astype("<f2")
    if not np.isfinite(narrow).all():
        raise plan.part.checkpoint.error(f"{where} holds values beyond float16's 65504; convert without --half")
    return narrow


def write(path: str, parts: Sequence[Part], half: bool) -> int:
    """Writes the bundle under a name of its own and renames it, so that `path` is never half written. Returns its size."""
    plans = [Plan(f"{part.source.network}.{key}", key, part, tensor) for part in parts for key, tensor in part.tensors.items()]
    metadata = {"format_version": "1", "bundle": json.dumps(description(parts), separators=(",", ":"))}
    if os.path.exists(path) and not os.path.isfile(path):
        raise ConversionError(f"{path}: exists and is not a regular file")
    partial = path + ".partial"
    try:
        if os.path.lexists(partial):
            os.unlink(partial)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise ConversionError(f"{partial}: cannot be created: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(header(plans, half, metadata))
            stream(out, plans, half)
            out.flush()
            os.fsync(out.fileno())
        os.replace(partial, path)
    except BaseException as error:
        if os.path.lexists(partial):
            os.unlink(partial)
        if isinstance(error, OSError):
            raise ConversionError(f"{partial}: cannot be written: {error.strerror}") from None
        raise
    return os.path.getsize(path)


def stream(out: BinaryIO, plans: Sequence[Plan], half: bool) -> None:
    """One tensor in memory at a time."""
    network = ""
    for plan in plans:
        if plan.part.source.network != network:
            network = plan.part.source.network
            note(f"writing {network}")
        out.write(values(plan, half).data)


def convert(folder: str, bundle: str, vgg19: Optional[str] = None, half: bool = False, sources: Optional[Sequence[Source]] = None,
            vgg16: Optional[str] = None) -> int:
    """Converts FOLDER to BUNDLE and returns its size in bytes; with a file `vgg16`, no VGG-19 is read. Raises ConversionError,
    CheckpointError."""
    if vgg16 is not None and vgg19 is not None:
        raise ConversionError("a bundle holds one of VGG-19 and VGG-16")
    if not os.path.isdir(folder):
        raise ConversionError(f"{folder}: is not a folder")
    if sources is None:
        sources = published("vgg19" if vgg16 is None else "vgg16")
    vgg = vgg16 if vgg16 is not None else vgg19 if vgg19 is not None else os.path.join(folder, "vgg19.pth")
    parts: List[Part] = []
    try:
        open_all(sources, folder, vgg, parts)
        for part in parts:
            if os.path.exists(bundle) and os.path.samefile(bundle, part.checkpoint.path):
                raise ConversionError(f"{bundle}: is one of the checkpoints and would be overwritten")
        return write(bundle, parts, half)
    finally:
        for part in parts:
            part.checkpoint.close()


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", help="folder that holds the checkpoints")
    parser.add_argument("bundle", metavar="BUNDLE", help="safetensors file to write (1.3 GB, half of it with --half)")
    vgg = parser.add_mutually_exclusive_group()
    vgg.add_argument("--vgg19", metavar="FILE", help="torchvision's VGG-19 (default: FOLDER/vgg19.pth)")
    vgg.add_argument("--vgg16", metavar="FILE", help="torchvision's VGG-16 instead, for the perceptual difference as the papers write it")
    parser.add_argument("--half", action="store_true", help="store float16: half the size; a CPU computes in float32 all the same")
    options = parser.parse_args(arguments)
    try:
        size = convert(options.folder, options.bundle, options.vgg19, options.half, vgg16=options.vgg16)
    except (ConversionError, CheckpointError) as error:
        print(f"convert.py: {error}", file=sys.stderr)
        return 1
    except MemoryError:
        print("convert.py: out of memory", file=sys.stderr)
        return 1
    print(f"{options.bundle}: {size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

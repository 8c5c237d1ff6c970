#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""models/convert.py on small checkpoints, good and hostile, and on a full set of published ones where there is one."""
from __future__ import annotations

import collections
import contextlib
import io
import json
import os
import pathlib
import pickle
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
from typing import Any, Dict, Optional, Tuple

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent.parent / "models"
SHARED = pathlib.Path(os.environ.get("ANOMALY_SHARED", HERE.parent.parent.parent / "shared"))
sys.dont_write_bytecode = True
sys.path[:0] = [str(MODELS), str(HERE)]

import checkpoint_files as files  # noqa: E402
import convert  # noqa: E402
import published_networks as networks  # noqa: E402
from checkpoint_files import Raw, T, call, name, text  # noqa: E402
from torch_checkpoint import Checkpoint, CheckpointError  # noqa: E402

A = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
B = np.linspace(-1, 1, 5, dtype=np.float32)
TABLE = {"a.weight": ("float32", (3, 4)), "a.num_batches_tracked": ("int64", ()), "b.bias": ("float32", (5,))}
MARKER = "anomaly_convert_test_was_executed"


def source(network: str = "segmentation", file: Optional[str] = "net.pth", table: Any = None, **more: Any) -> convert.Source:
    return convert.Source(network, file, TABLE if table is None else table, {"type": "test"}, **more)


def state(**changes: Any) -> Dict[str, Any]:
    good: Dict[str, Any] = collections.OrderedDict()
    good["a.weight"], good["a.num_batches_tracked"], good["b.bias"] = T(A), T(np.zeros((), np.int64)), T(B)
    for key, value in changes.items():
        good[key.replace("__", ".")] = value
    return good


class Case(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="anomaly-convert-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.bundle = self.folder / "out" / "bundle.safetensors"
        self.bundle.parent.mkdir()
        self.notes = io.StringIO()

    def convert(self, **options: Any) -> Tuple[Dict[str, str], Dict[str, np.ndarray]]:
        options.setdefault("sources", [source()])
        with contextlib.redirect_stderr(self.notes):
            size = convert.convert(str(self.folder), str(self.bundle), **options)
        self.assertEqual(size, self.bundle.stat().st_size)
        return files.read_bundle(self.bundle)

    def refuse(self, *parts: str, **options: Any) -> None:
        """The conversion fails with a message that holds `parts`, and nothing is left in the folder."""
        with self.assertRaises((convert.ConversionError, CheckpointError)) as caught:
            self.convert(**options)
        for part in parts:
            self.assertIn(part, str(caught.exception))
        self.assertEqual(list(self.bundle.parent.iterdir()), [])

    @property
    def net(self) -> pathlib.Path:
        return self.folder / "net.pth"


class Tables(unittest.TestCase):
    def test_equal_the_published_keys(self) -> None:
        path = SHARED / "spec" / "checkpoint-keys.json"
        if not path.exists():
            self.skipTest(f"no {path}")
        published = json.loads(path.read_text())
        generated = {"segmentation": networks.segmentation(), "synthesis generator": networks.generator(), "synthesis encoder": networks.encoder(),
                     "perceptual": networks.perceptual(), "dissimilarity (prior": networks.dissimilarity(),
                     "dissimilarity baseline": networks.dissimilarity(uncertainty=False)}
        self.assertEqual(len(published), len(generated))
        for prefix, table in generated.items():
            (reference,) = [keys for title, keys in published.items() if title.startswith(prefix)]
            self.assertEqual({key: [dtype, list(shape)] for key, (dtype, shape) in table.items()}, reference, prefix)

    def test_idle_keys(self) -> None:
        for key in ("a.num_batches_tracked", "head_0.norm_0.weight", "up_3.conv_0.norm_layer.running_var", "up_3.conv_2.norm_layer.bias"):
            self.assertFalse(networks.takes_part(key), key)
        for key in ("head_0.norm_1.weight", "up_0.norm_s.mlp_gamma.weight", "up_0.norm_s.param_free_norm.running_mean", "conv_1.weight"):
            self.assertTrue(networks.takes_part(key), key)
        self.assertEqual(sum(map(networks.takes_part, networks.generator())), 519 - 14 * 2 - 3 * 7 * 4 - 26 - 4)

    def test_vgg16(self) -> None:
        """torchvision's `features` of VGG-16 up to relu5_1, counted from its configuration "D"."""
        expected, index, level, inp = {}, 0, 1, 3
        for width in (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512):
            if width == "M":
                index += 1
                continue
            expected[f"slice{level}.{index}.weight"] = ("float32", (width, inp, 3, 3))
            expected[f"slice{level}.{index}.bias"] = ("float32", (width,))
            if index in (0, 5, 10, 17, 24):  # relu1_1 .. relu5_1 follow
                level += 1
            inp, index = width, index + 2
        self.assertEqual(networks.perceptual("vgg16"), expected)
        self.assertEqual(level, 6)

    def test_parameters(self) -> None:
        """Sizes in millions, as the framework's description counts them (running statistics and vectors included)."""
        for table, millions in ((networks.segmentation(), 137.1), (networks.generator(), 128.1), (networks.encoder(), 10.5),
                                (networks.dissimilarity(), 18.8), (networks.perceptual(), 12.9),
                                (networks.perceptual("vgg16"), 10.0)):
            count = sum(int(np.prod(shape)) for key, (_, shape) in table.items() if networks.takes_part(key))
            self.assertAlmostEqual(count / 1e6, millions, delta=0.06)


class Formats(Case):
    def check(self, tensors: Dict[str, np.ndarray], dtype: Any = np.float32) -> None:
        self.assertEqual(list(tensors), ["segmentation.a.weight", "segmentation.b.bias"])
        for key, expected in (("a.weight", A), ("b.bias", B)):
            self.assertEqual(tensors["segmentation." + key].dtype, dtype)
            np.testing.assert_array_equal(tensors["segmentation." + key], expected.astype(dtype))

    def test_zip(self) -> None:
        files.write_zip(self.net, state())
        self.check(self.convert()[1])

    def test_legacy(self) -> None:
        files.write_legacy(self.net, state())
        self.check(self.convert()[1])

    def test_half(self) -> None:
        files.write_legacy(self.net, state())
        self.check(self.convert(half=True)[1], np.float16)

    def test_state_dict_with_company(self) -> None:
        scalar = call("numpy.core.multiarray", "scalar", Raw(call("numpy", "dtype", "f8", False, True).code +
                      b"(" + files.emit(3) + text("<") + b"NNN" + files.emit(-1) + files.emit(-1) + files.emit(0) + b"tb"),
                      call("_codecs", "encode", "\x00" * 8, "latin1"))
        company = {"epoch": 3, "mean_iu": scalar, "command": "train", "optimizer": {"state": {0: {"step": 3, "momentum": T(B)}}, "param_groups":
                   [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0, 1]}]}, "done": call("__builtin__", "set", [1, 2])}
        for write in (files.write_zip, files.write_legacy):
            write(self.net, {"state_dict": state(), **company})
            self.check(self.convert()[1])

    def test_prefix_module(self) -> None:
        files.write_zip(self.net, {"state_dict": collections.OrderedDict(("module." + k, v) for k, v in state().items())})
        self.check(self.convert()[1])
        files.write_zip(self.net, {**state(), "module.a.weight": T(A)})
        self.bundle.unlink()
        self.refuse(str(self.net), "'a.weight'", "with and without")

    def test_idle_keys_may_be_absent(self) -> None:
        without = state()
        del without["a.num_batches_tracked"]
        files.write_zip(self.net, without)
        self.check(self.convert()[1])

    def test_surplus_keys_are_listed(self) -> None:
        files.write_zip(self.net, state(more__weight=T(A), classifier__0__weight=T(A), note="x", fc__1=7))
        self.check(self.convert()[1])
        self.assertIn("ignored 3 keys", self.notes.getvalue())
        for key in ("more.weight", "note", "fc.1"):
            self.assertIn(key, self.notes.getvalue())
        self.assertNotIn("classifier", self.notes.getvalue())
        self.assertNotIn("num_batches", self.notes.getvalue())

    def test_parameters_and_metadata_attribute(self) -> None:
        good = state(a__weight=T(A, parameter=True))
        files.tensors(good)
        with_attribute = Raw(files.emit(good) + b"}" + text("_metadata") + files.emit({"": {"version": 1}}) + b"sb")
        files.write_zip(self.net, good, replace={"data.pkl": files.pickled(with_attribute)})
        self.check(self.convert()[1])

    def test_views_strides_and_shared_storages(self) -> None:
        base = np.arange(40, dtype=np.float32)
        transposed = np.ascontiguousarray(A.T)  # shape (4, 3): A is its transpose, stride (1, 3)
        for write in (files.write_zip, files.write_legacy):
            write(self.net, state(a__weight=T(transposed, shape=(3, 4), stride=(1, 3)), b__bias=T(base, key="s", shape=(5,), stride=(7,), offset=4)))
            _, tensors = self.convert()
            np.testing.assert_array_equal(tensors["segmentation.a.weight"], A)
            np.testing.assert_array_equal(tensors["segmentation.b.bias"], base[4:39:7])
        # One storage, two tensors of it; and a stride of 0, as expand() leaves it.
        files.write_zip(self.net, state(a__weight=T(base, key="s", shape=(3, 4), stride=(4, 1), offset=1), b__bias=T(base, key="s", shape=(5,), stride=(0,), offset=39)))
        _, tensors = self.convert()
        np.testing.assert_array_equal(tensors["segmentation.a.weight"], base[1:13].reshape(3, 4))
        np.testing.assert_array_equal(tensors["segmentation.b.bias"], np.full(5, 39, np.float32))

    def test_legacy_views(self) -> None:
        base = np.arange(40, dtype=np.float32)
        files.write_legacy(self.net, state(b__bias=T(base, key="s", shape=(5,), stride=(2,), offset=1, view=("v", 10, 20))))
        _, tensors = self.convert()
        np.testing.assert_array_equal(tensors["segmentation.b.bias"], base[11:21:2])
        for view, what in ((("v", 30, 20), "beyond its storage"), (("v", -1, 2), "view's offset"), (("v", 0), "strange view"), ("v", "strange view"),
                           (("v", 10, 9), "element 9 of 9")):
            self.bundle.unlink(missing_ok=True)
            files.write_legacy(self.net, state(b__bias=T(base, key="s", shape=(5,), stride=(2,), offset=1, view=view)))
            self.refuse(str(self.net), what)

    def test_what_an_independent_writer_makes(self) -> None:
        golden = SHARED / "golden"
        if not (golden / "make_checkpoints.py").exists():
            self.skipTest(f"no {golden}/make_checkpoints.py")
        sys.path.insert(0, str(golden))
        import make_checkpoints  # type: ignore

        arrays = {"a.weight": A, "a.num_batches_tracked": np.zeros((), np.int64), "b.bias": B}
        for legacy in (False, True):
            with contextlib.redirect_stdout(io.StringIO()):
                make_checkpoints.save(arrays, self.net, legacy, {"mean_iu": np.float64(0.5)})
            self.check(self.convert()[1])

    def test_newer_protocols(self) -> None:
        """The same state as protocols 3 to 5 spell it: frames, MEMOIZE, STACK_GLOBAL, short strings."""
        good = state()
        files.tensors(good)
        body = files.emit(good)
        for module, attribute in (("torch._utils", "_rebuild_tensor_v2"), ("torch", "FloatStorage"), ("collections", "OrderedDict")):
            spelt = b"\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(attribute)]) + attribute.encode() + b"\x93\x94"
            body = body.replace(name(module, attribute), spelt)
        framed = b"\x80\x04\x95" + struct.pack("<Q", len(body) + 1) + body + b"."
        files.write_zip(self.net, good, replace={"data.pkl": framed})
        self.check(self.convert()[1])


class Bundles(Case):
    def test_description(self) -> None:
        table = {"features.w": ("float32", (3, 4))}
        files.write_zip(self.net, state())
        files.write_zip(self.folder / "vgg19.pth", {"features.1.w": T(A), "classifier.6.weight": T(B)})
        vgg = source("perceptual", None, {"slice1.1.w": ("float32", (3, 4))}, rename=networks.torchvision_key)
        os.environ["SOURCE_DATE_EPOCH"] = "86400"
        self.addCleanup(os.environ.pop, "SOURCE_DATE_EPOCH")
        metadata, tensors = self.convert(sources=[source(), vgg])
        self.assertEqual(table["features.w"][1], tensors["perceptual.slice1.1.w"].shape)
        self.assertEqual(sorted(metadata), ["bundle", "format_version"])
        self.assertEqual(metadata["format_version"], "1")
        bundle = json.loads(metadata["bundle"])
        self.assertEqual(bundle["architecture"], {"segmentation": {"type": "test"}, "perceptual": {"type": "test"}})
        self.assertEqual([len(bundle["classes"]), bundle["classes"][13]], [19, {"name": "car", "color": [0, 0, 142], "label_id": 26}])
        self.assertEqual([c["label_id"] for c in bundle["classes"]], [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33])
        self.assertEqual([bundle[k] for k in ("segmentation_height", "segmentation_width", "map_height", "map_width")], [1024, 2048, 256, 512])
        self.assertEqual([bundle["default_method"], bundle["ensemble"], bundle["threshold"]], ["synboost", [0.75, 0.25, 0, 0], 0.5])
        self.assertEqual([bundle["mean"], bundle["deviation"]], [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
        self.assertEqual(bundle["provenance"]["date"], "1970-01-02")
        self.assertEqual(len(bundle["provenance"]["checkpoints"][0]["sha256"]), 64)
        self.assertTrue(bundle["license"])

    def test_published_sources(self) -> None:
        sources = {s.network: s for s in convert.published()}
        self.assertEqual(list(sources), ["segmentation", "generator", "encoder", "perceptual", "dissimilarity", "baseline"])
        self.assertEqual({n: s.architecture for n, s in sources.items()}, {
            "segmentation": {"type": "deeplabv3plus-wrn38"}, "generator": {"type": "cc-fpse", "latent": 256},
            "encoder": {"type": "cc-fpse-encoder", "latent": 256}, "perceptual": {"type": "vgg19"},
            "dissimilarity": {"type": "dissimilarity-vgg16", "uncertainty": True}, "baseline": {"type": "dissimilarity-vgg16", "uncertainty": False}})
        self.assertEqual([n for n, s in sources.items() if s.optional], ["baseline"])
        (vgg16,) = [s for s in convert.published("vgg16") if s.network == "perceptual"]
        self.assertEqual((vgg16.architecture, vgg16.table), ({"type": "vgg16"}, networks.perceptual("vgg16")))
        self.assertIn("vgg16", vgg16.where)

    def test_missing_files(self) -> None:
        self.refuse(str(self.net), "not found", "giandbt/synboost")
        files.write_zip(self.net, state())
        self.refuse(str(self.folder / "vgg19.pth"), "not found", "torchvision", sources=[
            source(), source("perceptual", None, where="torchvision")])
        _, tensors = self.convert(sources=[source(), source("baseline", "none.pth", optional=True)])
        self.assertEqual({key.split(".")[0] for key in tensors}, {"segmentation"})
        self.assertIn('without the network "baseline"', self.notes.getvalue())
        self.bundle.unlink()
        with self.assertRaisesRegex(convert.ConversionError, "is not a folder"):
            convert.convert(str(self.net), str(self.bundle))

    def test_vgg19_option(self) -> None:
        other = files.write_zip(self.folder / "other.pth", state())
        _, tensors = self.convert(sources=[source("perceptual", None)], vgg19=str(other))
        np.testing.assert_array_equal(tensors["perceptual.b.bias"], B)

    @staticmethod
    def torchvision_vgg(kind: str) -> Dict[str, Any]:
        held: Dict[str, Any] = {networks.torchvision_key(key): T(np.full(shape, 0.5, np.float32))
                                for key, (_, shape) in networks.perceptual(kind).items()}
        held["classifier.6.bias"] = T(B)
        return held

    def test_vgg16_option(self) -> None:
        path = files.write_zip(self.folder / "sixteen.pth", self.torchvision_vgg("vgg16"))
        (vgg16,) = [s for s in convert.published("vgg16") if s.network == "perceptual"]
        metadata, tensors = self.convert(sources=[vgg16], vgg16=str(path))
        self.assertEqual(list(tensors), ["perceptual." + key for key in networks.perceptual("vgg16")])
        self.assertEqual(tensors["perceptual.slice5.24.weight"].shape, (512, 512, 3, 3))
        bundle = json.loads(metadata["bundle"])
        self.assertEqual((bundle["name"], bundle["architecture"]), ("published-synboost-vgg16", {"perceptual": {"type": "vgg16"}}))
        self.assertNotIn("ignored", self.notes.getvalue())
        self.bundle.unlink()
        self.refuse("one of VGG-19 and VGG-16", sources=[vgg16], vgg16=str(path), vgg19=str(path))
        self.refuse(str(self.folder / "none.pth"), "not found", "torchvision", "vgg16", sources=[vgg16], vgg16=str(self.folder / "none.pth"))

    def test_the_other_vgg_is_refused(self) -> None:
        for kind, other, missing in (("vgg16", "vgg19", "'features.17.weight' is missing"), ("vgg19", "vgg16", "'features.16.weight' is missing")):
            path = files.write_zip(self.folder / "other.pth", self.torchvision_vgg(other))
            (vgg,) = [s for s in convert.published(kind) if s.network == "perceptual"]
            self.refuse(str(path), missing, sources=[vgg], **{kind: str(path)})

    def test_keys_are_checked(self) -> None:
        cases: Dict[str, Tuple[Any, str]] = {
            "missing": (None, "key 'b.bias' is missing"),
            "shape": (T(np.zeros((5, 1), np.float32)), "key 'b.bias' has the shape [5, 1] instead of [5]"),
            "type": (T(B.astype(np.float64)), "key 'b.bias' has the type float64 instead of float32"),
            "half": (T(B.astype(np.float16)), "key 'b.bias' has the type float16 instead of float32"),
            "bfloat16": (T(np.zeros(5, np.uint16), dtype="bfloat16"), "key 'b.bias' has the type bfloat16 instead of float32"),
            "text": ("5", "key 'b.bias' is no tensor"),
            "nan": (T(np.array([0, 1, np.nan, 3, 4], np.float32)), "key 'b.bias' holds infinities or NaN"),
            "infinity": (T(np.array([0, 1, np.inf, 3, 4], np.float32)), "key 'b.bias' holds infinities or NaN"),
        }
        for title, (value, expected) in cases.items():
            with self.subTest(title):
                changed = state(b__bias=value)
                if value is None:
                    del changed["b.bias"]
                files.write_zip(self.net, changed)
                self.refuse(str(self.net), expected)

    def test_half_overflow(self) -> None:
        files.write_zip(self.net, state(b__bias=T(np.full(5, 1e5, np.float32))))
        self.refuse("key 'b.bias' holds values beyond float16", half=True)
        self.convert()

    def test_never_half_written(self) -> None:
        files.write_zip(self.net, state())
        self.convert()
        before = self.bundle.read_bytes()
        (self.bundle.parent / "bundle.safetensors.partial").symlink_to(self.net)  # a link is not written through
        self.convert()
        self.assertEqual(len(list(self.bundle.parent.iterdir())), 1)
        # A limit on the size of files stands for a disk that is full.
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
        try:
            with self.assertRaisesRegex(convert.ConversionError, "cannot be written"):
                self.convert()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)
        self.assertEqual(self.bundle.read_bytes(), before)
        self.assertEqual(len(list(self.bundle.parent.iterdir())), 1)

    def test_targets(self) -> None:
        files.write_zip(self.net, state())
        for target, what in ((self.folder / "no" / "such" / "file", "cannot be created"), (self.bundle.parent, "not a regular file"),
                             (self.net, "would be overwritten")):
            with self.assertRaisesRegex(convert.ConversionError, what):
                with contextlib.redirect_stderr(self.notes):
                    convert.convert(str(self.folder), str(target), sources=[source()])


class Hostile(Case):
    """Nothing in a checkpoint is ever run, and whatever is not data is refused by its name."""

    def setUp(self) -> None:
        super().setUp()
        self.marker = pathlib.Path(tempfile.gettempdir()) / MARKER
        self.marker.unlink(missing_ok=True)

    def tearDown(self) -> None:
        self.assertFalse(self.marker.exists(), "code from a checkpoint ran")

    def both(self, hostile: Any, *parts: str) -> None:
        """The value beside a good state_dict, and in place of a tensor; in both formats."""
        for value in ({"state_dict": state(), "extra": hostile}, state(b__bias=hostile)):
            files.tensors(value)
            files.write_zip(self.net, value)
            self.refuse(str(self.net), *parts)
            files.write_legacy(self.net, value)
            self.refuse(str(self.net), *parts)

    def test_names_are_refused(self) -> None:
        command = f"touch {self.marker}"
        evil: Dict[str, Any] = {
            "'os.system'": call("os", "system", command),
            "'posix.system'": call("posix", "system", command),
            "'nt.system'": call("nt", "system", command),
            "'subprocess.Popen'": call("subprocess", "Popen", ["touch", str(self.marker)]),
            "'builtins.eval'": call("builtins", "eval", f"open({str(self.marker)!r}, 'w')"),
            "'__builtin__.exec'": call("__builtin__", "exec", f"open({str(self.marker)!r}, 'w')"),
            "'builtins.getattr'": call("builtins", "getattr", Raw(name("torch", "FloatStorage")), "__init__"),
            "'builtins.__import__'": call("builtins", "__import__", "os"),
            "'functools.partial'": call("functools", "partial", Raw(name("functools", "partial"))),
            "'operator.attrgetter'": call("operator", "attrgetter", "system"),
            "'torch.hub.load'": call("torch.hub", "load", "x"),
            "'torch.load'": call("torch", "load", "x"),
            "'torch.storage._load_from_bytes'": call("torch.storage", "_load_from_bytes", b"x"),
            "'torch._utils._rebuild_device_tensor_from_numpy'": call("torch._utils", "_rebuild_device_tensor_from_numpy", 1),
            "'numpy.core.multiarray._reconstruct'": call("numpy.core.multiarray", "_reconstruct", 1),
            "'numpy.load'": call("numpy", "load", "x"),
            "'collections.OrderedDict.fromkeys'": call("collections", "OrderedDict.fromkeys", [1]),
            "'torch_checkpoint.os'": Raw(name("torch_checkpoint", "os")),
            "'convert.convert'": Raw(name("convert", "convert")),
            "'_codecs.decode'": call("_codecs", "decode", "x", "rot13"),
        }
        for refused, value in evil.items():
            with self.subTest(refused):
                self.both(value, "refused", refused)

    def test_a_real_attack(self) -> None:
        """What pickle itself makes of an object with a hostile __reduce__, at every protocol."""
        command = f"touch {self.marker}"

        class Attack:
            def __reduce__(self) -> Any:
                return os.system, (command,)

        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            good = state()
            files.write_zip(self.net, good, replace={"data.pkl": pickle.dumps({"state_dict": Attack()}, protocol)})
            self.refuse(str(self.net), "refused", "posix.system")

    def test_stack_global_tricks(self) -> None:
        short = lambda s: b"\x8c" + bytes([len(s)]) + s.encode()  # noqa: E731
        self.both(Raw(short("os") + short("system") + b"\x93"), "refused", "'os.system'")
        self.both(Raw(short("collections") + short("OrderedDict.__init__.__globals__") + b"\x93"), "refused", "OrderedDict.__init__")
        self.both(Raw(files.emit(("os",)) + short("system") + b"\x93"), "refused", "a name that is not text")
        self.both(Raw(files.emit(b"os") + short("system") + b"\x93"), "refused", "a name that is not text")
        self.both(Raw(short("torch") + short("FloatStorage\n") + b"\x93"), "refused", "FloatStorage\\n")
        self.both(Raw(name("os", "system\x1b[31m")), "refused", "\\x1b")

    def test_instructions_are_refused(self) -> None:
        cases = {
            "an instance of torch.FloatStorage": Raw(b"(itorch\nFloatStorage\n"),
            "'os.system'": Raw(b"(S'x'\nios\nsystem\n"),
            "the instruction OBJ": Raw(b"(" + name("torch", "FloatStorage") + b"o"),
            "the instruction NEWOBJ_EX": Raw(name("torch", "FloatStorage") + b")}\x92"),
            "the instruction EXT1": Raw(b"\x82\x01"),
            "the instruction PERSID": Raw(b"Pstorage\n"),
            "the instruction NEXT_BUFFER": Raw(b"\x97"),
            "a call of torch.FloatStorage": call("torch", "FloatStorage", 1),
            "a call of a value of type str": Raw(text("x") + b")R"),
            "a call of a value of type Storage": Raw(files.emit(("storage", Raw(name("torch", "FloatStorage")), "0", "cpu", 5)) + b"Q)R"),
            "without a tuple": Raw(name("collections", "OrderedDict") + b"]R"),
            "state for a value of type Name": Raw(name("collections", "OrderedDict") + b"}b"),
            "state for a value of type list": Raw(b"]}b"),
            "state for a value of type Tensor": Raw(files.emit(T(B, key="b")) + b"}b"),
            "items for a value of type Name": Raw(name("collections", "OrderedDict") + b"NNs"),
            "elements for a value of type dict": Raw(b"}Na"),
            "elements for a value of type list": Raw(b"](\x8c\x01a\x90"),
            "a dictionary key of type list": Raw(b"}]Ns"),
            "a key without a value": Raw(b"}(Nu"),
            "an empty stack": Raw(b"0" * 100),
            "without a mark": Raw(b"t" * 100),
            "its own mark": Raw(b"(("),
            "a reference to a value that is not there": Raw(b"h\x63"),
        }
        for refused, value in cases.items():
            with self.subTest(refused):
                files.write_zip(self.net, state(), replace={"data.pkl": b"\x80\x02" + value.code + b"."})
                self.refuse(str(self.net), refused)

    def test_persistent_ids(self) -> None:
        storage = Raw(name("torch", "FloatStorage"))
        for value, what in ((7, "does not describe a storage"), ("storage", "does not describe a storage"), (("module", storage, "0", "cpu", 5), "does not describe"),
                            (("storage", "torch.FloatStorage", "0", "cpu", 5), "without a storage class"),
                            (("storage", Raw(name("collections", "OrderedDict")), "0", "cpu", 5), "without a storage class"),
                            (("storage", storage, 0, "cpu", 5), "is not text"), (("storage", storage, "0", None, 5), "is not text"),
                            (("storage", storage, "0", "cpu", -5), "a storage's size"), (("storage", storage, "0", "cpu", True), "a storage's size"),
                            (("storage", storage, "0", "cpu", 1 << 70), "a storage's size"), (("storage", storage, "0", "cpu"), "does not describe")):
            with self.subTest(str(value)[:60]):
                self.both(Raw(files.emit(value) + b"Q"), "refused", what)
        good = state()
        files.tensors(good)
        twice = {"state_dict": good, "x": Raw(files.emit(("storage", storage, good["a.weight"].key, "cpu", 99)) + b"Q")}
        files.write_zip(self.net, twice)
        self.refuse("two descriptions of storage")

    def test_tensors_beyond_their_storage(self) -> None:
        for tensor, what in ((T(B, offset=1), "element 5 of 5"), (T(B, stride=(2,)), "element 8 of 5"), (T(B, stride=(-1,)), "stride"),
                             (T(B, offset=-1), "offset"), (T(B, shape=(-5,)), "size"), (T(B, shape=(5.0,)), "size"), (T(B, shape=(True,), stride=(1,)), "size"),
                             (T(B, shape=(1 << 62,)), "size"), (T(B, shape=(1 << 40,), stride=(1 << 61,)), "beyond its storage"),
                             (T(B, shape=(5, 1)), "do not fit each other"), (T(B, shape=[5]), "do not fit each other"), (T(B, shape="5"), "do not fit"),
                             (T(B, shape=(1,) * 9, stride=(1,) * 9), "more than 8 dimensions")):
            with self.subTest(what):
                self.both(tensor, "refused", what)
        self.both(call("torch._utils", "_rebuild_tensor_v2", "x", 0, (5,), (1,), False, None), "a tensor without a storage")
        self.both(call("torch._utils", "_rebuild_tensor_v2", "x"), "arguments that do not fit it")
        self.both(call("torch._utils", "_rebuild_parameter", "x", False, None), "a parameter without a tensor")

    def test_numpy_scalars_are_numbers(self) -> None:
        for value, what in ((call("numpy", "dtype", "O8", False, True), "not a number's"), (call("numpy", "dtype", "V9999999999", False, True), "not a number's"),
                            (call("numpy", "dtype", ["x"], False, True), "not a number's"), (call("numpy.core.multiarray", "scalar", "x", b"x"), "not a number"),
                            (call("numpy.core.multiarray", "scalar", call("numpy", "dtype", "f8"), b"x"), "not a number"),
                            (call("_codecs", "encode", "x", "hex"), "anything but bytes"), (call("_codecs", "encode", "\u20ac", "latin1"), "do not fit")):
            with self.subTest(what):
                self.both(value, "refused", what)

    def test_bombs(self) -> None:
        deep = b"N" + b"\x85" * 200_000  # a tuple in a tuple in a ...
        bombs = {
            "a dictionary key of type tuple": b"}" + deep + b"Ns",
            "more than": b"N0" * 1_100_000 + b"N",
            "cut off or larger": b"\x8e" + struct.pack("<Q", 1 << 62),
            "cut off": b"X" + struct.pack("<I", 0xFFFFFFFF),
            "broken pickle": b"\x8b" + struct.pack("<i", -5),
            "overlong line": b"I" + b"9" * 100_000 + b"\n",
        }
        for refused, code in bombs.items():
            with self.subTest(refused):
                files.write_zip(self.net, state(), replace={"data.pkl": b"\x80\x02" + code + b"."})
                self.refuse(str(self.net), refused)
        # Depth and self-reference alone are harmless; a memo index costs no memory.
        for code in (deep, b"]q\x01h\x01a", b"Nr\xff\xff\xff\x7f"):
            good = state()
            files.tensors(good)
            files.write_zip(self.net, good, replace={"data.pkl": b"\x80\x02}(" + text("state_dict") + files.emit(good) + text("x") + code + b"u."})
            self.convert()
            self.bundle.unlink()


class Broken(Case):
    def test_every_truncation_is_refused(self) -> None:
        for write in (files.write_zip, files.write_legacy):
            whole = write(self.net, state()).read_bytes()
            for length in range(0, len(whole), 3):
                self.net.write_bytes(whole[:length])
                self.refuse(str(self.net))

    def test_random_damage_never_escapes(self) -> None:
        """Flipped bytes give a bundle with other values or a readable error; no other exception, no hang."""
        random = np.random.default_rng(5)
        refused = 0
        for write in (files.write_zip, files.write_legacy):
            whole = write(self.net, {"state_dict": state(), "mean_iu": 0.5, "list": [1, 2, (3, None)]}).read_bytes()
            for _ in range(1500):
                damaged = bytearray(whole)
                for _ in range(int(random.integers(1, 4))):
                    damaged[int(random.integers(0, len(damaged)))] = int(random.integers(0, 256))
                self.net.write_bytes(bytes(damaged))
                try:
                    self.convert()
                except (convert.ConversionError, CheckpointError) as error:
                    self.assertIn(str(self.net), str(error))
                    refused += 1
        self.assertGreater(refused, 1000)

    def test_damaged_values_in_a_zip(self) -> None:
        whole = bytearray(files.write_zip(self.net, state()).read_bytes())
        at = bytes(whole).index(A.tobytes())
        whole[at] ^= 1
        self.net.write_bytes(bytes(whole))
        self.refuse(str(self.net), "is damaged: the checksum of storage '0' does not match")

    def test_other_files(self) -> None:
        for data, what in ((b"", "not a PyTorch checkpoint"), (b"GIF89a", "not a PyTorch checkpoint"), (b"PK\x03\x04", "zip archive"),
                           (pickle.dumps({"a": 1}, 2), "is a pickle, but not"), (files.pickled(0x1950A86A20F9469CFC6C) + files.pickled(1002), "unknown version"),
                           (struct.pack("<Q", 2) + b"{}", "not a PyTorch checkpoint")):
            with self.subTest(what):
                self.net.write_bytes(data)
                self.refuse(str(self.net), what)
        self.net.unlink()
        self.net.mkdir()
        self.refuse(str(self.net))
        self.net.rmdir()
        os.mkfifo(self.net)
        self.refuse(str(self.net), "not a regular file")
        self.net.unlink()
        self.net.symlink_to(self.folder / "nowhere")
        self.refuse(str(self.net), "No such file")

    def test_zip_oddities(self) -> None:
        good = state()
        files.write_zip(self.net, good, compress=True)
        self.refuse("compressed")
        files.write_zip(self.net, good, replace={"data.pkl": None})
        self.refuse("no data.pkl")
        files.write_zip(self.net, good, extra={"other/data.pkl": b"x"})
        self.refuse("no data.pkl")
        files.write_zip(self.net, good, extra={"archive/constants.pkl": b"x"})
        self.refuse("TorchScript")
        files.write_zip(self.net, good, replace={"byteorder": b"big"})
        self.refuse("big-endian")
        files.write_zip(self.net, good, replace={"data/0": None})
        self.refuse("storage '0' is missing")
        files.write_zip(self.net, good, replace={"data/0": b"x" * 47})
        self.refuse("storage '0' with 47 bytes where its tensors need 48")
        with self.assertWarns(UserWarning):
            files.write_zip(self.net, good, extra={"archive/data/0": b"x" * 48})
        self.refuse("two zip entries of one name")

    def test_a_zip_bomb(self) -> None:
        """A gigabyte of zeros in a megabyte, as an entry that claims to be stored, and as what it is."""
        path = files.write_zip(self.net, state(), replace={"data/0": None})
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data/0", b"\0" * (16 << 20))
        self.assertLess(path.stat().st_size, 1 << 20)
        good = state(a__weight=T(A, count=4 << 20))
        files.tensors(good)
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        entries["archive/data.pkl"] = files.pickled(good)
        with zipfile.ZipFile(path, "w") as archive:
            for entry, data in entries.items():
                archive.writestr(entry, data, zipfile.ZIP_DEFLATED if entry.endswith("data/0") else zipfile.ZIP_STORED)
        self.refuse("the compressed or encrypted zip entry 'archive/data/0'")
        raw = bytearray(path.read_bytes())
        for signature, field in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            at = -1
            while (at := raw.find(signature, at + 1)) >= 0:
                raw[at + field:at + field + 2] = b"\0\0"
        path.write_bytes(bytes(raw))
        self.refuse(str(path))

    def test_legacy_storages(self) -> None:
        good = state()
        body = files.legacy_bytes(good)
        keys = sorted(str(t.key) for t in files.tensors(good))
        at = body.index(files.pickled(keys))
        head, tail = body[:at], body[at + len(files.pickled(keys)):]
        for listed, what in ((keys[:-1], "is missing"), (keys + ["9"], "does not fit its tensors"), ([keys[0]] * 3, "does not fit its tensors"), (["9"], "does not fit"),
                             ([1], "is not text"), ({}, "is not text")):
            with self.subTest(what):
                self.net.write_bytes(head + files.pickled(listed) + tail)
                self.refuse(str(self.net), what)
        self.net.write_bytes(head + files.pickled(keys) + struct.pack("<q", 1 << 40) + tail[8:])
        self.refuse("elements where its tensors say 12")
        self.net.write_bytes(head + files.pickled(keys) + struct.pack("<q", -1) + tail[8:])
        self.refuse("elements where its tensors say 12")
        big = files.pickled({"protocol_version": 1001, "little_endian": False, "type_sizes": {}})
        self.net.write_bytes(files.pickled(0x1950A86A20F9469CFC6C) + files.pickled(1001) + big + tail)
        self.refuse("big-endian")


class Program(Case):
    def run_program(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-B", str(MODELS / "convert.py"), *arguments], capture_output=True, text=True, timeout=120)

    def test_usage(self) -> None:
        shown = self.run_program("--help")
        self.assertEqual(shown.returncode, 0)
        for part in ("FOLDER", "BUNDLE", "--vgg19", "--vgg16", "--half", "cityscapes_best.pth", "giandbt/synboost"):
            self.assertIn(part, shown.stdout)
        self.assertEqual(self.run_program().returncode, 2)
        self.assertEqual(self.run_program("a", "b", "--quarter").returncode, 2)
        both = self.run_program("a", "b", "--vgg16", "x", "--vgg19", "y")
        self.assertEqual((both.returncode, "not allowed with" in both.stderr), (2, True))

    def test_errors_are_one_line(self) -> None:
        for arguments, what in (((str(self.folder / "none"), str(self.bundle)), "is not a folder"),
                                ((str(self.folder), str(self.bundle)), "cityscapes_best.pth: not found; see the README of")):
            failed = self.run_program(*arguments)
            self.assertEqual(failed.returncode, 1)
            self.assertIn(what, failed.stderr)
            self.assertEqual(failed.stderr.count("\n"), 1)
        wrong = files.write_zip(self.folder / "models" / "image-segmentation" / "cityscapes_best.pth", {"state_dict": state()})
        failed = self.run_program(str(self.folder), str(self.bundle))
        self.assertEqual(failed.returncode, 1)
        self.assertIn(f"{wrong}: key 'mod1.conv1.weight' is missing", failed.stderr)
        self.assertEqual(failed.stderr.count("\n"), 1)

    def test_a_full_set(self) -> None:
        """The published layout at full size, where a folder is named: sampled tensors are what the generator of the set says."""
        folder, fill = os.environ.get("ANOMALY_CHECKPOINTS", ""), SHARED / "golden" / "fill.py"
        if not folder or not fill.exists():
            self.skipTest("ANOMALY_CHECKPOINTS names no folder made by make_checkpoints.py with seed 7")
        measured = subprocess.run([sys.executable, "-B", "-c", "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; "
                                   "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)",
                                   sys.executable, "-B", str(MODELS / "convert.py"), folder, str(self.bundle)], capture_output=True, text=True)
        self.assertEqual(measured.returncode, 0, measured.stderr)
        peak = int(measured.stdout.split()[-1]) / 1024
        self.assertLess(peak, 400, "MB at peak for a file of 1285 MB")
        sys.path.insert(0, str(fill.parent))
        import fill as golden  # type: ignore

        with open(self.bundle, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
            self.assertEqual(len(header), 1 + 225 + 377 + 22 + 26 + 116 + 60)
            for bundled in ("segmentation.final.6.weight", "generator.head_0.norm_1.running_var", "encoder.fc_mu.bias", "perceptual.slice5.28.bias",
                            "dissimilarity.conv11.weight", "baseline.conv2.0.weight", "baseline.conv11.bias"):
                begin, end = header[bundled]["data_offsets"]
                file.seek(8 + length + begin)
                held = np.frombuffer(file.read(end - begin), np.float32)
                expected = golden.tensor(bundled.split(".", 1)[1], tuple(header[bundled]["shape"]), 7)
                np.testing.assert_array_equal(held, expected.ravel(), bundled)


if __name__ == "__main__":
    unittest.main(verbosity=1)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""PyTorch checkpoints as descriptions of tensors and as NumPy arrays, without PyTorch and without unpickling code.

Both of torch.save's formats: the one before PyTorch 1.6 (pickles one after another, then the storages' bytes) and the
zip archive since. Files are untrusted.
"""
from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from typing import Any, BinaryIO, Dict, NamedTuple, Tuple

import numpy as np

from restricted_pickle import Builders, Instance, Name, Opaque, Refused, check_key, load

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_MAX_DIMENSIONS = 8

# Storage classes and what one element is. NumPy has no bfloat16; it is described, never read.
_STORAGES: Dict[str, Tuple[str, int]] = {
    "FloatStorage": ("float32", 4), "DoubleStorage": ("float64", 8), "HalfStorage": ("float16", 2), "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8), "IntStorage": ("int32", 4), "ShortStorage": ("int16", 2), "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1), "BoolStorage": ("bool", 1)}


class CheckpointError(Exception):
    """A file that cannot be used. The message names it."""


class Storage(NamedTuple):
    key: str
    dtype: str
    itemsize: int
    count: int  # elements of the whole storage
    first: int  # where this view of it starts, and its elements
    length: int


class Tensor(NamedTuple):
    storage: Storage
    offset: int  # elements, within the storage's view
    shape: Tuple[int, ...]
    stride: Tuple[int, ...]

    @property
    def dtype(self) -> str:
        return self.storage.dtype


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0 or value >= 1 << 62:
        raise Refused("%s that is not a whole number from 0 up" % what)
    return value


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise Refused("a tensor without a storage")
    if not isinstance(shape, tuple) or not isinstance(stride, tuple) or len(shape) != len(stride):
        raise Refused("a tensor whose shape and stride do not fit each other")
    if len(shape) > _MAX_DIMENSIONS:
        raise Refused("a tensor of more than %d dimensions" % _MAX_DIMENSIONS)
    _whole(offset, "a tensor's offset")
    for size in shape:
        _whole(size, "a tensor's size")
    for step in stride:
        _whole(step, "a tensor's stride")
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride)) if all(shape) else offset - 1
    if last >= storage.length:
        raise Refused("a tensor that reaches beyond its storage (element %d of %d)" % (last, storage.length))
    return Tensor(storage, offset, shape, stride)


def _rebuild_tensor_v2(storage: Any, offset: Any, shape: Any, stride: Any, requires_grad: Any, hooks: Any, metadata: Any = None) -> Tensor:
    return _rebuild_tensor(storage, offset, shape, stride)


def _rebuild_parameter(data: Any, requires_grad: Any = None, hooks: Any = None) -> Tensor:
    if not isinstance(data, Tensor):
        raise Refused("a parameter without a tensor")
    return data


def _ordered_dict(items: Any = ()) -> Instance:
    if not isinstance(items, (list, tuple)):
        raise Refused("an ordered dictionary made from a value of type %s" % type(items).__name__)
    out = Instance()
    for key, value in items:
        out[check_key(key)] = value
    return out


def _flat_set(items: Any = ()) -> Opaque:
    if not isinstance(items, (list, tuple)):
        raise Refused("a set made from a value of type %s" % type(items).__name__)
    return Opaque()


def _size(items: Any = ()) -> Tuple[int, ...]:
    if not isinstance(items, tuple):
        raise Refused("a size made from a value of type %s" % type(items).__name__)
    return tuple(_whole(item, "a size") for item in items)


def _encode(text: Any, encoding: Any) -> bytes:
    # How protocol 2 writes bytes.
    if not isinstance(text, str) or encoding != "latin1":
        raise Refused("_codecs.encode for anything but bytes")
    return text.encode("latin1")


class _NumpyType(Opaque):
    def __init__(self, name: Any, *_: Any) -> None:
        if not isinstance(name, str) or len(name) > 3 or name[:1] not in "fiubc" or not name[1:].isdigit():
            raise Refused("a NumPy type that is not a number's")
        self.itemsize = int(name[1:])


def _numpy_scalar(dtype: Any, data: Any = b"") -> Opaque:
    if not isinstance(dtype, _NumpyType) or not isinstance(data, bytes) or len(data) != dtype.itemsize:
        raise Refused("a NumPy scalar that is not a number")
    return Opaque()


def _builders() -> Builders:
    table: Builders = {
        ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor_v2,
        ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
        ("torch", "Size"): _size,
        ("collections", "OrderedDict"): _ordered_dict,
        ("_codecs", "encode"): _encode,
        ("numpy", "dtype"): _NumpyType,
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        table[(module, "scalar")] = _numpy_scalar
    for module in ("builtins", "__builtin__"):
        table[(module, "set")] = table[(module, "frozenset")] = _flat_set
    for name in _STORAGES:
        table[("torch", name)] = None
    return table


def _persistent_id(value: Any) -> Storage:
    if not isinstance(value, tuple) or len(value) not in (5, 6) or value[0] != "storage":
        raise Refused("a persistent id that does not describe a storage")
    kind, key, location, count = value[1:5]
    if not isinstance(kind, Name) or kind.module != "torch" or kind.name not in _STORAGES:
        raise Refused("a persistent id without a storage class")
    if not isinstance(key, str) or not isinstance(location, str):
        raise Refused("a persistent id whose key or location is not text")
    _whole(count, "a storage's size")
    first, length = 0, count
    view = value[5] if len(value) == 6 else None
    if view is not None:
        if not isinstance(view, tuple) or len(view) != 3:
            raise Refused("a persistent id with a strange view")
        first, length = _whole(view[1], "a view's offset"), _whole(view[2], "a view's size")
        if first + length > count:
            raise Refused("a view that reaches beyond its storage")
    dtype, itemsize = _STORAGES[kind.name]
    return Storage(key, dtype, itemsize, count, first, length)


class Checkpoint:
    """One file. `state` maps keys to Tensor (or to what else the file holds there)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._offsets: Dict[str, int] = {}  # of each storage's bytes in the file
        self._checksums: Dict[str, Tuple[int, int]] = {}  # size and CRC-32 of storages not yet verified
        self._storages: Dict[str, Storage] = {}
        self._file = self._open()
        try:
            value = self._zip() if self._magic(4) == b"PK\x03\x04" else self._legacy()
            self.state = self._state(value)
        except Refused as error:
            self.close()
            raise CheckpointError(f"{path}: refused: it holds {error}") from None
        except OSError as error:
            self.close()
            raise self.error(f"cannot be read: {error.strerror}") from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def error(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.path}: {what}")

    def _open(self) -> BinaryIO:
        try:
            # O_NONBLOCK: the opening of a FIFO would wait for its writer.
            descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise self.error(error.strerror or "cannot be opened") from None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise self.error("is not a regular file")
        self.size = status.st_size
        return os.fdopen(descriptor, "rb")

    def _magic(self, count: int) -> bytes:
        self._file.seek(0)
        return self._file.read(count)

    def _persistent(self, value: Any) -> Storage:
        storage = _persistent_id(value)
        known = self._storages.setdefault(storage.key, storage)
        if (known.dtype, known.count) != (storage.dtype, storage.count):
            raise Refused("two descriptions of storage %s that differ" % ascii(storage.key[:100]))
        return storage

    def _load(self, limit: int) -> Any:
        return load(self._file, _builders(), self._persistent, limit)

    # torch.save's format before 1.6

    def _legacy(self) -> Any:
        self._file.seek(0)
        if self._magic(2)[:1] != b"\x80":
            raise self.error("is not a PyTorch checkpoint")
        self._file.seek(0)
        if self._load(64) != _LEGACY_MAGIC:
            raise self.error("is a pickle, but not a PyTorch checkpoint")
        if self._load(64) != _LEGACY_PROTOCOL:
            raise self.error("is written in an unknown version of PyTorch's format")
        system = self._load(4096)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise self.error("was written on a big-endian machine, which is not supported")
        value = self._load(self.size)
        keys = self._load(self.size)
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise Refused("a list of storages that is not text")
        at = self._file.tell()
        for key in keys:
            storage = self._storages.get(key)
            if storage is None or key in self._offsets:
                raise Refused("a list of storages that does not fit its tensors (%s)" % ascii(key[:100]))
            self._file.seek(at)
            head = self._file.read(8)
            if len(head) < 8:
                raise self.error(f"is truncated: storage {ascii(key[:100])} is missing")
            (count,) = struct.unpack("<q", head)
            if count != storage.count:
                raise Refused("storage %s with %d elements where its tensors say %d" % (ascii(key[:100]), count, storage.count))
            self._offsets[key] = at + 8
            at += 8 + count * storage.itemsize
            if at > self.size:
                raise self.error(f"is truncated: storage {ascii(key[:100])} ends at byte {at} of {self.size}")
        return value

    # torch.save's format since 1.6

    def _zip(self) -> Any:
        try:
            with zipfile.ZipFile(self._file) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OverflowError, EOFError, OSError) as error:
            raise self.error(f"is a damaged or truncated zip archive ({ascii(str(error))[:120]})") from None
        by_name = {entry.filename: entry for entry in entries}
        if len(by_name) != len(entries):
            raise Refused("two zip entries of one name")
        pickles = [name for name in by_name if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise self.error("is a zip archive, but not a PyTorch checkpoint (no data.pkl)")
        root = pickles[0][: -len("data.pkl")]
        if root + "constants.pkl" in by_name:
            raise self.error("is a TorchScript archive; a checkpoint saved with torch.save(state_dict) is needed")
        order = by_name.get(root + "byteorder")
        if order is not None:
            at = self._stored(order)
            self._file.seek(at)
            if order.file_size > 16 or self._file.read(order.file_size).strip() != b"little":
                raise self.error("was written on a big-endian machine, which is not supported")
        entry = by_name[pickles[0]]
        at = self._stored(entry)
        self._verify("data.pkl", at, entry.file_size, entry.CRC)
        self._file.seek(at)
        value = self._load(entry.file_size)
        for key, storage in self._storages.items():
            entry_or_none = by_name.get(f"{root}data/{key}")
            if entry_or_none is None:
                raise self.error(f"storage {ascii(key[:100])} is missing")
            if entry_or_none.file_size != storage.count * storage.itemsize:
                raise Refused("storage %s with %d bytes where its tensors need %d" % (
                    ascii(key[:100]), entry_or_none.file_size, storage.count * storage.itemsize))
            self._offsets[key] = self._stored(entry_or_none)
            self._checksums[key] = (entry_or_none.file_size, entry_or_none.CRC)
        return value

    def _stored(self, entry: zipfile.ZipInfo) -> int:
        """Where an entry's bytes begin. Only plainly stored entries: what torch.save writes, and never larger than the file."""
        name = ascii(entry.filename[:100])
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size or entry.flag_bits & 1:
            raise Refused("the compressed or encrypted zip entry %s, which torch.save does not write" % name)
        self._file.seek(max(entry.header_offset, 0))
        head = self._file.read(30)
        if entry.header_offset < 0 or len(head) < 30 or head[:4] != b"PK\x03\x04":
            raise self.error(f"is a damaged zip archive (entry {name})")
        name_length, extra_length = struct.unpack("<HH", head[26:30])
        at = entry.header_offset + 30 + name_length + extra_length
        if at + entry.file_size > self.size:
            raise self.error(f"is truncated: zip entry {name} ends at byte {at + entry.file_size} of {self.size}")
        return at

    def _verify(self, name: str, at: int, size: int, expected: int) -> None:
        self._file.seek(at)
        checksum = 0
        while size > 0:
            data = self._file.read(min(size, 1 << 20))
            if not data:
                raise self.error("is truncated")
            checksum = zlib.crc32(data, checksum)
            size -= len(data)
        if checksum != expected:
            raise self.error(f"is damaged: the checksum of {name} does not match")

    # What is in it

    def _state(self, value: Any) -> Dict[Any, Any]:
        if isinstance(value, dict) and isinstance(value.get("state_dict"), dict):
            value = value["state_dict"]
        if not isinstance(value, dict):
            raise self.error("holds no dictionary of tensors")
        return value

    def array(self, tensor: Tensor) -> np.ndarray:
        """A copy of the tensor's values, contiguous. Reads no more of the file than the tensor spans."""
        storage = tensor.storage
        if storage.dtype == "bfloat16":
            raise self.error("holds bfloat16 values, which NumPy cannot read")
        dtype = np.dtype(storage.dtype)
        if storage.key not in self._offsets:
            raise self.error(f"storage {ascii(storage.key[:100])} is missing")
        if not all(tensor.shape):
            return np.zeros(tensor.shape, dtype)
        if storage.key in self._checksums:
            self._verify("storage " + ascii(storage.key[:100]), self._offsets[storage.key], *self._checksums.pop(storage.key))
        span = 1 + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride))
        data = np.empty(span, dtype)
        try:
            self._file.seek(self._offsets[storage.key] + (storage.first + tensor.offset) * storage.itemsize)
            complete = self._file.readinto(memoryview(data).cast("B")) == data.nbytes  # type: ignore[attr-defined]
        except OSError as error:
            raise self.error(f"cannot be read: {error.strerror}") from None
        if not complete:
            raise self.error("is truncated")
        strides = tuple(step * storage.itemsize for step in tensor.stride)
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(data, tensor.shape, strides)).reshape(tensor.shape)

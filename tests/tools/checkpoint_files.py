# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints for tests, assembled instruction by instruction, so that hostile ones can be made as easily as good ones."""
from __future__ import annotations

import collections
import pathlib
import struct
import zipfile
from typing import Any, Dict, List, Optional

import numpy as np

_STORAGE = {"float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage", "int64": "LongStorage", "int32": "IntStorage",
            "uint8": "ByteStorage", "bool": "BoolStorage", "bfloat16": "BFloat16Storage"}


class Raw:
    """Pickle instructions that leave one value on the stack."""

    def __init__(self, code: bytes) -> None:
        self.code = code


class T:
    """A tensor over a storage; what is left None follows from `array`."""

    def __init__(self, array: Any, key: Optional[str] = None, shape: Any = None, stride: Any = None, offset: Any = 0, dtype: Optional[str] = None,
                 count: Any = None, view: Any = None, parameter: bool = False) -> None:
        self.array = np.asarray(array)
        plain = np.ascontiguousarray(self.array)
        self.key = key
        self.shape = tuple(self.array.shape) if shape is None else shape
        self.stride = tuple(step // self.array.itemsize for step in plain.reshape(self.array.shape).strides) if stride is None else stride
        self.offset, self.view, self.parameter = offset, view, parameter
        self.dtype = dtype or self.array.dtype.name
        self.count = self.array.size if count is None else count


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def name(module: str, attribute: str) -> bytes:
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def call(module: str, attribute: str, *arguments: Any) -> Raw:
    return Raw(name(module, attribute) + b"(" + b"".join(emit(a) for a in arguments) + b"tR")


def emit(value: Any, legacy: bool = False) -> bytes:
    if isinstance(value, Raw):
        return value.code
    if isinstance(value, T):
        view = () if not legacy else (value.view,)
        persistent = emit(("storage", Raw(name("torch", _STORAGE[value.dtype])), value.key, "cpu", value.count) + view)
        arguments = Raw(persistent + b"Q"), value.offset, value.shape, value.stride, False, collections.OrderedDict()
        tensor = call("torch._utils", "_rebuild_tensor_v2", *arguments)
        return (call("torch._utils", "_rebuild_parameter", tensor, True, collections.OrderedDict()) if value.parameter else tensor).code
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        data = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
        return b"\x8a" + bytes([len(data)]) + data
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes):
        return b"B" + struct.pack("<I", len(value)) + value
    if isinstance(value, tuple):
        return b"(" + b"".join(emit(v, legacy) for v in value) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(emit(v, legacy) for v in value) + b"e"
    if isinstance(value, dict):
        start = name("collections", "OrderedDict") + b")R" if isinstance(value, collections.OrderedDict) else b"}"
        return start + b"(" + b"".join(emit(k, legacy) + emit(v, legacy) for k, v in value.items()) + b"u"
    raise TypeError(type(value))


def pickled(value: Any, legacy: bool = False) -> bytes:
    return b"\x80\x02" + emit(value, legacy) + b"."


def tensors(value: Any) -> List[T]:
    """All tensors in a structure; those without a storage's key get one."""
    found: List[T] = []

    def walk(v: Any) -> None:
        if isinstance(v, T):
            found.append(v)
        elif isinstance(v, dict):
            for item in v.values():
                walk(item)
        elif isinstance(v, (list, tuple)):
            for item in v:
                walk(item)

    walk(value)
    for number, tensor in enumerate(found):
        tensor.key = tensor.key or str(number)
    return found


def storages(value: Any) -> Dict[str, bytes]:
    return {str(t.key): np.ascontiguousarray(t.array).tobytes() for t in tensors(value)}


LEGACY_HEAD = (pickled(0x1950A86A20F9469CFC6C) + pickled(1001) +
               pickled({"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}))


def legacy_bytes(value: Any, head: bytes = LEGACY_HEAD) -> bytes:
    data = storages(value)
    counts = {str(t.key): t.array.size for t in tensors(value)}
    out = head + pickled(value, legacy=True) + pickled(sorted(data))
    for key in sorted(data):
        out += struct.pack("<q", counts[key]) + data[key]
    return out


def write_legacy(path: pathlib.Path, value: Any) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(legacy_bytes(value))
    return path


def write_zip(path: pathlib.Path, value: Any, extra: Optional[Dict[str, bytes]] = None, compress: bool = False,
              replace: Optional[Dict[str, Optional[bytes]]] = None) -> pathlib.Path:
    """`extra` adds entries; `replace` changes (or with None leaves out) those that belong there."""
    entries: Dict[str, Optional[bytes]] = {"data.pkl": b"", "byteorder": b"little", "version": b"3\n"}
    for key, data in storages(value).items():
        entries["data/" + key] = data
    entries["data.pkl"] = pickled(value)
    entries.update(replace or {})
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        for entry, data in entries.items():
            if data is not None:
                archive.writestr(f"archive/{entry}", data)
        for entry, data in (extra or {}).items():
            archive.writestr(entry, data)
    return path


def read_bundle(path: pathlib.Path) -> Any:
    """(metadata, {name: array}) of a safetensors file."""
    import json

    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    out = {}
    at = 0
    for key, entry in header.items():
        begin, end = entry["data_offsets"]
        assert begin == at, key
        at = end
        dtype = {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]
        out[key] = np.frombuffer(data[8 + length + begin:8 + length + end], dtype).reshape(entry["shape"])
    assert 8 + length + at == len(data)
    return metadata, out

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads pickles without running them.

A pickle is a program; this interpreter knows only the instructions that build data. Nothing in a pickle is ever
imported or called: a name is looked up in the table of builders that the caller passes, and anything else is refused
by that name. The names' builders see plain data and check it themselves.
"""
from __future__ import annotations

import pickletools
from typing import Any, BinaryIO, Callable, Dict, List, Optional, Tuple

# What a checkpoint's pickle may cost: VGG-19's has 500 instructions, one with an optimizer's state some ten thousand.
MAX_INSTRUCTIONS = 2_000_000
MAX_BYTES = 32 << 20

Builder = Callable[..., Any]
Builders = Dict[Tuple[str, str], Optional[Builder]]  # None: may be named, not called


class Refused(Exception):
    """The pickle asks for something that is not data. The message says for what."""


class Opaque:
    """A value that is known to be harmless and of no interest; what is set on it is dropped."""


class Instance(dict):
    """An ordered dictionary: the attributes that a pickle gives it are dropped."""


class Name:
    """A name from the table of builders, as it lies on the stack."""

    def __init__(self, module: str, name: str, builder: Optional[Builder]) -> None:
        self.module, self.name, self.builder = module, name, builder
        self.text = f"{module}.{name}"


class _Mark:
    pass


_MARK = _Mark()
_ATOMS = (str, int, float, bool, bytes, type(None))
_LITERALS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 "
    "UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 FLOAT BINFLOAT".split())
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: Dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_SET": set}


class _Bounded:
    """A file that hands out at most `limit` bytes, so that a length in the pickle cannot ask for more memory."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.file, self.left = file, limit

    def read(self, count: int) -> bytes:
        if count < 0 or count > self.left:
            raise Refused("a pickle that is cut off or larger than %d bytes" % MAX_BYTES)
        data = self.file.read(count)
        self.left -= len(data)
        return data

    def readline(self) -> bytes:
        data = self.file.readline(min(self.left, 1 << 16))
        if not data.endswith(b"\n"):
            raise Refused("a pickle with an unfinished or overlong line")
        self.left -= len(data)
        return data

    def tell(self) -> int:
        return self.file.tell()


def check_key(key: Any) -> Any:
    # A deeply nested tuple overflows the stack when it is hashed; keys of checkpoints are flat.
    flat = isinstance(key, _ATOMS) or (isinstance(key, tuple) and all(isinstance(part, _ATOMS) for part in key))
    if not flat:
        raise Refused("a dictionary key of type %s" % type(key).__name__)
    return key


class _Machine:
    def __init__(self, builders: Builders, persistent: Builder) -> None:
        self.builders, self.persistent = builders, persistent
        self.stack: List[Any] = []
        self.memo: Dict[int, Any] = {}

    def pop(self) -> Any:
        if not self.stack:
            raise Refused("a pickle that takes from an empty stack")
        value = self.stack.pop()
        if value is _MARK:
            raise Refused("a pickle that takes its own mark for a value")
        return value

    def top(self) -> Any:
        value = self.pop()
        self.stack.append(value)
        return value

    def pop_to_mark(self) -> List[Any]:
        for i in range(len(self.stack) - 1, -1, -1):
            if self.stack[i] is _MARK:
                values = self.stack[i + 1:]
                del self.stack[i:]
                return values
        raise Refused("a pickle without a mark where one belongs")

    def name(self, module: Any, name: Any) -> Name:
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("a name that is not text")
        if (module, name) not in self.builders:
            raise Refused("the name %s, which is not on the list of what a checkpoint may hold" % ascii(f"{module}.{name}"[:200]))
        return Name(module, name, self.builders[module, name])

    def call(self, function: Any, arguments: Any) -> Any:
        if not isinstance(function, Name):
            raise Refused("a call of a value of type %s" % type(function).__name__)
        if function.builder is None:
            raise Refused("a call of %s" % function.text)
        if not isinstance(arguments, tuple):
            raise Refused("a call of %s without a tuple of arguments" % function.text)
        try:
            return function.builder(*arguments)
        except (TypeError, ValueError) as error:
            raise Refused("a call of %s with arguments that do not fit it (%s)" % (function.text, str(error)[:100])) from None

    def set_items(self, pairs: List[Any]) -> None:
        target = self.top()
        if not isinstance(target, dict):
            raise Refused("items for a value of type %s" % type(target).__name__)
        if len(pairs) % 2:
            raise Refused("a key without a value")
        for key, value in zip(pairs[::2], pairs[1::2]):
            target[check_key(key)] = value

    def append(self, values: List[Any]) -> None:
        target = self.top()
        if not isinstance(target, list):
            raise Refused("elements for a value of type %s" % type(target).__name__)
        target.extend(values)

    def remember(self, index: Any) -> None:
        self.memo[int(index)] = self.top()

    def recall(self, index: Any) -> None:
        if int(index) not in self.memo:
            raise Refused("a reference to a value that is not there")
        self.stack.append(self.memo[int(index)])

    def build(self) -> None:
        self.pop()
        target = self.top()
        # Attributes of an ordered dictionary (a state_dict's `_metadata`) or a NumPy type: not needed, never set.
        if not isinstance(target, (Instance, Opaque)):
            raise Refused("state for a value of type %s" % type(target).__name__)

    def step(self, op: str, argument: Any) -> None:
        stack = self.stack
        if op in _LITERALS:
            stack.append(argument)
        elif op in _CONSTANTS:
            stack.append(_CONSTANTS[op])
        elif op in _EMPTY:
            stack.append(_EMPTY[op]())
        elif op in ("PROTO", "FRAME"):
            pass
        elif op == "MARK":
            stack.append(_MARK)
        elif op == "POP":
            if not stack:
                raise Refused("a pickle that takes from an empty stack")
            stack.pop()
        elif op == "POP_MARK":
            self.pop_to_mark()
        elif op == "DUP":
            stack.append(self.top())
        elif op in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.remember(argument)
        elif op == "MEMOIZE":
            self.remember(len(self.memo))
        elif op in ("GET", "BINGET", "LONG_BINGET"):
            self.recall(argument)
        elif op in ("TUPLE1", "TUPLE2", "TUPLE3"):
            values = [self.pop() for _ in range(int(op[-1]))]
            stack.append(tuple(reversed(values)))
        elif op == "TUPLE":
            stack.append(tuple(self.pop_to_mark()))
        elif op == "LIST":
            stack.append(self.pop_to_mark())
        elif op == "DICT":
            pairs = self.pop_to_mark()
            stack.append({})
            self.set_items(pairs)
        elif op == "FROZENSET":
            stack.append(frozenset(check_key(value) for value in self.pop_to_mark()))
        elif op == "APPEND":
            self.append([self.pop()])
        elif op == "APPENDS":
            self.append(self.pop_to_mark())
        elif op == "SETITEM":
            value, key = self.pop(), self.pop()
            self.set_items([key, value])
        elif op == "SETITEMS":
            self.set_items(self.pop_to_mark())
        elif op == "ADDITEMS":
            values = self.pop_to_mark()
            target = self.top()
            if not isinstance(target, set):
                raise Refused("elements for a value of type %s" % type(target).__name__)
            target.update(check_key(value) for value in values)
        elif op == "GLOBAL":
            stack.append(self.name(*str(argument).split(" ", 1)))
        elif op == "STACK_GLOBAL":
            name, module = self.pop(), self.pop()
            stack.append(self.name(module, name))
        elif op in ("REDUCE", "NEWOBJ"):
            arguments, function = self.pop(), self.pop()
            stack.append(self.call(function, arguments))
        elif op == "BUILD":
            self.build()
        elif op == "BINPERSID":
            stack.append(self.persistent(self.pop()))
        elif op == "INST":
            module, name = str(argument).split(" ", 1)
            raise Refused("an instance of %s" % self.name(module, name).text)
        else:
            raise Refused("the instruction %s, which no checkpoint needs" % op)


def load(file: BinaryIO, builders: Builders, persistent: Builder, limit: int) -> Any:
    """The value of the pickle at the file's position, which then lies behind it.

    `persistent` makes a value of a persistent id. At most `limit` bytes are read. Raises Refused.
    """
    machine = _Machine(builders, persistent)
    count = 0
    try:
        for op, argument, _ in pickletools.genops(_Bounded(file, min(limit, MAX_BYTES))):
            count += 1
            if count > MAX_INSTRUCTIONS:
                raise Refused("a pickle of more than %d instructions" % MAX_INSTRUCTIONS)
            if op.name == "STOP":
                return machine.pop()
            machine.step(op.name, argument)
    except (ValueError, OverflowError, UnicodeDecodeError) as error:
        raise Refused("a broken pickle (%s)" % ascii(str(error))[:120]) from None
    raise Refused("a pickle without an end")

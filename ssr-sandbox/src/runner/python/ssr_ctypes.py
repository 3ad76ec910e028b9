"""The numbers of ctypes, without foreign code: programs ask for their sizes and bounds.

A library cannot be opened, and what else there is in ctypes is not here, so that `from ctypes
import …` fails as it does on a machine without it.
"""

import importlib.util
import struct
import sys
import types

_INTEGERS = {
    "c_byte": "b", "c_ubyte": "B", "c_short": "h", "c_ushort": "H", "c_int": "i", "c_uint": "I",
    "c_long": "l", "c_ulong": "L", "c_longlong": "q", "c_ulonglong": "Q", "c_ssize_t": "n",
    "c_size_t": "N", "c_int8": "b", "c_uint8": "B", "c_int16": "h", "c_uint16": "H",
    "c_int32": "i", "c_uint32": "I", "c_int64": "q", "c_uint64": "Q",
}
_FLOATS = {"c_float": "f", "c_double": "d"}


def supply():
    if importlib.util.find_spec("_ctypes") is None:
        sys.modules["ctypes"] = _ctypes()


class _Number:
    def __init__(self, value=0):
        self.value = value

    def __setattr__(self, name, value):
        super().__setattr__(name, self._convert(value) if name == "value" else value)

    def __repr__(self):
        return f"{type(self).__name__}({self.value!r})"


def _integer(name, code):
    size = struct.calcsize(code)

    def convert(self, value):
        bits = value.__index__() & ((1 << 8 * size) - 1)
        is_negative = code.islower() and bits >> (8 * size - 1)
        return bits - (1 << 8 * size) if is_negative else bits

    return _type(name, size, convert)


def _float(name, code):
    size = struct.calcsize(code)
    return _type(name, size, lambda self, value: struct.unpack(code, struct.pack(code, value))[0])


def _type(name, size, convert):
    return type(name, (_Number,), {"__module__": "ctypes", "_size": size, "_convert": convert})


def _ctypes():
    module = types.ModuleType("ctypes", __doc__)
    for make, names in ((_integer, _INTEGERS), (_float, _FLOATS)):
        vars(module).update({name: make(name, code) for name, code in names.items()})

    def sizeof(what, /):
        if not isinstance(what, _Number) and not issubclass(what, _Number):
            raise TypeError("this type has no size")
        return what._size

    class CDLL:
        def __init__(self, name, *_, **__):
            raise OSError(f"{name}: cannot open shared object file: there is no foreign code here")

    module.sizeof = sizeof
    module.CDLL = module.PyDLL = CDLL
    return module

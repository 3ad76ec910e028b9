"""Modules of POSIX that WASI has no use for and that programs import whether they need them or not.

Each says what is true here: there is one user, no descriptor is a terminal, and there is no TLS.
"""

import enum
import hashlib
import hmac
import http.client  # Before ssl is there: without TLS it has no HTTPSConnection.
import importlib.util
import os
import shutil  # These three, too, before bz2 is there.
import sys
import tarfile
import types
import zipfile
from collections import namedtuple


def supply():
    for module in (_termios(), _pwd(), _grp()):
        sys.modules.setdefault(module.__name__, module)
    if importlib.util.find_spec("_ssl") is None:
        sys.modules["ssl"] = _ssl()
    if importlib.util.find_spec("_bz2") is None:
        sys.modules["_bz2"] = _bz2()
    if importlib.util.find_spec("_hashlib") is None:
        hashlib.pbkdf2_hmac = _pbkdf2_hmac


def _bz2():
    """What the module bz2 is made of: nothing can be compressed and nothing be read."""
    module = types.ModuleType("_bz2", _bz2.__doc__)

    def refused(self, *_):
        raise OSError("there is no bzip2 in the sandbox")

    for name in ("BZ2Compressor", "BZ2Decompressor"):
        setattr(module, name, type(name, (), {"__module__": "_bz2", "__init__": refused}))
    return module


def _pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    """PBKDF2 of RFC 8018, which hashlib has from OpenSSL alone."""
    inner = hmac.new(bytes(password), digestmod=hash_name)
    size = inner.digest_size
    dklen = size if dklen is None else dklen
    if dklen < 1:
        raise ValueError("key length must be greater than 0.")
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")

    def digest(message):
        one = inner.copy()
        one.update(message)
        return one.digest()

    key = b""
    for block in range(1, -(-dklen // size) + 1):
        last = digest(bytes(salt) + block.to_bytes(4, "big"))
        mixed = int.from_bytes(last, "big")
        for _ in range(iterations - 1):
            last = digest(last)
            mixed ^= int.from_bytes(last, "big")
        key += mixed.to_bytes(size, "big")
    return key[:dklen]


def _ssl():
    """The names that programs mention, such as those of errors; no context can be made.

    What only a program with a TLS library asks for, such as its version, is not here, so that
    `from ssl import …` fails as it does on a machine without one.
    """
    module = types.ModuleType("ssl", _ssl.__doc__)

    def error(name, *bases):
        setattr(module, name, type(name, bases, {"__module__": "ssl"}))
        return getattr(module, name)

    base = error("SSLError", OSError)
    for name in ("SSLZeroReturnError", "SSLWantReadError", "SSLWantWriteError", "SSLSyscallError",
                 "SSLEOFError"):
        error(name, base)
    module.CertificateError = error("SSLCertVerificationError", base, ValueError)

    class SSLContext:
        def __init__(self, *_, **__):
            raise base("there is no TLS in the sandbox")

    def create_default_context(*_, **__):
        return SSLContext()

    for value in (SSLContext, type("SSLSocket", (), {}), type("SSLObject", (), {})):
        value.__module__ = "ssl"
        value.__init__ = SSLContext.__init__
        setattr(module, value.__name__, value)
    module.create_default_context = create_default_context
    module.VerifyMode = enum.IntEnum(
        "VerifyMode", {"CERT_NONE": 0, "CERT_OPTIONAL": 1, "CERT_REQUIRED": 2}, module="ssl")
    vars(module).update(module.VerifyMode.__members__, PROTOCOL_TLS=2, PROTOCOL_TLS_CLIENT=16,
                        PROTOCOL_TLS_SERVER=17)
    return module


def _termios():
    """Every call fails as it does on Linux for what is not a terminal."""
    module = types.ModuleType("termios", _termios.__doc__)
    module.error = type("error", (Exception,), {"__module__": "termios"})

    def refused(fd, *_):
        os.fstat(fd if isinstance(fd, int) else fd.fileno())
        raise module.error(25, "Inappropriate ioctl for device")

    for name in ("tcgetattr", "tcsetattr", "tcsendbreak", "tcdrain", "tcflush", "tcflow",
                 "tcgetwinsize", "tcsetwinsize"):
        setattr(module, name, refused)
    # Those of Linux that the modules tty and pty, and programs that read keys, name.
    vars(module).update(
        TCSANOW=0, TCSADRAIN=1, TCSAFLUSH=2, TCIFLUSH=0, TCOFLUSH=1, TCIOFLUSH=2,
        VINTR=0, VQUIT=1, VERASE=2, VKILL=3, VEOF=4, VTIME=5, VMIN=6,
        IGNBRK=0o1, BRKINT=0o2, IGNPAR=0o4, PARMRK=0o10, INPCK=0o20, ISTRIP=0o40, INLCR=0o100,
        IGNCR=0o200, ICRNL=0o400, IXON=0o2000, IXANY=0o4000, IXOFF=0o10000,
        OPOST=0o1, CSIZE=0o60, CS8=0o60, PARENB=0o400,
        ISIG=0o1, ICANON=0o2, ECHO=0o10, ECHOE=0o20, ECHOK=0o40, ECHONL=0o100, NOFLSH=0o200,
        TOSTOP=0o400, IEXTEN=0o100000, TIOCGWINSZ=0x5413, TIOCSWINSZ=0x5414,
    )
    return module


def _pwd():
    """The one user, whose number `os.getuid` gives."""
    module = types.ModuleType("pwd", _pwd.__doc__)
    fields = "pw_name pw_passwd pw_uid pw_gid pw_gecos pw_dir pw_shell"
    module.struct_passwd = namedtuple("struct_passwd", fields, module="pwd")
    root = module.struct_passwd("root", "x", 0, 0, "root", "/root", "/bin/sh")
    _lookup(module, "getpw", root, "uid", "nam")
    return module


def _grp():
    """The one group, whose number `os.getgid` gives."""
    module = types.ModuleType("grp", _grp.__doc__)
    fields = "gr_name gr_passwd gr_gid gr_mem"
    module.struct_group = namedtuple("struct_group", fields, module="grp")
    _lookup(module, "getgr", module.struct_group("root", "x", 0, []), "gid", "nam")
    return module


def _lookup(module, prefix, only, number, name):
    def by_number(wanted, /):
        if wanted != 0:
            raise KeyError(f"{prefix}{number}(): {number} not found: {wanted}")
        return only

    def by_name(wanted, /):
        if wanted != only[0]:
            raise KeyError(f"{prefix}{name}(): name not found: {wanted!r}")
        return only

    setattr(module, f"{prefix}{number}", by_number)
    setattr(module, f"{prefix}{name}", by_name)
    setattr(module, f"{prefix}all", lambda: [only])

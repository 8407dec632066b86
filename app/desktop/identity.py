"""Hone's own name in the menu bar and the Dock of a Mac, when the program that runs is Python."""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

# Sends a message of the Objective-C runtime: (receiver, selector, arguments) to what comes back, an address or None.
Send = Callable[..., int | None]

# Set by the launcher of the thin app: CoreFoundation takes the path of the program, and with it the bundle, from here.
PROCESS_PATH = "CFProcessPath"


def take_name(name: str = "Hone", send: Send | None = None) -> bool:
    """Make `name` the name of the running app; True where it had another one. Nothing happens outside macOS.

    To be called before there is a QApplication: AppKit and Qt read the name when they build the menu bar.
    """
    if sys.platform != "darwin" and send is None:
        return False
    send = send or _runtime()
    bundle = send("NSBundle", "mainBundle")
    # It is remembered from here on. What Hone starts is not Hone, and must not be told that it is.
    os.environ.pop(PROCESS_PATH, None)
    info = send(bundle, "infoDictionary")
    if not info:
        return False
    key = send("NSString", "stringWithUTF8String:", b"CFBundleName")
    wanted = send("NSString", "stringWithUTF8String:", name.encode())
    current = send(info, "objectForKey:", key)
    if current and send(current, "isEqualToString:", wanted):
        return False
    send(info, "setObject:forKey:", wanted, key)
    return True


def _runtime() -> Send:
    """objc_msgSend of this process. A class is given by its name, a C string as bytes, an object by its address."""
    ctypes.CDLL("/System/Library/Frameworks/Foundation.framework/Foundation")
    library = ctypes.CDLL("/usr/lib/libobjc.A.dylib")
    library.objc_getClass.restype = library.sel_registerName.restype = ctypes.c_void_p
    library.objc_getClass.argtypes = library.sel_registerName.argtypes = [ctypes.c_char_p]

    def send(receiver: str | int | None, selector: str, *arguments: Any) -> int | None:
        types = [ctypes.c_char_p if isinstance(a, bytes) else ctypes.c_void_p for a in arguments]
        # Each call with the exact types: on Apple silicon a variadic call passes arguments elsewhere.
        message = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, *types)(("objc_msgSend", library))
        if isinstance(receiver, str):
            receiver = library.objc_getClass(receiver.encode())
        result: int | None = message(receiver, library.sel_registerName(selector.encode()), *arguments)
        if selector.startswith("is"):  # a BOOL fills only the lowest byte
            return (result or 0) & 0xFF
        return result

    return send

"""A Mac's own frameworks, asked through the Objective-C runtime. Nothing of it is loaded before it is used."""

import ctypes
from collections.abc import Callable
from typing import Any

# Sends a message: (receiver, selector, arguments) to what comes back, an address or a whole number, or None for 0.
Send = Callable[..., int | None]


def runtime() -> Send:
    """objc_msgSend of this process. A class is given by its name, a C string as bytes, an object by its address.

    Raises OSError where there is no such runtime.
    """
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

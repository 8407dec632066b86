"""Hone's own name in the menu bar and the Dock of a Mac, when the program that runs is Python."""

import os
import sys

from core.device.objective_c import Send, runtime

# Set by the launcher of the thin app: CoreFoundation takes the path of the program, and with it the bundle, from here.
PROCESS_PATH = "CFProcessPath"


def take_name(name: str = "Hone", send: Send | None = None) -> bool:
    """Make `name` the name of the running app; True where it had another one. Nothing happens outside macOS.

    To be called before there is a QApplication: AppKit and Qt read the name when they build the menu bar.
    """
    if sys.platform != "darwin" and send is None:
        return False
    send = send or runtime()
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

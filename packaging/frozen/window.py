"""What the frozen app runs: the window, or a part of Hone that needs a process of its own."""

import multiprocessing
import sys


def import_qt() -> None:
    """Import Qt, or end with a sentence: the drivers' libraries are the machine's and not part of the app."""
    try:
        import PySide6.QtWidgets  # noqa: F401
    except ImportError as error:
        if sys.platform != "linux" or "lib" not in str(error):
            raise
        sys.exit(f"Hone's window needs a library of your graphics system: {error}. "
                 "On Debian and Ubuntu: sudo apt-get install libgl1 libegl1")  # fmt: skip


if __name__ == "__main__":
    multiprocessing.freeze_support()
    from core.device.child_process import run_child

    run_child(sys.argv)  # does not return where this process is a child of Hone's
    import_qt()
    from app.__main__ import main

    sys.exit(main())

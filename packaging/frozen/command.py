"""The command line of the frozen app."""

import multiprocessing
import sys

if __name__ == "__main__":
    multiprocessing.freeze_support()
    from core.device.child_process import run_child

    run_child(sys.argv)  # does not return where this process is a child of Hone's
    from core.__main__ import main

    sys.exit(main())

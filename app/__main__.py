"""Open the window: `hone-app [--theme light|dark|system] [FILE ...]`."""

import argparse
import logging
import multiprocessing
import os
import sys
from pathlib import Path

import core  # first: it loads the fast BLAS before anything brings in MLX
from app.desktop import preferences
from app.style import theme
from app.threads import crash_report, task

# How long another thread may hold the interpreter before the window gets its turn. Measured beside one that reads a
# large file: the window's timer is late by 67 ms at most in 99 of 100 cases, by 239 ms with five times as much, and
# reading is as fast. Drawing needs its turn thousands of times for one picture.
SWITCH_SECONDS = 0.0001


def main(arguments: list[str] | None = None) -> int:
    """Show the window and stay until it is closed. The exit code is Qt's."""
    multiprocessing.freeze_support()  # a frozen app's child processes must not open windows
    sys.setswitchinterval(SWITCH_SECONDS)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    asked = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)

    from app.shell.application import Application
    from app.shell.window import MainWindow

    app = Application([sys.argv[0]])
    crash_report.install()
    theme.apply(app, asked.theme or preferences.theme())
    app.styleHints().colorSchemeChanged.connect(lambda: theme.follow(app))
    window = MainWindow()
    window.show()
    app.open_later([Path(f).absolute() for f in asked.files])
    app.deliver_to(window.open_files)
    app.leave_on_signals(window.leave)
    code = app.exec()
    if not (window.ended and task.end_all()):
        # Something that cannot be interrupted, such as an import on a busy machine, is still at it. Qt aborts
        # when a running thread is destroyed, and there is nothing left to save.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hone-app", description="Teach a language model something, in a window.")
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="a dataset, a model folder, a run folder or a run.toml"
    )
    parser.add_argument("--theme", choices=theme.MODES, help="light, dark, or as the system is set (the default)")
    parser.add_argument("--version", action="version", version=f"Hone {core.__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main())

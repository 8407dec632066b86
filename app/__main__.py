"""Open the window: `hone-app [--theme light|dark|system] [--language en|de|system] [FILE ...]`."""

import argparse
import logging
import multiprocessing
import os
import sys
from pathlib import Path

import app.desktop.plain_imports  # noqa: F401  before all that it makes quicker
import core  # first: it loads the fast BLAS before anything brings in MLX
from app.desktop import identity, language, log_files, preferences
from app.style import icons, theme
from app.threads import crash_report, task

# How long another thread may hold the interpreter before the window gets its turn. Measured beside a thread that reads
# a large file: the window's timer is late by 67 ms at most in 99 of 100 cases, by 239 ms with an interval five times as
# long, and reading is as fast. Drawing needs its turn thousands of times for one picture.
SWITCH_SECONDS = 0.0001


def main(arguments: list[str] | None = None) -> int:
    """Show the window and stay until it is closed. The exit code is Qt's."""
    multiprocessing.freeze_support()  # a frozen app's child processes must not open windows
    sys.setswitchinterval(SWITCH_SECONDS)
    options = _build_parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    language.use(language.choose(options.language or preferences.language(), preferences.system_languages()))

    from app.shell.application import Application
    from app.shell.window import MainWindow

    python_runs = identity.take_name()
    app = Application([sys.argv[0]])
    app.translate_qt(language.current())
    if python_runs:  # an app of its own has its icon from the bundle
        app.setWindowIcon(icons.app_icon())
    log_files.start()
    crash_report.install(_show_crash)
    theme.apply(app, options.theme or preferences.theme())
    app.styleHints().colorSchemeChanged.connect(lambda: theme.follow_system(app))
    window = MainWindow()
    window.show()
    app.open_later([Path(f).absolute() for f in options.files])
    app.deliver_files_to(window.open_files)
    app.ask_before_quit(window.closing.may_quit)
    app.quit_on_signals(window.quit)
    code = app.exec()
    if not (window.threads_ended and task.cancel_all()):
        # A thread that cannot be interrupted, such as one in an import on a busy machine, is still running. Qt
        # aborts when a running thread is destroyed, and there is nothing left to save.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)
    return code


def _show_crash(details: str) -> None:
    from app.shell import crash_dialog

    crash_dialog.show(details)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hone-app", description="Teach a language model something, in a window.")
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="a dataset, a model folder, a run folder or a run.toml"
    )
    parser.add_argument("--theme", choices=theme.MODES, help="light, dark, or as the system is set (the default)")
    parser.add_argument(
        "--language", choices=[*language.LANGUAGES, "system"], help="of the window; the system's own is the default"
    )
    parser.add_argument("--version", action="version", version=f"Hone {core.__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main())

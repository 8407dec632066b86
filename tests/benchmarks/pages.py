"""How long each page keeps the UI thread from its events.

    python -m tests.benchmarks.pages [--write]

The window is walked through page by page, with 60 rows and with 100,000. Of each turn of the UI thread the processor
time is taken that this thread itself used, which other work on the machine hardly changes, and the longest of a page is
told. With --write the figures go to tests/benchmarks/results/pages.md. tests/app/test_turns.py counts the work.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()

import core  # noqa: F401
from app.__main__ import SWITCH_SECONDS
from app.shell.application import Application
from app.shell.window import MainWindow
from app.style import theme
from app.threads import task
from core.device.machine import machine
from tests.app.turns import walk, watch
from tests.benchmarks.data import conversations, write_rows

RESULTS = Path(__file__).parent / "results" / "pages.md"
AIM = 100  # ms
COUNTS = (60, 100_000)


def longest_turns(dataset: Path) -> dict[str, float]:
    """The longest turn on each page, in milliseconds of this thread's own work."""
    window = MainWindow()
    window.resize(1024, 700)
    window.show()
    longest = {}
    with watch(time.thread_time) as turns:
        for name in walk(window, dataset, 1.0):
            longest[name] = 1000 * max(turns)
            turns.clear()
    window.close()
    task.cancel_all(60_000)
    return longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    sys.setswitchinterval(SWITCH_SECONDS)  # as the program does
    app = Application(["hone"])
    theme.apply(app, "light")
    found = []
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            write_rows(path, conversations(2, (5, 25)), count)
            found.append(longest_turns(path))
    print(text := build_page(found))
    if args.write:
        RESULTS.write_text(text, encoding="utf-8")


def build_page(found: list[dict[str, float]]) -> str:
    facts = machine()
    over = [name for turns in found for name, value in turns.items() if value > AIM]
    lines = [
        "# The pages: the longest turn of the UI thread",
        "",
        f"{facts['processor']}, {facts['cores']} cores, {facts['system']}. "
        "Made by `python -m tests.benchmarks.pages --write`. Not measured on a Mac.",
        "",
        f"Milliseconds of the thread's own work, the worst turn of each page; aimed at: none over {AIM}. "
        f"Over it: {', '.join(dict.fromkeys(over)) or 'none'}.",
        "",
        "Welcome has the turns in which the window makes its other pages; the longest makes the step of the data.",
        "",
        "| page | " + " | ".join(f"{count:,} rows" for count in COUNTS) + " |",
        "| --- |" + " --- |" * len(COUNTS),
    ]
    lines += [f"| {name} | " + " | ".join(f"{turns[name]:.0f}" for turns in found) + " |" for name in found[0]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

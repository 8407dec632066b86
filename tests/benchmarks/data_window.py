"""How the window deals with large files, in figures:

    python -m tests.benchmarks.data_window large FOLDER [--gigabytes 10]
    python -m tests.benchmarks.data_window many FOLDER [--rows 1000000]

Each writes a file of conversations into the folder, opens it in the window on no screen, and removes it again: the
first looks at a large file's rows while they are read, the second scrolls through many short rows and searches them.
The figures go to results/data_window.md, each into its own part.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.data import MIB, conversations, rss, section, write_large, write_rows

RESULTS = Path(__file__).parent / "results" / "data_window.md"
TICK = 16  # ms, what a smooth picture needs
PARTS = {"large": "A large file", "many": "Many rows"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("folder", type=Path, help="where there is room for the file")
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to scroll through")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the large file's reading is watched")
    parser.add_argument("--print", action="store_true", help="print the figures without keeping them")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as home:
        os.environ["HOME"] = home
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        path = Path(home) / f"{args.part}.jsonl"
        if args.part == "large":
            write_large(path, int(args.gigabytes * 1e9))
            command = f"large FOLDER --gigabytes {args.gigabytes:g} --seconds {args.seconds:g}"
        else:
            write_rows(path, conversations(2, (5, 25)), args.rows)
            command = f"many FOLDER --rows {args.rows}"
        window = WatchedWindow()
        lines = [*(window.large(path, args.seconds) if args.part == "large" else window.many(path))]
        window.close()
    text = section(lines, f"data_window {command}")
    print(text)
    if not args.print:
        keep(args.part, text)


def keep(part: str, text: str) -> None:
    """Put one part's figures in the place of its old ones."""
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
    texts = {piece.partition("\n")[0]: piece.partition("\n")[2].strip() for piece in old.split("\n## ")[1:]}
    texts[PARTS[part]] = text.strip()
    parts = [f"## {title}\n\n{texts[title]}\n" for title in PARTS.values() if title in texts]
    RESULTS.write_text("\n".join(["# Data in the window: figures\n", *parts]), encoding="utf-8")


class WatchedWindow:
    """A window, and the lateness of a timer in it."""

    def __init__(self) -> None:
        import core  # noqa: F401
        from app.__main__ import SWITCH_SECONDS
        from app.shell.application import Application
        from app.style import theme

        sys.setswitchinterval(SWITCH_SECONDS)  # as the program does

        self.app = Application(["hone"])
        theme.apply(self.app, "light")
        from app.shell.window import MainWindow

        self.window = MainWindow()
        self.window.show()
        self.page = self.window.wizard.data
        self.rows = self.page.preview.rows
        self.late: list[float] = []
        self.wait(3)

    def large(self, path: Path, seconds: float) -> Any:
        """First rows, memory and smoothness while a large file is read."""
        size = f"{path.stat().st_size / 1e9:.1f} GB"
        took = self.open(path)
        yield f"First rows of {size}, from dropping it to reading them", f"{took * 1000:.0f} ms"
        idle, peak, end = rss(), 0, time.perf_counter() + seconds
        self.late = []
        while self.page.scanned is None and time.perf_counter() < end:
            self.wait(0.5)
            self.scroll()
            peak = max(peak, rss())
        model = self.rows.model
        yield f"Rows read in {seconds:.0f} s while looking at them", f"{model.rowCount():,}"
        yield "Memory above that at the first rows", f"{(peak - idle) / MIB:.0f} MiB"
        yield "The window's timer of 16 ms meanwhile", self.lateness()
        self.page.file.stop.click()
        self.wait(1)

    def many(self, path: Path) -> Any:
        """Scrolling through many rows, all of them known, and searching them."""
        self.open(path)
        while self.page.scanned is None:
            self.wait(0.2)
        model, took = self.rows.model, []
        self.late = []
        for n in range(100):
            row = (n * 7919 * 131) % model.rowCount()
            start = time.perf_counter()
            self.rows.table.scrollTo(model.index(row, 0))
            while model.row_at(row) is None:
                self.wait(0.001)
            took.append(time.perf_counter() - start)
        slowest = f"median {statistics.median(took) * 1000:.0f} ms, slowest {max(took) * 1000:.0f} ms"
        yield f"A jump to any of {model.rowCount():,} rows, until it is shown", slowest
        yield "The window's timer of 16 ms meanwhile", self.lateness()
        start = time.perf_counter()
        self.rows.search.setText("qzx")
        while not self.rows.state.text().endswith("found"):
            self.wait(0.05)
        yield "Search through all of them", f"{time.perf_counter() - start:.1f} s"

    def open(self, path: Path) -> float:
        """Seconds until the first row is there to be read."""
        start = time.perf_counter()
        self.window.open_files([path])
        while self.page.head is None or self.rows.model.row_at(0) is None:
            self.wait(0.001)
        return time.perf_counter() - start

    def scroll(self) -> None:
        bar = self.rows.table.verticalScrollBar()
        for share in (0.1, 0.5, 0.9, 1.0):
            bar.setValue(round(bar.maximum() * share))
            self.wait(0.1)

    def lateness(self) -> str:
        sorted_ms = sorted(self.late)
        middle, late, slowest = statistics.median(sorted_ms), sorted_ms[len(sorted_ms) * 99 // 100], sorted_ms[-1]
        return f"median {middle:.0f} ms, p99 {late:.0f} ms, slowest {slowest:.0f} ms"

    def wait(self, seconds: float) -> None:
        """Let the window work, noting how long each of its turns takes."""
        end = time.perf_counter() + seconds
        while True:
            start = time.perf_counter()
            self.app.processEvents()
            time.sleep(0.001)
            self.late.append(TICK + max(0.0, (time.perf_counter() - start) * 1000 - TICK))
            if time.perf_counter() >= end:
                return

    def close(self) -> None:
        from app.threads import task

        self.window.close()
        task.cancel_all()


if __name__ == "__main__":
    main()

"""Builds the window in a made-up language in which every text of tr() is ⟦wrapped⟧, and prints what is shown bare.

python -m tests.app.desktop.untranslated: a child of test_translated.py, since texts are read when modules are imported.
"""

import json
import os
import re
import string
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import core  # noqa: F401  first: it loads the fast BLAS before anything brings in MLX
from app.desktop import language
from tests.app.desktop.shown import shown_texts

FRAGMENT = re.compile(r"⟦[^⟦⟧]*(⟧|$)")  # a card shows a text's first sentence alone
# Names of programs, models and licences, files, keys of settings and their values, units, what stands in sample rows.
ALLOWED = re.compile(
    r"Hone|MLX|AMD .*|Intel.*|CPU \(MLX\)|prompt|completion|question|rows\.jsonl:\d+:|"
    r"English|Deutsch|(Qwen|SmolLM|Llama)\S* \S+|\S+\.(jsonl?|toml|md|txt)|\S+/\S+|[a-z]+-\d\.\d|qwen3|"
    r"\d{4}-[\d-]+-sft-demo|[A-Z]{2,8}|LoRA|DoRA|(Ctrl|Alt|Shift|Meta|Del|F\d+).*|[a-z]+(_[a-z0-9]+)+|float32|all|demo|numeric=1|"
    r"messages|tools|air|gone|mini|my-model|Hugging Face|"
    r"\d+ (GB|MB|KB|s|min|bit)|What is 2 plus 2\?|I do not know\.|It is \d+\."
)
# A menu of pyqtgraph that is switched off, and what stands in the rows of the file with problems.
OTHERS = re.compile(r"Export(\.\.\.|…)?|.*Write to \{\{name\}\}.*|Hi\?|Hello\.|\{\{name\}\}")

# A file with a finding of each severity.
PROBLEMS = """{"prompt": "Hi?", "completion": "Hello."}
{"prompt": "Hi?", "completion": "Hello."}
{"prompt": "Hi?", "completion": "Write to {{name}}."}
{"prompt": "Hi?", "completion": ""}
{"prompt": "Hi?",
{"question": "Hi?"}
{"prompt": "Hello.", "completion": "Hello."}
{'prompt': 'Hi?', 'completion': 'Hello.'}

"""


class _Wrapped(dict[str, str]):
    """Every text, wrapped: only whole words that a person reads count, so that spaces at the ends stay outside."""

    def get(self, text: str, default: Any = None) -> Any:
        inner = text.strip()
        return text.replace(inner, f"⟦{inner}⟧") if any(c.isalpha() for c in inner) else text


class _Filled(string.Formatter):
    """Fills in values without their own brackets, so that one pair stands around the whole text."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return re.sub("[⟦⟧]", "", str(super().format_field(value, format_spec)))


def is_bare(text: str) -> bool:
    """Whether a text holds words that did not come through tr()."""
    plain = re.sub(r"<[^>]+>|&(amp|lt|gt|nbsp);", " ", text).replace("&", "")
    rest, inner = FRAGMENT.sub(" ", plain), plain
    while rest != inner:  # a text may stand in another one
        rest, inner = FRAGMENT.sub(" ", rest), rest
    words = re.findall(r"[^\W\d_]{3,}", rest)
    parts = [part for part in re.split(r"[\n·]", rest) if re.search(r"[^\W\d_]{3,}", part)]
    return bool(words) and not OTHERS.fullmatch(text) and not all(map(_is_name, parts))


def _is_name(part: str) -> bool:
    return ALLOWED.fullmatch(part.strip()) is not None


def speak() -> None:
    """Wrap every text from now on."""
    language._texts = _Wrapped()
    language._FORMATTER = _Filled()  # type: ignore[assignment]


def visit(app: Any) -> set[str]:
    """Every page of the window, with a run that has ended, and what is told where something fails."""
    from app.pages.help import HelpWindow
    from app.shell.sidebar import PLACES
    from app.shell.window import MainWindow
    from tests.app.conftest import play_script
    from tests.app.desktop import failures

    window = MainWindow()
    window.resize(1280, 800)
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now)
    window.show()

    def wait_until(is_true: Any) -> None:
        end = time.monotonic() + 60
        while not is_true():
            if time.monotonic() > end:
                raise TimeoutError("waited in vain")
            app.processEvents()
            time.sleep(0.005)

    for place, *_ in PLACES:
        window.go(place)
    window.go("new")
    for method in ("sft", "dpo", "kto", "grpo", "distill"):
        window.draft.set("method", method)
        window.wizard.show_named("settings")
        window.wizard.goal.enter()
        app.processEvents()
    window.draft.set("method", "sft")
    window.wizard.show_named("data")
    wait_until(lambda: window.wizard.data.scanned is not None)
    found = see_problems(window, wait_until)
    window.wizard.show_named("model")
    window.wizard.show_named("check")
    wait_until(lambda: window.wizard.check.start_button.isEnabled())
    page = window.runs.start(window.draft.run)
    wait_until(lambda: page.record.is_over and page.tabs.charts.complete)
    wait_until(lambda: window.runs_page._model.rowCount() or window.go("runs"))
    help_window = HelpWindow()
    found |= shown_texts(window) | shown_texts(help_window)
    folder = Path(page.folder)
    found |= failures.see_machines(window) | failures.see_scores() | failures.see_conversation(window, wait_until)
    found |= failures.see_chat(window, folder, wait_until) | failures.see_results(window, folder, wait_until)
    window.jobs.shut_down()
    window.close()
    return found


def see_problems(window: Any, wait_until: Any) -> set[str]:
    """The Data step and the check with a file that has findings, each of them chosen once."""
    before = window.draft.run.data.path
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text(PROBLEMS, encoding="utf-8")
        data = window.wizard.data
        window.draft.set("data.path", str(path))
        wait_until(lambda: data.scanned is not None and data.scanned.index.files == (str(path),))
        problems = data.preview.problems
        wait_until(lambda: len(problems.findings) > 4)
        found = shown_texts(window)
        for row in range(problems.table.model().rowCount()):
            problems.table.selectRow(row)
            found |= shown_texts(data)
        window.wizard.show_named("check")
        wait_until(lambda: window.wizard.check.start_button.isEnabled())
        found |= shown_texts(window)
        window.draft.set("data.path", before)
        window.wizard.show_named("data")
        wait_until(lambda: data.scanned is not None and str(path) not in data.scanned.index.files)
    return found


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    speak()
    from app.shell.application import Application
    from app.style import theme

    app = Application(["hone"])
    theme.apply(app, "light")
    found = visit(app)
    print(json.dumps({"bare": sorted(filter(is_bare, found)), "wrapped": sum("⟦" in text for text in found)}))
    sys.stdout.flush()
    os._exit(0)  # threads that still look things up are of no interest


if __name__ == "__main__":
    main()

"""Screenshots of every page, light and dark, large and small: python -m tests.app.screenshots FOLDER [--language de]

A run is played from a script, so this takes a minute or two for each theme and size and needs no model. With
`--scale 2` they are of a sharp screen. With `--walk` they are those of the README instead, of a run that is trained.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event as Flag

from app.desktop import language
from app.desktop.language import tr
from tests.app.camera import Camera
from tests.app.export_pictures import visit_export
from tests.app.runs_pictures import visit_runs
from tests.app.sample_files import LOST_FUNCTIONS, ROWS_BY_KIND, UNKNOWN_COLUMNS, write_file, write_rows
from tests.app.walk_pictures import SIZE, walk
from tests.hub_double import HubDouble, HubRepository, model_repository

Size = tuple[int, int]
SIZES: Sequence[Size] = ((1280, 800), (900, 600))
# What the model of the played run answers at some of its steps.
ANSWERS = {20: "It is 5, I think.", 40: "It is 4, I think.", 60: "It is 4."}


def main(
    out: Path, spoken: str = "en", *, scale: int = 1, only: str = "", sizes: Sequence[Size] = SIZES, walks: bool = False
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    os.environ["HOME"] = tempfile.mkdtemp(prefix="hone-screenshots-")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = str(scale)
    hub = HubDouble(hub_repositories())
    hub.cut_offset, hub.cuts = 9 << 20, 0  # where a download waits to be photographed
    os.environ["HF_ENDPOINT"] = hub.url
    import core  # noqa: F401

    language.use(spoken)  # before the pages are imported
    from app.shell.application import Application
    from app.style import theme
    from app.threads import crash_report

    app = Application(["hone"])
    app.translate_qt(spoken)
    crash_report.install(lambda _: None)  # they go to the terminal
    if walks:
        theme.apply(app, "light")
        camera = Camera(app, out, "", *SIZE)
        camera.is_small = True
        walk(camera)
        return
    for mode, (width, height) in itertools.product(("light", "dark"), sizes):
        if f"{mode}-{width}".startswith(only):
            theme.apply(app, mode)
            photographer = Photographer(app, out, f"{mode}-{width}", width, height)
            photographer.hub = hub
            photographer.visit_all()


def size(text: str) -> Size:
    """WIDTHxHEIGHT as two numbers."""
    width, height = text.split("x")
    return int(width), int(height)


def hub_repositories() -> dict[str, HubRepository]:
    """Models for a search, with the files of the starter and weights of some megabytes that arrive in two pieces."""
    from core.resources import STARTER

    facts = {
        "tags": ["safetensors", "text-generation", "license:apache-2.0"], "downloads": 1_204_113,
        "safetensors": {"parameters": {"BF16": 1_240_000_000}, "total": 1_240_000_000},
        "config": {"model_type": "llama", "tokenizer_config": {"chat_template": "{{ messages }}"}},
    }  # fmt: skip
    files = model_repository(STARTER).files | {"model.safetensors": b"\0" * (20 << 20)}
    packed = {"parameters": {"U32": 155_000_000, "BF16": 40_000_000}, "total": 195_000_000}
    bits = {"model_type": "llama", "quantization_config": {"bits": 4}}
    return {
        "maker/Small-1B": HubRepository(files, facts=facts),
        "maker/Small-gated": HubRepository(files, gated=True, facts=facts | {"downloads": 90_412}),
        "mlx-community/Small-1B-4bit": HubRepository(
            files, facts=facts | {"downloads": 8_120, "safetensors": packed, "config": bits}
        ),
        "maker/Small-BitNet": HubRepository(files, facts=facts | {"downloads": 12, "config": {"model_type": "bitnet"}}),
    }


class Photographer(Camera):
    """Leads one window in one size and theme through all its pages, and saves a picture of each."""

    hub: HubDouble

    def visit_all(self) -> None:
        self.visit_steps()
        self.visit_choices()
        self.visit_hub()
        self.visit_datasets()
        self.visit_settings()
        self.visit_run()
        self.visit_methods()
        self.visit_chat()
        visit_runs(self)
        self.window.jobs.shut_down()
        self.window.close()
        self.window.deleteLater()

    def visit_steps(self) -> None:
        from app.shell.incoming import EVAL_DATA_SENTENCE

        wizard, data = self.window.wizard, self.window.wizard.data
        self.wait_until(lambda: "GB" in self.window.welcome.machine.first.text())
        self.take("0-welcome")
        self.window.go("new")
        self.take("1-goal")
        wizard.show_named("data")
        self.wait_until(lambda: data.scanned is not None)
        self.take("2-data-sample")
        self.window.open_files([write_rows(good=True)])
        self.wait_until(lambda: data.scanned is not None and self.has_loaded())
        self.take("2-data-rows")
        data.preview.rows.table.selectRow(1)
        self.take("2-data-row")
        self.visit_token_tabs("")
        data.columns.show()
        data._show_columns()
        self.take("2-data-columns")
        data.columns.hide()
        self.window.open_files([write_rows(good=False)])
        self.wait_until(lambda: data.scanned is not None)
        data.preview.tabs.show_page(data.preview.problems)
        self.take("2-data-problems")
        data.preview.problems.table.selectRow(3)
        self.take("2-data-placeholder")
        data.preview.problems.safe.click()
        self.wait_until(lambda: data.scanned is not None)
        self.take("2-data-fixed")
        self.window.draft.set("data.exclude", ())
        self.visit_data_kinds()
        self.window.open_files([write_rows(good=True).with_name("gone.jsonl")])
        self.window.draft.set("data.path", str(write_rows(good=True).with_name("gone.jsonl")))
        wizard.show_step(1)
        self.wait_until(lambda: bool(data.blocked_reason()))
        self.take("2-data-missing")
        for box in self.app.topLevelWidgets():
            if box is not self.window:
                box.close()
        self.window.draft.set("data.path", str(write_rows(good=True)))
        wizard.show_step(2)
        self.take("3-model")
        wizard.show_step(3)
        self.wait(0.3)
        self.take("4-settings-time-unknown")
        from app.new_run.step_times import StepTime

        wizard._times.add(StepTime(self.window.draft.run, 0.4, 250.0))
        wizard.settings.enter()
        self.window.draft.set("adapter.rank", 64)
        self.window.draft.set("train.learning_rate", 0.02)
        wizard.settings.more_button.setChecked(True)
        self.wait(0.3)
        self.take("4-settings-more")
        wizard.settings.more_button.setChecked(False)
        self.window.draft.set("train.learning_rate", None)
        for title, name in (("Simple", "simple"), ("Advanced", "advanced"), ("Command and run.toml", "text")):
            self.show_tab(wizard.settings.tabs, title)
            self.take(f"4-settings-{name}")
        wizard.show_step(4)
        self.wait_until(lambda: wizard.check.start_button.isEnabled())
        self.take("5-check")
        self.window.overlay.announce(tr("Learn from “{name}”", name="mine.jsonl"), True)
        self.take("0-drop")
        self.window.overlay.announce(tr("Learn from “{name}”", name="mine.jsonl"), True, EVAL_DATA_SENTENCE)
        self.take("0-drop-second")
        self.window.overlay.hide()

    def visit_chat(self) -> None:
        """Two models side by side, the settings, the conversations that were kept, and an answer that is put right."""
        from app.pages import chat
        from app.pages.correct_answer import CorrectAnswerDialog
        from app.widgets.bubbles import AnswerBubble
        from core.run import Run, runs_folder
        from tests.app.conftest import play_script
        from tests.app.pages.test_chat import FakeChat, choose

        list(play_script(Run().replace("output", str(runs_folder() / "pirate")), Flag(), Flag(), steps=1))
        page, opener = self.window.chat_page, chat.chat_opener
        chat.chat_opener = lambda run, adapter: FakeChat  # no model
        self.window.go("chat")
        key = str(runs_folder() / "pirate")
        self.wait_until(lambda: page.model.box.findData(key) >= 0)
        choose(page, page.model.box.findData(key))
        page.model.menu.actions()[0].trigger()
        for text in ("Who are you?", "<think>A pirate would say so.</think> And who sails with you?"):
            page.view.question.setPlainText(text)
            page.send()
            self.wait_until(lambda: page.view.button.text() == tr("Send"))
        for button, name in ((page.panel.settings_button, "settings"), (page.panel.history_button, "history")):
            button.click()
            self.take(f"6-chat-{name}")
        page.panel.history_button.click()
        page.findChildren(AnswerBubble)[-1].correct_button.click()
        dialog = page.findChild(CorrectAnswerDialog)
        self.wait(0.2)
        dialog.grab().save(str(self.out / f"{self.name}-6-chat-correct.png"))
        dialog.reject()
        chat.chat_opener = opener

    def visit_token_tabs(self, name: str) -> None:
        """The two tabs that need a tokenizer."""
        preview = self.window.wizard.data.preview
        preview.tabs.show_page(preview.tokens)
        self.wait_until(lambda: preview.tokens.views[0].isVisible() and bool(preview.tokens.count.text()))
        self.take(f"2-data-seen{name}")
        preview.tabs.show_page(preview.lengths)
        self.wait_until(lambda: preview.lengths.lengths is not None and preview.lengths.cancel.isHidden())
        self.take(f"2-data-lengths{name}")
        preview.tabs.show_page(preview.rows)

    def visit_data_kinds(self) -> None:
        """Columns that are not known, and the rows of the other kinds of data with what the model sees of them."""
        from core import methods

        draft, data = self.window.draft, self.window.wizard.data
        self.window.open_files([write_file("own.csv", UNKNOWN_COLUMNS)])
        self.wait_until(lambda: data.scanned is not None)
        self.take("2-data-unknown")
        data.columns.hide()
        self.window.open_files([write_file("functions.jsonl", LOST_FUNCTIONS)])
        self.wait_until(lambda: data.scanned is not None and self.has_loaded())
        data.preview.tabs.show_page(data.preview.tokens)
        self.wait_until(lambda: data.preview.tokens.row_view.isVisible())
        self.take("2-data-lost")
        first = {spec.data: name for name, spec in reversed(methods.load().items())}
        for kind, row in ROWS_BY_KIND.items():
            if kind in first:
                draft.set("method", first[kind])
                self.window.open_files(
                    [write_file(f"{kind}.jsonl", "".join(row.replace("@", str(n)) for n in range(40)))]
                )
                self.wait_until(lambda: data.scanned is not None and self.has_loaded())
                data.preview.tabs.show_page(data.preview.rows)
                self.take(f"2-data-{kind}")
                self.visit_token_tabs(f"-{kind}")
        draft.set("method", "sft")

    def has_loaded(self) -> bool:
        """Whether the first page of rows is there."""
        return self.window.wizard.data.preview.rows.model.row_at(0) is not None

    def visit_choices(self) -> None:
        """Goals that the data rule out, a reference to choose, packed weights, and the rewards."""
        window, wizard = self.window, self.window.wizard
        window.draft.set("data.path", str(write_rows(good=True)))
        wizard.show_step(0)
        self.wait_until(lambda: not wizard.goal.cards.cards["dpo"].radio.isEnabled())
        self.scroll(wizard.goal, 0.5)
        self.take("1-goal-grey")
        window.draft.set("data.path", "demo")
        self.wait_until(lambda: wizard.goal.cards.cards["dpo"].radio.isEnabled())
        self.scroll(wizard.goal, 1.0)
        self.take("1-goal-more")
        window.draft.set("method", "dpo")
        wizard.show_step(2)
        self.scroll(wizard.model, 1.0)
        self.take("3-model-reference")
        wizard.show_step(3)
        self.show_tab(wizard.settings.tabs, "Simple")
        wizard.settings.choices.groups["model.quantization"].cards["nf4"].radio.click()
        self.wait_until(lambda: not wizard.settings.choices.groups["adapter.type"].cards["lora"].detail.isHidden())
        self.take("4-settings-packed")
        window.draft.set("method", "grpo")
        self.show_tab(wizard.settings.tabs, "Rewards")
        rewards = wizard.settings.rewards
        rewards.rows["file"].box.click()
        self.take("4-settings-rewards")
        rewards.rows["file"].box.click()
        rewards.trying.question.setText("What is 40 + 2?")
        rewards.trying.expected.setText("42")
        rewards.trying.answers.setPlainText("The answer is 42.\n41")
        rewards.trying.score()
        self.wait_until(lambda: len(rewards.trying.cards) == 2)
        self.wait(0.1)
        self.scroll(rewards, 1.0)
        self.take("4-settings-try")
        wizard.show_step(4)
        self.wait_until(lambda: wizard.check.start_button.isEnabled())
        self.take("5-check-packed")
        window.draft.set("model.quantization", "none")
        window.draft.set("method", "sft")

    def visit_hub(self) -> None:
        """The Model page with what a search on the Hub has found, a download, one that is paused, and a gated model."""
        page = self.window.wizard.model
        self.window.wizard.show_step(2)
        self.wait_until(lambda: bool(page.recommended.cards))
        self.take("3-model-here")
        page.hub.id.setText("Small")
        page.hub.search()
        self.wait_until(lambda: bool(page.hub.results.cards))
        self.wait(0.2)
        self.scroll(page, 1.0)
        self.take("3-model-found")
        page.use_model("maker/Small-1B")
        self.wait_until(lambda: page.download.isVisible())
        self.scroll(page, 0.0)
        self.take("3-model-offered")
        self.hub.hold.clear()
        page.download.start()
        self.wait_until(lambda: page.download.bar.value() > 0)
        self.take("3-model-download")
        page.download.pause()
        self.take("3-model-paused")
        self.hub.hold.set()
        page.download.cancel()
        page.use_model("maker/Small-gated")
        self.wait_until(lambda: "Gated" in page.download.sentence.text() or "Zugang" in page.download.sentence.text())
        self.take("3-model-gated")
        page.use_model("starter")
        dialog = page.show_downloads()
        self.wait_until(lambda: dialog.summary.text() != tr("Reading…"))
        self.wait(0.1)
        self.take_widget(dialog, "3-model-downloads")
        dialog.reject()

    def visit_datasets(self) -> None:
        """The Data page, and a dataset that is opened there."""
        page = self.window.datasets_page
        self.window.go("data")
        self.wait_until(lambda: page.selected() is not None)
        self.take("6-data")
        page.open_selected()
        self.wait(1.0)
        self.take("6-data-open")
        page.preview.back.click()

    def visit_settings(self) -> None:
        """The window of the settings: its two parts."""
        from app.desktop import machines
        from app.pages.settings import SettingsWindow

        machines.add("mini.local")
        machines.change("mini.local", used=True, facts="Apple M4, 16 GB", bytes_per_second=110e6)
        self.window.navigation.show_settings(self.window.menus.read_choices())
        settings = self.window.findChild(SettingsWindow)
        self.wait(0.2)
        self.take_widget(settings, "6-window-settings")
        settings.tabs.show_page(settings.machines)
        self.wait(0.2)
        self.take_widget(settings, "6-window-settings-machines")
        settings.close()
        machines.remove("mini.local")

    def visit_methods(self) -> None:
        """The end of a run of each kind, its charts, and the answers it scored."""
        from core.methods import load
        from core.run import Run
        from tests.app.stories import play_story

        window = self.window
        window.runs.train_events = lambda run: lambda stop, save_now: play_story(run, stop, save_now)
        for method in ("dpo", "kto", "grpo", "distill"):
            if method not in load():
                continue
            page = window.runs.start(Run(method=method))
            self.wait_until(lambda page=page: page.record.is_over and window.jobs.current is None)
            self.wait(0.2)
            self.take(f"8-result-{method}")
            self.show_tab(page.tabs, "Charts")
            self.take(f"7-charts-{method}")
            if method == "grpo":
                self.show_tab(page.tabs, "Answers")
                self.wait_until(lambda page=page: page.tabs.rollouts.group is not None)
                self.take("7-answers")

    def visit_run(self) -> None:
        from core.events import Evaluated, Sample
        from tests.app.conftest import play_script

        window, go = self.window, Flag()
        for place in ("runs", "chat"):
            window.go(place)
            self.wait(0.3)
            self.take(f"6-{place}-empty")

        def events(run):  # type: ignore[no-untyped-def]
            def play(stop, save_now):  # type: ignore[no-untyped-def]
                for event in play_script(run, stop, save_now, steps=120):
                    yield event
                    step = getattr(event, "step", 0)
                    if isinstance(event, Evaluated) and step in ANSWERS:
                        yield Sample(step, "during", 0, "What is 2 plus 2?", ANSWERS[step], "It is 4.")
                    while step == 80 and not go.is_set() and not stop.is_set():
                        time.sleep(0.01)

            return play

        window.runs.train_events = events
        page = window.runs.start(window.draft.run)
        self.wait_until(lambda: page.record.last_step is not None and page.record.last_step.step == 80)
        self.wait(1.3)  # for the small charts, which are drawn one after the other
        self.take("7-training")
        page.badge.explain()
        self.wait(0.1)
        for widget in self.app.topLevelWidgets():
            if widget.isVisible() and widget is not window:
                widget.grab().save(str(self.out / f"{self.name}-7-badge.png"))
                widget.close()
        for tab, name in ((page.tabs._samples_page, "samples"), (page.tabs.log, "log")):
            page.tabs.show_page(tab)
            self.take(f"7-{name}")
        self.visit_health(page)
        window.go("runs")
        self.wait(0.4)
        self.take("6-runs")
        window.runs.show_current()
        self.visit_pause(page, events)
        go.set()
        self.wait_until(lambda: page.record.is_over and window.jobs.current is None)
        self.wait(0.2)
        self.take("8-result")
        visit_export(self, page)

    def visit_health(self, page) -> None:  # type: ignore[no-untyped-def]
        """What the line on how a run goes says, in each tone, and other runs over the chart."""
        from core.run import Run
        from tests.app.conftest import play_script

        page.tabs.show_page(page.tabs.charts)
        self.wait_until(lambda: page.tabs.charts.complete)
        strip = page.health
        for tone, words, button in (
            ("warn", "It no longer gets better on unseen examples since step 60: it begins to memorise. You can stop "
             "now; the best is kept.", "Stop and keep the best"),
            ("bad", "The loss is no longer a number: stop, and try a lower learning rate.", "Lower the learning rate…"),
        ):  # fmt: skip
            strip.show_health(tone, words, "", button)
            self.window.grab().save(str(self.out / f"{self.name}-7-health-{tone}.png"))
        page._draw()
        names = {}
        for n, name in enumerate(("lower rate", "a longer name of a run on more rows", "three epochs")):
            folder = page.folder.parent / f"other-{n}"
            list(play_script(Run().replace("output", str(folder)), Flag(), Flag(), steps=60 + 30 * n))
            names[folder] = f"{name}, SFT"
        page.tabs.charts.controls.overlaid.emit(names)
        self.wait_until(lambda: len(page.tabs.charts.overlays) == 3)
        self.take("7-overlays")
        page.tabs.charts.controls.overlaid.emit({})

    def visit_pause(self, page, events) -> None:  # type: ignore[no-untyped-def]
        """A run that pauses, a value that cannot be, and the mark of what was changed."""
        from core.events import Resumed, Step

        window, changes = self.window, {"train.learning_rate": [2e-3, 1e-3], "train.steps": [120, 140]}

        def go_on(path, accept_changes, wanted):  # type: ignore[no-untyped-def]
            def play(stop, save_now):  # type: ignore[no-untyped-def]
                begun = False
                for event in events(page.run)(stop, save_now):
                    begun = begun or (isinstance(event, Step) and event.step > 80)
                    if type(event).__name__ == "Started":
                        yield event
                        yield Resumed(80, changes)
                    elif begun:
                        yield event

            return play

        window.runs.resume_events = go_on
        page.buttons.pause.click()
        self.wait_until(lambda: page.pause_card.isVisible() and window.jobs.current is None)
        self.take("7-paused")
        page.pause_card.rate.setText("0")
        self.take("7-paused-wrong")
        page.pause_card.rate.setText("0.001")
        page.pause_card.extra.setText("20")
        self.take("7-paused-changed")
        page.pause_card.resume_button.click()
        self.wait_until(lambda: bool(page.record.changes))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--language", choices=language.LANGUAGES, default="en", help="of the window")
    parser.add_argument("--scale", type=int, choices=(1, 2), default=1, help="pixels for each point")
    parser.add_argument("--only", default="", help="a theme, or a theme and a width: dark, dark-900")
    parser.add_argument("--size", type=size, action="append", help="of the window instead, 1024x700; more than once")
    parser.add_argument("--walk", action="store_true", help="the pictures of the README")
    options = parser.parse_args()
    sizes = options.size or SIZES
    main(options.folder, options.language, scale=options.scale, only=options.only, sizes=sizes, walks=options.walk)

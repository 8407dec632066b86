"""Prompts with the model's answers before and after training, side by side."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.desktop.language import tr, tr_count
from app.runs.rollout_samples import Rollout
from app.style import theme
from app.widgets.buttons import quiet_button
from app.widgets.card import Card, Rule, hbox, vbox
from app.widgets.labels import Label, caption
from core.events import Sample
from core.rewards.answer import Answer

_MAX_EXPECTED = 240  # characters of an expected answer that are shown
_MORE = 20  # prompts that a click adds
_MAX_ANSWER = 1500  # characters of an answer that are shown


class AnswerPair(Card):
    """A prompt, two answers in two columns, and the expected answer where it is known."""

    def __init__(self, prompt: str, left: str, right: str) -> None:
        super().__init__()
        layout = vbox(self, 14, 8)
        self.prompt = Label(prompt, bold=True, selectable=True)
        layout.addWidget(self.prompt)
        columns = hbox(gap=16)
        self.left, self.left_name, self._left_thinking = self._add_side(columns, left)
        columns.addWidget(Rule())
        self.right, self.right_name, self._right_thinking = self._add_side(columns, right)
        layout.addLayout(columns)
        self.expected = caption()
        self.expected.hide()
        layout.addWidget(self.expected)

    def show_samples(self, before: Sample | None, latest: Sample | None) -> None:
        """Show a prompt's answer before training and its latest one."""
        sample = latest or before
        if sample is None:
            return
        self.prompt.setText(shorten(sample.prompt))
        self._show_answer(before, self.left, self._left_thinking)
        self._show_answer(latest, self.right, self._right_thinking)
        is_during = latest is not None and latest.stage != "after"
        self.right_name.setText(
            tr("Step {step:,}", step=latest.step) if latest is not None and is_during else tr("After")
        )
        expected = sample.expected
        self.expected.setVisible(bool(expected))
        is_right = latest is not None and bool(expected) and split_thinking(latest)[1] == expected.strip()
        mark = tr("  ✓ exactly as expected") if is_right else ""
        self.expected.setText(tr("In the data: {flatten}{mark}", flatten=flatten(expected), mark=mark))

    def _show_answer(self, sample: Sample | None, text: Label, thinking: Label) -> None:
        thinking_text, answer = split_thinking(sample)
        text.setText(answer if sample or text is self.left else "…")
        thinking.setText(thinking_text)
        thinking.setVisible(bool(thinking_text))

    def _add_side(self, columns: QHBoxLayout, name: str) -> tuple[Label, Label, Label]:
        """Add one side's (answer, name, thinking) to the columns."""
        side = vbox(gap=3)
        label, thinking = caption(name), caption()
        thinking.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        thinking.hide()
        text = Label("…", selectable=True)
        text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        text.setAccessibleName(name)
        side.addWidget(label)
        side.addWidget(thinking)
        side.addWidget(text, 1)
        columns.addLayout(side, 1)
        return text, label, thinking


class AnswerPairs(QWidget):
    """An AnswerPair for each of a run's fixed prompts: `first` of them, and more of them whenever a person asks."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = self._shown = first
        self._samples: dict[int, list[Sample]] = {}
        self._pairs: dict[int, AnswerPair] = {}
        self._layout = vbox(self, gap=theme.GRID)
        self.more = quiet_button("", "chevron")
        self.more.clicked.connect(self._show_more)
        self._layout.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        self._layout.addStretch()

    def show_samples(self, samples: dict[int, list[Sample]]) -> None:
        """Show for each prompt the answer before training and the latest one."""
        self._samples, self._shown = samples, self._first
        self._show()

    def _show_more(self) -> None:
        self._shown += _MORE
        self._show()

    def _show(self) -> None:
        shown = sorted(self._samples)[: self._shown]
        for index in shown:
            if index not in self._pairs:
                self._pairs[index] = AnswerPair("", tr("Before"), tr("After"))
                self._layout.insertWidget(self._layout.count() - 2, self._pairs[index])
            samples = self._samples[index]
            before = next((s for s in samples if s.stage == "before"), None)
            latest = next((s for s in reversed(samples) if s.stage != "before"), None)
            self._pairs[index].show_samples(before, latest)
        for index, pair in self._pairs.items():
            pair.setVisible(index in shown)
        others = len(self._samples) - len(shown)
        self.more.setText(tr_count("{count} more question", "{count} more questions", others))
        self.more.setVisible(others > 0)


def flatten(text: str) -> str:
    """A text as one line, not too long."""
    flat = " ".join(text[: 2 * _MAX_EXPECTED].split())
    return flat if len(flat) <= _MAX_EXPECTED else flat[:_MAX_EXPECTED] + " …"


def split_thinking(sample: Sample | None) -> tuple[str, str]:
    """(thinking, answer) of a sample, as they are shown."""
    if sample is None:
        return "", "–"
    thinking, answer = Rollout(sample.answer, None, 0.0).thinking, Answer(sample.answer).visible
    thought = tr("Thinking: {thinking}", thinking=shorten(thinking)) if thinking else ""
    return thought, shorten(answer) or tr("(nothing)")


def shorten(text: str) -> str:
    return text if len(text) <= _MAX_ANSWER else text[:_MAX_ANSWER] + " …"

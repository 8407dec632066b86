"""One prompt with what the model wrote before and after training, side by side."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.runs.rollout_samples import Reply
from app.style import theme
from app.widgets.card import Card, column, row
from app.widgets.labels import Text, caption
from core.events import Sample
from core.rewards.answer import Answer

_EXPECTED = 240  # characters of an expected answer that are shown
_LONGEST = 1500  # characters of an answer that are shown


class Pair(Card):
    """A prompt, two answers in two columns, and what was expected where that is known."""

    def __init__(self, prompt: str, left: str, right: str) -> None:
        super().__init__()
        layout = column(self, 14, 8)
        self.prompt = Text(prompt, bold=True, selectable=True)
        layout.addWidget(self.prompt)
        columns = row(gap=16)
        self.left, self.left_name, self._left_thought = self._side(columns, left)
        rule = QFrame()
        rule.setFrameShape(QFrame.Shape.VLine)
        rule.setEnabled(False)
        columns.addWidget(rule)
        self.right, self.right_name, self._right_thought = self._side(columns, right)
        layout.addLayout(columns)
        self.expected = caption()
        self.expected.hide()
        layout.addWidget(self.expected)

    def show_samples(self, before: Sample | None, now: Sample | None) -> None:
        """Show a prompt's first and its latest answer."""
        some = now or before
        if some is None:
            return
        self.prompt.setText(_short(some.prompt))
        for sample, text, thought in (
            (before, self.left, self._left_thought),
            (now, self.right, self._right_thought),
        ):
            thinking, words = _parts(sample)
            text.setText(words if sample or text is self.left else "…")
            thought.setText(thinking)
            thought.setVisible(bool(thinking))
        name = "After" if now and now.stage == "after" else f"Step {now.step:,}" if now else "After"
        self.right_name.setText(name)
        self.expected.setVisible(bool(some.expected))
        right = now is not None and bool(some.expected) and _parts(now)[1] == some.expected.strip()
        mark = "  ✓ exactly as expected" if right else ""
        self.expected.setText(f"In the data: {_line(some.expected)}{mark}")

    def _side(self, columns: object, name: str) -> tuple[Text, Text, Text]:
        side: QVBoxLayout = column(gap=3)
        label, thought = caption(name), caption()
        thought.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        thought.hide()
        text = Text("…", selectable=True)
        text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        text.setAccessibleName(name)
        side.addWidget(label)
        side.addWidget(thought)
        side.addWidget(text, 1)
        columns.addLayout(side, 1)  # type: ignore[attr-defined]
        return text, label, thought


class Answers(QWidget):
    """A pair for each of the fixed prompts."""

    def __init__(self) -> None:
        super().__init__()
        self._pairs: dict[int, Pair] = {}
        self._layout = column(self, gap=theme.GRID)
        self._empty = Text("The first answers appear before training begins.", tone="secondary")
        self._layout.addWidget(self._empty)
        self._layout.addStretch()

    def show_samples(self, samples: dict[int, list[Sample]]) -> None:
        """Show for each prompt what it was answered before and last."""
        self._empty.setVisible(not samples)
        for index in sorted(samples):
            if index not in self._pairs:
                self._pairs[index] = Pair("", "Before", "After")
                self._layout.insertWidget(self._layout.count() - 1, self._pairs[index])
            before = next((s for s in samples[index] if s.stage == "before"), None)
            now = next((s for s in reversed(samples[index]) if s.stage != "before"), None)
            self._pairs[index].show_samples(before, now)


def _line(text: str) -> str:
    """A text in one short line."""
    flat = " ".join(text[: 2 * _EXPECTED].split())
    return flat if len(flat) <= _EXPECTED else flat[:_EXPECTED] + " …"


def _parts(sample: Sample | None) -> tuple[str, str]:
    """(what was thought before, the answer), as they are shown."""
    if sample is None:
        return "", "–"
    thinking, answer = Reply(sample.answer, None, 0.0).thinking, Answer(sample.answer).visible
    return (f"Thinking: {_short(thinking)}" if thinking else ""), _short(answer) or "(nothing)"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " …"

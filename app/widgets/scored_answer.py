"""One answer with its score: what was said, why it scored so, and the thinking folded away."""

from PySide6.QtCore import Qt

from app.runs.rollout_samples import Reply
from app.widgets.buttons import quiet
from app.widgets.card import Card, column, row
from app.widgets.labels import Text, caption

_LONGEST = 1500  # characters of a text that are shown


class AnswerCard(Card):
    """An answer of a group; `mark` is "Best", "Worst" or nothing."""

    def __init__(self, reply: Reply, mark: str = "") -> None:
        super().__init__()
        layout = column(self, 12, 4)
        head = row(gap=8)
        total = "not scored" if reply.reward is None else f"{reply.reward:.2f}"
        head.addWidget(Text(total, bold=True, figures=True, wrap=False))
        if mark:
            tone = {"Best": "good", "Worst": "bad"}[mark]
            head.addWidget(Text(mark, "caption", tone=tone, wrap=False))
        if reply.cut:
            head.addWidget(Text("cut off", "caption", tone="warn", wrap=False))
        head.addStretch()
        if mark == "Best":
            self.set_tone("good")
        layout.addLayout(head)
        self.words = Text(short(reply.visible) or "(nothing)", selectable=True)
        layout.addWidget(self.words)
        self.thinking = Text(short(reply.thinking), tone="secondary", selectable=True)
        self.thinking.hide()
        if reply.thinking:
            self.fold = quiet("Show the thinking")
            self.fold.setFixedHeight(24)
            self.fold.clicked.connect(self._unfold)
            layout.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
            layout.addWidget(self.thinking)
        if reply.scores:
            layout.addWidget(caption(reasons(reply)))

    def _unfold(self) -> None:
        shown = self.thinking.isHidden()
        self.thinking.setVisible(shown)
        self.fold.setText("Hide the thinking" if shown else "Show the thinking")


def reasons(reply: Reply) -> str:
    """Each reward's score and why, in one line."""
    parts = []
    for name, score in reply.scores.items():
        why = reply.why.get(name, "")
        parts.append(f"{name} {score or 0:g}" + (f": {why}" if why else ""))
    return "  ·  ".join(parts)


def short(text: str) -> str:
    """A text that is not endless."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " …"

"""A card of one rollout: its reward, its answer, the reasons for its scores, and its thinking folded away."""

from PySide6.QtCore import Qt

from app.desktop.language import localize, tr
from app.runs.rollout_samples import Rollout
from app.widgets.card import Card, hbox, vbox
from app.widgets.fold_button import FoldButton
from app.widgets.labels import Label, caption
from core.rewards import REWARDS

_MAX_TEXT = 1500  # characters of a text that are shown


class AnswerCard(Card):
    """An answer of a group; `mark` is tr("Best"), tr("Worst") or ""."""

    def __init__(self, rollout: Rollout, mark: str = "") -> None:
        super().__init__()
        layout = vbox(self, 12, 4)
        header = hbox(gap=8)
        reward = tr("not scored") if rollout.reward is None else localize(f"{rollout.reward:.2f}")
        header.addWidget(Label(reward, bold=True, figures=True, wrap=False))
        if mark:
            tone = "good" if mark == tr("Best") else "bad"
            header.addWidget(Label(mark, "caption", tone=tone, wrap=False))
        if rollout.truncated:
            header.addWidget(Label(tr("cut off"), "caption", tone="warn", wrap=False))
        header.addStretch()
        if mark == tr("Best"):
            self.set_tone("good")
        layout.addLayout(header)
        self.answer = Label(shorten(rollout.visible) or tr("(nothing)"), selectable=True)
        layout.addWidget(self.answer)
        self.thinking = Label(shorten(rollout.thinking), tone="secondary", selectable=True)
        if rollout.thinking:
            self.fold_button = FoldButton(tr("Thinking"), self.thinking)
            layout.addWidget(self.fold_button, 0, Qt.AlignmentFlag.AlignLeft)
            layout.addWidget(self.thinking)
        if rollout.scores:
            layout.addWidget(caption(describe_scores(rollout)))


def describe_scores(rollout: Rollout) -> str:
    """The score of each reward with its reason, in one line."""
    parts = []
    for name, score in rollout.scores.items():
        title = tr(REWARDS[name].title) if name in REWARDS else name
        number, reason = localize(f"{score or 0:g}"), rollout.reasons.get(name, "")
        parts.append(f"{title} {number}" + (f": {tr(reason)}" if reason else ""))
    return "  ·  ".join(parts)


def shorten(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + " …"

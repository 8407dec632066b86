"""Try the rewards: paste answers to a question, or let the model write one, and see each score and why."""

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.new_run.draft import Draft
from app.preview import dataset_reader
from app.preview.cells import question
from app.runs.chat_session import Talk
from app.runs.job_queue import Jobs
from app.runs.rollout_samples import Reply
from app.style import theme
from app.threads.run_thread import talking
from app.threads.task import Task
from app.widgets.buttons import plain, primary, quiet
from app.widgets.card import Card, column, row
from app.widgets.labels import Text, caption, heading
from app.widgets.line_edit import Entry
from app.widgets.notice import Notice
from app.widgets.scored_answer import AnswerCard
from app.widgets.scrollbar import thin
from core.errors import BadOption
from core.rewards.answer import Answer
from core.run import Run

_HOW = (
    "Paste answers, one a line, good ones and bad ones. Put --- on a line of its own between answers that have several "
    "lines. Thinking stands between <think> and </think>."
)
BETWEEN = "---"  # a line of its own between answers that have several lines


class TryRewards(Card):
    """Scores what stands in the box by the rewards of the draft. Changes nothing of the run."""

    scored = Signal()

    def __init__(self, draft: Draft, jobs: Jobs | None = None) -> None:
        super().__init__()
        self._draft = draft
        self._scoring: Task | None = None
        self._asking: Task | None = None
        self._next = 0  # which of the data's questions comes next
        self.cards: list[AnswerCard] = []
        layout = column(self, 14, 10)
        layout.addWidget(heading("Try the rewards"))
        layout.addWidget(caption(_HOW))
        line = row(gap=8)
        self.question = Entry("Question", "A question")
        self.expected = Entry("Right answer", "Its right answer")
        self.expected.setFixedWidth(160)
        self.other = quiet("Question from the data", "next")
        for part in (self.question, self.expected, self.other):
            line.addWidget(part, 1 if part is self.question else 0)
        layout.addLayout(line)
        self.answers = QPlainTextEdit()
        self.answers.setAccessibleName("Answers to score")
        self.answers.setPlaceholderText("The answer is 42.\n41")
        self.answers.setTabChangesFocus(True)
        self.answers.setFixedHeight(92)
        thin(self.answers)
        layout.addWidget(self.answers)
        buttons = row(gap=8)
        self.button = primary("Score them")
        self.model = plain("Let the model answer", "send")
        buttons.addWidget(self.button)
        buttons.addWidget(self.model)
        self.state = Text("", "caption", tone="secondary")
        buttons.addWidget(self.state, 1)
        layout.addLayout(buttons)
        self.notice = Notice()
        layout.addWidget(self.notice)
        self._scores = QWidget()
        self._list = column(self._scores, gap=theme.GRID)
        layout.addWidget(self._scores)
        self._scores.hide()
        self.other.clicked.connect(self.take_question)
        self.button.clicked.connect(self.score)
        self._talk: Talk | None = None
        self.model.setVisible(jobs is not None)
        if jobs is not None:
            self._talk = Talk(jobs, self)
            self._talk.piece.connect(lambda _, words: self.answers.insertPlainText(words))
            self._talk.answered.connect(lambda _: self._written())
            self._talk.failed.connect(self._failed)
            self.model.clicked.connect(self.ask)

    def score(self) -> None:
        """Score what stands in the box."""
        run = self._draft.run
        texts = split(self.answers.toPlainText())
        if not texts:
            self._failed("There is no answer to score yet: paste some above.")
            return
        asked, expected = self.question.text(), self.expected.text()
        answers = [Answer(t, expected, asked, tokens=len(t.split()), line=i) for i, t in enumerate(texts, 1)]
        self.button.setEnabled(False)
        self._scoring = Task(self, lambda: judged(run, answers), done=self._show, failed=self._failed)

    def take_question(self) -> None:
        """A question out of the run's data, the next one each time."""
        run = self._draft.run
        self._asking = Task(self, lambda: questions(run), done=self._took, failed=self._failed)

    def ask(self) -> None:
        """Let the model that is chosen write an answer, below those that are there."""
        asked = self.question.text().strip()
        if self._talk is None or not asked:
            self._failed("Ask a question first.")
            return
        self._talk.use(talking(self._draft.run, None))
        if self.answers.toPlainText().strip():
            self.answers.appendPlainText(f"{BETWEEN}\n")
        self.answers.moveCursor(self.answers.textCursor().MoveOperation.End)
        self.state.setText("The model is answering…")
        self.model.setEnabled(self._talk.ask([{"role": "user", "content": asked}]) is None)

    def _took(self, found: list[tuple[str, str]]) -> None:
        if found:
            asked, expected = found[self._next % len(found)]
            self._next += 1
            self.question.setText(asked)
            self.expected.setText(expected)

    def _written(self) -> None:
        self.model.setEnabled(True)
        self.state.setText("")

    def _show(self, found: Any) -> None:
        """The scores, in the order of the answers."""
        self.button.setEnabled(True)
        if found.problem:
            self.notice.say(found.problem, "The run would go on without these answers' scores.", "warn")
        else:
            self.notice.hide()
        for card in self.cards:
            card.hide()
            card.deleteLater()
        texts = split(self.answers.toPlainText())
        self.cards = [
            AnswerCard(
                Reply(
                    text,
                    verdict.total,
                    0.0,
                    {name: s.value for name, s in verdict.scores.items()},
                    {name: s.why for name, s in verdict.scores.items()},
                )
            )
            for text, verdict in zip(texts, found.verdicts, strict=False)
        ]
        for card in self.cards:
            self._list.addWidget(card)
        self._scores.setVisible(bool(self.cards))
        self.scored.emit()

    def _failed(self, sentence: str) -> None:
        self.button.setEnabled(True)
        self.model.setEnabled(True)
        self.state.setText("")
        self.notice.say(sentence, tone="warn")
        self.scored.emit()


def split(text: str) -> list[str]:
    """The answers in a box: divided by lines of ---, or else one a line."""
    lines = text.splitlines()
    if not any(line.strip() == BETWEEN for line in lines):
        return [line.strip() for line in lines if line.strip()]
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.strip() == BETWEEN:
            parts.append([])
        else:
            parts[-1].append(line)
    return [words for part in parts if (words := "\n".join(part).strip())]


def judged(run: Run, answers: list[Answer]) -> Any:
    """The verdicts on some answers by a run's rewards. Belongs on a task's thread: a person's own file may take long.

    Raises BadOption for rewards that lack something, and for a file that the person has not allowed.
    """
    from core.rewards.judge import attempt

    options = run.options
    if "file" in options.weights and not options.allow_reward_code:
        raise BadOption("Your own file is Python code that will run: allow it above first.")
    return attempt(options.weights, options.settings, answers)


def questions(run: Run) -> list[tuple[str, str]]:
    """(question, right answer) of the first rows of a run's data. Raises BadData."""
    from core.data.preview.scan import FilePreview

    for item in dataset_reader.read(run):
        if isinstance(item, FilePreview):
            return [(question(e), e.answer or "") for e in item.examples]
    return []

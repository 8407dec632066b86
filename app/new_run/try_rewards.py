"""Try the rewards: paste answers to a question, or let the model write one, and see each score and its reason."""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.desktop.language import tr
from app.new_run.draft import Draft
from app.preview import dataset_reader
from app.preview.cells import question_text
from app.runs.chat_session import ChatSession
from app.runs.job_queue import JobQueue
from app.runs.rollout_samples import Rollout
from app.style import theme
from app.threads.run_thread import chat_opener
from app.threads.task import Task
from app.widgets.allow_code import ask_to_allow
from app.widgets.buttons import plain_button, primary_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption, heading
from app.widgets.line_edit import LineEdit
from app.widgets.notice import Notice
from app.widgets.scored_answer import AnswerCard
from app.widgets.text_area import TextArea
from core.rewards.answer import Answer
from core.run import Run

if TYPE_CHECKING:
    from core.rewards.judge import ScoringResult

_EXPLANATION = tr(
    "Paste answers, one a line, good ones and bad ones. "
    "Put --- on a line of its own between answers that have several lines. "
    "Thinking stands between <think> and </think>."
)
SEPARATOR = "---"  # a line of its own between answers that have several lines


class TryRewards(Card):
    """Scores the answers in its box by the rewards of the draft; the run stays as it is. `scored` when that is done."""

    scored = Signal()

    def __init__(self, draft: Draft, jobs: JobQueue | None = None) -> None:
        super().__init__()
        self._draft = draft
        self._scoring: Task | None = None
        self._loading: Task | None = None
        self._question_number = 0  # of the data's question that comes next
        self.cards: list[AnswerCard] = []
        layout = vbox(self, 14, 10)
        layout.addWidget(heading(tr("Try the rewards")))
        layout.addWidget(caption(_EXPLANATION))
        layout.addLayout(self._make_question_row())
        self.answers = TextArea(tr("Answers to score"), tr("The answer is 42.\n41"))
        self.answers.setFixedHeight(92)
        layout.addWidget(self.answers)
        layout.addLayout(self._make_button_row())
        self.notice = Notice()
        layout.addWidget(self.notice)
        self._scores = QWidget()
        self._list = vbox(self._scores, gap=theme.GRID)
        layout.addWidget(self._scores)
        self._scores.hide()
        self._talk: ChatSession | None = None
        self.model_button.setVisible(jobs is not None)
        if jobs is not None:
            self._talk = ChatSession(jobs, self)
            self._talk.text_written.connect(lambda _, words: self.answers.insertPlainText(words))
            self._talk.answer_finished.connect(lambda _: self._finish_answer())
            self._talk.failed.connect(self._show_failure)
            self.model_button.clicked.connect(self.ask)

    def _make_question_row(self) -> QHBoxLayout:
        layout = hbox(gap=8)
        self.question = LineEdit(tr("Question"), tr("A question"))
        self.expected = LineEdit(tr("Right answer"), tr("Its right answer"))
        self.expected.setFixedWidth(160)
        self.data_button = quiet_button(tr("Question from the data"), "next")
        self.data_button.clicked.connect(self.load_question)
        for part in (self.question, self.expected, self.data_button):
            layout.addWidget(part, 1 if part is self.question else 0)
        return layout

    def _make_button_row(self) -> QHBoxLayout:
        layout = hbox(gap=8)
        self.button = primary_button(tr("Score them"))
        self.button.clicked.connect(self.score)
        self.model_button = plain_button(tr("Let the model answer"), "send")
        layout.addWidget(self.button)
        layout.addWidget(self.model_button)
        self.state = Label("", "caption", tone="secondary")
        layout.addWidget(self.state, 1)
        return layout

    def score(self) -> None:
        """Score the answers in the box."""
        texts = split_answers(self.answers.toPlainText())
        if not texts:
            self._show_failure(tr("There is no answer to score yet: paste some above."))
            return
        refused = partial(self._show_failure, tr("Your reward file has not been allowed to run."))
        ask_to_allow(self, self._draft.run, partial(self._score, texts), refused, rewards_only=True)

    def _score(self, texts: list[str], run: Run) -> None:
        question, expected = self.question.text(), self.expected.text()
        answers = [Answer(t, expected, question, tokens=len(t.split()), line=i) for i, t in enumerate(texts, 1)]
        disable(self.button, tr("The answers are being scored."))
        self._scoring = Task(self, lambda: judge_answers(run, answers), self._show_scores, self._show_failure)

    def load_question(self) -> None:
        """Show a question of the run's data, the next one each time."""
        run = self._draft.run
        self._loading = Task(self, lambda: read_questions(run), self._show_question, self._show_failure)

    def ask(self) -> None:
        """Let the run's model write an answer, below those in the box."""
        question = self.question.text().strip()
        if self._talk is None or not question:
            self._show_failure(tr("Ask a question first."))
            return
        refused = partial(self._show_failure, tr("The code has not been allowed to run."))
        ask_to_allow(self, self._draft.run, partial(self._ask, self._talk, question), refused)

    def _ask(self, talk: ChatSession, question: str, run: Run) -> None:
        talk.use(chat_opener(run, None))
        if self.answers.toPlainText().strip():
            self.answers.appendPlainText(f"{SEPARATOR}\n")
        self.answers.moveCursor(self.answers.textCursor().MoveOperation.End)
        self.state.setText(tr("The model is answering…"))
        if talk.ask([{"role": "user", "content": question}]) is not None:
            disable(self.model_button, self.state.text())

    def _show_question(self, questions: list[tuple[str, str]]) -> None:
        if questions:
            question, expected = questions[self._question_number % len(questions)]
            self._question_number += 1
            self.question.setText(question)
            self.expected.setText(expected)

    def _finish_answer(self) -> None:
        disable(self.model_button, "")
        self.state.setText("")

    def _show_scores(self, result: "ScoringResult") -> None:
        """Show the scores, in the order of the answers."""
        disable(self.button, "")
        if result.problem:
            self.notice.show_message(result.problem, tr("The run would go on without these answers' scores."), "warn")
        else:
            self.notice.hide()
        for card in self.cards:
            card.hide()
            card.deleteLater()
        texts = split_answers(self.answers.toPlainText())
        self.cards = [
            AnswerCard(
                Rollout(
                    text,
                    verdict.total,
                    0.0,
                    {name: s.value for name, s in verdict.scores.items()},
                    {name: s.reason for name, s in verdict.scores.items()},
                )
            )
            for text, verdict in zip(texts, result.scored_answers, strict=False)
        ]
        for card in self.cards:
            self._list.addWidget(card)
        self._scores.setVisible(bool(self.cards))
        self.scored.emit()

    def _show_failure(self, sentence: str) -> None:
        for button in (self.button, self.model_button):
            disable(button, "")
        self.state.setText("")
        self.notice.show_message(sentence, tone="warn")
        self.scored.emit()


def split_answers(text: str) -> list[str]:
    """The answers in a text: separated by lines of ---, or one on each line where there is no such line."""
    lines = text.splitlines()
    if not any(line.strip() == SEPARATOR for line in lines):
        return [line.strip() for line in lines if line.strip()]
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.strip() == SEPARATOR:
            parts.append([])
        else:
            parts[-1].append(line)
    return [answer for part in parts if (answer := "\n".join(part).strip())]


def judge_answers(run: Run, answers: list[Answer]) -> "ScoringResult":
    """Score answers by a run's rewards. Belongs on a task's thread: a person's own reward file may take long.

    Raises BadOption for rewards whose options are incomplete, and for a reward file that is not allowed to run.
    """
    from core.rewards.judge import score_answers

    options = run.options
    return score_answers(options.weights, options.settings, answers)


def read_questions(run: Run) -> list[tuple[str, str]]:
    """(question, right answer) of each of the first rows of a run's data. Raises BadData."""
    from core.data.preview.scan import FilePreview

    for item in dataset_reader.read_data(run):
        if isinstance(item, FilePreview):
            return [(question_text(e), e.answer or "") for e in item.examples]
    return []
